package charts_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	"sigs.k8s.io/yaml"

	"github.com/releaser/releaser/charts"
)

// shelf is a Getter of archives by "repository name version".
type shelf map[string][]byte

func (s shelf) Get(_ context.Context, repository, name, version string) ([]byte, error) {
	if archive, found := s[repository+" "+name+" "+version]; found {
		return archive, nil
	}
	return nil, &charts.Unobtainable{Rule: "dependency-version", Message: "it is not there", Fix: "choose another"}
}

// remote is a chart with one dependency in a registry, locked at 1.2.3.
func remote(t *testing.T, repositoryURL string) fstest.MapFS {
	t.Helper()
	return locked(t, files(plain), "charts/x", []*chart.Dependency{{Name: "redis", Version: "^1.2.0", Repository: repositoryURL}}, "1.2.3")
}

// locked gives the chart at dir dependencies, and a Chart.lock that belongs to them.
func locked(t *testing.T, base fstest.MapFS, dir string, required []*chart.Dependency, versions ...string) fstest.MapFS {
	t.Helper()
	lock := &chart.Lock{}
	for i, r := range required {
		lock.Dependencies = append(lock.Dependencies, &chart.Dependency{Name: r.Name, Repository: r.Repository, Version: versions[i]})
	}
	var err error
	if lock.Digest, err = charts.RequirementsDigest(required, lock.Dependencies); err != nil {
		t.Fatal(err)
	}
	text := func(v any) string {
		data, err := yaml.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	chartfile := string(base[dir+"/Chart.yaml"].Data) + text(map[string]any{"dependencies": required})
	return with(base, fmt.Sprintf("-- %s/Chart.yaml --\n%s-- %s/Chart.lock --\n%s", dir, chartfile, dir, text(lock)))
}

// redis is the archive of a chart that somebody published.
func redis(t *testing.T, version string) []byte {
	return archiveOf(t, map[string]string{
		"redis/Chart.yaml":           "apiVersion: v2\nname: redis\nversion: " + version + "\n",
		"redis/templates/cache.yaml": "kind: ConfigMap\napiVersion: v1\nmetadata: {name: cache}\n",
	})
}

const ociHost = "oci://registry.example.com/charts"

func TestRemoteDependencyIsFetchedAtTheLockedVersionAndRecorded(t *testing.T) {
	t.Parallel()
	archive := redis(t, "1.2.3")
	pkg := pack(t, treeOf(remote(t, ociHost), "charts/x", "1.0.0"), shelf{ociHost + " redis 1.2.3": archive})
	if got := packed(t, pkg, "x/charts/redis/templates/cache.yaml"); !strings.Contains(got, "cache") {
		t.Error(got)
	}
	sum := sha256.Sum256(archive)
	if got, want := pkg.Annotations()["io.github.releaser.dependency.redis"], "sha256:"+hex.EncodeToString(sum[:]); got != want {
		t.Errorf("recorded %q, want %q", got, want)
	}
}

func TestVendoredCopyOfARemoteDependencyIsUsedAsItIs(t *testing.T) {
	t.Parallel()
	archive := redis(t, "1.2.3")
	folder := "-- charts/x/charts/redis/Chart.yaml --\napiVersion: v2\nname: redis\nversion: 1.2.3\n"
	for name, repo := range map[string]fstest.MapFS{
		"archive": add(remote(t, ociHost), "charts/x/charts/redis-1.2.3.tgz", archive),
		"folder":  with(remote(t, ociHost), folder),
	} {
		pkg := pack(t, treeOf(repo, "charts/x", "1.0.0"), shelf{})
		packed(t, pkg, "x/charts/redis/Chart.yaml")
		if got, found := pkg.Annotations()["io.github.releaser.dependency.redis"]; found {
			t.Errorf("%s: recorded %s", name, got)
		}
	}
}

// B24: a dependency that is not at the locked version, wherever it comes from.
func TestDependencyNotAtTheLockedVersionIsRejected(t *testing.T) {
	t.Parallel()
	lied := shelf{ociHost + " redis 1.2.3": redis(t, "1.2.4")}
	fetched := vendorError(t, remote(t, ociHost), "charts/x", "1.0.0", lied)
	copied := vendorError(t, add(remote(t, ociHost), "charts/x/charts/redis-1.2.2.tgz", redis(t, "1.2.2")), "charts/x", "1.0.0", lied)
	local := vendorError(t, replace(t, repository(t, "agent.txtar"), "charts/lib/Chart.yaml", "0.3.0", "0.3.1"), "charts/agent", "1.4.0", nil)
	rejected(t, fetched, "charts/x/Chart.yaml", "lock-version")
	rejected(t, copied, "charts/x/Chart.yaml", "lock-version")
	rejected(t, local, "charts/agent/Chart.yaml", "lock-version")
	for _, err := range []error{fetched, copied} {
		if !strings.Contains(err.Error(), "helm dependency update charts/x") {
			t.Error(err)
		}
	}
}

// B24: a lock that is missing, out of date or made up.
func TestLockThatDoesNotBelongIsRejected(t *testing.T) {
	t.Parallel()
	repo := repository(t, "agent.txtar")
	const lock = "charts/agent/Chart.lock"
	for name, c := range map[string]struct {
		repo fstest.MapFS
		rule string
	}{
		"missing":        {with(repo, "-- "+lock+" --\n"), "lock-missing"},
		"ignored":        {with(repo, "-- charts/agent/.helmignore --\nChart.lock\n"), "lock-missing"},
		"other digest":   {replace(t, repo, lock, "sha256:0f", "sha256:1f"), "lock-stale"},
		"other version":  {replace(t, repo, lock, "0.3.0", "0.3.1"), "lock-stale"},
		"changed since":  {replace(t, repo, "charts/agent/Chart.yaml", `">=0.1.0"`, `">=0.2.0"`), "lock-stale"},
		"null":           {with(repo, "-- "+lock+" --\ndependencies: [null]\ndigest: a\n"), "lock-stale"},
		"not YAML":       {with(repo, "-- "+lock+" --\n{\n"), "lock-syntax"},
		"no time":        {with(repo, "-- "+lock+" --\ngenerated: yesterday\n"), "lock-syntax"},
		"of other names": {other(t, repo), "lock-stale"},
	} {
		err := vendorError(t, c.repo, "charts/agent", "1.4.0", nil)
		rejected(t, err, lock, c.rule)
		if !strings.Contains(err.Error(), "helm dependency update charts/agent") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// other has a lock with the right digest over other names than Chart.yaml's.
func other(t *testing.T, repo fstest.MapFS) fstest.MapFS {
	meta := new(chart.Metadata)
	if err := yaml.Unmarshal(repo["charts/agent/Chart.yaml"].Data, meta); err != nil {
		t.Fatal(err)
	}
	lock := &chart.Lock{Dependencies: []*chart.Dependency{{Name: "evil", Version: "1.0.0", Repository: ociHost}}}
	var err error
	if lock.Digest, err = charts.RequirementsDigest(meta.Dependencies, lock.Dependencies); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(lock)
	if err != nil {
		t.Fatal(err)
	}
	return with(repo, "-- charts/agent/Chart.lock --\n"+string(text))
}

// B22: a file:// dependency outside the repository.
func TestLocalDependencyOutsideTheRepositoryIsRejected(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"file:///etc", "file://../../../x", "file://..//../../x", `file://..\..\..\x`, "file:///charts/lib"} {
		repo := locked(t, files(plain), "charts/x", []*chart.Dependency{{Name: "lib", Version: "0.3.0", Repository: at}}, "0.3.0")
		rejected(t, vendorError(t, repo, "charts/x", "1.0.0", nil), "charts/x/Chart.yaml", "dependency-outside")
		_, err := charts.Local(repo, "charts/x")
		rejected(t, err, "charts/x/Chart.yaml", "dependency-outside")
	}
}

func TestLocalDependencyBehindALinkIsRejected(t *testing.T) {
	t.Parallel()
	required := []*chart.Dependency{{Name: "lib", Version: "0.3.0", Repository: "file://../out/lib"}}
	repo := with(locked(t, files(plain), "charts/x", required, "0.3.0"), "-- charts/out -> ../.. --\n")
	rejected(t, vendorError(t, repo, "charts/x", "1.0.0", nil), "charts/out/lib", "folder")
}

func TestLocalListsTheFoldersOfFileDependencies(t *testing.T) {
	t.Parallel()
	repo := repository(t, "agent.txtar")
	got, err := charts.Local(repo, "charts/agent")
	if want := []string{"charts/greeter", "charts/lib"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q %v", got, err)
	}
	if got, err := charts.Local(repo, "charts/lib"); err != nil || len(got) != 0 {
		t.Errorf("%q %v", got, err)
	}
}

func TestLocalDependenciesInACircleAreRejected(t *testing.T) {
	t.Parallel()
	repo := with(files(plain), "-- charts/z/Chart.yaml --\napiVersion: v2\nname: z\nversion: 1.0.0\n")
	repo = locked(t, repo, "charts/x", []*chart.Dependency{{Name: "z", Version: "1.0.0", Repository: "file://../z"}}, "1.0.0")
	repo = locked(t, repo, "charts/z", []*chart.Dependency{{Name: "x", Version: "1.0.0", Repository: "file://../x"}}, "1.0.0")
	rejected(t, vendorError(t, repo, "charts/x", "1.0.0", nil), "charts/z/Chart.yaml", "dependency-circle")
	self := locked(t, files(plain), "charts/x", []*chart.Dependency{{Name: "x", Version: "1.0.0", Repository: "file://"}}, "1.0.0")
	rejected(t, vendorError(t, self, "charts/x", "1.0.0", nil), "charts/x/Chart.yaml", "dependency-circle")
}

func TestRejectionOfADependencyNamesTheReleasedChart(t *testing.T) {
	t.Parallel()
	err := vendorError(t, with(repository(t, "agent.txtar"), "-- charts/greeter/Chart.lock --\n"), "charts/agent", "1.4.0", nil)
	rejected(t, err, "charts/greeter/Chart.lock", "lock-missing")
	var r *charts.Rejected
	if asRejected(err, &r); r.Chart != "agent" {
		t.Error(r.Chart)
	}
}

// A copy of a file:// dependency is what helm package would take. It must be what this commit says.
func TestCopyOfALocalDependencyMustSayTheSame(t *testing.T) {
	t.Parallel()
	repo := repository(t, "agent.txtar")
	before := pack(t, treeOf(repo, "charts/agent", "1.4.0"), nil)
	lib := pack(t, treeOf(repo, "charts/lib", "0.3.0"), nil).Archive()
	same := add(repo, "charts/agent/charts/lib-0.3.0.tgz", lib)
	if after := pack(t, treeOf(same, "charts/agent", "1.4.0"), nil); after.Digest() != before.Digest() {
		t.Error("an equal copy changes the package")
	}
	stale := replace(t, same, "charts/lib/templates/_name.tpl", "Release.Name", "Release.Namespace")
	rejected(t, vendorError(t, stale, "charts/agent", "1.4.0", nil), "charts/agent/Chart.yaml", "dependency-copy")
}

func TestLocalDependencyBelowTheChartItself(t *testing.T) {
	t.Parallel()
	repo := repository(t, "agent.txtar")
	required := []*chart.Dependency{{Name: "dental", Version: "1.2.0", Repository: "file://charts/dental"}}
	repo = locked(t, with(repo, "-- charts/x/Chart.yaml --\napiVersion: v2\nname: x\nversion: 1.0.0\n"), "charts/x", required, "1.2.0")
	repo["charts/x/charts/dental/Chart.yaml"] = repo["charts/agent/charts/dental/Chart.yaml"]
	pkg := pack(t, treeOf(repo, "charts/x", "1.0.0"), nil)
	packed(t, pkg, "x/charts/dental/Chart.yaml")
}

func TestDependencyThatCannotBeHadIsRejected(t *testing.T) {
	t.Parallel()
	rejected(t, vendorError(t, remote(t, ociHost), "charts/x", "1.0.0", shelf{}), "charts/x/Chart.yaml", "dependency-version")
	missing := locked(t, files(plain), "charts/x", []*chart.Dependency{{Name: "a", Version: "1.0.0"}}, "1.0.0")
	rejected(t, vendorError(t, missing, "charts/x", "1.0.0", nil), "charts/x/Chart.yaml", "dependency-missing")
	gone := locked(t, files(plain), "charts/x", []*chart.Dependency{{Name: "a", Version: "1.0.0", Repository: "file://../a"}}, "1.0.0")
	rejected(t, vendorError(t, gone, "charts/x", "1.0.0", nil), "charts/a", "folder")
	for _, at := range []string{"@stable", "alias:stable", "http://charts.example.com", "stable", "git+https://example.com/x"} {
		rejected(t, vendorError(t, remote(t, at), "charts/x", "1.0.0", shelf{}), "charts/x/Chart.yaml", "dependency-repository")
	}
}

type down struct{ error }

func (d down) Get(context.Context, string, string, string) ([]byte, error) { return nil, d.error }

// A registry that is down is nobody's fault: the release may be tried again.
func TestTemporaryTroubleIsNoRejection(t *testing.T) {
	t.Parallel()
	trouble := errors.New("connection refused")
	err := vendorError(t, remote(t, ociHost), "charts/x", "1.0.0", down{trouble})
	var r *charts.Rejected
	if asRejected(err, &r) || !errors.Is(err, trouble) {
		t.Error(err)
	}
}

func TestTwoVersionsOfOneNameAreRejected(t *testing.T) {
	t.Parallel()
	required := []*chart.Dependency{{Name: "redis", Version: "1.2.3", Repository: ociHost}, {Name: "redis", Alias: "cache", Version: "2.0.0", Repository: ociHost}}
	repo := locked(t, files(plain), "charts/x", required, "1.2.3", "2.0.0")
	get := shelf{ociHost + " redis 1.2.3": redis(t, "1.2.3"), ociHost + " redis 2.0.0": redis(t, "2.0.0")}
	rejected(t, vendorError(t, repo, "charts/x", "1.0.0", get), "charts/x/Chart.yaml", "dependency-twice")
	folders := with(files(plain), "-- charts/x/charts/a/Chart.yaml --\napiVersion: v2\nname: a\nversion: 1.0.0\n-- charts/x/charts/b/Chart.yaml --\napiVersion: v2\nname: a\nversion: 1.0.1\n")
	rejected(t, vendorError(t, folders, "charts/x", "1.0.0", nil), "charts/x/Chart.yaml", "dependency-twice")
}

func TestFolderOfAnotherChartIsNotMixedWithADependency(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"-- charts/x/charts/redis/Chart.yaml --\napiVersion: v2\nname: other\nversion: 1.0.0\n", "-- charts/x/charts/redis/templates/a.yaml --\na: 1\n"} {
		err := vendorError(t, with(remote(t, ociHost), text), "charts/x", "1.0.0", shelf{ociHost + " redis 1.2.3": redis(t, "1.2.3")})
		rejected(t, err, "charts/x/Chart.yaml", "dependency-copy")
	}
}

// Helm lets a requirements.yaml override Chart.yaml, in a dependency too.
func TestCopyIsJudgedByWhatHelmReads(t *testing.T) {
	t.Parallel()
	folder := "-- charts/x/charts/redis/Chart.yaml --\napiVersion: v2\nname: redis\nversion: 1.2.3\n-- charts/x/charts/redis/requirements.yaml --\n"
	version := vendorError(t, with(remote(t, ociHost), folder+"version: 6.6.6\n"), "charts/x", "1.0.0", nil)
	rejected(t, version, "charts/x/Chart.yaml", "lock-version")
	name := vendorError(t, with(remote(t, ociHost), folder+"name: other\n"), "charts/x", "1.0.0", nil)
	rejected(t, name, "charts/x/Chart.yaml", "helm-load")
}

func TestCopyHiddenFromHelmIsNone(t *testing.T) {
	t.Parallel()
	required := []*chart.Dependency{{Name: "a", Version: "1.0.0"}}
	repo := with(locked(t, files(plain), "charts/x", required, "1.0.0"), "-- charts/x/charts/_a/Chart.yaml --\napiVersion: v2\nname: a\nversion: 1.0.0\n")
	rejected(t, vendorError(t, repo, "charts/x", "1.0.0", nil), "charts/x/Chart.yaml", "dependency-missing")
}

func TestGetterIsChosenByScheme(t *testing.T) {
	t.Parallel()
	get := charts.ByScheme{"oci": shelf{ociHost + " redis 1.2.3": redis(t, "1.2.3")}}
	if err := vendorError(t, remote(t, ociHost), "charts/x", "1.0.0", get); err != nil {
		t.Error(err)
	}
	rejected(t, vendorError(t, remote(t, "https://charts.example.com"), "charts/x", "1.0.0", get), "charts/x/Chart.yaml", "dependency-host")
}

func TestLockedVersionIsAVersion(t *testing.T) {
	t.Parallel()
	repo := locked(t, files(plain), "charts/x", []*chart.Dependency{{Name: "redis", Version: "1.x", Repository: ociHost}}, "1.x")
	rejected(t, vendorError(t, repo, "charts/x", "1.0.0", shelf{}), "charts/x/Chart.yaml", "lock-version")
}

// What Helm loads and fails to pack, or does not load, is told before anything is rendered.
func TestChartThatHelmCannotPackIsRejected(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, file, rule string }{
		{"-- charts/x/values.schema.json --\n{\n", "charts/x/values.schema.json", "schema-syntax"},
		{"-- charts/x/charts/README.md --\nhello\n", "charts/x/Chart.yaml", "helm-load"},
		{"-- charts/x/charts/a/Chart.yaml --\napiVersion: v2\nname: 'C:/a'\nversion: 1.0.0\n", "charts/x/Chart.yaml", "helm-load"},
		{"-- charts/x/charts/a/Chart.yaml --\napiVersion: v2\nname: 'a\\b'\nversion: 1.0.0\n", "charts/x/Chart.yaml", "dependency-name"},
		{"-- charts/x/charts/a/Chart.yaml --\napiVersion: v2\nname: a\nversion: 1.0.0\n-- charts/x/charts/a/values.schema.json --\n{\n", "charts/x/Chart.yaml", "schema-syntax"},
	} {
		rejected(t, vendorError(t, with(files(plain), c.text), "charts/x", "1.0.0", nil), c.file, c.rule)
	}
	broken := with(files(plain), "-- charts/x/values.yaml --\na: [\n")
	rejected(t, vendorError(t, broken, "charts/x", "1.0.0", nil), "charts/x/values.yaml", "values")
}

// A parser's error may repeat what stands in a file; a finding does not.
func TestFindingRepeatsNoValue(t *testing.T) {
	t.Parallel()
	repo := with(files(plain), "-- charts/x/Chart.yaml --\napiVersion: v2\nname: x\nversion: 1.0.0\nkeywords: hunter2\n")
	if err := readError(repo); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
	repo = with(files(plain), "-- charts/x/values.yaml --\nhunter2\n")
	if err := vendorError(t, repo, "charts/x", "1.0.0", nil); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

// add returns the files with one more.
func add(base fstest.MapFS, name string, data []byte) fstest.MapFS {
	all := with(base, "")
	all[name] = &fstest.MapFile{Data: data, Mode: 0o644}
	return all
}
