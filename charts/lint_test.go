package charts_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"sigs.k8s.io/yaml"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/sandbox"
	"github.com/releaser/releaser/internal/scalar"
)

func TestMain(m *testing.M) {
	sandbox.Main(os.Args, charts.Inspect)
	os.Exit(m.Run())
}

// here is a Sandbox that is none. The tests of what Lint says use both it and a real child, and expect the same.
type here struct{}

func (here) Run(_ context.Context, input []byte) ([]byte, error) { return charts.Inspect(input), nil }

// lint takes the chart at dir down the line to Lint.
func lint(t *testing.T, box charts.Sandbox, fsys fstest.MapFS, dir string, rules charts.Rules, pins ...scalar.Edit) (charts.Linted, error) {
	t.Helper()
	pinned, err := charts.Pin(treeOf(fsys, dir, ""), pins)
	if err != nil {
		return charts.Linted{}, err
	}
	vendored, err := charts.Vendor(t.Context(), pinned, nil)
	if err != nil {
		return charts.Linted{}, err
	}
	return charts.Lint(t.Context(), box, vendored, rules)
}

// findings are what the lint said, whether it let the chart pass or not.
func findings(t *testing.T, linted charts.Linted, err error) []charts.Finding {
	t.Helper()
	var r *charts.Rejected
	if errors.As(err, &r) {
		return r.Findings
	}
	if err != nil {
		t.Fatal(err)
	}
	return linted.Findings()
}

// said is the findings as people see them, one on a line.
func said(t *testing.T, linted charts.Linted, err error) string {
	t.Helper()
	var b strings.Builder
	for _, f := range findings(t, linted, err) {
		fmt.Fprintln(&b, f)
	}
	return b.String()
}

// lintCase is one file of testdata/lint: options in the comment, a repository, and the findings in the file "findings".
type lintCase struct {
	archive *txtar.Archive
	files   fstest.MapFS
	dir     string
	rules   charts.Rules
	pins    []scalar.Edit
	want    *txtar.File
}

const defaultChart = `apiVersion: v2
name: app
version: 1.0.0
icon: https://example.com/icon.svg
`

// readCase reads a case. The chart is charts/app unless the options say otherwise, and has a Chart.yaml if it brings none.
func readCase(t *testing.T, name string) lintCase {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	c := lintCase{archive: archive, files: fstest.MapFS{}, dir: "charts/app"}
	for n, f := range archive.Files {
		if f.Name == "findings" {
			c.want = &archive.Files[n]
			continue
		}
		c.files[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
	}
	if c.want == nil {
		archive.Files = append(archive.Files, txtar.File{Name: "findings"})
		c.want = &archive.Files[len(archive.Files)-1]
	}
	for line := range strings.Lines(string(archive.Comment)) {
		option, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		c.option(t, option, value)
	}
	if c.files["charts/app/Chart.yaml"] == nil {
		c.files["charts/app/Chart.yaml"] = &fstest.MapFile{Data: []byte(defaultChart), Mode: 0o644}
	}
	lockDependencies(t, c.files, c.dir)
	return c
}

// lockDependencies writes the right digest where Chart.lock says @digest@.
func lockDependencies(t *testing.T, files fstest.MapFS, dir string) {
	t.Helper()
	lock := files[dir+"/Chart.lock"]
	if lock == nil {
		return
	}
	lock.Data = bytes.ReplaceAll(lock.Data, []byte("@digest@"), []byte("digest"))
	var required, locked struct{ Dependencies []*chart.Dependency }
	err := errors.Join(yaml.Unmarshal(files[dir+"/Chart.yaml"].Data, &required), yaml.Unmarshal(lock.Data, &locked))
	if err != nil {
		t.Fatal(err)
	}
	digest, err := charts.RequirementsDigest(required.Dependencies, locked.Dependencies)
	if err != nil {
		t.Fatal(err)
	}
	lock.Data = bytes.ReplaceAll(lock.Data, []byte("digest: digest"), []byte("digest: "+digest))
}

func (c *lintCase) option(t *testing.T, option, value string) {
	t.Helper()
	switch option {
	case "dir":
		c.dir = value
	case "values":
		c.rules.Values = strings.Fields(value)
	case "kube":
		c.rules.KubeVersions = strings.Fields(value)
	case "strict":
		c.rules.Strict = true
	case "schema":
		c.rules.SchemaRequired = true
	case "pin", "pin tag":
		key, text, _ := strings.Cut(value, "=")
		c.pins = append(c.pins, scalar.Edit{Key: key, Value: text, Part: strings.TrimPrefix(option[3:], " ")})
	case "", "#":
	default:
		if !strings.HasPrefix(option, "#") {
			t.Fatalf("the option %q is not known", option)
		}
	}
}

// B37 is schema-type-null, B38 and B39 are template-lookup, B40 is template-syntax and template-expandenv.
func TestLintSays(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/lint/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	box := &sandbox.Box{Spare: true}
	t.Cleanup(func() { box.Close() })
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			c := readCase(t, name)
			linted, err := lint(t, here{}, c.files, c.dir, c.rules, c.pins...)
			got := said(t, linted, err)
			if slices.ContainsFunc(findings(t, linted, err), func(f charts.Finding) bool { return f.Rule == "crash" }) {
				t.Errorf("a crash: %s", got)
			}
			linted, err = lint(t, box, c.files, c.dir, c.rules, c.pins...)
			if again := said(t, linted, err); again != got {
				t.Errorf("in a child:\n%s\nhere:\n%s", again, got)
			}
			if *update {
				c.want.Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(c.archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got != string(c.want.Data) {
				t.Errorf("got (run with -update to accept):\n%s\nwant:\n%s", got, c.want.Data)
			}
			if strings.Contains(got, "hunter") {
				t.Error("a value is in a finding")
			}
		})
	}
}
