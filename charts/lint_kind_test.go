package charts_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/releaser/releaser/charts"
)

// A kind may come out of a value, which a finding must not show.
func TestAKindThatNoTemplateWritesIsNotRepeated(t *testing.T) {
	t.Parallel()
	linted, err := lint(t, here{}, fstest.MapFS{
		"app/Chart.yaml":       {Data: []byte("apiVersion: v2\nname: app\nversion: 1.0.0\n")},
		"app/values.yaml":      {Data: []byte("password: hunter2\n")},
		"app/templates/a.yaml": {Data: []byte("apiVersion: v1\nkind: {{ .Values.password }}\nmetadata: {name: a}\nspec:\n  containers:\n  - image: busybox\n")},
	}, "app", charts.Rules{})
	if said := said(t, linted, err); strings.Contains(said, "hunter2") || !strings.Contains(said, "image of the object has the tag latest") {
		t.Error(said)
	}
}
