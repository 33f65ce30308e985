package promotion

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"

	"github.com/releaser/releaser/internal/scalar"
	"github.com/releaser/releaser/signing"
)

// maxBody is what GitHub takes as body of a pull request, in characters.
const maxBody = 65536

// title is the title of the pull request and the first line of the commit. Both names and the version were
// checked, so that nothing in it can be a mention, a closing keyword or a word that stops checks.
func title(env Environment, r Release) string {
	return fmt.Sprintf("promote %s %s to %s", r.Chart, r.Version, env.Name)
}

// message is the message of the commit. Its trailer names the tree that we made, so that the commit is known
// as ours when the configuration has changed and the same edit would be another one.
func message(env Environment, r Release, tree string) string {
	return title(env, r) + "\n\nmanifest " + quiet(r.Digest) + "\n\n" + trailer(tree) + "\n"
}

// trailer is the last line of a message.
func trailer(tree string) string { return "releaser-tree: " + tree }

// body tells a reviewer what moves, what vouches for it and what is edited. It is built from fields of the
// release and the configuration alone, never from files or messages that others wrote, and each stands in a
// code block with what could act on GitHub broken up. It ends with the mark of its content.
func body(env Environment, holds Holding, signed signing.Signed, edits []scalar.Edit, files signing.Files) string {
	r := releaseOf(signed.Pushed())
	var b strings.Builder
	from := holds.Release.Version
	switch {
	case holds.Empty:
		from = "nothing"
	case from == "":
		from = "a value that no release has"
	}
	b.WriteString("A new version for this environment:\n\n")
	block(&b, "text", table([][2]string{
		{"chart", r.Chart}, {"environment", env.Name}, {"from", from}, {"to", r.Version},
		{"reference", signed.Pushed().Reference()}, {"digest", r.Digest},
		{"source", r.Source}, {"tag", r.Tag}, {"commit", r.Commit},
	}))
	b.WriteString("\nOnly these keys change:\n\n")
	block(&b, "text", keys(edits))
	b.WriteString("\nThe signatures were read from the registry and verified before this was proposed:\n\n")
	block(&b, "text", signatures(signed))
	b.WriteString("\nVerify them with:\n\n")
	block(&b, "sh", commands(signed, files))
	b.WriteString("\nTo reject, close this pull request: it stays closed for this version.\n")
	return marked(title(env, r), b.String())
}

// table lines up names and values.
func table(rows [][2]string) []string {
	var lines []string
	for _, row := range rows {
		lines = append(lines, fmt.Sprintf("%-12s %s", row[0], quiet(row[1])))
	}
	return lines
}

// keys lists each file with its keys.
func keys(edits []scalar.Edit) []string {
	var lines []string
	for _, path := range editedFiles(edits) {
		lines = append(lines, quiet(path))
		for _, e := range editsOf(edits, path) {
			lines = append(lines, "  "+quiet(e.Key))
		}
	}
	return lines
}

func signatures(signed signing.Signed) []string {
	var lines []string
	for _, s := range signed.Signatures() {
		lines = append(lines, fmt.Sprintf("%-8s %s", s.Format, quiet(s.Reference)))
	}
	return lines
}

func commands(signed signing.Signed, files signing.Files) []string {
	var lines []string
	for _, c := range signed.Commands(files) {
		lines = append(lines, quietLine(c.String()))
	}
	return lines
}

// block writes lines as a code block. They hold no backtick, as quiet takes them out.
func block(b *strings.Builder, language string, lines []string) {
	fmt.Fprintf(b, "```%s\n%s\n```\n", language, strings.Join(lines, "\n"))
}

// quiet makes one field harmless: on a page, and in the message of a commit that a squash makes of this
// text, where no code block protects. Blanks and control characters become visible escapes, so that
// no field holds a keyword before a reference, a trailer or a line of its own; an invisible space after
// @, # and [ breaks mentions, references and [skip ci].
func quiet(text string) string { return harmless(text, false) }

// quietLine is quiet for a command, whose blanks are ours.
func quietLine(text string) string { return harmless(text, true) }

func harmless(text string, blanks bool) string {
	var b strings.Builder
	before := ' '
	for i, r := range text {
		switch {
		case i > 1000:
			return b.String() + "…"
		case r == ' ' && blanks:
			b.WriteRune(r)
		case r == '`' || r == '<' || r == unicode.ReplacementChar || unicode.IsSpace(r) || !unicode.IsPrint(r):
			b.WriteString(escape(r))
		case r == '#' || r == '[' || r == '@' && !word(before):
			b.WriteRune(r)
			b.WriteRune('\u200b')
		default:
			b.WriteRune(r)
		}
		before = r
	}
	return b.String()
}

// word tells what may stand before an @ without making it a mention, as in chart@sha256:…. Letters of other alphabets do not
// count: what looks for mentions may take them for the end of a word.
func word(r rune) bool {
	return r == '_' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
}

// escape writes a character as its bytes in hex, as in a URL.
func escape(r rune) string {
	var b strings.Builder
	for _, c := range []byte(string(r)) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// marked cuts a body to what GitHub takes and appends the mark of title and body. The mark lets the text be
// rewritten only when what it is made from changes, whatever people have edited since.
func marked(title, text string) string {
	sum := sha256.Sum256([]byte(title + "\n" + text))
	mark := "\n<!-- releaser " + hex.EncodeToString(sum[:12]) + " -->\n"
	if runes := []rune(text); len(runes) > maxBody-len(mark)-8 {
		text = string(runes[:maxBody-len(mark)-8]) + "\n```\n…\n"
	}
	return text + mark
}

// mark is the mark at the end of a body.
func mark(body string) string {
	i := strings.LastIndex(body, "<!-- releaser ")
	if i < 0 {
		return ""
	}
	m, _, _ := strings.Cut(body[i:], "\n")
	return strings.TrimSpace(m)
}
