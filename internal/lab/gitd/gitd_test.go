package gitd_test

import (
	"crypto/rand"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/gitd/gitdtest"
)

// client runs the git command of a person, with no configuration of this machine.
func client(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=lab", "GIT_AUTHOR_EMAIL=lab@localhost", "GIT_COMMITTER_NAME=lab", "GIT_COMMITTER_EMAIL=lab@localhost",
	}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func must(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := client(t, dir, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func TestCloneAndPushWithGitItself(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	type push struct {
		repository string
		updates    []gitd.RefUpdate
	}
	pushes := make(chan push, 10)
	server := gitdtest.Serve(t, root, gitd.Options{OnReceive: func(repository string, updates []gitd.RefUpdate) {
		pushes <- push{repository, updates}
	}})
	if _, err := server.Create(t.Context(), "acme/platform.git", gitd.Features{}); err != nil {
		t.Fatal(err)
	}
	work := filepath.Join(t.TempDir(), "work")
	must(t, "", "clone", "--quiet", server.RepositoryURL("acme/platform.git"), work)
	// Random bytes do not shrink: the pack is above 1 MiB, and git sends it in chunks.
	big := make([]byte, 3<<20)
	rand.Read(big)
	if err := os.WriteFile(filepath.Join(work, "big"), big, 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, work, "checkout", "--quiet", "-B", "main")
	must(t, work, "add", "big")
	must(t, work, "commit", "--quiet", "-m", "big")
	must(t, work, "tag", "v1")
	must(t, work, "push", "--quiet", "origin", "main", "v1")
	commit := must(t, work, "rev-parse", "HEAD")
	got := <-pushes
	want := []gitd.RefUpdate{{Ref: "refs/heads/main", Old: gitd.NoCommit, New: commit}, {Ref: "refs/tags/v1", Old: gitd.NoCommit, New: commit}}
	if got.repository != "acme/platform.git" || len(got.updates) != 2 || got.updates[0] != want[0] || got.updates[1] != want[1] {
		t.Errorf("told %+v, want %+v", got, want)
	}
	must(t, work, "push", "--quiet", "origin", ":v1")
	if got := <-pushes; len(got.updates) != 1 || got.updates[0] != (gitd.RefUpdate{Ref: "refs/tags/v1", Old: commit, New: gitd.NoCommit}) {
		t.Errorf("told %+v of a deleted tag", got)
	}
	must(t, work, "push", "--quiet", "origin", "main") // nothing new
	again := filepath.Join(t.TempDir(), "again")
	must(t, "", "clone", "--quiet", server.RepositoryURL("acme/platform.git"), again)
	if must(t, again, "rev-parse", "HEAD") != commit {
		t.Error("the clone has another head")
	}
	if len(pushes) > 0 {
		t.Errorf("told of a push that changed nothing: %+v", <-pushes)
	}
}

func TestAPushThatIsRefusedIsNotTold(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	server := gitdtest.Serve(t, root, gitd.Options{OnReceive: func(_ string, updates []gitd.RefUpdate) {
		t.Errorf("told %+v", updates)
	}})
	repo := gitdtest.New(t, root, "r.git", gitd.Features{})
	repo.Commit("main", "-- a --\nx\n")
	repo.Git("config", "receive.denyDeletes", "true")
	work := filepath.Join(t.TempDir(), "work")
	must(t, "", "clone", "--quiet", server.RepositoryURL("r.git"), work)
	if out, err := client(t, work, "push", "origin", ":main"); err == nil {
		t.Errorf("the push passed: %s", out)
	}
}

func TestNothingOutsideTheRootIsServed(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	gitdtest.New(t, root, "secret.git", gitd.Features{}).Commit("main", "-- a --\nx\n")
	gitdtest.New(t, root, "inside/r.git", gitd.Features{}).Commit("main", "-- a --\nx\n")
	server := gitd.New(filepath.Join(root, "inside"), gitd.Options{OnReceive: func(string, []gitd.RefUpdate) {}})
	for path, want := range map[string]int{"/r.git": 200, "/../secret.git": 404, "/r.git/../../secret.git": 404} {
		for _, service := range []string{"git-upload-pack", "git-receive-pack"} {
			request := httptest.NewRequest("GET", "/info/refs?service="+service, nil)
			request.URL.Path = path + "/info/refs"
			answer := httptest.NewRecorder()
			server.ServeHTTP(answer, request)
			if answer.Code != want {
				t.Errorf("%s of %s: %d, want %d", service, path, answer.Code, want)
			}
		}
	}
	request := httptest.NewRequest("POST", "/", strings.NewReader("0000"))
	request.URL.Path = "/../secret.git/git-receive-pack"
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, request)
	if answer.Code == 200 {
		t.Errorf("a push out of the root was taken: %s", answer.Body)
	}
}

func TestBasicAuthIsAskedFor(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	server := gitdtest.Serve(t, root, gitd.Options{Login: gitd.Only("u", "canary-4711")})
	gitdtest.New(t, root, "r.git", gitd.Features{}).Commit("main", "-- a --\nx\n")
	url := server.RepositoryURL("r.git")
	if out, err := client(t, "", "ls-remote", url); err == nil {
		t.Errorf("listed without a password: %s", out)
	}
	if out, err := client(t, "", "ls-remote", strings.Replace(url, "//", "//u:wrong@", 1)); err == nil {
		t.Errorf("listed with a wrong password: %s", out)
	}
	before := server.Requests()
	must(t, "", "ls-remote", strings.Replace(url, "//", "//u:canary-4711@", 1))
	if server.Requests() == before {
		t.Error("no request was counted")
	}
}

func TestALoginDecidesByRepository(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	server := gitdtest.Serve(t, root, gitd.Options{Login: func(repository, user, password string) bool {
		return repository == "acme/open.git" || repository == "acme/closed.git" && user == "u" && password == "canary-4711"
	}})
	for _, name := range []string{"acme/open.git", "acme/closed.git", "acme/other.git"} {
		gitdtest.New(t, root, name, gitd.Features{}).Commit("main", "-- a --\nx\n")
	}
	login := func(name string) string {
		return strings.Replace(server.RepositoryURL(name), "//", "//u:canary-4711@", 1)
	}
	for url, want := range map[string]bool{
		server.RepositoryURL("acme/open.git"): true, login("acme/open.git"): true,
		server.RepositoryURL("acme/closed.git"): false, login("acme/closed.git"): true,
		login("acme/other.git"): false,
	} {
		if out, err := client(t, "", "clone", "--quiet", url, filepath.Join(t.TempDir(), "work")); (err == nil) != want {
			t.Errorf("clone of %s: %v, want %t: %s", url, err, want, out)
		}
	}
}

func TestFeaturesCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	server := gitdtest.Serve(t, root, gitd.Options{})
	for name, c := range map[string]struct {
		features gitd.Features
		filter   bool
		blob     bool
	}{
		"all":       {gitd.Features{}, true, true},
		"no-filter": {gitd.Features{NoFilter: true}, false, true},
		"no-wants":  {gitd.Features{NoHashWants: true}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := gitdtest.New(t, root, name+".git", c.features)
			repo.Commit("main", "-- a --\nx\n")
			blob := repo.Git("rev-parse", "main:a")
			dir := t.TempDir()
			must(t, dir, "init", "--quiet")
			// Protocol 0 as our own reader speaks it; protocol 2 allows every want.
			_, err := client(t, dir, "-c", "protocol.version=0", "fetch", server.RepositoryURL(name+".git"), blob)
			if got := err == nil; got != c.blob {
				t.Errorf("a blob by its hash: %t, want %t", got, c.blob)
			}
			out := must(t, "", "-c", "protocol.version=0", "clone", "--bare", "--filter=blob:none", server.RepositoryURL(name+".git"), filepath.Join(dir, "c"))
			if got := !strings.Contains(out, "filtering not recognized"); got != c.filter {
				t.Errorf("filter: %t, want %t: %s", got, c.filter, out)
			}
		})
	}
}

