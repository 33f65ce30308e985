package charts

import (
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// file is the name of one of the chart's own files in the repository.
func (i *inspection) file(name string) string { return path.Join(i.Dir, name) }

// placed gives a finding the line that Finding promises when no rule could say a better one.
func (i *inspection) placed(f Finding) Finding {
	switch {
	case f.File == "" || f.File == i.Dir || f.File == i.file("templates") && i.holds("templates/"):
		f.File, f.Line = i.file(chartFile), max(f.Line, 1)
	case f.Line == 0 && i.there(f.File):
		f.Line = 1
	}
	return f
}

// there tells whether a file of the repository is one of those that were handed over.
func (i *inspection) there(name string) bool {
	if slices.ContainsFunc(i.values, func(f file) bool { return i.file(f.name) == name }) {
		return true
	}
	for _, at := range i.places {
		if below, inside := strings.CutPrefix(name, at.repository+"/"); inside {
			if _, found := find(i.files, path.Join(at.folder, below)); found {
				return true
			}
		}
	}
	return false
}

// holds tells whether any file of the chart lies in a folder.
func (i *inspection) holds(folder string) bool {
	return slices.ContainsFunc(i.files, func(f file) bool { return strings.HasPrefix(f.name, folder) })
}

// line is where a key stands in one of the chart's own YAML files, 0 when it cannot be said.
func (i *inspection) line(name string, keys ...string) int {
	line, all := lineOf(i.nodes(name), keys)
	if !all {
		return 0
	}
	return line
}

// nodes reads one of the chart's own YAML files, nil when it is not there.
func (i *inspection) nodes(name string) *yaml.Node {
	f, found := find(i.files, name)
	if !found {
		return nil
	}
	return parseNodes(f.data)
}

// firstLine finds the first line of a file of the chart that begins as one of the texts, but for blanks and the dash of a
// list; 0 when there is none.
func (i *inspection) firstLine(name string, texts ...string) int {
	f, _ := find(i.files, name)
	for n, line := range strings.Split(string(f.data), "\n") {
		line = strings.TrimLeft(line, " \t-{")
		if slices.ContainsFunc(texts, func(text string) bool { return strings.HasPrefix(line, text) }) {
			return n + 1
		}
	}
	return 0
}

// scalarLine is the line of the first scalar below a node that reads as text, 0 when there is none.
func scalarLine(n *yaml.Node, text string) int {
	if n == nil || text == "" {
		return 0
	}
	if n.Kind == yaml.ScalarNode && n.Value == text {
		return n.Line
	}
	for _, below := range n.Content {
		if line := scalarLine(below, text); line > 0 {
			return line
		}
	}
	return 0
}
