package charts_test

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	chart "helm.sh/helm/v4/pkg/chart/v2"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/sandbox"
	"github.com/releaser/releaser/internal/scalar"
)

// aliases is a line of YAML, 80 kB long, that is 400 MB once its aliases are written out.
func aliases(key string) string {
	return key + ": [&a " + strings.Repeat("x", 20_000) + strings.Repeat(", *a", 20_000) + "]\n"
}

// app is a small chart with more files in it.
func app(more map[string]string) fstest.MapFS {
	all := files("-- app/Chart.yaml --\n" + defaultChart + "-- app/values.yaml --\nimage: {repository: acme/api, tag: x}\n")
	for name, text := range more {
		all["app/"+name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return all
}

// depending is the Chart.yaml and the Chart.lock of a chart with dependencies.
func depending(t *testing.T, deps ...*chart.Dependency) map[string]string {
	t.Helper()
	text, lock := defaultChart+"dependencies:\n", "dependencies:\n"
	var locked []*chart.Dependency
	for _, d := range deps {
		entry := fmt.Sprintf("- {name: %s, version: %s, repository: %q", d.Name, d.Version, d.Repository)
		lock += entry + "}\n"
		if d.Alias != "" {
			entry += ", alias: " + d.Alias
		}
		text += entry + "}\n"
		locked = append(locked, &chart.Dependency{Name: d.Name, Version: d.Version, Repository: d.Repository})
	}
	sum, err := charts.RequirementsDigest(deps, locked)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"Chart.yaml": text, "Chart.lock": lock + "digest: " + sum + "\n"}
}

const subChart = "apiVersion: v2\nname: sub\nversion: 1.0.0\n"

// archiveWith is a packed chart named sub with this file in it.
func archiveWith(t *testing.T, name, text string) string {
	t.Helper()
	return string(archiveOf(t, map[string]string{"sub/Chart.yaml": subChart, "sub/" + name: text}))
}

// B26: the parent parses these files, so that none may be large once its aliases are written out.
func TestFileWithTooManyAliasesIsRejectedBeforeHelmReadsIt(t *testing.T) {
	list := "b: [" + strings.Repeat("a,", 600_000) + "]\n"
	for name, row := range map[string]struct {
		more       map[string]string
		file, rule string
	}{
		"Chart.yaml":           {map[string]string{"Chart.yaml": defaultChart + aliases("keywords")}, "Chart.yaml", "too-large"},
		"Chart.lock":           {map[string]string{"Chart.lock": aliases("dependencies")}, "Chart.lock", "too-large"},
		"values.yaml":          {map[string]string{"values.yaml": aliases("b")}, "values.yaml", "too-large"},
		"second document":      {map[string]string{"values.yaml": "a: b\n---\n" + aliases("b")}, "values.yaml", "too-large"},
		"large values.yaml":    {map[string]string{"values.yaml": list}, "values.yaml", "file-size"},
		"subchart":             {map[string]string{"charts/sub/Chart.yaml": subChart, "charts/sub/values.yaml": aliases("b")}, "charts/sub/values.yaml", "too-large"},
		"subchart's list":      {map[string]string{"charts/sub/Chart.yaml": subChart, "charts/sub/values.yaml": list}, "charts/sub/values.yaml", "file-size"},
		"subchart's Chart":     {map[string]string{"charts/sub/Chart.yaml": subChart + aliases("keywords")}, "charts/sub/Chart.yaml", "too-large"},
		"old requirements":     {map[string]string{"charts/sub/Chart.yaml": subChart, "charts/sub/requirements.yaml": aliases("dependencies")}, "charts/sub/requirements.yaml", "too-large"},
		"old lock":             {map[string]string{"charts/sub/Chart.yaml": subChart, "charts/sub/requirements.lock": aliases("dependencies")}, "charts/sub/requirements.lock", "too-large"},
		"archive":              {map[string]string{"charts/sub-1.0.0.tgz": archiveWith(t, "values.yaml", aliases("b"))}, "charts/sub/values.yaml", "too-large"},
		"archive of a chart":   {map[string]string{"charts/sub-1.0.0.tgz": archiveWith(t, "charts/a/values.yaml", aliases("b"))}, "charts/sub/charts/a/values.yaml", "too-large"},
		"archive's Chart.yaml": {map[string]string{"charts/sub-1.0.0.tgz": archiveWith(t, "charts/a/Chart.yaml", aliases("keywords"))}, "charts/sub/charts/a/Chart.yaml", "too-large"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := vendorError(t, app(row.more), "app", "1.0.0", nil)
		runtime.ReadMemStats(&after)
		t.Log(name)
		rejected(t, err, "app/"+row.file, row.rule)
		if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 200 {
			t.Errorf("it took %d MiB", used)
		}
	}
}

func TestFetchedArchiveWithTooManyAliasesIsRejected(t *testing.T) {
	t.Parallel()
	repo := app(depending(t, &chart.Dependency{Name: "sub", Version: "1.0.0", Repository: "oci://registry.example/x"}))
	err := vendorError(t, repo, "app", "1.0.0", fetched(archiveWith(t, "values.yaml", aliases("b"))))
	rejected(t, err, "app/charts/sub/values.yaml", "too-large")
}

// fetched is a Getter that has one archive.
type fetched string

func (f fetched) Get(context.Context, string, string, string) ([]byte, error) { return []byte(f), nil }

func TestOldDigestBesideThePinnedTagIsRejected(t *testing.T) {
	t.Parallel()
	old := "sha256:" + strings.Repeat("a", 64)
	pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: a, image: \"%s\"}]}\n"
	beside := "{{ .Values.image.repository }}:{{ .Values.image.tag }}@{{ .Values.image.digest }}"
	repo := app(map[string]string{"values.yaml": "image: {repository: acme/api, tag: v1, digest: \"" + old + "\"}\n", "templates/x.yaml": fmt.Sprintf(pod, beside)})
	_, err := lint(t, here{}, repo, "app", charts.Rules{}, pinTag()...)
	rejected(t, err, "app/templates/x.yaml", "image-pin")
	pinned := append(pinTag(), scalar.Edit{Key: "image.digest", Value: "sha256:" + strings.Repeat("b", 64)})
	if _, err := lint(t, here{}, repo, "app", charts.Rules{}, pinned...); err != nil {
		t.Errorf("both are pinned: %v", err)
	}
	whole := app(map[string]string{"values.yaml": "image: acme/api:v1@" + old + "\n", "templates/x.yaml": fmt.Sprintf(pod, "{{ .Values.image }}")})
	_, err = lint(t, here{}, whole, "app", charts.Rules{}, scalar.Edit{Key: "image", Part: "tag", Value: commit})
	rejected(t, err, "app/values.yaml", "pin-part")
}

func TestTagThatSaysMoreThanThePinPasses(t *testing.T) {
	t.Parallel()
	for image, passes := range map[string]bool{
		"acme/api:v{{ .Values.image.tag }}": true, "acme/api:{{ .Values.image.tag }}-rootless": true, "acme/api:v1.2.3": true,
		"acme/api:11.2.3": false, "acme/api:1.2.34": false, "acme/api:1.2": false, "acme/api": false,
	} {
		repo := app(map[string]string{"templates/x.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: a, image: \"" + image + "\"}]}\n"})
		_, err := lint(t, here{}, repo, "app", charts.Rules{}, scalar.Edit{Key: "image.tag", Value: "1.2.3"})
		if passed := err == nil; passed != passes {
			t.Errorf("%s: %v", image, err)
		}
	}
}

func TestNameOfATemplateThatIsAValueIsNotTold(t *testing.T) {
	t.Parallel()
	linted, err := hostile(t, new(sandbox.Box), `{{ include .Values.secret . }}`, "", charts.Rules{})
	refuses(t, linted, err, "render", "tweet")
}

// unreadable is a tree that cannot say where its links lead, as with a control character in the target.
type unreadable struct{ fstest.MapFS }

func (unreadable) ReadLink(name string) (string, error) {
	return "", &fs.PathError{Op: "readlink", Path: name, Err: fmt.Errorf("no path")}
}

// What no retry mends is a rejection.
func TestWhatNoFileSystemHoldsIsRejected(t *testing.T) {
	t.Parallel()
	both := archiveOfHeaders(t, []tar.Header{
		{Name: "sub/Chart.yaml", Typeflag: tar.TypeReg, Size: int64(len(subChart))}, {Name: "sub/a", Typeflag: tar.TypeReg}, {Name: "sub/a/b", Typeflag: tar.TypeReg},
	}, map[string]string{"sub/Chart.yaml": subChart})
	err := vendorError(t, app(map[string]string{"charts/sub.tgz": string(both)}), "app", "1.0.0", nil)
	rejected(t, err, "app/charts/sub.tgz", "dependency-archive")
	err = vendorError(t, app(map[string]string{strings.Repeat("n", 256): "x"}), "app", "1.0.0", nil)
	rejected(t, err, "app", "path")
	linked := app(nil)
	linked["app/link"] = &fstest.MapFile{Data: []byte("values\n.yaml"), Mode: fs.ModeSymlink | 0o777}
	rejected(t, vendorError(t, linked, "app", "1.0.0", nil), "app/link", "symlink-outside")
	rejected(t, vendorError(t, unreadable{linked}, "app", "1.0.0", nil), "app/link", "symlink-broken")
}

func TestPackageThatNoRegistryKeepsIsRejected(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"description: \"%s\"\n", "keywords: [\"%s\"]\n"} {
		pinned, err := charts.Pin(treeOf(app(map[string]string{"Chart.yaml": defaultChart + fmt.Sprintf(key, strings.Repeat("<", 900_000))}), "app", "1.0.0"), nil)
		if err != nil {
			t.Fatal(err)
		}
		vendored, err := charts.Vendor(t.Context(), pinned, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = charts.Pack(charts.Pass(vendored))
		rejected(t, err, "app/Chart.yaml", "size")
	}
}

func TestVersionOfALibraryIsSetToo(t *testing.T) {
	t.Parallel()
	repo := app(map[string]string{"Chart.yaml": defaultChart + "type: library\n"})
	pinned, err := charts.Pin(treeOf(repo, "app", "1.1.0"), []scalar.Edit{{Key: "no.such", Value: "x"}, {File: "Chart.yaml", Key: "version", Value: "1.1.0"}})
	if err != nil || pinned.Version() != "1.1.0" {
		t.Errorf("%s %v", pinned.Version(), err)
	}
}

func TestCopyOfADependencyIsUsedWhereverItComesFrom(t *testing.T) {
	t.Parallel()
	for _, repository := range []string{"http://charts.example", "@mine", "alias:mine"} {
		more := depending(t, &chart.Dependency{Name: "sub", Version: "1.0.0", Repository: repository})
		rejected(t, vendorError(t, app(more), "app", "1.0.0", nil), "app/Chart.yaml", "dependency-repository")
		more["charts/sub/Chart.yaml"] = subChart
		if err := vendorError(t, app(more), "app", "1.0.0", nil); err != nil {
			t.Errorf("%s: %v", repository, err)
		}
	}
}

func TestFindingsHaveNoControlCharacters(t *testing.T) {
	t.Parallel()
	more := depending(t, &chart.Dependency{Name: "sub", Version: "1.0.0", Repository: "oci://registry.example/x"})
	more["Chart.lock"] = strings.Replace(more["Chart.lock"], "version: 1.0.0", `version: "1.0.0\e[31m\nFAKE"`, 1)
	locked := []*chart.Dependency{{Name: "sub", Version: "1.0.0", Repository: "oci://registry.example/x"}}
	before, err := charts.RequirementsDigest(locked, locked)
	if err != nil {
		t.Fatal(err)
	}
	after, err := charts.RequirementsDigest(locked, []*chart.Dependency{{Name: "sub", Version: "1.0.0\x1b[31m\nFAKE", Repository: "oci://registry.example/x"}})
	if err != nil {
		t.Fatal(err)
	}
	more["Chart.lock"] = strings.Replace(more["Chart.lock"], before, after, 1)
	more["charts/sub/Chart.yaml"] = subChart
	err = vendorError(t, app(more), "app", "1.0.0", nil)
	rejected(t, err, "app/Chart.yaml", "lock-version")
	if strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("%q", err)
	}
}

func TestValuesFilesHaveOneBudget(t *testing.T) {
	t.Parallel()
	more := map[string]string{".helmignore": "values-*\n"}
	for n := range 40 {
		more[fmt.Sprintf("values-%02d.yaml", n)] = "a: " + strings.Repeat("x", 1<<20-10) + "\n"
	}
	_, err := lint(t, here{}, app(more), "app", charts.Rules{Values: []string{"values-*.yaml"}})
	rejected(t, err, "app/values-32.yaml", "size")
}

// B26, B27
func TestValuesFileThatWouldTakeAllMemoryIsRejected(t *testing.T) {
	t.Parallel()
	for text, rule := range map[string]string{aliases("b"): "too-large", "a: b\n---\n" + aliases("b"): "too-large", "b: " + strings.Repeat("[", 200_000): "values", "b: [" + strings.Repeat("a,", 600_000) + "]\n": "file-size"} {
		for _, ignored := range []string{"values-*\n", "# it is packed\n"} {
			repo := app(map[string]string{".helmignore": ignored, "values-prod.yaml": text})
			_, err := lint(t, here{}, repo, "app", charts.Rules{Values: []string{"values-*.yaml"}})
			rejected(t, err, "app/values-prod.yaml", rule)
		}
	}
}

func TestHelmignoreThatTakesLongIsRejected(t *testing.T) {
	t.Parallel()
	many := app(map[string]string{".helmignore": "# kept short\n\n" + strings.Repeat("*x\n", 201)})
	rejected(t, vendorError(t, many, "app", "1.0.0", nil), "app/.helmignore", "helmignore")
	wide := app(map[string]string{".helmignore": "drop-*\n" + strings.Repeat("*x\n", 199)})
	for n := range 10_001 {
		wide[fmt.Sprintf("app/drop-%d", n)] = &fstest.MapFile{}
	}
	rejected(t, vendorError(t, wide, "app", "1.0.0", nil), "app", "helmignore")
}

func TestEntriesAreCountedAcrossDependencies(t *testing.T) {
	t.Parallel()
	repo := app(depending(t, &chart.Dependency{Name: "sub", Version: "1.0.0", Repository: "file://../sub"}, &chart.Dependency{Name: "tub", Version: "1.0.0", Repository: "file://../tub"}))
	for _, name := range []string{"sub", "tub"} {
		repo[name+"/Chart.yaml"] = &fstest.MapFile{Data: []byte(strings.Replace(subChart, "sub", name, 1)), Mode: 0o644}
		repo[name+"/.helmignore"] = &fstest.MapFile{Data: []byte("drop-*\n"), Mode: 0o644}
		for n := range 10_000 {
			repo[fmt.Sprintf("%s/drop-%d", name, n)] = &fstest.MapFile{}
		}
	}
	rejected(t, vendorError(t, repo, "app", "1.0.0", nil), "tub", "count")
}

// counted counts how often each folder is listed.
type counted struct {
	fstest.MapFS
	lists map[string]int
}

func (c counted) ReadDir(name string) ([]fs.DirEntry, error) {
	c.lists[name]++
	return c.MapFS.ReadDir(name)
}

func TestFolderOfADependencyIsReadOnce(t *testing.T) {
	t.Parallel()
	sub := func(alias string) *chart.Dependency {
		return &chart.Dependency{Name: "sub", Version: "1.0.0", Repository: "file://../sub", Alias: alias}
	}
	repo := app(depending(t, sub("a"), sub("b"), &chart.Dependency{Name: "tub", Version: "1.0.0", Repository: "file://../tub"}))
	repo["sub/Chart.yaml"] = &fstest.MapFile{Data: []byte(subChart), Mode: 0o644}
	plain := sub("")
	for name, text := range depending(t, plain) {
		text = strings.Replace(text, "name: app", "name: tub", 1)
		repo["tub/"+name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	tree := counted{repo, map[string]int{}}
	for range 2 {
		clear(tree.lists)
		if err := vendorError(t, tree, "app", "1.0.0", nil); err != nil {
			t.Fatal(err)
		}
		if tree.lists["sub"] != 1 {
			t.Errorf("it was read %d times", tree.lists["sub"])
		}
	}
}

func TestVendorStopsWhenItIsToldTo(t *testing.T) {
	t.Parallel()
	repo := app(depending(t, &chart.Dependency{Name: "sub", Version: "1.0.0", Repository: "file://../sub"}))
	repo["sub/Chart.yaml"] = &fstest.MapFile{Data: []byte(subChart), Mode: 0o644}
	pinned, err := charts.Pin(treeOf(repo, "app", "1.0.0"), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var r *charts.Rejected
	if _, err := charts.Vendor(ctx, pinned, nil); !errors.Is(err, context.Canceled) || errors.As(err, &r) {
		t.Errorf("it is %v", err)
	}
}

// Each of these files passes by itself.
func TestYAMLOfAllSubchartsHasOneBudget(t *testing.T) {
	t.Parallel()
	more := map[string]string{}
	for n := range 5 {
		more[fmt.Sprintf("charts/s%d/Chart.yaml", n)] = strings.Replace(subChart, "sub", fmt.Sprintf("s%d", n), 1)
		more[fmt.Sprintf("charts/s%d/values.yaml", n)] = "b: [&a {}" + strings.Repeat(",*a", 220_000) + "]\n"
	}
	rejected(t, vendorError(t, app(more), "app", "1.0.0", nil), "app/charts/s4/values.yaml", "too-large")
}
