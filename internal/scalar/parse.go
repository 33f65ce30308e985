package scalar

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	helmyaml "sigs.k8s.io/yaml"
)

const bom = "\ufeff"

// document is a file as both libraries read it: nodes give positions, helm is what Helm sees.
type document struct {
	src     []byte
	root    *yaml.Node
	helm    any
	lines   []int               // the offset at which each line starts
	aliased map[*yaml.Node]bool // nodes that an alias repeats
}

func parse(src []byte) (*document, error) {
	if err := checkSize(src); err != nil {
		return nil, err
	}
	if err := checkEncoding(src); err != nil {
		return nil, err
	}
	d := &document{src: src, lines: lineStarts(src), aliased: map[*yaml.Node]bool{}}
	if err := guard(d.decode); err != nil {
		return nil, err
	}
	d.noteAliases(d.root)
	return d, nil
}

// checkEncoding refuses what YAML libraries read in different ways, and positions would be wrong for.
func checkEncoding(src []byte) error {
	fault := func(at int, what string) error {
		line := 1 + bytes.Count(src[:at], []byte("\n"))
		return &Error{Line: line, Rule: "encoding", Message: what, Fix: "save the file as plain UTF-8"}
	}
	if bytes.HasPrefix(src, []byte("\xff\xfe")) || bytes.HasPrefix(src, []byte("\xfe\xff")) {
		return fault(0, "the file is UTF-16")
	}
	for at := 0; at < len(src); {
		r, size := utf8.DecodeRune(src[at:])
		switch {
		case r == utf8.RuneError && size <= 1:
			return fault(at, "the file is not valid UTF-8")
		case r == 0:
			return fault(at, "the file holds a NUL byte")
		case r == '\ufeff' && at > 0:
			return fault(at, "a byte order mark stands inside the file")
		}
		at += size
	}
	return nil
}

// lineStarts finds lines as YAML 1.1 does: a line also ends at a lone CR, at U+0085, U+2028 and U+2029, and
// the first one starts after a byte order mark.
func lineStarts(src []byte) []int {
	starts := []int{0}
	if bytes.HasPrefix(src, []byte(bom)) {
		starts[0] = len(bom)
	}
	for at := starts[0]; at < len(src); {
		r, size := utf8.DecodeRune(src[at:])
		at += size
		if isBreak(r) && !(r == '\r' && at < len(src) && src[at] == '\n') {
			starts = append(starts, at)
		}
	}
	return starts
}

func isBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}

// decode reads the file with both libraries.
func (d *document) decode() error {
	decoder := yaml.NewDecoder(bytes.NewReader(d.src))
	var doc, next yaml.Node
	if err := decoder.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return syntax(err)
	}
	if err := decoder.Decode(&next); err == nil {
		return &Error{Line: next.Line, Rule: "documents", Message: "the file holds several YAML documents", Fix: "keep one document in the file, without a second ---"}
	} else if !errors.Is(err, io.EOF) {
		return syntax(err)
	}
	d.root = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: 1, Column: 1}
	if len(doc.Content) == 1 {
		d.root = doc.Content[0]
	}
	left := maxExpanded
	if err := checkExpanded(d.root, &left); err != nil {
		return err
	}
	return d.decodeAsHelm()
}

// decodeAsHelm reads the file with Helm's library. Only the errors of its parser have words that can be repeated.
func (d *document) decodeAsHelm() error {
	err := helmyaml.Unmarshal(d.src, &d.helm, exactNumbers)
	if err == nil {
		return checkKeys(d.src)
	}
	message, parser := strings.CutPrefix(err.Error(), "error converting YAML to JSON: yaml: ")
	if !parser || strings.HasPrefix(message, "invalid map key") {
		return unreadable("Helm cannot turn it into JSON, for a key that is null, a list or a mapping, or a number that is .inf or .nan")
	}
	return syntax(err)
}

// exactNumbers keeps large numbers apart that are equal as floats.
func exactNumbers(d *json.Decoder) *json.Decoder {
	d.UseNumber()
	return d
}

// guard turns a panic of a YAML library into an error: the files are not ours, and the libraries panic on
// purpose where they believe that something cannot happen.
func guard(read func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = syntax(fmt.Errorf("%v", v))
		}
	}()
	return read()
}

// syntax turns a library's error into ours, with the line that it names; without a name it is the first. Of its text
// only the words that quote nothing are repeated.
func syntax(err error) *Error {
	e := unreadable(Reason(err))
	if found := regexp.MustCompile(`^(?:yaml: |error converting YAML to JSON: yaml: )*(?:unmarshal errors:\s+)?line (\d+): `).FindStringSubmatch(err.Error()); found != nil {
		e.Line, _ = strconv.Atoi(found[1])
	}
	return e
}

// unreadable is the error about a file that is no YAML, in words that may be empty.
func unreadable(why string) *Error {
	e := &Error{Line: 1, Rule: "syntax", Message: "the file is not valid YAML", Fix: "mend it until `helm lint` reads it"}
	if why != "" {
		e.Message += ": " + why
	}
	return e
}

// noteAliases remembers every node that an alias repeats: a change of it would be a change in two places.
func (d *document) noteAliases(n *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		d.aliased[n.Alias] = true
		return
	}
	for _, c := range n.Content {
		d.noteAliases(c)
	}
}
