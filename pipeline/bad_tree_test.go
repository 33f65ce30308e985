// What is tested here has no concurrency of its own, and takes minutes under the race detector.
//go:build !race

package pipeline

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/gitd/gitdtest"
)

// add commits one file of any bytes to main.
func (w *world) add(name string, content []byte) (commit string) {
	w.Helper()
	commit, err := w.git.Repository.Commit(w.Context(), gitd.Commit{
		Branch: "main", Message: "add " + name, Time: gitdtest.Epoch, Files: map[string]gitd.File{name: {Content: content}},
	})
	w.must(err)
	return commit
}

// entries is a packed chart named sub with these entries after its Chart.yaml. Regular ones hold zeros.
func (w *world) entries(headers ...tar.Header) []byte {
	w.Helper()
	var out bytes.Buffer
	zipped, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	w.must(err)
	to := tar.NewWriter(zipped)
	const chart = "apiVersion: v2\nname: sub\nversion: 1.0.0\n"
	w.must(to.WriteHeader(&tar.Header{Name: "sub/Chart.yaml", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(chart))}))
	_, err = to.Write([]byte(chart))
	w.must(err)
	zeros := make([]byte, 1<<20)
	for _, h := range headers {
		w.must(to.WriteHeader(&h))
		for left := h.Size; left > 0; left -= int64(len(zeros)) {
			_, err := to.Write(zeros[:min(left, int64(len(zeros)))])
			w.must(err)
		}
	}
	w.must(errors.Join(to.Close(), zipped.Close()))
	return out.Bytes()
}

// rejectsArchives sweeps over charts that have such an archive under charts/ each. Each is rejected in these words.
func (w *world) rejectsArchives(archives map[string][]byte, words func(chart string) string) {
	w.Helper()
	want := map[string][]string{}
	for _, chart := range slices.Sorted(maps.Keys(archives)) {
		w.push(bad(chart))
		w.git.Tag(chart+"-1.0.0", w.add("charts/"+chart+"/charts/sub-1.0.0.tgz", archives[chart]))
		want[chart+"-1.0.0"] = []string{
			"charts/" + chart + "/charts/sub-1.0.0.tgz: error: dependency-archive: the archive is refused: " + words(chart), "pack it again: helm package",
		}
	}
	w.rejects(want)
}

// B12
func TestALinkThatLeadsRoundInACircleIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(bad("file")+"-- charts/file/a -> b --\n-- charts/file/b -> a --\n"+
		bad("self")+"-- charts/self/values.yaml -> values.yaml --\n"+
		bad("folder")+"-- charts/folder/files/up -> .. --\n", "file-1.0.0", "self-1.0.0", "folder-1.0.0")
	const rule, fix = ": error: symlink-loop: the symbolic link leads ", "remove the link"
	w.rejects(map[string][]string{
		"file-1.0.0":   {"charts/file/a" + rule + "round in a circle", fix},
		"self-1.0.0":   {"charts/self/values.yaml" + rule + "round in a circle", fix},
		"folder-1.0.0": {"charts/folder/files/up" + rule + "back to a folder above it", fix},
	})
}

// B13: Helm once wrote through it (CVE-2025-53547). Even to a file of the chart it is refused.
func TestAChartLockThatIsALinkIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	locked, lock, _ := strings.Cut(dependent("locked", "1.0.0", "lib", "1.0.0", "file://../lib"), "-- charts/locked/Chart.lock --\n")
	w.push(bad("shell")+"-- charts/shell/Chart.lock -> ../../../../.bashrc --\n"+
		bad("host")+"-- charts/host/Chart.lock -> /etc/passwd --\n"+
		locked+"-- charts/locked/real.lock --\n"+lock+"-- charts/locked/Chart.lock -> real.lock --\n", "shell-1.0.0", "host-1.0.0", "locked-1.0.0")
	want := map[string][]string{}
	for _, chart := range []string{"shell", "host", "locked"} {
		want[chart+"-1.0.0"] = []string{
			"charts/" + chart + "/Chart.lock: error: symlink-lock: it is a symbolic link", "commit the file itself: helm dependency update charts/" + chart,
		}
	}
	w.rejects(want)
}

// B14
func TestAnArchiveWithADeviceAFIFOOrALinkIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	archives := map[string][]byte{}
	for chart, kind := range map[string]byte{"fifo": tar.TypeFifo, "char": tar.TypeChar, "block": tar.TypeBlock, "hardlink": tar.TypeLink, "symlink": tar.TypeSymlink} {
		archives[chart] = w.entries(tar.Header{Name: "sub/x", Typeflag: kind, Linkname: "/etc/passwd", Mode: 0o644})
	}
	w.rejectsArchives(archives, func(string) string { return `the entry "sub/x" is a link, a device or the like` })
}

// B15
func TestAnArchiveWithAnEntryOutsideItsFolderIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	archives, names := map[string][]byte{}, map[string]string{"above": "../x", "root": "/x", "through": "sub/../../x", "beside": "other/x", "drive": "sub/c:/x"}
	for chart, name := range names {
		archives[chart] = w.entries(tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644})
	}
	w.rejectsArchives(archives, func(chart string) string { return fmt.Sprintf("the entry %q", names[chart]) })
}

