package scalar

import (
	"bytes"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// span finds the bytes of the scalar. The library tells where a scalar begins (a line and a column in
// runes), not where it ends.
func (d *document) span(t *target) error {
	if t.node.Value == "" && t.node.Style&^yaml.TaggedStyle == 0 {
		return d.emptySpan(t)
	}
	t.start = d.content(t.node)
	end, ok := d.scalarEnd(t.node, t.start)
	if !ok {
		return t.fail(t.line(), "multiline", "the value is a block or spans several lines", "write it on one line")
	}
	t.end = end
	return nil
}

// emptySpan is the place right after the key's colon. Anywhere else (a list item, after an anchor or a tag,
// a key without a colon) a value would change more than itself, or its place is not sure.
func (d *document) emptySpan(t *target) error {
	refuse := func(rule, why string) error {
		return t.fail(t.line(), rule, "the value is empty "+why, `write "" there`)
	}
	switch {
	case t.node.Anchor != "":
		return refuse("anchor", "after an anchor")
	case t.node.Style&yaml.TaggedStyle != 0:
		return refuse("tag", "after a tag")
	case t.name == nil:
		return refuse("not-scalar", "in a list")
	}
	end, ok := d.scalarEnd(t.name, d.content(t.name))
	for ok && end < len(d.src) && (d.src[end] == ' ' || d.src[end] == '\t') {
		end++
	}
	if !ok || end >= len(d.src) || d.src[end] != ':' {
		return refuse("not-scalar", "and its key has no colon on its line")
	}
	t.start, t.end = end+1, end+1
	return nil
}

// content is the offset of a scalar's own text, behind its anchor and tag.
func (d *document) content(n *yaml.Node) int {
	at := d.offset(n.Line, n.Column)
	for at < len(d.src) {
		switch d.src[at] {
		case '&', '!':
			at += wordLength(d.src[at:])
		case '#':
			at += lineLength(d.src[at:])
		default:
			r, size := utf8.DecodeRune(d.src[at:])
			if r != ' ' && r != '\t' && !isBreak(r) {
				return at
			}
			at += size
		}
	}
	return at
}

// offset turns a position into an offset; columns count runes.
func (d *document) offset(line, column int) int {
	if line < 1 || line > len(d.lines) {
		return len(d.src)
	}
	at := d.lines[line-1]
	for ; column > 1 && at < len(d.src); column-- {
		_, size := utf8.DecodeRune(d.src[at:])
		at += size
	}
	return at
}

// wordLength counts the bytes before the next blank or line break.
func wordLength(text []byte) int {
	end := bytes.IndexFunc(text, func(r rune) bool { return r == ' ' || r == '\t' || isBreak(r) })
	if end < 0 {
		return len(text)
	}
	return end
}

// lineLength counts the bytes before the next line break.
func lineLength(text []byte) int {
	if end := bytes.IndexFunc(text, isBreak); end >= 0 {
		return end
	}
	return len(text)
}

// scalarEnd is where the scalar that starts at start ends; false when it does not end on its line.
func (d *document) scalarEnd(n *yaml.Node, start int) (int, bool) {
	line := d.src[start:]
	line = line[:lineLength(line)]
	size := -1
	switch n.Style &^ yaml.TaggedStyle {
	case yaml.DoubleQuotedStyle:
		size = doubleQuoted(line)
	case yaml.SingleQuotedStyle:
		size = singleQuoted(line)
	case 0:
		if bytes.HasPrefix(line, []byte(n.Value)) {
			size = len(n.Value)
		}
	}
	return start + size, size >= 0
}

// doubleQuoted is the length of the "…" that begins the text, or -1.
func doubleQuoted(text []byte) int {
	for i := 1; i < len(text) && text[0] == '"'; i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// singleQuoted is the length of the '…' that begins the text, or -1; two quotes inside mean one.
func singleQuoted(text []byte) int {
	for i := 1; i < len(text) && text[0] == '\''; i++ {
		if text[i] != '\'' {
			continue
		}
		if i+1 == len(text) || text[i+1] != '\'' {
			return i + 1
		}
		i++
	}
	return -1
}
