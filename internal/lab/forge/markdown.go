package forge

import (
	"regexp"
	"strings"
)

// block is a piece of a text in the small part of Markdown that pages show. It holds text only: html/template
// escapes it, so that nothing in a body becomes markup.
type block struct {
	Kind  string // heading, paragraph, list, code, table
	Level int    // of a heading
	Text  []phrase
	Items []item
	Rows  [][][]phrase // of a table; the first is its head
	Code  string
}

// item is an entry of a list; Box is "x" or " " for a task, empty otherwise.
type item struct {
	Box  string
	Text []phrase
}

// phrase is text in one style.
type phrase struct {
	Kind string // text, code, strong, link
	Text string
	Href string
}

var (
	hidden    = regexp.MustCompile(`(?s)<!--.*?-->`)
	headingRE = regexp.MustCompile(`^(#{1,4}) +(.+)$`)
	itemRE    = regexp.MustCompile(`^\s*(?:[-*]|\d+\.) +(?:\[([ xX])\] +)?(.*)$`)
	ruleRE    = regexp.MustCompile(`^\|?[ :|-]*-[ :|-]*\|[ :|-]*$`)
	spanRE    = regexp.MustCompile("`([^`]+)`" + `|\*\*([^*]+)\*\*|\[([^\]]+)\]\((https?://[^\s)]+)\)`)
)

// markdown cuts a body into blocks. What it does not know stays as text.
func markdown(body string) []block {
	lines := strings.Split(strings.ReplaceAll(hidden.ReplaceAllString(body, ""), "\r\n", "\n"), "\n")
	var all []block
	for len(lines) > 0 {
		if strings.TrimSpace(lines[0]) == "" {
			lines = lines[1:]
			continue
		}
		var b block
		b, lines = nextBlock(lines)
		all = append(all, b)
	}
	return all
}

// nextBlock takes one block off lines, of which the first is not blank.
func nextBlock(lines []string) (block, []string) {
	first := strings.TrimSpace(lines[0])
	switch {
	case strings.HasPrefix(first, "```"):
		return codeBlock(lines)
	case headingRE.MatchString(first):
		m := headingRE.FindStringSubmatch(first)
		return block{Kind: "heading", Level: len(m[1]), Text: phrases(m[2])}, lines[1:]
	case strings.HasPrefix(first, "|") && len(lines) > 1 && ruleRE.MatchString(strings.TrimSpace(lines[1])):
		return tableBlock(lines)
	case itemRE.MatchString(lines[0]):
		return listBlock(lines)
	}
	n := 1
	for n < len(lines) && !begins(lines[n]) {
		n++
	}
	return block{Kind: "paragraph", Text: phrases(strings.Join(lines[:n], "\n"))}, lines[n:]
}

// begins reports a line that ends a paragraph.
func begins(line string) bool {
	trimmed := strings.TrimSpace(line)
	return trimmed == "" || strings.HasPrefix(trimmed, "```") || headingRE.MatchString(trimmed) || itemRE.MatchString(line)
}

func codeBlock(lines []string) (block, []string) {
	first := strings.TrimSpace(lines[0])
	fence := first[:len(first)-len(strings.TrimLeft(first, "`"))] // as long as it began: a body may quote fences
	for n := 1; n < len(lines); n++ {
		if strings.TrimSpace(lines[n]) == fence {
			return block{Kind: "code", Code: strings.Join(lines[1:n], "\n")}, lines[n+1:]
		}
	}
	return block{Kind: "code", Code: strings.Join(lines[1:], "\n")}, nil
}

func tableBlock(lines []string) (block, []string) {
	b := block{Kind: "table"}
	n := 0
	for ; n < len(lines) && strings.HasPrefix(strings.TrimSpace(lines[n]), "|"); n++ {
		if n == 1 {
			continue
		}
		var row [][]phrase
		for cell := range strings.SplitSeq(strings.Trim(strings.TrimSpace(lines[n]), "|"), "|") {
			row = append(row, phrases(strings.TrimSpace(cell)))
		}
		b.Rows = append(b.Rows, row)
	}
	return b, lines[n:]
}

func listBlock(lines []string) (block, []string) {
	b := block{Kind: "list"}
	n := 0
	for ; n < len(lines) && itemRE.MatchString(lines[n]); n++ {
		m := itemRE.FindStringSubmatch(lines[n])
		b.Items = append(b.Items, item{strings.ToLower(m[1]), phrases(m[2])})
	}
	return b, lines[n:]
}

// phrases finds code, bold and links in a line. A link leads to http or https, nowhere else.
func phrases(text string) []phrase {
	var all []phrase
	for {
		at := spanRE.FindStringSubmatchIndex(text)
		if at == nil {
			break
		}
		if at[0] > 0 {
			all = append(all, phrase{Kind: "text", Text: text[:at[0]]})
		}
		group := func(i int) string { return text[at[2*i]:at[2*i+1]] }
		switch {
		case at[2] >= 0:
			all = append(all, phrase{Kind: "code", Text: group(1)})
		case at[4] >= 0:
			all = append(all, phrase{Kind: "strong", Text: group(2)})
		default:
			all = append(all, phrase{Kind: "link", Text: group(3), Href: group(4)})
		}
		text = text[at[1]:]
	}
	if text != "" {
		all = append(all, phrase{Kind: "text", Text: text})
	}
	return all
}
