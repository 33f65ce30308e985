package scalar

import "fmt"

// Error says why a scalar was not read or changed. It is the author's to mend.
type Error struct {
	// Line is where to look, from 1; 0 where it is the key that is wrong, not the file.
	Line int
	// Key is the key as it was given; empty where the file as a whole is refused.
	Key string
	// Rule is a stable short name: missing-key, duplicate-key, alias, merge-key, anchor, tag, multiline,
	// not-scalar, encoding, syntax, documents, index, part, key (the key itself cannot be read), verify
	// (the result would not be read as it was meant), file-size or too-large (with its aliases written out).
	Rule string
	// Message says what is wrong.
	Message string
	// Fix says what to do about it.
	Fix string
}

// Error is "12: image.tag: message; fix". A caller puts the file before it, without a blank:
// fmt.Errorf("values.yaml:%w", err).
func (e *Error) Error() string {
	text := e.Message + "; " + e.Fix
	if e.Key != "" {
		text = e.Key + ": " + text
	}
	if e.Line > 0 {
		text = fmt.Sprintf("%d: %s", e.Line, text)
	}
	return text
}
