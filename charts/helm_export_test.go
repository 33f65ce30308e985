package charts

import (
	"os"
	"path/filepath"
	"testing"

	"helm.sh/helm/v4/pkg/chart/v2/lint/rules"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
)

// AskHelm is what Helm's own code says of the templates of a chart, with its defaults and with each environment's values.
func AskHelm(t *testing.T, v Vendored, asked Rules) []support.Message {
	t.Helper()
	i := &inspection{Dir: v.pinned.tree.Dir, Pins: v.pinned.pins, Rules: asked, files: v.files}
	if err := i.collect(v); err != nil {
		t.Fatal(err)
	}
	in := &inspector{inspection: i, report: newReport(i)}
	var err error
	if in.kubes, err = kubeVersions(asked.KubeVersions); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range i.files {
		name := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, ".helmignore")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	linter := support.Linter{ChartDir: dir}
	for _, set := range in.valueSets() {
		for _, kube := range in.kubes {
			rules.Templates(&linter, namespace, set.values, rules.TemplateLinterKubeVersion(kube), rules.TemplateLinterSkipSchemaValidation(true))
		}
	}
	return linter.Messages
}

// IsTemplateError is how a message of Helm's engine is told from others.
var IsTemplateError = isTemplateError
