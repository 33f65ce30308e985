package charts_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/releaser/releaser/charts"
)

// plain is the smallest chart, with a file beside it that is not the chart's.
const plain = `
-- secret.txt --
not the chart's
-- charts/x/Chart.yaml --
apiVersion: v2
name: x
version: 1.0.0
-- charts/x/values.yaml --
image: {tag: ""}
`

// readError is what reading says of plain with more files.
func readError(fsys fs.FS) error {
	_, err := charts.Pin(treeOf(fsys, "charts/x", "1.0.0"), nil)
	return err
}

// B11: a symbolic link out of the chart.
func TestLinkOutOfTheChartIsRejected(t *testing.T) {
	t.Parallel()
	for _, link := range []string{
		"charts/x/leak -> ../../secret.txt",
		"charts/x/leak -> /etc/passwd",
		"charts/x/leak -> templates/../../../secret.txt",
		"charts/x/leak -> ../x/values.yaml",
		"charts/x/leak -> ..",
		`charts/x/leak -> ..\..\secret.txt`,
	} {
		err := readError(with(files(plain), "-- "+link+" --\n-- charts/x/templates/a.yaml --\na: 1\n"))
		rejected(t, err, "charts/x/leak", "symlink-outside")
	}
}

func TestLinkOverALinkOutOfTheChartIsRejected(t *testing.T) {
	t.Parallel()
	err := readError(with(files(plain), "-- charts/x/a -> b/c --\n-- charts/x/b -> ../.. --\n"))
	rejected(t, err, "charts/x/a", "symlink-outside")
}

func TestLinkInsideTheChartIsReadAsItsTarget(t *testing.T) {
	t.Parallel()
	repo := with(files(plain), `
-- charts/x/files/a/one.txt --
one
-- charts/x/b -> files/./a --
-- charts/x/two.txt -> b/../a/one.txt --
`)
	pinned, err := charts.Pin(treeOf(repo, "charts/x", "1.0.0"), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := pinned.Files()
	for _, name := range []string{"files/a/one.txt", "b/one.txt", "two.txt"} {
		if got[name] != "one\n" {
			t.Errorf("%s holds %q", name, got[name])
		}
	}
}

// B12: a loop of symbolic links, of files and of folders.
func TestLinkLoopIsRejected(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"charts/x/a":     "-- charts/x/a -> b --\n-- charts/x/b -> a --\n",
		"charts/x/a/b/c": "-- charts/x/a/b/c -> .. --\n",
		"charts/x/self":  "-- charts/x/self -> . --\n",
	} {
		rejected(t, readError(with(files(plain), text)), name, "symlink-loop")
	}
}

func TestLinkToNothingIsRejected(t *testing.T) {
	t.Parallel()
	rejected(t, readError(with(files(plain), "-- charts/x/a -> b --\n")), "charts/x/a", "symlink-broken")
}

func TestIgnoredLinkIsNotFollowed(t *testing.T) {
	t.Parallel()
	repo := with(files(plain), "-- charts/x/leak -> ../../secret.txt --\n-- charts/x/.helmignore --\nleak\n")
	if err := readError(repo); err != nil {
		t.Error(err)
	}
}

// B13: a symbolic link in place of Chart.lock, even to a file of the chart.
func TestLinkedLockIsRejected(t *testing.T) {
	t.Parallel()
	repo := with(files(plain), "-- charts/x/Chart.lock -> values.yaml --\n")
	rejected(t, readError(repo), "charts/x/Chart.lock", "symlink-lock")
}

func TestChartBehindALinkIsRejected(t *testing.T) {
	t.Parallel()
	repo := with(files(plain), "-- charts/y -> x --\n-- more -> charts --\n")
	for _, dir := range []string{"charts/y", "more/x"} {
		_, err := charts.Pin(treeOf(repo, dir, "1.0.0"), nil)
		rejected(t, err, dir, "folder")
		_, _, err = charts.Name(repo, dir)
		rejected(t, err, dir, "folder")
	}
}

// B17: a file of 6 MiB, and 100,000 files.
func TestLargeFileAndManyFilesAreRejected(t *testing.T) {
	t.Parallel()
	large := with(files(plain), "-- charts/x/blob --\n"+strings.Repeat("0123456789abcdef", 6<<20/16)+"\n")
	rejected(t, readError(large), "charts/x/blob", "size")

	many := maps.Clone(files(plain))
	for i := range 100_000 {
		many[fmt.Sprintf("charts/x/files/%d", i)] = &fstest.MapFile{Mode: 0o644}
	}
	rejected(t, readError(many), "charts/x", "size")
	rejected(t, readError(with(many, "-- charts/x/.helmignore --\nfiles/*\n")), "charts/x", "count")

	sum := maps.Clone(files(plain))
	for i := range 9 {
		sum[fmt.Sprintf("charts/x/%d", i)] = &fstest.MapFile{Data: make([]byte, 4<<20), Mode: 0o644}
	}
	rejected(t, readError(sum), "charts/x", "size")
}