// B16
func TestAnArchiveThatUnpacksToAGigabyteIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var many []tar.Header
	for n := range 20 {
		many = append(many, tar.Header{Name: fmt.Sprintf("sub/%d", n), Typeflag: tar.TypeReg, Mode: 0o644, Size: 5 << 20})
	}
	words := map[string]string{"one": `the entry "sub/x" is larger than 5242880 bytes`, "many": `the entry "sub/1": it unpacks to more than 10485760 bytes`}
	w.rejectsArchives(map[string][]byte{
		"one":  w.entries(tar.Header{Name: "sub/x", Typeflag: tar.TypeReg, Mode: 0o644, Size: 1 << 30}),
		"many": w.entries(many...),
	}, func(chart string) string { return words[chart] })
}

// B17
func TestALargeFileAndAHundredThousandFilesAreRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(bad("large") + bad("many") + bad("ignored") + "-- charts/ignored/.helmignore --\nfiles/*\n")
	w.git.Tag("large-1.0.0", w.add("charts/large/model.bin", make([]byte, 6<<20)))
	blob := w.git.GitInput("x", "hash-object", "-w", "--stdin")
	var lines strings.Builder
	for n := range 100_000 {
		fmt.Fprintf(&lines, "100644 blob %s\t%d\n", blob, n)
	}
	files := w.git.GitInput(lines.String(), "mktree")
	w.git.Tag("many-1.0.0", w.graft("charts/many", "040000 tree "+files+"\tfiles"))
	w.git.Tag("ignored-1.0.0", w.graft("charts/ignored", "040000 tree "+files+"\tfiles"))
	w.rejects(map[string][]string{
		"large-1.0.0":   {"charts/large/model.bin: error: size: the file is larger than 5242880 bytes", "make it smaller, or name it in .helmignore"},
		"ignored-1.0.0": {"charts/ignored: error: count: the chart and its dependencies lie among more than 20000 files and folders", "release a smaller folder"},
		"many-1.0.0":    {"charts/many: error: size: the chart has more than 10000 files", "name what is not needed in .helmignore"},
	})
}

// graft puts a line into a git tree, as git itself might not, and commits it to main.
func (w *world) graft(dir, line string) (commit string) {
	w.Helper()
	tree := w.git.GitInput(w.git.Git("ls-tree", "main:"+dir)+"\n"+line+"\n", "mktree")
	for dir != "" {
		above, name := "", dir
		if at := strings.LastIndex(dir, "/"); at >= 0 {
			above, name = dir[:at], dir[at+1:]
		}
		lines := w.git.Git("ls-tree", "main:"+above)
		old := w.git.Git("rev-parse", "main:"+dir)
		tree = w.git.GitInput(strings.Replace(lines, old+"\t"+name, tree+"\t"+name, 1)+"\n", "mktree")
		dir = above
	}
	commit = w.git.CommitTree(tree, w.git.Git("rev-parse", "main"))
	w.git.Git("update-ref", "refs/heads/main", commit)
	return commit
}

// B18
func TestFilesThatAreOneWhereCaseOrUnicodeFormDoesNotCountAreRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := map[string][]string{}
	for chart, pair := range map[string][2]string{
		"case": {"README.md", "readme.md"}, "folder": {"Files/b", "files/a"}, "form": {"cafe\u0301.txt", "caf\u00e9.txt"}, "fold": {"STRASSE", "Stra\u00dfe"},
	} {
		w.push(bad(chart)+fmt.Sprintf("-- charts/%[1]s/%[2]s --\n-- charts/%[1]s/%[3]s --\n", chart, pair[0], pair[1]), chart+"-1.0.0")
		want[chart+"-1.0.0"] = []string{"charts/" + chart + "/", "error: collision: ", "are one file where case or Unicode form does not count", "rename one of them"}
	}
	w.rejects(want)
}

// B19
func TestAnotherRepositoryBelowAChartIsNeitherFollowedNorPacked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	commit := w.push(small("voice", "1.0.0")+"-- charts/voice/sub [submodule] --\n"+strings.Repeat("1", 40)+"\n"+
		"-- .gitmodules --\n[submodule \"sub\"]\n\tpath = charts/voice/sub\n\turl = "+w.server.RepositoryURL(environments+".git")+"\n", "voice-1.0.0")
	w.push(bad("into")+"-- charts/into/sub [submodule] --\n"+strings.Repeat("1", 40)+"\n-- charts/into/x -> sub/secret --\n", "into-1.0.0")
	link := w.git.GitInput("/", "hash-object", "-w", "--stdin")
	w.push(bad("link"))
	w.git.Tag("link-1.0.0", w.graft("charts/link", "120000 blob "+link+"\t.git"))
	w.sweepIs("into-1.0.0 rejected", "link-1.0.0 rejected", "voice-1.0.0 released")
	w.says("the reason", w.outcome("into-1.0.0").Reason, "charts/into/x: error: symlink-outside: ", "put a copy of the file into the chart")
	w.says("the reason", w.outcome("link-1.0.0").Reason, `charts/link: bad file name ".git": it is git's own; rename it`)
	if got := w.resolve("voice", "1.0.0").Commit(); got != commit {
		t.Errorf("released %s, not %s", got, commit)
	}
	if names := w.packed("voice", "1.0.0"); slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, "sub") }) {
		t.Errorf("the package holds %q", names)
	}
}
