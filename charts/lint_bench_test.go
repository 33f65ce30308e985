package charts_test

import (
	"os"
	"testing"

	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/sandbox"
	"github.com/releaser/releaser/internal/scalar"
)

// BenchmarkLint is what a release pays: a fresh chart of helm create, its defaults and four environments.
func BenchmarkLint(b *testing.B) {
	dir := b.TempDir()
	if _, err := chartutil.Create("fresh", dir); err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"dev", "test", "staging", "prod"} {
		text := "replicaCount: 2\nimage:\n  tag: older\nautoscaling:\n  enabled: true\ningress:\n  enabled: true\n"
		if err := os.WriteFile(dir+"/fresh/values-"+name+".yaml", []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	pinned, err := charts.Pin(treeOf(os.DirFS(dir), "fresh", ""), []scalar.Edit{{Key: "image.tag", Value: commit}})
	if err != nil {
		b.Fatal(err)
	}
	vendored, err := charts.Vendor(b.Context(), pinned, nil)
	if err != nil {
		b.Fatal(err)
	}
	spare := &sandbox.Box{Spare: true}
	defer spare.Close()
	for name, box := range map[string]charts.Sandbox{"here": here{}, "child": new(sandbox.Box), "spare": spare} {
		for kube, versions := range map[string][]string{"": nil, ",2 versions": {"1.34", "1.36"}} {
			b.Run(name+kube, func(b *testing.B) {
				for b.Loop() {
					if _, err := charts.Lint(b.Context(), box, vendored, charts.Rules{Values: []string{"values-*.yaml"}, KubeVersions: versions}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
