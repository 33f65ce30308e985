package charts_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/v2/lint/support"

	"github.com/releaser/releaser/charts"
)

// helmWords are the beginnings of what helm lint says of templates, and how we say it.
func helmWords() map[string]string {
	return map[string]string{
		"document starts with an illegal indent": "the rendered text begins with blanks",
		"object name does not conform":           "the name of a rendered object is no name for Kubernetes",
		"unable to parse YAML":                   "the rendered text is not YAML",
	}
}

// Helm's rules for templates were written anew, because Helm's cost half of the time. Over all cases, both say the same.
func TestTemplatesAreJudgedAsHelmLintDoes(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("testdata/lint/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	compared := 0
	for _, name := range cases {
		c := readCase(t, name)
		pinned, err := charts.Pin(treeOf(c.files, c.dir, ""), c.pins)
		if err != nil {
			t.Fatal(name, err)
		}
		vendored, err := charts.Vendor(t.Context(), pinned, nil)
		if err != nil {
			t.Fatal(name, err)
		}
		linted, err := charts.Lint(t.Context(), here{}, vendored, c.rules)
		ours := findings(t, linted, err)
		theirs := charts.AskHelm(t, vendored, c.rules)
		for _, m := range theirs {
			if !slices.ContainsFunc(ours, func(f charts.Finding) bool { return saysTheSame(f, m, c) }) {
				t.Errorf("%s: only Helm says: %v", name, m)
			}
		}
		compared += len(theirs)
		for _, f := range ours {
			if f.Rule == "helm-templates" && !slices.ContainsFunc(theirs, func(m support.Message) bool { return saysTheSame(f, m, c) }) {
				t.Errorf("%s: Helm does not say: %v", name, f)
			}
		}
	}
	if compared < 20 {
		t.Errorf("only %d messages were compared", compared)
	}
}

// saysTheSame tells whether a finding is what Helm says, in our words, of the same file, with the same severity.
func saysTheSame(f charts.Finding, m support.Message, c lintCase) bool {
	text := m.Err.Error()
	if charts.IsTemplateError(text) {
		return f.Severity == charts.Error && (f.Rule == "render" || f.Rule == "template-syntax")
	}
	for theirs, ours := range helmWords() {
		if strings.HasPrefix(text, theirs) {
			text = ours
		}
	}
	if kind, _, found := strings.Cut(text, ", and "); found && strings.HasPrefix(text, "a ") {
		text = kind
	}
	severity := map[int]charts.Severity{support.WarningSev: charts.Warning, support.ErrorSev: charts.Error}[m.Severity]
	if severity == charts.Warning && c.rules.Strict {
		severity = charts.Error
	}
	return strings.HasPrefix(f.Message, text) && f.Severity == severity && f.File == strings.TrimSuffix(c.dir+"/"+m.Path, "/")
}
