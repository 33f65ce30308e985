package placeholder

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// names are all placeholders, in the order in which errors list them.
func names() []string {
	return []string{"chart", "version", "tag", "commit", "digest", "environment"}
}

// Parse reads text. Only the allowed placeholders may occur, and all of them may when none is named;
// "commit" allows {commit:N} too. There is no way to write a brace that is not part of a placeholder.
func Parse(text string, allowed ...string) (Template, error) {
	if len(allowed) == 0 {
		allowed = names()
	}
	t := Template{text: text}
	for rest := text; rest != ""; {
		literal, after, found := strings.Cut(rest, "{")
		if strings.Contains(literal, "}") {
			return Template{}, fmt.Errorf(`"}" without "{" in %q; a placeholder is one of %s`, text, list(allowed))
		}
		if literal != "" {
			t.parts = append(t.parts, part{literal: literal})
		}
		if !found {
			break
		}
		inner, after, closed := strings.Cut(after, "}")
		if !closed {
			return Template{}, fmt.Errorf(`"{" without "}" in %q; a placeholder is one of %s`, text, list(allowed))
		}
		p, ok := parsePart(inner, allowed)
		if !ok {
			return Template{}, fmt.Errorf("{%s} is no placeholder here; use one of %s", inner, list(allowed))
		}
		t.parts, rest = append(t.parts, p), after
	}
	return t, nil
}

// parsePart reads what stands between two braces.
func parsePart(inner string, allowed []string) (part, bool) {
	name, digits, cut := strings.Cut(inner, ":")
	if new(Values).field(name) == nil || !slices.Contains(allowed, name) {
		return part{}, false
	}
	if !cut {
		return part{name: name}, true
	}
	n, err := strconv.Atoi(digits)
	if name != "commit" || err != nil || n < 1 || n > 64 || strconv.Itoa(n) != digits {
		return part{}, false
	}
	return part{name: name, length: n}, true
}

// list names the allowed placeholders as they are written.
func list(allowed []string) string {
	var b []string
	for _, name := range names() {
		if !slices.Contains(allowed, name) {
			continue
		}
		b = append(b, "{"+name+"}")
		if name == "commit" {
			b = append(b, "{commit:N} with N from 1 to 64")
		}
	}
	return strings.Join(b, ", ")
}
