// Package chartlab makes real packages for the tests of other rooms: text in, charts.Package out, through the whole
// of package charts. Nothing is faked but the child process: the lint runs in the process of the test, so only
// charts that are not hostile belong here.
//
// The promise: the same text and Options give the same bytes.
package chartlab

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/scalar"
)

const (
	// Source is the repository that a chart comes from unless Options say another.
	Source = "https://git.example.com/acme/platform.git"
	// Commit is the commit that a chart comes from unless Options say another.
	Commit = "5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e"
)

// Options say what git and the configuration say of a chart. The zero value releases the first chart of the text.
type Options struct {
	// Dir is the chart's folder; empty is the first folder in the text that holds a Chart.yaml.
	Dir string
	// Source, Tag, Version and Commit are those of charts.Tree. Empty they are Source, <name>-<version>, the
	// version in Chart.yaml and Commit.
	Source, Tag, Version, Commit string
	// Time is the commit's; zero is a fixed day.
	Time time.Time
	// Pins are set as they are; nil is image.tag to the commit, an empty list is none.
	Pins []scalar.Edit
	// Rules are the lint's.
	Rules charts.Rules
	// Getter fetches remote dependencies; nil fetches none.
	Getter charts.Getter
}

// Small is the text of a chart with one Deployment, image.tag in values.yaml, and no dependencies, at charts/<name>.
func Small(name, version string) string {
	return fmt.Sprintf(`-- charts/%[1]s/Chart.yaml --
apiVersion: v2
name: %[1]s
description: A small chart
type: application
version: %[2]s
-- charts/%[1]s/values.yaml --
# Set at release.
image:
  repository: registry.example.com/acme/%[1]s
  tag: ""
-- charts/%[1]s/templates/deployment.yaml --
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-{{ .Chart.Name }}
spec:
  selector:
    matchLabels: {app: {{ .Release.Name }}}
  template:
    metadata:
      labels: {app: {{ .Release.Name }}}
    spec:
      containers:
        - name: main
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
`, name, version)
}

// Library is the text of a library chart at charts/<name>.
func Library(name, version string) string {
	return fmt.Sprintf(`-- charts/%[1]s/Chart.yaml --
apiVersion: v2
name: %[1]s
description: A small library
type: library
version: %[2]s
-- charts/%[1]s/templates/_name.tpl --
{{- define "%[1]s.name" -}}{{ .Release.Name }}-{{ .Chart.Name }}{{- end -}}
`, name, version)
}

// Files reads txtar text as the files of a commit. A file named "a -> b" is a symbolic link.
func Files(text string) fstest.MapFS {
	files := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(text)).Files {
		if name, target, link := strings.Cut(f.Name, " -> "); link {
			files[name] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
			continue
		}
		files[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
	}
	return files
}

// Tree is a chart in the text as its tag has it.
func Tree(t testing.TB, text string, o Options) charts.Tree {
	t.Helper()
	if o.Dir == "" {
		o.Dir = firstChart(text)
	}
	tree := charts.Tree{Files: Files(text), Dir: o.Dir, Source: o.Source, Tag: o.Tag, Version: o.Version, Commit: o.Commit, Time: o.Time}
	name, version, err := charts.Name(tree.Files, tree.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if tree.Version == "" {
		tree.Version = version
	}
	if tree.Tag == "" {
		tree.Tag = name + "-" + tree.Version
	}
	if tree.Source == "" {
		tree.Source = Source
	}
	if tree.Commit == "" {
		tree.Commit = Commit
	}
	if tree.Time.IsZero() {
		tree.Time = time.Date(2026, 11, 2, 14, 4, 5, 0, time.UTC)
	}
	return tree
}

// firstChart is the folder of the first Chart.yaml in the text.
func firstChart(text string) string {
	for _, f := range txtar.Parse([]byte(text)).Files {
		if path.Base(f.Name) == "Chart.yaml" {
			return path.Dir(f.Name)
		}
	}
	return "."
}

// Package takes a chart in the text from Tree to Package. A chart that is rejected on the way fails the test.
func Package(t testing.TB, text string, o Options) charts.Package {
	t.Helper()
	tree := Tree(t, text, o)
	if o.Pins == nil {
		o.Pins = []scalar.Edit{{Key: "image.tag", Value: tree.Commit}}
	}
	pinned, err := charts.Pin(tree, slices.Clone(o.Pins))
	if err != nil {
		t.Fatal(err)
	}
	vendored, err := charts.Vendor(t.Context(), pinned, o.Getter)
	if err != nil {
		t.Fatal(err)
	}
	linted, err := charts.Lint(t.Context(), Here{}, vendored, o.Rules)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := charts.Pack(linted)
	if err != nil {
		t.Fatal(err)
	}
	return pkg
}

// Here is a charts.Sandbox without walls: it inspects in the process that asks.
type Here struct{}

// Run inspects at once and knows no limits.
func (Here) Run(_ context.Context, input []byte) ([]byte, error) { return charts.Inspect(input), nil }
