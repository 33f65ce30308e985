package charts

import (
	"encoding/json"
	"strings"
	"testing"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/lint/rules"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
)

// family is a chart with two below it, one of which has another name in it and hands values up.
func family(t *testing.T, dependencies string) ([]file, *chart.Chart) {
	t.Helper()
	files := []file{
		{chartFile, []byte("apiVersion: v2\nname: app\nversion: 1.0.0\n" + dependencies)},
		{valuesFile, []byte("a: {list: [{x: 1}, 2], off: true}\nb: {enabled: false}\n")},
		{"charts/a/" + chartFile, []byte("apiVersion: v2\nname: a\nversion: 1.0.0\n")},
		{"charts/a/" + valuesFile, []byte("exports: {up: {deep: {key: 1}}}\n")},
		{"charts/a/templates/x.yaml", []byte("a: 1\n")},
		{"charts/b/" + chartFile, []byte("apiVersion: v2\nname: b\nversion: 1.0.0\n")},
	}
	c, err := load(files)
	if err != nil {
		t.Fatal(err)
	}
	return files, c
}

// told is all of a chart that Helm may change.
func told(t *testing.T, c *chart.Chart) string {
	t.Helper()
	text, err := json.Marshal([]any{c.Metadata, c.Values, len(c.Templates), c.ChartFullPath()})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.Write(text)
	for _, below := range c.Dependencies() {
		b.WriteString("\n" + told(t, below))
	}
	return b.String()
}

// What an environment makes of the chart is no affair of the next one.
func TestEnvironmentsChangeNothingOfTheLoadedChart(t *testing.T) {
	t.Parallel()
	_, c := family(t, `dependencies:
- {name: a, version: 1.0.0, alias: other, import-values: [up]}
- {name: b, version: 1.0.0, condition: b.enabled}
`)
	before := told(t, c)
	for range 2 {
		fresh := copied(c)
		if now := told(t, fresh); now != before {
			t.Errorf("the copy is another chart:\n%s\n%s", before, now)
		}
		copied(c).Values["a"].(map[string]any)["list"].([]any)[0].(map[string]any)["x"] = 2
		values := map[string]any{"other": map[string]any{"list": 1}}
		if _, err := mergeValues(fresh, values); err != nil {
			t.Fatal(err)
		}
		if told(t, fresh) == before {
			t.Error("Helm changed nothing: the test shows nothing")
		}
		if now := told(t, c); now != before {
			t.Errorf("the loaded chart was changed:\n%s\n%s", before, now)
		}
	}
}

// Helm is asked about dependencies only where it has something to say.
func TestDependenciesAgreeWhereHelmSaysNothing(t *testing.T) {
	t.Parallel()
	for name, dependencies := range map[string]string{
		"both":             "[{name: a, version: 1.0.0}, {name: b, version: 1.0.0}]",
		"twice, by alias":  "[{name: a, version: 1.0.0}, {name: a, version: 1.0.0, alias: other}, {name: b, version: 1.0.0}]",
		"one is not named": "[{name: a, version: 1.0.0}]",
		"none is named":    "[]",
		"one is not there": "[{name: a, version: 1.0.0}, {name: b, version: 1.0.0}, {name: c, version: 1.0.0}]",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, c := family(t, "dependencies: "+dependencies+"\n")
			linter := support.Linter{ChartDir: t.TempDir()}
			if err := writeFiles(linter.ChartDir, files, true); err != nil {
				t.Fatal(err)
			}
			rules.Dependencies(&linter)
			if agree := dependenciesAgree(c); agree != (len(linter.Messages) == 0) {
				t.Errorf("they agree: %v; Helm says %v", agree, linter.Messages)
			}
		})
	}
}
