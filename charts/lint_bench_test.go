package charts_test

import (
	"os"
	"slices"
	"testing"
	"time"

	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/sandbox"
	"github.com/releaser/releaser/internal/scalar"
)

// BenchmarkLint is what a release pays: a fresh chart of helm create, its defaults and four environments, in a child that
// is started for it, in one that waits already, and in no child. On a busy machine the wall clock says little: look at
// min-ms and at the processor time of this process and of the child.
func BenchmarkLint(b *testing.B) {
	vendored := freshChart(b)
	rules := charts.Rules{Values: []string{"values-*.yaml"}}
	b.Run("cold", func(b *testing.B) { benchmarkLint(b, new(sandbox.Box), vendored, rules) })
	b.Run("spare", func(b *testing.B) {
		box := new(sandbox.Box)
		defer box.Close()
		benchmarkLint(b, box, vendored, rules)
	})
	b.Run("here", func(b *testing.B) { benchmarkLint(b, here{}, vendored, rules) })
	rules.KubeVersions = []string{"1.34", "1.36"}
	b.Run("cold on two versions", func(b *testing.B) { benchmarkLint(b, new(sandbox.Box), vendored, rules) })
}

// freshChart is a chart of helm create with four values files, pinned.
func freshChart(b *testing.B) charts.Vendored {
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
	return vendored
}

func benchmarkLint(b *testing.B, box charts.Sandbox, vendored charts.Vendored, rules charts.Rules) {
	var wall []time.Duration
	ownBefore, childrenBefore := spent()
	for b.Loop() {
		if warm, ok := box.(*sandbox.Box); ok && b.Name() == "BenchmarkLint/spare" {
			b.StopTimer()
			if err := warm.Warm(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
		start := time.Now()
		if _, err := charts.Lint(b.Context(), box, vendored, rules); err != nil {
			b.Fatal(err)
		}
		wall = append(wall, time.Since(start))
	}
	own, children := spent()
	slices.Sort(wall)
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(len(wall)) }
	b.ReportMetric(float64(wall[0].Microseconds())/1000, "min-ms")
	b.ReportMetric(float64(wall[len(wall)/2].Microseconds())/1000, "median-ms")
	b.ReportMetric(each(own-ownBefore), "own-cpu-ms/op")
	b.ReportMetric(each(children-childrenBefore), "child-cpu-ms/op")
}
