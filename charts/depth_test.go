package charts_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// deep is a path of so many levels below a folder, the last of which is a file.
func deep(levels int) string { return strings.Repeat("d/", levels-1) + "f" }

func TestPathOfManyLevelsIsRejected(t *testing.T) {
	t.Parallel()
	for levels, ok := range map[int]bool{32: true, 33: false, 250: false} {
		err := vendorError(t, app(map[string]string{deep(levels): "x"}), "app", "1.0.0", nil)
		if ok && err != nil {
			t.Errorf("%d levels: %v", levels, err)
		}
		if !ok {
			rejected(t, err, "app", "path")
		}
	}
}

// What passes here is packed, with the chart's own folder on top.
func TestPathsAtTheLimitsArePacked(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(strings.Repeat("n", 127)+"/", 4)[:512-1]
	pkg := pack(t, treeOf(app(map[string]string{deep(32): "x", long: "x"}), "app", "1.0.0"), nil)
	for _, name := range []string{deep(32), long} {
		if packed(t, pkg, "app/"+name) != "x" {
			t.Errorf("%s is not there", name)
		}
	}
}

// Ten thousand files, each in folders of its own, would be a million names to compare.
func TestArchiveOfManyLevelsIsRejected(t *testing.T) {
	t.Parallel()
	all := map[string]string{"redis/Chart.yaml": redisChart}
	for n := range 9_000 {
		all[fmt.Sprintf("redis/%d/%s", n, deep(200))] = ""
	}
	refused(t, "levels", archiveOf(t, all))
}

// Each of these archives lies in the one before it.
func TestArchivesInArchivesOfManyLevelsAreRejected(t *testing.T) {
	t.Parallel()
	inner := map[string]string{"a/Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n"}
	for n := range 5_000 {
		inner[fmt.Sprintf("a/files/%d", n)] = ""
	}
	archive := archiveOf(t, inner)
	for range 40 {
		archive = archiveOf(t, map[string]string{"a/Chart.yaml": inner["a/Chart.yaml"], "a/charts/a.tgz": string(archive)})
	}
	refused(t, "levels", archiveOf(t, map[string]string{"redis/Chart.yaml": redisChart, "redis/charts/a.tgz": string(archive)}))
}

// Each of these charts is a dependency of the one before it.
func TestDependenciesOfManyLevelsAreRejected(t *testing.T) {
	t.Parallel()
	repo := fstest.MapFS{}
	name := func(n int) string { return fmt.Sprintf("c%d", n) }
	const charts = 20
	for n := range charts {
		text := map[string]string{"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\n"}
		if n+1 < charts {
			text = depending(t, &chart.Dependency{Name: name(n + 1), Version: "1.0.0", Repository: "file://../" + name(n+1)})
		}
		for file, data := range text {
			data = strings.Replace(data, "name: app", "name: "+name(n), 1)
			repo[name(n)+"/"+file] = &fstest.MapFile{Data: []byte(data), Mode: 0o644}
		}
	}
	rejected(t, vendorError(t, repo, "c0", "1.0.0", nil), "c16/Chart.yaml", "dependency-depth")
	if err := vendorError(t, repo, "c5", "1.0.0", nil); err != nil {
		t.Errorf("15 levels: %v", err)
	}
}
