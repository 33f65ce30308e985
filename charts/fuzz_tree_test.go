package charts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"github.com/rogpeppe/go-internal/txtar"
)

// The limits of a fuzzed chart: so small that they can be met.
const (
	fuzzFiles   = 20
	fuzzBytes   = 4 << 10
	fuzzEntries = 60
	fuzzTries   = 500
	// fuzzCalls is how often the file system may be asked for so few entries, each behind as many links as there may be.
	fuzzCalls = 20_000
)

func fuzzBudget() *budget {
	return &budget{files: fuzzFiles, bytes: fuzzBytes, entries: fuzzEntries, tries: fuzzTries, yaml: maxYAML}
}

// Whatever a repository holds, files, links and what is neither, nothing is asked for outside of the chart's folder, and
// nothing is read that is not a regular file there by its own name. What comes of it is within the limits, in order, and no
// two of it are one file.
func FuzzTreeIsReadWithinItsFolderAndLimits(f *testing.F) {
	addTrees(f)
	f.Fuzz(func(t *testing.T, text, dir, name string) {
		w := &watched{MapFS: repositoryOf(text), dir: dir}
		files, err := readChart(t.Context(), w, dir, fuzzBudget())
		checkRejected(t, dir, err)
		if err == nil {
			checkFiles(t, files)
		}
		data, err := readOne(w, dir, name, fuzzBytes)
		checkRejected(t, dir, err)
		if len(data) > fuzzBytes {
			t.Fatalf("%d bytes of %q", len(data), name)
		}
		if w.outside != "" || w.calls > fuzzCalls {
			t.Fatalf("asked %d times, and outside of %q for %q", w.calls, dir, w.outside)
		}
	})
}

// checkFiles wants files that any file system can hold, and that a small chart may have.
func checkFiles(t *testing.T, files []file) {
	t.Helper()
	var names []string
	size := 0
	for _, f := range files {
		names = append(names, f.name)
		size += len(f.data)
		if !filepath.IsLocal(f.name) || !fs.ValidPath(f.name) || strings.ContainsFunc(f.name, func(r rune) bool { return r == '\\' || !unicode.IsPrint(r) }) {
			t.Fatalf("a file %q", f.name)
		}
	}
	if len(files) > fuzzFiles || size > fuzzBytes {
		t.Fatalf("%d files of %d bytes: %q", len(files), size, names)
	}
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Fatalf("out of order or twice: %q", names)
	}
	for n, name := range names { // a simpler rule than the one of the package, for ASCII
		for _, other := range names[n+1:] {
			if strings.EqualFold(name, other) || strings.HasPrefix(other, name+"/") {
				t.Fatalf("%q and %q", name, other)
			}
		}
	}
}

// checkRejected wants an error that can be shown, and blames nothing outside of the chart.
func checkRejected(t *testing.T, dir string, err error) {
	t.Helper()
	var r *Rejected
	if !errors.As(err, &r) {
		return
	}
	for _, f := range r.Findings {
		if f.Message == "" || strings.ContainsFunc(f.String(), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("a finding %q", f)
		}
		if fs.ValidPath(dir) && f.File != dir && dir != "." && !strings.HasPrefix(f.File, dir+"/") && pathProblem(dir) == "" {
			t.Fatalf("%q is blamed for %q", f.File, dir)
		}
	}
}

// watched is a repository that notes what is asked of it. Folders above the chart's may be looked at, not into.
type watched struct {
	fstest.MapFS
	dir     string
	calls   int
	outside string
}

func (w *watched) inside(name string) bool {
	return w.dir == "." || name == w.dir || strings.HasPrefix(name, w.dir+"/")
}

// note remembers a path that leads out of the chart, by itself or by a link in it.
func (w *watched) note(name string, allowed bool) {
	w.calls++
	for at := path.Dir(name); at != "." && at != "/"; at = path.Dir(at) {
		if info, err := w.MapFS.Lstat(at); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			allowed = false
		}
	}
	if !allowed || !filepath.IsLocal(name) || name != path.Clean(name) {
		w.outside = name
	}
}

func (w *watched) Lstat(name string) (fs.FileInfo, error) {
	above := name == "." || strings.HasPrefix(w.dir, name+"/")
	w.note(name, above || w.inside(name))
	return w.MapFS.Lstat(name)
}

func (w *watched) ReadLink(name string) (string, error) {
	w.note(name, w.inside(name))
	return w.MapFS.ReadLink(name)
}

