package scalar

import (
	"strconv"
	"strings"
)

// Path is a parsed key: the steps from the top of the document to the scalar.
type Path []Step

// Step goes into a mapping by its key, or into a list by its index.
type Step struct {
	// Key is the key of a mapping; "" for a step into a list.
	Key string
	// Index is the item of a list, from 0.
	Index int
}

// ParseKey reads a key as `helm --set` writes it: names separated by dots, [N] for the item N of a list, and
// a backslash before a dot, bracket or backslash that belongs to a name. A selector such as [name=x] is
// refused for now. The error is an *Error with the rule "key".
func ParseKey(key string) (Path, error) {
	var path Path
	for rest, first := key, true; ; first = false {
		name, after, ok := cutName(rest)
		switch {
		case !ok:
			return nil, badKey(key, "a backslash or a bracket stands alone", `write \\ or \] for one that belongs to a name`)
		case name != "":
			path = append(path, Step{Key: name})
		case !first || !strings.HasPrefix(after, "["):
			return nil, badKey(key, "a name is missing", "separate names with single dots, such as image.tag")
		}
		for strings.HasPrefix(after, "[") {
			inner, next, closed := strings.Cut(after[1:], "]")
			if !closed {
				return nil, badKey(key, "a bracket is not closed", "write list[0]")
			}
			index, err := strconv.Atoi(inner)
			if err != nil || strconv.Itoa(index) != inner || index < 0 {
				return nil, badKey(key, "["+inner+"] is no index", "name the item by its number from 0, such as list[0]; selectors such as [name=x] are not supported yet")
			}
			path, after = append(path, Step{Index: index}), next
		}
		if after == "" {
			return path, nil
		}
		if after[0] != '.' {
			return nil, badKey(key, "text follows a bracket", "write a dot there, such as list[0].tag")
		}
		rest = after[1:]
	}
}

// cutName takes the name off the front of a key and undoes its escapes.
func cutName(key string) (name, after string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(key); i++ {
		switch key[i] {
		case '.', '[':
			return b.String(), key[i:], true
		case ']':
			return "", "", false
		case '\\':
			if i++; i == len(key) {
				return "", "", false
			}
		}
		b.WriteByte(key[i])
	}
	return b.String(), "", true
}

func badKey(key, message, fix string) *Error {
	return &Error{Key: key, Rule: "key", Message: message, Fix: fix}
}

// String writes the path as a key; ParseKey reads it back.
func (p Path) String() string {
	escape := strings.NewReplacer(`\`, `\\`, `.`, `\.`, `[`, `\[`, `]`, `\]`)
	var b strings.Builder
	for i, s := range p {
		switch {
		case s.Key == "":
			b.WriteString("[" + strconv.Itoa(s.Index) + "]")
		case i > 0:
			b.WriteString("." + escape.Replace(s.Key))
		default:
			b.WriteString(escape.Replace(s.Key))
		}
	}
	return b.String()
}
