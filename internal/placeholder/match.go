package placeholder

import (
	"strings"

	"github.com/Masterminds/semver/v3"
)

// Bounds of Match: the longest text, as nothing that a template writes is longer, and the number of values
// that are tried, as the text comes from a file that anybody may have written.
const (
	maxText  = 1024
	maxTries = 100_000
)

// Match is the inverse of Expand: it finds the values with which t expands to exactly text. Each value
// must be one that a release can have (a version is strict SemVer, a commit 40 or 64 lower-case hex
// digits, a digest sha256). It answers false when no values fit, and also when several do, as a guess
// could name the wrong release. {commit:N} alone fills Commit with the prefix that stands in text.
func (t Template) Match(text string) (Values, bool) {
	if len(text) > maxText {
		return Values{}, false
	}
	var m matcher
	m.match(t.parts, text, Values{})
	if m.found != 1 || m.tries > maxTries {
		return Values{}, false
	}
	return m.first, true
}

// matcher walks the ways to split the text and stops at the second one that fits.
type matcher struct {
	first Values
	found int
	tries int
}

func (m *matcher) match(parts []part, text string, v Values) {
	if len(parts) == 0 {
		if text == "" {
			m.add(v)
		}
		return
	}
	p := parts[0]
	if p.name == "" {
		if rest, ok := strings.CutPrefix(text, p.literal); ok {
			m.match(parts[1:], rest, v)
		}
		return
	}
	for n := 1; n <= len(text) && m.found < 2 && m.tries <= maxTries; n++ {
		m.tries++
		if next, ok := p.bind(v, text[:n]); ok {
			m.match(parts[1:], text[n:], next)
		}
	}
}

func (m *matcher) add(v Values) {
	if m.found == 0 {
		m.first = v
	}
	m.found++
}

// bind lets the placeholder stand for text, unless that contradicts what it stood for before.
func (p part) bind(v Values, text string) (Values, bool) {
	field := v.field(p.name)
	if p.name == "commit" {
		if !p.fits(text) || !agree(*field, text) {
			return v, false
		}
		if len(text) > len(*field) {
			*field = text
		}
		return v, true
	}
	if *field != "" {
		return v, *field == text
	}
	if !p.fits(text) {
		return v, false
	}
	*field = text
	return v, true
}

// agree tells whether both can be the start of one commit's name.
func agree(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }

// fits tells whether a release can have text as this placeholder's value.
func (p part) fits(text string) bool {
	if text == "" {
		return false
	}
	switch p.name {
	case "chart", "environment":
		return len(text) <= 128 && only(text, isName) && isAlnum(text[0]) && isAlnum(text[len(text)-1])
	case "version":
		_, err := semver.StrictNewVersion(text)
		return err == nil
	case "commit":
		return p.isCommit(len(text)) && only(text, isHex)
	case "digest":
		hex, ok := strings.CutPrefix(text, "sha256:")
		return ok && len(hex) == 64 && only(hex, isHex)
	}
	return only(text, isGraphic) // a tag: any ASCII that git allows, and more
}

// isCommit tells whether n characters are what is written for a commit of SHA-1 or SHA-256.
func (p part) isCommit(n int) bool {
	if p.length == 0 {
		return n == 40 || n == 64
	}
	return n == p.length || n == 40 && p.length > 40
}

func only(text string, is func(byte) bool) bool {
	for i := range len(text) {
		if !is(text[i]) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool     { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' }
func isAlnum(c byte) bool   { return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' }
func isName(c byte) bool    { return isAlnum(c) || c == '-' || c == '.' || c == '_' }
func isGraphic(c byte) bool { return ' ' < c && c < 0x7f }