func (w *watched) ReadDir(name string) ([]fs.DirEntry, error) {
	info, err := w.MapFS.Lstat(name)
	w.note(name, w.inside(name) && err == nil && info.IsDir())
	return w.MapFS.ReadDir(name)
}

func (w *watched) Open(name string) (fs.File, error) {
	info, err := w.MapFS.Lstat(name)
	w.note(name, w.inside(name) && err == nil && info.Mode().IsRegular())
	return w.MapFS.Open(name)
}

// repositoryOf reads txtar text. "a -> b" is a link, and "a [fifo]" something else than a file.
func repositoryOf(text string) fstest.MapFS {
	kinds := map[string]fs.FileMode{
		"fifo": fs.ModeNamedPipe, "device": fs.ModeDevice, "socket": fs.ModeSocket, "submodule": fs.ModeIrregular,
		"folder": fs.ModeDir | 0o755, "setuid": fs.ModeSetuid | 0o755, "closed": 0, "temporary": fs.ModeTemporary,
	}
	all := fstest.MapFS{}
	for _, part := range strings.Split("\n"+text, "\n-- ")[1:] { // the library panics over some text
		name, data, _ := strings.Cut(part+"\n", " --\n")
		name, target, link := strings.Cut(name, " -> ")
		entry := &fstest.MapFile{Data: []byte(data), Mode: 0o644}
		if link {
			entry = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
		} else if plain, kind, odd := strings.Cut(strings.TrimSuffix(name, "]"), " ["); odd {
			name, entry.Mode = plain, kinds[kind]
		}
		if fs.ValidPath(name) && name != "." {
			all[name] = entry
		}
	}
	return all
}

// addTrees adds the shipped charts, those of the tests, and what an enemy would commit.
func addTrees(f *testing.F) {
	f.Helper()
	for _, chart := range []string{"voice-agent", "voice-lib"} {
		var archive txtar.Archive
		err := fs.WalkDir(os.DirFS("."), chart, func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			data, err := os.ReadFile(name)
			archive.Files = append(archive.Files, txtar.File{Name: name, Data: data[:min(len(data), 100)]})
			return err
		})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(txtar.Format(&archive)), chart, "values-prod.yaml")
	}
	agent, err := os.ReadFile("testdata/agent.txtar")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(agent), "charts/agent", "values.yaml")
	const chart = "-- secret --\nx\n-- c/x/Chart.yaml --\nname: x\n-- c/x/values.yaml --\n"
	for _, text := range []string{
		"-- c/x/leak -> ../../secret --\n", "-- c/x/leak -> /etc/passwd --\n", "-- c/x/a -> b/c --\n-- c/x/b -> ../.. --\n", "-- c/x/a -> a --\n",
		"-- c/x/a -> . --\n-- c/x/b -> . --\n", "-- c/x/d/a -> ../e --\n-- c/x/e/b -> ../d --\n", "-- c/x/Chart.lock -> values.yaml --\n",
		"-- c/x/p [fifo] --\n-- c/x/q [device] --\n", "-- c/x/sub [submodule] --\n-- c/x/m/.git --\n-- c/x/m/y --\n-- c/x/.git -> ../.. --\n",
		"-- c/x/.helmignore --\n/a*\n!b\n# c\n[\n-- c/x/a/b --\n", "-- c/x/A --\n-- c/x/a --\n-- c/x/\u0131 --\n-- c/x/k --\n-- c/x/\u212a --\n",
		"-- c/x/.helmignore -> ../../secret --\n", "-- c/x/f [folder] --\n-- c/x/f/a [setuid] --\n-- c/x/f/b [closed] --\nb\n", "-- c/x/back\\slash --\n-- c/x/tab\there --\n",
	} {
		f.Add(chart+text, "c/x", "leak")
		f.Add(chart+text, "c", "x/a/../values.yaml")
		f.Add(chart+"-- c/l -> x --\n"+text, "c/l", "values.yaml")
	}
	doubling := "-- c/x/d0 [folder] --\n"
	for n := range 16 {
		doubling += fmt.Sprintf("-- c/x/d%d/l -> ../d%d --\n-- c/x/d%d/m -> ../d%d --\n", n+1, n, n+1, n)
	}
	f.Add(chart+doubling, "c/x", "d16/l/m/l")
	f.Add(chart, ".", "c/x/values.yaml")
	f.Add(chart, "../c", "values.yaml")
}
