package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/gitd/gitdtest"
	"github.com/releaser/releaser/pipeline/source"
)

// B59
func TestAnAddressThatIsNotSafeIsRefusedWithoutShowingIt(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "https://" + canary + "@git.test/r.git", "https://u:" + canary + "@git.test/r.git", "https://git.test/r.git?token=" + canary,
		"https://git.test/r.git#" + canary, "https://git.test/r.git?", "ssh://git:" + canary + "@git.test/r", "https://" + canary + ":%zz@git.test/",
		"https://git.test", "https:///r.git", "ftp://git.test/" + canary, "ext::sh -c " + canary, "git://git.test/" + canary, "git.test/" + canary,
		"-" + canary, "git@git.test:-" + canary, "ssh://git@git.test/-" + canary, "git:" + canary + "@git.test:x", "https://git.test/\x1b" + canary, "http://\x7f" + canary,
		"C:\\" + canary, "@git.test:" + canary + "\n", "ssh://git.test/a%0a" + canary,
	} {
		_, err := source.Open(source.Options{Name: "platform", URL: url, Auth: source.Auth{}})
		if err == nil || !strings.Contains(err.Error(), "platform") || !strings.Contains(err.Error(), ";") {
			t.Errorf("%q: %v", url, err)
			continue
		}
		clean(t, err)
	}
}

func TestCredentialsMustFitTheAddress(t *testing.T) {
	t.Parallel()
	token := source.TokenFile("/etc/token")
	ssh := source.Auth{SSHKeyFile: "id", KnownHostsFile: "hosts"}
	dir := gitdtest.New(t, t.TempDir(), "r.git", gitd.Features{}).Dir()
	for name, o := range map[string]source.Options{
		"a token over SSH":             {URL: "git@git.test:r.git", Auth: token},
		"a token for a path":           {URL: dir, Auth: token},
		"a key over https":             {URL: "https://git.test/r.git", Auth: ssh},
		"a key for a path":             {URL: dir, Auth: ssh},
		"SSH without known hosts":      {URL: "git@git.test:r.git", Auth: source.Auth{SSHKeyFile: "id"}},
		"SSH without a key":            {URL: "ssh://git.test/r.git"},
		"a CA over SSH":                {URL: "git@git.test:r.git", Auth: ssh, CAFile: "ca.pem"},
		"a CA over http":               {URL: "http://git.test/r.git", CAFile: "ca.pem"},
		"a CA file that is not there":  {URL: "https://git.test/r.git", CAFile: "/nowhere/ca.pem"},
		"a CA file that is none":       {URL: "https://git.test/r.git", CAFile: "source_test.go"},
		"a folder that is no git repo": {URL: t.TempDir()},
		"a folder that is not there":   {URL: "/nowhere/at/all"},
	} {
		if _, err := source.Open(o); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	for _, o := range []source.Options{
		{URL: "https://git.test/r.git", Auth: token}, {URL: "http://git.test:3000/a/r"}, {URL: "git@git.test:r.git", Auth: ssh},
		{URL: "ssh://git.test/r.git", Auth: ssh}, {URL: "ssh://me@[::1]:2222/a/r.git", Auth: ssh}, {URL: dir}, {URL: "file://" + dir},
	} {
		r, err := source.Open(o)
		if err != nil {
			t.Errorf("%s: %v", o.URL, err)
		} else if r.URL() != o.URL {
			t.Errorf("%s became %s", o.URL, r.URL())
		}
	}
}

func TestAWorkingCopyIsReadFromItsObjectsAlone(t *testing.T) {
	t.Parallel()
	repo := gitdtest.New(t, t.TempDir(), "r.git", gitd.Features{})
	commit := repo.Commit("main", platform)
	repo.Annotate("v1.0.0", commit)
	work := filepath.Join(t.TempDir(), "work")
	repo.Git("clone", "--quiet", repo.Dir(), work)
	if err := os.WriteFile(filepath.Join(work, "README.md"), []byte("changed here\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := read(t, snapshot(t, open(t, source.Options{URL: work}), "v1.0.0", "."), "README.md"); got != "A platform.\n" {
		t.Errorf("%q", got)
	}
}

func TestAPackedRepositoryIsReadAndSoIsOneThatIsPackedMeanwhile(t *testing.T) {
	t.Parallel()
	repo := gitdtest.New(t, t.TempDir(), "r.git", gitd.Features{})
	for range 5 {
		repo.Commit("main", platform+"-- many --\n"+strings.Repeat("a line that repeats\n", 100)+repo.Git("for-each-ref")+"\n")
	}
	repo.Annotate("v1.0.0", "main")
	r := open(t, source.Options{URL: repo.Dir()})
	before := read(t, snapshot(t, r, "v1.0.0", "."), "many")
	repo.Git("gc", "--quiet")
	repo.Git("pack-refs", "--all")
	if after := read(t, snapshot(t, r, "v1.0.0", "."), "many"); after != before {
		t.Errorf("%q and %q", before, after)
	}
}

// B3: a person with a shell can make names that git would not.
func TestBadNamesOnDiskAreRejectedBesideTheGoodOnes(t *testing.T) {
	t.Parallel()
	repo := gitdtest.New(t, t.TempDir(), "r.git", gitd.Features{})
	commit := repo.Commit("main", platform)
	repo.Tag("v1.0.0", commit)
	for _, name := range []string{"-x", "a\x1bb", "a\nb", "v1.0.0\u200b", "a..b"} {
		if err := os.WriteFile(filepath.Join(repo.Dir(), "refs/tags", name), []byte(commit+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := refs(t, open(t, source.Options{URL: repo.Dir()}))
	if len(got.Tags) != 1 || len(got.Rejected) != 5 {
		t.Errorf("%d tags, %d rejected: %v", len(got.Tags), len(got.Rejected), got.Rejected)
	}
}

func TestAShallowCloneSaysHowToDeepenIt(t *testing.T) {
	t.Parallel()
	repo := gitdtest.New(t, t.TempDir(), "r.git", gitd.Features{})
	first := repo.Commit("main", platform)
	repo.Commit("main", "-- x --\nx\n")
	repo.Commit("main", "-- x --\ny\n")
	shallow := filepath.Join(t.TempDir(), "shallow")
	repo.Git("clone", "--quiet", "--depth=1", "file://"+repo.Dir(), shallow)
	r := open(t, source.Options{URL: shallow})
	if _, err := r.Reachable(t.Context(), first, refs(t, r).Heads, []string{"main"}); err == nil || !strings.Contains(err.Error(), "git fetch --unshallow") {
		t.Errorf("%v", err)
	}
}

func TestAPartialCloneSaysWhereToReadInstead(t *testing.T) {
	t.Parallel()
	repo := gitdtest.New(t, t.TempDir(), "r.git", gitd.Features{})
	repo.Tag("v1", repo.Commit("main", platform))
	partial := filepath.Join(t.TempDir(), "partial")
	repo.Git("clone", "--quiet", "--bare", "--filter=blob:none", "file://"+repo.Dir(), partial)
	s := snapshot(t, open(t, source.Options{URL: partial}), "v1")
	if err := s.Fetch(t.Context(), "."); err == nil || !strings.Contains(err.Error(), "partial clone") {
		t.Errorf("%v", err)
	}
}
