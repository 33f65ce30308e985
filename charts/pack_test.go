package charts_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/scalar"
)

// agent packs the chart that has everything.
func agent(t *testing.T, repo fs.FS) charts.Package {
	t.Helper()
	pins := append(pinTag(), scalar.Edit{File: "Chart.yaml", Key: "appVersion", Value: "1.4.0"})
	return pack(t, treeOf(repo, "charts/agent", "1.4.0"), nil, pins...)
}

func TestPackageHoldsTheChartAndNothingElse(t *testing.T) {
	t.Parallel()
	repo := repository(t, "agent.txtar")
	var listing strings.Builder
	for _, e := range unpacked(t, agent(t, repo).Archive()) {
		listing.WriteString(e.Time.UTC().Format(time.RFC3339) + " " + e.Name + "\n")
	}
	golden(t, "agent.listing", listing.String())
}

func TestValuesInThePackageDifferFromTheTagsByOneScalar(t *testing.T) {
	t.Parallel()
	repo := repository(t, "agent.txtar")
	before := string(repo["charts/agent/values.yaml"].Data)
	want := strings.Replace(before, "latest", `"`+commit+`"`, 1)
	if got := packed(t, agent(t, repo), "agent/values.yaml"); got != want || got == before {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// Every byte of values.yaml but the scalar's: CRLF, a byte order mark, no newline at the end.
func TestOddBytesOfValuesSurviveThePackage(t *testing.T) {
	t.Parallel()
	repo := files(plain)
	repo["charts/x/values.yaml"].Data = []byte("\xef\xbb\xbf# a\r\nimage:\r\n    tag:   old # b\r\n# c")
	pkg := pack(t, treeOf(repo, "charts/x", "1.0.0"), nil, pinTag()...)
	want := "\xef\xbb\xbf# a\r\nimage:\r\n    tag:   \"" + commit + "\" # b\r\n# c"
	if got := packed(t, pkg, "x/values.yaml"); got != want {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

func TestAnnotationsAreHelmsAndThenOurs(t *testing.T) {
	t.Parallel()
	pkg := agent(t, repository(t, "agent.txtar"))
	text, err := json.MarshalIndent(pkg.Annotations(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "agent.annotations.json", string(text)+"\n")
	if pkg.Annotations()[charts.AnnotationContent] != pkg.Content() {
		t.Error("the content annotation is not the content's digest")
	}
	var config map[string]any
	if err := json.Unmarshal(pkg.Config(), &config); err != nil {
		t.Fatal(err)
	}
	if config["name"] != "agent" || config["version"] != "1.4.0" || config["appVersion"] != "1.4.0" {
		t.Errorf("%s", pkg.Config())
	}
}

func TestRevisionNamesTheHashOfTheRepository(t *testing.T) {
	t.Parallel()
	if got := charts.Revision("x-1.0.0", commit); got != "x-1.0.0@sha1:"+commit {
		t.Error(got)
	}
	if got := charts.Revision("v1", strings.Repeat("a", 64)); got != "v1@sha256:"+strings.Repeat("a", 64) {
		t.Error(got)
	}
}

func TestPackageTellsItsTree(t *testing.T) {
	t.Parallel()
	got := agent(t, repository(t, "agent.txtar")).Tree()
	want := charts.Tree{Dir: "charts/agent", Source: "https://github.com/acme/platform.git", Tag: "agent-1.4.0",
		Version: "1.4.0", Commit: commit, Time: time.Date(2026, 11, 2, 14, 4, 5, 0, time.UTC)}
	if got != want {
		t.Errorf("%+v", got)
	}
}

func TestTreeWithoutATagIsNotPacked(t *testing.T) {
	t.Parallel()
	for _, spoil := range []func(*charts.Tree){
		func(t *charts.Tree) { t.Time = time.Time{} }, func(t *charts.Tree) { t.Commit = "" },
		func(t *charts.Tree) { t.Tag = "" }, func(t *charts.Tree) { t.Source = "" },
	} {
		tree := treeOf(files(plain), "charts/x", "1.0.0")
		spoil(&tree)
		pinned, err := charts.Pin(tree, nil)
		if err != nil {
			t.Fatal(err)
		}
		vendored, err := charts.Vendor(t.Context(), pinned, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := charts.Pack(charts.Pass(vendored)); err == nil {
			t.Errorf("packed %+v", tree)
		}
	}
}

func TestWarningsStayWithThePackage(t *testing.T) {
	t.Parallel()
	pinned, err := charts.Pin(treeOf(files(plain), "charts/x", "1.0.0"), nil)
	if err != nil {
		t.Fatal(err)
	}
	vendored, err := charts.Vendor(t.Context(), pinned, nil)
	if err != nil {
		t.Fatal(err)
	}
	warning := charts.Finding{Severity: charts.Warning, Rule: "icon", Message: "there is none"}
	pkg, err := charts.Pack(charts.Pass(vendored, warning))
	if err != nil || !slices.Equal(pkg.Findings(), []charts.Finding{warning}) {
		t.Errorf("%v %v", pkg.Findings(), err)
	}
}

// Helm asks the clock for a lock without a time.
func TestLockWithoutATimeTakesTheCommits(t *testing.T) {
	t.Parallel()
	repo := repository(t, "agent.txtar")
	repo = replace(t, repo, "charts/agent/Chart.lock", "generated:", "x-generated:")
	for _, e := range unpacked(t, agent(t, repo).Archive()) {
		if e.Name == "agent/Chart.lock" && !e.Time.Equal(time.Date(2026, 11, 2, 14, 4, 5, 0, time.UTC)) {
			t.Error(e.Time)
		}
	}
}

// backwards lists every folder in the opposite order.
type backwards struct{ fstest.MapFS }

func (b backwards) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := b.MapFS.ReadDir(name)
	slices.Reverse(entries)
	return entries, err
}

func TestOneCommitGivesOneDigest(t *testing.T) {
	t.Parallel()
	repo := repository(t, "agent.txtar")
	want := agent(t, repo).Digest()
	for range 20 { // Helm's loader takes dependencies from a map
		if got := agent(t, backwards{repo}).Digest(); got != want {
			t.Fatalf("%s, then %s", want, got)
		}
	}
	inUTC := treeOf(repo, "charts/agent", "1.4.0")
	inUTC.Time = inUTC.Time.UTC()
	pins := append(pinTag(), scalar.Edit{File: "Chart.yaml", Key: "appVersion", Value: "1.4.0"})
	if got := pack(t, inUTC, nil, pins...).Digest(); got != want {
		t.Errorf("%s, and with its time in UTC %s", want, got)
	}
}

// Two folders, two umasks, two time zones, other file times and modes: a process each, as all but the folder belong to a process.
func TestMachinesAgreeOnTheDigest(t *testing.T) {
	t.Parallel()
	want := agent(t, repository(t, "agent.txtar")).Digest()
	for _, m := range []struct{ zone, mask, folder, mode string }{
		{"Asia/Kolkata", "0077", "a", "0600"},
		{"America/St_Johns", "0000", "b/c", "0777"},
		{"Europe/Berlin", "0022", "d", "0644"}, // the offset that stands in one of the locks
	} {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDigestOfAChild$", "-test.v")
		child.Env = append(os.Environ(), "TZ="+m.zone, "CHARTS_TEST_UMASK="+m.mask, "CHARTS_TEST_MODE="+m.mode, "CHARTS_TEST_DIR="+filepath.Join(t.TempDir(), m.folder))
		out, err := child.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if !strings.Contains(string(out), "digest "+want) {
			t.Errorf("%+v: not %s:\n%s", m, want, out)
		}
	}
}

// TestDigestOfAChild is the child of TestMachinesAgreeOnTheDigest.
func TestDigestOfAChild(t *testing.T) {
	dir := os.Getenv("CHARTS_TEST_DIR")
	if dir == "" {
		t.Skip("runs as a child of TestMachinesAgreeOnTheDigest")
	}
	syscall.Umask(int(octal(os.Getenv("CHARTS_TEST_UMASK"))))
	repo := repository(t, "agent.txtar")
	write(t, dir, repo)
	mode := fs.FileMode(octal(os.Getenv("CHARTS_TEST_MODE")))
	for i, name := range slices.Sorted(maps.Keys(repo)) {
		path := filepath.Join(dir, name)
		at := time.Now().Add(-time.Duration(i) * time.Hour)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("digest %s", agent(t, os.DirFS(dir)).Digest())
}

func octal(text string) (n uint64) {
	for _, c := range text {
		n = n*8 + uint64(c-'0')
	}
	return n
}
