package charts

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// fuzzUnpacked is the limit of a fuzzed archive, packed and unpacked.
const fuzzUnpacked = 64 << 10

// Whatever an archive holds, by the text of its entries or by any bytes in the place of them, what is unpacked stays in one
// folder and within the limits, holds what another reader finds there, and can be put out on a disk; so can it once it is
// one of the dependencies of a chart, all of them on one budget.
func FuzzArchiveStaysInItsFolderAndLimits(f *testing.F) {
	addArchives(f)
	f.Fuzz(func(t *testing.T, text string, raw []byte) {
		checkArchive(t, raw)
		entries := tarOf(text, raw)
		packed := gzipped(t, entries)
		checkArchive(t, packed)
		files := []file{{chartFile, nil}, {"charts/a.tgz", packed}, {"charts/b/" + chartFile, nil}, {"charts/c/charts/d.tgz", packed}}
		flat, err := flatten(files, fuzzBudget())
		if err != nil {
			return
		}
		size := 0
		for _, f := range flat {
			size += len(f.data)
			if f.name != chartFile && (!strings.HasPrefix(f.name, "charts/") || strings.Count(f.name, "/") < 2) || nestedArchive.MatchString(f.name) {
				t.Fatalf("a file %q", f.name)
			}
		}
		if size > fuzzBytes || len(flat) > fuzzFiles+2 {
			t.Fatalf("%d files of %d bytes", len(flat), size)
		}
	})
}

// checkArchive unpacks, and compares with another reading of the same bytes.
func checkArchive(t *testing.T, packed []byte) {
	t.Helper()
	left := fuzzBudget()
	folder, files, err := unpack(packed, fuzzUnpacked, left)
	if err != nil {
		return
	}
	checkFiles(t, files)
	if folder == "" || strings.ContainsAny(folder, "/\\") || folder == "." || folder == ".." || left.files < 0 || left.bytes < 0 {
		t.Fatalf("the folder %q, and %+v left", folder, left)
	}
	if _, found := find(files, chartFile); !found {
		t.Fatal("no Chart.yaml")
	}
	zipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(io.LimitReader(zipped, 10*fuzzUnpacked))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && len(whole) == 0 {
		t.Fatal(err)
	}
	found := 0
	for r := tar.NewReader(bytes.NewReader(whole)); ; {
		header, err := r.Next()
		if err != nil {
			break
		}
		data, err := io.ReadAll(r)
		if header.Typeflag != tar.TypeReg || err != nil {
			continue
		}
		found++
		name := strings.TrimPrefix(header.Name, folder+"/")
		if f, ok := find(files, name); !ok || !bytes.Equal(f.data, data) {
			t.Fatalf("%q holds %q, not %q", header.Name, f.data, data)
		}
	}
	if found != len(files) {
		t.Fatalf("%d files, not the %d of the archive", len(files), found)
	}
}

// tarOf writes the entries of a text, and then raw bytes. "a -> b" is a symbolic link, "a => b" a hard one, and "a [6]" an
// entry of the type 6.
func tarOf(text string, raw []byte) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, part := range strings.Split("\n"+text, "\n-- ")[1:] {
		name, data, _ := strings.Cut(part+"\n", " --\n")
		header := &tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}
		if before, target, link := strings.Cut(name, " -> "); link {
			header.Name, header.Linkname, header.Typeflag = before, target, tar.TypeSymlink
		} else if before, target, link := strings.Cut(name, " => "); link {
			header.Name, header.Linkname, header.Typeflag = before, target, tar.TypeLink
		} else if before, kind, odd := strings.Cut(strings.TrimSuffix(name, "]"), " ["); odd && kind != "" {
			header.Name, header.Typeflag = before, kind[0]
		}
		if header.Typeflag == tar.TypeReg {
			header.Size = int64(len(data))
		}
		if w.WriteHeader(header) == nil && header.Typeflag == tar.TypeReg {
			_, _ = io.WriteString(w, data)
		}
	}
	if len(raw) == 0 {
		_ = w.Close()
		return out.Bytes()
	}
	_ = w.Flush()
	return append(out.Bytes(), raw...)
}

func gzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// addArchives adds a real chart and what an enemy would pack.
func addArchives(f *testing.F) {
	f.Helper()
	data, err := os.ReadFile("testdata/agent.txtar")
	if err != nil {
		f.Fatal(err)
	}
	var agent txtar.Archive
	for _, file := range txtar.Parse(data).Files {
		if name, ok := strings.CutPrefix(file.Name, "charts/"); ok && !strings.Contains(name, " -> ") {
			agent.Files = append(agent.Files, txtar.File{Name: name, Data: file.Data[:min(len(file.Data), 100)]})
		}
	}
	f.Add(string(txtar.Format(&agent)), []byte(nil))
	const chart = "-- a/Chart.yaml --\nname: a\n"
	nested := tarOf(chart, nil)
	for _, text := range []string{
		"", "-- a/../x --\n", "-- /a/x --\n", "-- a --\n", "-- b/x --\n", "-- a//x --\n", "-- a/./x --\n", "-- a/x\\y --\n", "-- a/x -> Chart.yaml --\n",
		"-- a/x => a/Chart.yaml --\n", "-- a/x [6] --\n", "-- a/x [3] --\n", "-- a/x [5] --\n", "-- a/x [g] --\n", "-- a/x [S] --\n", "-- a/x --\n-- a/x/y --\n",
		"-- a/chart.yaml --\n", "-- a/Chart.yaml --\n", "-- a/C:/x --\n", "-- a/\u00e4 --\n-- a/a\u0308 --\n", "-- a/" + strings.Repeat("x", 300) + " --\n",
		"-- a/x --\n" + strings.Repeat("x", fuzzBytes), strings.Repeat("-- a/x --\n-- a/y --\n", fuzzFiles), "-- a/charts/n.tgz --\n" + string(nested),
	} {
		f.Add(chart+text, []byte(nil))
		f.Add(text+chart, nested)
	}
	f.Add(chart, make([]byte, 2*fuzzUnpacked)) // which is packed to nearly nothing
	f.Add("-- a [x] --\n", tarOf("-- ../../\u00e4 --\nx\n", nil))
}
