package charts_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/releaser/releaser/charts"
)

// both gives the archive to Vendor as a fetched dependency and as a copy under charts/.
func both(t *testing.T, archive []byte) []error {
	t.Helper()
	return []error{
		vendorError(t, remote(t, ociHost), "charts/x", "1.0.0", shelf{ociHost + " redis 1.2.3": archive}),
		vendorError(t, add(remote(t, ociHost), "charts/x/charts/redis-1.2.3.tgz", archive), "charts/x", "1.0.0", nil),
	}
}

// refused checks that both are rejected because of the archive.
func refused(t *testing.T, what string, archive []byte) {
	t.Helper()
	for _, err := range both(t, archive) {
		var r *charts.Rejected
		if !asRejected(err, &r) || r.Findings[0].Rule != "dependency-archive" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

const redisChart = "apiVersion: v2\nname: redis\nversion: 1.2.3\n"

func TestOrdinaryArchivePasses(t *testing.T) {
	t.Parallel()
	for _, err := range both(t, redis(t, "1.2.3")) {
		if err != nil {
			t.Error(err)
		}
	}
}

// B14: a FIFO, a device or a link in an archive.
func TestArchiveWithOtherThanFilesIsRejected(t *testing.T) {
	t.Parallel()
	for _, kind := range []byte{tar.TypeFifo, tar.TypeChar, tar.TypeBlock, tar.TypeLink, tar.TypeSymlink} {
		refused(t, string(kind), archiveOfHeaders(t, []tar.Header{
			{Name: "redis/Chart.yaml", Typeflag: tar.TypeReg, Size: int64(len(redisChart)), Mode: 0o644},
			{Name: "redis/x", Typeflag: kind, Linkname: "redis/Chart.yaml", Mode: 0o644},
		}, map[string]string{"redis/Chart.yaml": redisChart}))
	}
}

// B15: an entry that leaves the folder.
func TestArchiveEntryOutsideIsRejected(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"../x", "/x", "redis/../../x", "redis/../x", "x", "redis/./x", "redis//x", `redis\x`, `redis/..\..\x`, "other/x", "redis/c:/x", "redis/a\nb"} {
		refused(t, name, archiveOf(t, map[string]string{"redis/Chart.yaml": redisChart, name: "x"}))
	}
}

func TestArchiveWithAFileTwiceIsRejected(t *testing.T) {
	t.Parallel()
	h := tar.Header{Name: "redis/Chart.yaml", Typeflag: tar.TypeReg, Size: int64(len(redisChart)), Mode: 0o644}
	refused(t, "twice", archiveOfHeaders(t, []tar.Header{h, h}, map[string]string{"redis/Chart.yaml": redisChart}))
	refused(t, "case", archiveOf(t, map[string]string{"redis/Chart.yaml": redisChart, "redis/a": "", "redis/A": ""}))
}

// B16: archives that unpack to a gigabyte are read up to the limit only: one large file, many files, and zeros without end.
func TestGzipBombStopsAtTheLimit(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for what, size := range map[string]int{"one file": 1 << 30, "files of 4 MiB": 4 << 20, "no files": 0} {
		refused(t, what, bomb(t, size))
	}
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 400<<20 {
		t.Errorf("%d bytes of memory", spent)
	}
}

// bomb is a gigabyte of zeros in tar files of this size (none if 0), as gzip members one after the other.
func bomb(t *testing.T, size int) []byte {
	t.Helper()
	mebibyte, out := zipped(t, make([]byte, 1<<20)), []byte(nil)
	for i := range 1024 {
		if size > 0 && i%(size>>20) == 0 {
			var header bytes.Buffer
			if err := tar.NewWriter(&header).WriteHeader(&tar.Header{Name: "redis/" + strconv.Itoa(i), Typeflag: tar.TypeReg, Size: int64(size), Mode: 0o644}); err != nil {
				t.Fatal(err)
			}
			out = append(out, zipped(t, header.Bytes())...)
		}
		out = append(out, mebibyte...)
	}
	return out
}

func zipped(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// B16: many small bombs in one archive share its limit, and so do archives in archives.
func TestBombsInArchivesShareOneBudget(t *testing.T) {
	t.Parallel()
	inner := archiveOf(t, map[string]string{"a/Chart.yaml": "apiVersion: v2\nname: a\nversion: 1.0.0\n", "a/x": strings.Repeat("0", 4<<20)})
	all := map[string]string{"redis/Chart.yaml": redisChart}
	for _, c := range "abcdefghij" {
		all["redis/charts/"+string(c)+".tgz"] = string(inner)
	}
	refused(t, "ten of 4 MiB", archiveOf(t, all))
}

func TestArchivesInArchivesAreUnpacked(t *testing.T) {
	t.Parallel()
	lib := archiveOf(t, map[string]string{"lib/Chart.yaml": "apiVersion: v2\nname: lib\nversion: 1.0.0\n"})
	outer := archiveOf(t, map[string]string{"redis/Chart.yaml": redisChart, "redis/charts/lib-1.0.0.tgz": string(lib), "redis/charts/_off.tgz": "kept out by Helm"})
	pinned, err := charts.Pin(treeOf(remote(t, ociHost), "charts/x", "1.0.0"), nil)
	if err != nil {
		t.Fatal(err)
	}
	vendored, err := charts.Vendor(t.Context(), pinned, shelf{ociHost + " redis 1.2.3": outer})
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Sorted(maps.Keys(vendored.Files()))
	if !slices.Contains(got, "charts/redis/charts/lib/Chart.yaml") || slices.Contains(got, "charts/redis/charts/lib-1.0.0.tgz") {
		t.Errorf("%q", got)
	}
}

func TestArchiveThatIsNoneIsRejected(t *testing.T) {
	t.Parallel()
	whole := redis(t, "1.2.3")
	refused(t, "text", []byte("hello"))
	refused(t, "nothing", nil)
	refused(t, "half", whole[:len(whole)/2])
	refused(t, "empty tar", archiveOf(t, nil))
	refused(t, "no Chart.yaml", archiveOf(t, map[string]string{"redis/values.yaml": "a: 1\n"}))
}
