package charts

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode"

	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// Whatever text a hostile template makes Helm say, the finding is one short line, and names files of the chart only.
func FuzzTemplateErrorBecomesOneShortLine(f *testing.F) {
	for _, text := range []string{
		`parse error at (app/templates/x.yaml:5): function "env" not defined`,
		"execution error at (app/templates/x.yaml:3:4): two\nlines",
		"app/templates/x.yaml:1:2\n  executing \"app/templates/x.yaml\" at <.Values.a.b>:\n    nil pointer evaluating interface {}.b",
		"app/charts/sub/templates/_x.tpl:7:2\n error calling tpl: cannot parse template \"secret\"",
		`template: app/templates/x.yaml:1:2: executing "x" at <atoi "secret">: error calling atoi: secret`,
		"rendering template failed: secret",
	} {
		f.Add(text)
	}
	files := []file{
		{chartFile, []byte("name: app\n")},
		{"charts/sub/" + chartFile, []byte("name: sub\n")}, {"charts/sub/templates/_x.tpl", nil},
		{"templates/x.yaml", nil},
	}
	i := &inspector{inspection: &inspection{Dir: "charts/app", files: files, places: findPlaces("charts/app", files)}}
	known := []string{"charts/app"}
	for _, f := range files {
		known = append(known, "charts/app/"+f.name)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := i.templateFinding(text)
		if got.Severity != Error || got.Message == "" || len([]rune(got.Message)) > maxMessage+50 {
			t.Errorf("%q: %v", text, got)
		}
		if strings.ContainsFunc(got.Message, unicode.IsControl) || !slices.Contains(known, got.File) {
			t.Errorf("%q: %v", text, got)
		}
	})
}

// Environments are rendered in goroutines, where a panic would end the process before Inspect could tell of it.
func TestPanicOfAnEnvironmentComesOutWhereItIsCaught(t *testing.T) {
	t.Parallel()
	i := &inspector{inspection: &inspection{}, loaded: &chart.Chart{}} // Helm never loads a chart without metadata
	for range 2 {
		func() {
			defer func() {
				if _, ok := recover().(runtime.Error); !ok {
					t.Error("no panic came out")
				}
			}()
			i.queue(make([]valueSet, 2)).take()
		}()
	}
}

func TestImageReferenceIsTakenApart(t *testing.T) {
	t.Parallel()
	for image, want := range map[string][3]string{
		"busybox":                          {"busybox", "", ""},
		"busybox:1":                        {"busybox", "1", ""},
		"localhost:5000/busybox":           {"localhost:5000/busybox", "", ""},
		"localhost:5000/busybox:1@sha256:": {"localhost:5000/busybox", "1", "sha256:"},
		"a/b@sha256:00":                    {"a/b", "", "sha256:00"},
		":":                                {"", "", ""},
		"":                                 {"", "", ""},
	} {
		name, tag, digest := splitImage(image)
		if got := [3]string{name, tag, digest}; got != want {
			t.Errorf("%q: got %q, want %q", image, got, want)
		}
	}
}

func TestPlacesAreWhereAPersonFindsThem(t *testing.T) {
	t.Parallel()
	files := []file{
		{"templates/x.yaml", nil}, {"charts/lib/templates/x.yaml", nil}, {"charts/lib/charts/base/templates/_x.yaml", nil}, {"charts/odd/templates/x.yaml", nil},
		{chartFile, []byte("name: app\ndependencies:\n- {name: lib, repository: 'file://../lib', alias: other}\n- null\n")},
		{"charts/lib/" + chartFile, []byte("name: lib\ndependencies:\n- {name: base, repository: 'file://base'}\n")},
		{"charts/lib/charts/base/" + chartFile, []byte("name: base\n")},
		{"charts/odd/" + chartFile, []byte("name: strange\n")},
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	p := findPlaces("charts/app", files)
	for template, want := range map[string]string{
		"app/templates/x.yaml":                           "charts/app/templates/x.yaml",
		"app/charts/lib/templates/x.yaml":                "charts/lib/templates/x.yaml",
		"app/charts/other/templates/x.yaml":              "charts/lib/templates/x.yaml",
		"app/charts/other/charts/base/templates/_x.yaml": "charts/lib/base/templates/_x.yaml",
		"app/charts/strange/templates/x.yaml":            "charts/app/charts/odd/templates/x.yaml",
		"nowhere/templates/x.yaml":                       "",
		"app/templates/secret.yaml":                      "",
		"":                                               "",
	} {
		if got := p.file(files, template); got != want {
			t.Errorf("%s: got %q, want %q", template, got, want)
		}
	}
}
