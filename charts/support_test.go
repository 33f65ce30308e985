package charts_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/scalar"
)

var update = flag.Bool("update", false, "write the golden files anew")

const commit = "0123456789abcdef0123456789abcdef01234567"

// pinTag is the pin that everybody has.
func pinTag() []scalar.Edit { return []scalar.Edit{{Key: "image.tag", Value: commit}} }

// repository reads testdata/name as the files of a commit.
func repository(t *testing.T, name string) fstest.MapFS {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return files(string(data))
}

// files reads txtar text. A file named "a -> b" is a symbolic link a to b, as b stands there.
func files(text string) fstest.MapFS {
	all := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(text)).Files {
		if name, target, link := strings.Cut(f.Name, " -> "); link {
			all[name] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
			continue
		}
		all[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
	}
	return all
}

// with returns the files with those of text on top; an empty file is taken away.
func with(base fstest.MapFS, text string) fstest.MapFS {
	all := maps.Clone(base)
	for name, f := range files(text) {
		if all[name] = f; len(f.Data) == 0 {
			delete(all, name)
		}
	}
	return all
}

// replace returns the files with old text replaced in one of them.
func replace(t *testing.T, base fstest.MapFS, name, old, text string) fstest.MapFS {
	t.Helper()
	before := string(base[name].Data)
	if !strings.Contains(before, old) {
		t.Fatalf("%s holds no %q", name, old)
	}
	all := maps.Clone(base)
	all[name] = &fstest.MapFile{Data: []byte(strings.Replace(before, old, text, 1)), Mode: 0o644}
	return all
}

// treeOf is the tree of the chart at dir as the tag of this version has it.
func treeOf(fsys fs.FS, dir, version string) charts.Tree {
	return charts.Tree{
		Files: fsys, Dir: dir, Source: "https://github.com/acme/platform.git",
		Tag: filepath.Base(dir) + "-" + version, Version: version, Commit: commit,
		Time: time.Date(2026, 11, 2, 15, 4, 5, 600, time.FixedZone("", 3600)),
	}
}

// pack takes a tree down the whole line but for the lint.
func pack(t *testing.T, tree charts.Tree, get charts.Getter, pins ...scalar.Edit) charts.Package {
	t.Helper()
	pinned, err := charts.Pin(tree, pins)
	if err != nil {
		t.Fatal(err)
	}
	vendored, err := charts.Vendor(t.Context(), pinned, get)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := charts.Pack(charts.Pass(vendored))
	if err != nil {
		t.Fatal(err)
	}
	return pkg
}

// vendorError is what Vendor, or Pin before it, says of the chart at dir.
func vendorError(t *testing.T, fsys fs.FS, dir, version string, get charts.Getter) error {
	t.Helper()
	pinned, err := charts.Pin(treeOf(fsys, dir, version), nil)
	if err != nil {
		return err
	}
	_, err = charts.Vendor(t.Context(), pinned, get)
	return err
}

// rejected checks that err rejects with this rule, in this file, and that it says what to do.
func rejected(t *testing.T, err error, file, rule string) {
	t.Helper()
	var r *charts.Rejected
	if !errors.As(err, &r) {
		t.Fatalf("not rejected: %v", err)
	}
	for _, f := range r.Findings {
		if f.Rule == rule && f.File == file && f.Severity == charts.Error && f.Message != "" && f.Fix != "" {
			return
		}
	}
	t.Fatalf("no %s in %s: %v", rule, file, err)
}

// entry is one file of an archive.
type entry struct {
	Name string
	Data string
	Time time.Time
}

// unpacked lists an archive, without any code of the package under test.
func unpacked(t *testing.T, archive []byte) []entry {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	var entries []entry
	for tr := tar.NewReader(zipped); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry{h.Name, string(data), h.ModTime})
	}
}

// archiveOf packs text the way helm package does, as a chart that somebody else published.
func archiveOf(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var headers []tar.Header
	for _, name := range slices.Sorted(maps.Keys(files)) {
		headers = append(headers, tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(files[name]))})
	}
	return archiveOfHeaders(t, headers, files)
}

// archiveOfHeaders packs entries of any kind.
func archiveOfHeaders(t *testing.T, headers []tar.Header, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	tw := tar.NewWriter(zipped)
	for _, h := range headers {
		if err := tw.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(tw, files[h.Name]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(tw.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func asRejected(err error, r **charts.Rejected) bool { return errors.As(err, r) }

// write puts files on the disk.
func write(t *testing.T, dir string, files fstest.MapFS) {
	t.Helper()
	for name, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// packed is the text of one file of a package.
func packed(t *testing.T, pkg charts.Package, name string) string {
	t.Helper()
	for _, e := range unpacked(t, pkg.Archive()) {
		if e.Name == name {
			return e.Data
		}
	}
	t.Fatalf("the package holds no %s", name)
	return ""
}