func TestEqualTextMakesEqualCommits(t *testing.T) {
	t.Parallel()
	build := func() []string {
		repo := gitdtest.New(t, t.TempDir(), "r.git", gitd.Features{})
		first := repo.Commit("main", "the first\n-- a --\nx\n-- run.sh [exec] --\n#!/bin/sh\n-- link -> a --\n-- sub [submodule] --\n"+strings.Repeat("1", 40)+"\n")
		second := repo.Commit("main", "-- a [delete] --\n-- dir/b --\ny\n")
		return []string{first, second, repo.Annotate("v1", second), repo.Git("ls-tree", "-r", "main")}
	}
	a, b := build(), build()
	for i := range a {
		if a[i] != b[i] {
			t.Errorf("%d: %s and %s", i, a[i], b[i])
		}
	}
	for _, want := range []string{"100644 blob", "100755 blob", "120000 blob", "160000 commit", "dir/b"} {
		if !strings.Contains(a[3], want) {
			t.Errorf("no %q in\n%s", want, a[3])
		}
	}
	if strings.Contains(a[3], "\ta\n") {
		t.Errorf("a was not deleted:\n%s", a[3])
	}
}

func TestATimeIsTheTimeThatWasGiven(t *testing.T) {
	t.Parallel()
	repo := gitdtest.New(t, t.TempDir(), "r.git", gitd.Features{})
	commit := repo.Commit("main", "-- a --\nx\n")
	if got := repo.Git("show", "-s", "--format=%ct", commit); got != strconv.FormatInt(gitdtest.Epoch.Unix(), 10) {
		t.Errorf("committed at %s", got)
	}
}

func TestARepositoryOutsideTheRootIsRefused(t *testing.T) {
	t.Parallel()
	server := gitd.New(t.TempDir(), gitd.Options{})
	for _, name := range []string{"", ".", "../x", "/x", "a/../../x", "a\\b"} {
		if _, err := server.Create(t.Context(), name, gitd.Features{}); err == nil {
			t.Errorf("%q was made", name)
		}
	}
}
