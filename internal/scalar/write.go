package scalar

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// splice replaces the scalar's bytes in src by the text in its quotes.
func (t target) splice(src []byte, text string) []byte {
	written := quote(t.node.Style, text)
	if t.start == t.end {
		written = " " + written
	}
	return slices.Concat(src[:t.start], []byte(written), src[t.end:])
}

// quote writes text in the quotes that stand there. Without quotes, and for what single ones cannot hold, it
// writes double ones: a commit of digits alone must stay a string.
func quote(style yaml.Style, text string) string {
	if style&yaml.SingleQuotedStyle != 0 && !strings.ContainsFunc(text, needsEscape) {
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case needsEscape(r) && r <= 0xffff:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// needsEscape names the characters that a YAML file may not hold as they are, or that a reader may lose.
func needsEscape(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || isBreak(r) || r == '\ufeff' || r == 0xfffe || r == 0xffff
}

// checkText refuses text that no YAML file can hold.
func (t target) checkText(text string) error {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return t.fail(t.line(), "encoding", "the new value is not text", "give a value in UTF-8 without NUL")
	}
	return nil
}