// B18: paths that are one file where case or Unicode form does not count.
func TestCollidingPathsAreRejected(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"README.md", "readme.md"},
		{"templates/a.yaml", "Templates/b.yaml"},
		{"caf\u00e9.txt", "cafe\u0301.txt"},
		{"Stra\u00dfe", "STRASSE"},
	} {
		repo := with(files(plain), fmt.Sprintf("-- charts/x/%s --\na\n-- charts/x/%s --\nb\n", pair[0], pair[1]))
		var r *charts.Rejected
		if err := readError(repo); !asRejected(err, &r) || r.Findings[0].Rule != "collision" {
			t.Errorf("%q: %v", pair, err)
		}
	}
}

// B19: nothing of .git or of a submodule, whether it is a folder, a file or a link.
func TestOtherRepositoriesAreNotPacked(t *testing.T) {
	t.Parallel()
	repo := with(files(plain), `
-- charts/x/.git/config --
[core]
-- charts/x/sub/.git --
gitdir: ../../../.git/modules/sub
-- charts/x/sub/file --
theirs
-- charts/x/deep/.git -> ../../../secret.txt --
-- charts/x/deep/file --
theirs
`)
	repo["charts/x/link"] = &fstest.MapFile{Mode: fs.ModeIrregular}
	pinned, err := charts.Pin(treeOf(repo, "charts/x", "1.0.0"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(pinned.Files())); !slices.Equal(got, []string{"Chart.yaml", "values.yaml"}) {
		t.Error(got)
	}
	for _, target := range []string{".git/config", "sub/file", "sub", "link", "link/file"} {
		repo["charts/x/peek"] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink}
		rejected(t, readError(repo), "charts/x/peek", "symlink-outside")
	}
}

func TestIrregularFileIsRejected(t *testing.T) {
	t.Parallel()
	repo := files(plain)
	repo["charts/x/pipe"] = &fstest.MapFile{Mode: fs.ModeNamedPipe}
	rejected(t, readError(repo), "charts/x/pipe", "irregular")
}

func TestPathThatNobodyCanReadIsRejected(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a\nb", "a\x1b[31mb", `a\b`, "a\u202eb", "c:/x", strings.Repeat("n", 600)} {
		repo := files(plain)
		repo["charts/x/"+name] = &fstest.MapFile{Mode: 0o644}
		err := readError(repo)
		rejected(t, err, "charts/x", "path")
		if strings.ContainsAny(err.Error(), "\n\x1b\u202e") {
			t.Errorf("%q is printed as it is", name)
		}
	}
}

func TestRequirementsOfHelm2AreRejected(t *testing.T) {
	t.Parallel()
	repo := with(files(plain), "-- charts/x/requirements.yaml --\nname: other\n")
	rejected(t, readError(repo), "charts/x/requirements.yaml", "requirements")
}

func TestHelmignoreThatHelmRefusesIsRejected(t *testing.T) {
	t.Parallel()
	for text, rule := range map[string]string{"**/x\n": "helmignore", "[\n": "helmignore", strings.Repeat("x\n", 10_000): "size"} {
		repo := with(files(plain), "-- charts/x/.helmignore --\n"+text)
		rejected(t, readError(repo), "charts/x/.helmignore", rule)
	}
}

func TestMissingChartIsRejected(t *testing.T) {
	t.Parallel()
	for dir, file := range map[string]string{"charts/y": "charts/y", "charts": "charts/Chart.yaml", ".": "Chart.yaml", "../x": ".", "/etc": ".", "a\nb": "."} {
		_, _, err := charts.Name(files(plain), dir)
		var r *charts.Rejected
		if !asRejected(err, &r) {
			t.Errorf("%s: %v", dir, err)
		} else if filepath.Clean(r.Findings[0].File) != file {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

func TestChartAtTheTopOfTheRepository(t *testing.T) {
	t.Parallel()
	repo := files("-- Chart.yaml --\napiVersion: v2\nname: top\nversion: 1.0.0\n-- .git/config --\nx\n-- values.yaml --\nimage: {tag: a}\n")
	pkg := pack(t, treeOf(repo, ".", "1.0.0"), nil, pinTag()...)
	if got := len(unpacked(t, pkg.Archive())); got != 2 {
		t.Errorf("%d files", got)
	}
}

// The same rules hold on a disk, where Open would follow any link.
func TestLinksOnADiskStayInside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, files(plain))
	if err := os.Symlink("../../secret.txt", filepath.Join(dir, "charts/x/leak")); err != nil {
		t.Fatal(err)
	}
	rejected(t, readError(os.DirFS(dir)), "charts/x/leak", "symlink-outside")
}

// The loader's own error repeats what stands in the file.
func TestAValueNeverStandsInARejection(t *testing.T) {
	t.Parallel()
	for _, values := range []string{"a: {{ hunter2 }}\n", "? {a: hunter2}\n: b\n", "hunter2\n", "a: *hunter2\n"} {
		for _, name := range []string{"values.yaml", "charts/sub/values.yaml"} {
			chart := fstest.MapFS{
				"c/Chart.yaml":            {Data: []byte("apiVersion: v2\nname: c\nversion: 0.1.0\n")},
				"c/charts/sub/Chart.yaml": {Data: []byte("apiVersion: v2\nname: sub\nversion: 0.1.0\n")},
				"c/" + name:               {Data: []byte(values)},
			}
			pinned, err := charts.Pin(charts.Tree{Files: chart, Dir: "c"}, nil)
			if err == nil {
				_, err = charts.Vendor(t.Context(), pinned, nil)
			}
			if err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s %q: %v", name, values, err)
			}
		}
	}
}
