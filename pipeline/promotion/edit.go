package promotion

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/releaser/releaser/internal/scalar"
)

// Edits are the scalars that a promotion of r to env sets, by file, in the order of the configuration.
// pins are those of the chart that r is a version of.
func Edits(env Environment, r Release, pins []Pin) []scalar.Edit {
	values := env.values(r)
	var edits []scalar.Edit
	for _, f := range env.Files {
		path := env.path(f, r.Chart)
		if f.Pins {
			for _, p := range pins {
				edits = append(edits, scalar.Edit{File: path, Key: p.Key, Part: p.Part, Value: p.Value.Expand(values)})
			}
		}
		for _, s := range f.Set {
			edits = append(edits, scalar.Edit{File: path, Key: s.Key, Part: s.Part, Value: s.Value.Expand(values)})
		}
	}
	return edits
}

// apply makes the edits and returns the files that change. Problems are what a person must put right first:
// a file or a key that is missing, or one that cannot be edited; then nothing changes at all.
func apply(files map[string][]byte, edits []scalar.Edit) (changed map[string][]byte, problems []string) {
	changed = map[string][]byte{}
	for _, path := range editedFiles(edits) {
		mine := editsOf(edits, path)
		old, ok := files[path]
		if !ok {
			problems = append(problems, absent(path, mine))
			continue
		}
		text, err := scalar.Set(old, mine...)
		if err != nil {
			problems = append(problems, trouble(old, path, mine, err)...)
			continue
		}
		if !bytes.Equal(text, old) {
			changed[path] = text
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return changed, nil
}

// editedFiles lists the files that edits touch, each once.
func editedFiles(edits []scalar.Edit) []string {
	var paths []string
	seen := map[string]bool{}
	for _, e := range edits {
		if !seen[e.File] {
			seen[e.File] = true
			paths = append(paths, e.File)
		}
	}
	return paths
}

func editsOf(edits []scalar.Edit, path string) []scalar.Edit {
	var mine []scalar.Edit
	for _, e := range edits {
		if e.File == path {
			mine = append(mine, e)
		}
	}
	return mine
}

// absent says that a file is missing, and what it must hold.
func absent(path string, edits []scalar.Edit) string {
	text := path + ": no such file: create it"
	for i, e := range edits {
		if i == 0 {
			text += " with the keys "
		} else {
			text += ", "
		}
		text += e.Key
	}
	return text
}

// trouble lists every key of a file that cannot be set, or the one error of Set when each alone could be.
func trouble(data []byte, path string, edits []scalar.Edit, err error) []string {
	var problems []string
	for _, e := range edits {
		if _, err := scalar.Get(data, e.Key, e.Part); err != nil {
			problems = append(problems, located(path, err))
		}
	}
	if len(problems) == 0 {
		problems = []string{located(path, err)}
	}
	return problems
}

// located puts the file before an error of scalar: "values.yaml:12: image.tag: …".
func located(path string, err error) string {
	var at *scalar.Error
	if errors.As(err, &at) && at.Line > 0 {
		return fmt.Sprintf("%s:%v", path, err)
	}
	return fmt.Sprintf("%s: %v", path, err)
}
