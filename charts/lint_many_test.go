package charts_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/releaser/releaser/charts"
)

// To find lines, a chart is rendered again and again; that is bounded, or many small findings would end as limit-cpu.
func TestAChartWithManyFindingsIsNotRenderedForEachOfThem(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{
		"app/Chart.yaml":      {Data: []byte("apiVersion: v2\nname: app\nversion: 1.0.0\n")},
		"app/values.yaml":     {Data: []byte("name: a\n")},
		"app/values-dev.yaml": {Data: []byte("name: b\n")},
	}
	const pods = 25
	for n := range pods {
		text := fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: p%d}\nspec:\n  containers:\n  - image: busybox\n    name: {{ .Values.name }}\n", n)
		fsys[fmt.Sprintf("app/templates/p%02d.yaml", n)] = &fstest.MapFile{Data: []byte(text)}
	}
	linted, err := lint(t, here{}, fsys, "app", charts.Rules{Values: []string{"values-*.yaml"}})
	exact, near := 0, 0
	for _, f := range findings(t, linted, err) {
		switch {
		case f.Rule != "image-tag":
		case f.Line != 6:
			t.Errorf("another line: %v", f)
		case strings.Contains(f.Message, "perhaps in this line"):
			near++
		default:
			exact++
		}
	}
	if exact != 20 || near != pods-exact {
		t.Errorf("%d findings with their line and %d with a line near by", exact, near)
	}
}
