package source_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/gitd/gitdtest"
	"github.com/releaser/releaser/pipeline/source"
)

// everywhere runs a test over every way to a repository and every kind of server. All of them must look the same.
func everywhere(t *testing.T, test func(t *testing.T, repo *gitdtest.Repo, open func() *source.Repository)) {
	t.Parallel()
	over := func(features gitd.Features, reach func(t *testing.T, root string) source.Options) func(t *testing.T) {
		return func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			repo := gitdtest.New(t, root, "acme/platform.git", features)
			options := reach(t, root)
			options.Name = "platform"
			test(t, repo, func() *source.Repository {
				t.Helper()
				r, err := source.Open(options)
				if err != nil {
					t.Fatal(err)
				}
				return r
			})
		}
	}
	byHTTP := func(t *testing.T, root string) source.Options {
		return source.Options{URL: gitdtest.Serve(t, root, gitd.Options{}).RepositoryURL("acme/platform.git")}
	}
	t.Run("http", over(gitd.Features{}, byHTTP))
	t.Run("http without filter", over(gitd.Features{NoFilter: true}, byHTTP))
	t.Run("http without wants by hash", over(gitd.Features{NoHashWants: true}, byHTTP))
	t.Run("https with a token and a private CA", over(gitd.Features{}, func(t *testing.T, root string) source.Options {
		url, ca := gitdtest.ServeTLS(t, gitd.New(root, gitd.Options{Login: gitd.Only("x-access-token", "canary-4711")}))
		return source.Options{URL: url + "/acme/platform.git", CAFile: ca, Auth: tokenFile(t, "canary-4711")}
	}))
	t.Run("ssh", over(gitd.Features{}, func(t *testing.T, root string) source.Options {
		server := gitdtest.ServeSSH(t, root)
		return source.Options{URL: server.URL("acme/platform.git"), Auth: source.Auth{SSHKeyFile: server.KeyFile, KnownHostsFile: server.KnownHostsFile}}
	}))
	t.Run("ssh without filter", over(gitd.Features{NoFilter: true}, func(t *testing.T, root string) source.Options {
		server := gitdtest.ServeSSH(t, root)
		return source.Options{URL: server.URL("acme/platform.git"), Auth: source.Auth{SSHKeyFile: server.KeyFile, KnownHostsFile: server.KnownHostsFile}}
	}))
	t.Run("local path", over(gitd.Features{}, func(_ *testing.T, root string) source.Options {
		return source.Options{URL: filepath.Join(root, "acme/platform.git")}
	}))
}

// platform is a repository with two charts, a library and more.
const platform = `the first commit
-- README.md --
A platform.
-- charts/web/Chart.yaml --
name: web
-- charts/web/values.yaml --
image: {tag: ""}
-- charts/web/templates/deployment.yaml --
kind: Deployment
-- charts/web/run.sh [exec] --
#!/bin/sh
-- charts/lib/Chart.yaml --
name: lib
-- docs/big.txt --
Not for a chart.
`

func refs(t *testing.T, r *source.Repository) source.Refs {
	t.Helper()
	refs, err := r.Refs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return refs
}

func snapshot(t *testing.T, r *source.Repository, name string, dirs ...string) *source.Snapshot {
	t.Helper()
	tag, ok := refs(t, r).Tag(name)
	if !ok {
		t.Fatalf("no tag %s", name)
	}
	s, err := r.Snapshot(t.Context(), tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Fetch(t.Context(), dirs...); err != nil {
		t.Fatal(err)
	}
	return s
}

func read(t *testing.T, s *source.Snapshot, name string) string {
	t.Helper()
	data, err := s.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestEveryKindOfTagLeadsToItsCommit(t *testing.T) {
	everywhere(t, func(t *testing.T, repo *gitdtest.Repo, open func() *source.Repository) {
		first := repo.Commit("main", platform)
		second := repo.Commit("main", "the second\n\nIt says more.\n-- charts/web/values.yaml --\nimage: {tag: x}\n")
		blob, tree := repo.Git("rev-parse", second+":README.md"), repo.Git("rev-parse", second+"^{tree}")
		repo.Tag("light-1", first)
		repo.Tag("light-2", second)
		repo.Annotate("annotated-1", first)
		repo.Annotate("annotated-2", second)
		nested := repo.Annotate("nested", repo.Annotate("inner", second))
		repo.Annotate("nested-3", nested)
		repo.Tag("of-blob", blob)
		repo.Tag("of-tree", tree)
		repo.Annotate("annotated-blob", blob) // B8
		repo.Annotate("annotated-tree", tree)

		r := open()
		got := refs(t, r)
		if len(got.Tags) != 11 || len(got.Rejected) != 0 {
			t.Fatalf("%d tags, rejected %v", len(got.Tags), got.Rejected)
		}
		if got.Heads["main"] != second {
			t.Errorf("main is at %s", got.Heads["main"])
		}
		for name, commit := range map[string]string{
			"light-1": first, "light-2": second, "annotated-1": first, "annotated-2": second, "inner": second, "nested": second, "nested-3": second,
		} {
			tag, _ := got.Tag(name)
			if tag.Commit != commit || tag.Object != repo.Git("rev-parse", name) {
				t.Errorf("%s: %+v, want commit %s", name, tag, commit)
			}
			s, err := r.Snapshot(t.Context(), tag)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if s.Commit() != commit {
				t.Errorf("%s leads to %s, want %s", name, s.Commit(), commit)
			}
		}
		for _, name := range []string{"of-blob", "of-tree", "annotated-blob", "annotated-tree"} {
			tag, _ := got.Tag(name)
			if _, err := r.Snapshot(t.Context(), tag); !errors.Is(err, source.ErrNotCommit) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		}
		s := snapshot(t, r, "annotated-2", ".")
		if want := gitdtest.Epoch.Add(time.Minute); !s.Time().Equal(want) || s.Time().Location() != time.UTC {
			t.Errorf("time %s, want %s", s.Time(), want)
		}
		if s.Message() != "the second\n\nIt says more." {
			t.Errorf("message %q", s.Message())
		}
	})
}

// F22: a moved tag shows itself in the listing; the snapshot of the old listing stays what it was.
func TestAMovedTagShowsItsNewCommit(t *testing.T) {
	everywhere(t, func(t *testing.T, repo *gitdtest.Repo, open func() *source.Repository) {
		first := repo.Commit("main", platform)
		repo.Tag("v1.0.0", first)
		r := open()
		before, _ := refs(t, r).Tag("v1.0.0")
		old := snapshot(t, r, "v1.0.0", "charts/web")
		second := repo.Commit("main", "-- charts/web/values.yaml --\nmoved\n")
		repo.Tag("v1.0.0", second)
		after, _ := refs(t, r).Tag("v1.0.0")
		if before.Commit != first || after.Commit != second {
			t.Errorf("%s then %s, want %s then %s", before.Commit, after.Commit, first, second)
		}
		if got := read(t, snapshot(t, r, "v1.0.0", "charts/web"), "charts/web/values.yaml"); got != "moved\n" {
			t.Errorf("read %q of the moved tag", got)
		}
		if got := read(t, old, "charts/web/values.yaml"); got != "image: {tag: \"\"}\n" {
			t.Errorf("the old snapshot changed: %q", got)
		}
	})
}

// B7
func TestATagAndABranchOfOneNameAreTwo(t *testing.T) {
	everywhere(t, func(t *testing.T, repo *gitdtest.Repo, open func() *source.Repository) {
		first := repo.Commit("main", platform)
		second := repo.Commit("v1.0.0", "-- other --\nx\n")
		repo.Tag("v1.0.0", first)
		got := refs(t, open())
		tag, _ := got.Tag("v1.0.0")
		if tag.Commit != first || got.Heads["v1.0.0"] != second {
			t.Errorf("tag %s, branch %s", tag.Commit, got.Heads["v1.0.0"])
		}
	})
}

func TestAnEmptyRepositoryHasNoTags(t *testing.T) {
	everywhere(t, func(t *testing.T, _ *gitdtest.Repo, open func() *source.Repository) {
		if got := refs(t, open()); len(got.Tags)+len(got.Heads)+len(got.Rejected) != 0 {
			t.Errorf("%+v", got)
		}
	})
}

func TestFilesAreReadableAfterFetchAlone(t *testing.T) {
	everywhere(t, func(t *testing.T, repo *gitdtest.Repo, open func() *source.Repository) {
		repo.Tag("v1.0.0", repo.Commit("main", platform))
		s := snapshot(t, open(), "v1.0.0")
		list, err := s.ReadDir("charts/web")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range list {
			names = append(names, e.Name())
		}
		if want := []string{"Chart.yaml", "run.sh", "templates", "values.yaml"}; !slices.Equal(names, want) {
			t.Errorf("%v, want %v", names, want)
		}
		if _, err := s.ReadFile("charts/web/values.yaml"); err == nil || !strings.Contains(err.Error(), "not fetched") {
			t.Errorf("before Fetch: %v", err)
		}
		for range 2 { // the second time there is nothing to do
			if err := s.Fetch(t.Context(), "charts/web", "charts/lib/Chart.yaml"); err != nil {
				t.Fatal(err)
			}
		}
		if got := read(t, s, "charts/web/templates/deployment.yaml"); got != "kind: Deployment\n" {
			t.Errorf("%q", got)
		}
		if got := read(t, s, "charts/lib/Chart.yaml"); got != "name: lib\n" {
			t.Errorf("%q", got)
		}
		if info, err := fs.Stat(s, "charts/web/run.sh"); err != nil || info.Mode() != 0o755 || !info.ModTime().Equal(gitdtest.Epoch) {
			t.Errorf("run.sh: %v %v", info, err)
		}
		if _, err := s.ReadFile("docs/big.txt"); err == nil {
			t.Error("docs/big.txt can be read without Fetch")
		}
		if err := s.Fetch(t.Context(), "charts/none"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a folder that is not there: %v", err)
		}
		if err := s.Fetch(t.Context(), "../x"); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("a folder outside: %v", err)
		}
	})
}

func TestASnapshotIsAFileSystem(t *testing.T) {
	everywhere(t, func(t *testing.T, repo *gitdtest.Repo, open func() *source.Repository) {
		repo.Tag("v1.0.0", repo.Commit("main", platform+"-- charts/web/link -> values.yaml --\n"))
		s := snapshot(t, open(), "v1.0.0", ".")
		if err := fstest.TestFS(s, "README.md", "charts/web/values.yaml", "charts/web/link", "charts/lib/Chart.yaml"); err != nil {
			t.Error(err)
		}
	})
}

// B11, B12, B13, B19: links and submodules are shown and nothing more. Whether a chart may hold one is not decided here.
func TestLinksAndSubmodulesAreSeenAndNeverFollowed(t *testing.T) {
	everywhere(t, func(t *testing.T, repo *gitdtest.Repo, open func() *source.Repository) {
		repo.Tag("v1.0.0", repo.Commit("main", platform+`
-- charts/web/Chart.lock -> ../../../etc/passwd --
-- charts/web/inside -> values.yaml --
-- charts/web/loop -> loop --
-- charts/web/dir -> templates --
-- charts/web/sub [submodule] --
1111111111111111111111111111111111111111
-- .gitmodules --
[submodule "sub"]
	path = charts/web/sub
	url = https://example.invalid/x.git
`))
		s := snapshot(t, open(), "v1.0.0", ".")
		for name, target := range map[string]string{"Chart.lock": "../../../etc/passwd", "inside": "values.yaml", "loop": "loop", "dir": "templates"} {
			name = "charts/web/" + name
			info, err := s.Lstat(name)
			if err != nil || info.Mode()&fs.ModeSymlink == 0 {
				t.Errorf("%s: %v %v", name, info, err)
			}
			if got, err := fs.ReadLink(s, name); err != nil || got != target {
				t.Errorf("%s points to %q, %v", name, got, err)
			}
			if data, err := s.ReadFile(name); err == nil {
				t.Errorf("%s was followed: %q", name, data)
			}
			if f, err := s.Open(name); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if data, err := io.ReadAll(f); err == nil {
				t.Errorf("%s was followed when opened: %q", name, data)
			}
		}
		if _, err := s.Open("charts/web/dir/deployment.yaml"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a path through a link: %v", err)
		}
		if _, err := s.ReadLink("charts/web/values.yaml"); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("the target of a file: %v", err)
		}
		info, err := s.Lstat("charts/web/sub")
		if err != nil || info.Mode().Type() != fs.ModeIrregular {
			t.Errorf("the submodule: %v %v", info, err)
		}
		if _, err := s.ReadFile("charts/web/sub"); err == nil {
			t.Error("the submodule can be read")
		}
		if _, err := s.ReadDir("charts/web/sub"); err == nil {
			t.Error("the submodule can be listed")
		}
	})
}

func TestACommitIsReachableFromItsBranchesAlone(t *testing.T) {
	everywhere(t, func(t *testing.T, repo *gitdtest.Repo, open func() *source.Repository) {
		first := repo.Commit("main", platform)
		repo.Git("branch", "feature", first)
		repo.Git("branch", "old", first)
		var main []string
		for range 3 {
			main = append(main, repo.Commit("main", "-- count --\n"+strings.Repeat("x", len(main))+"\n"))
		}
		feature := repo.Commit("feature", "-- feature --\nx\n")
		merged := repo.Commit("side", "-- side --\nx\n") // a root of its own
		tree := repo.Git("rev-parse", "main^{tree}")
		merge := repo.CommitTree(tree, main[2], merged)
		repo.Git("update-ref", "refs/heads/main", merge)
		ahead := repo.CommitTree(tree, merge)
		stray := repo.CommitTree(tree)
		for i, commit := range append(main, first, feature, merged, merge, ahead, stray) {
			repo.Tag("t"+string(rune('a'+i)), commit)
		}
		r := open()
		heads := refs(t, r).Heads
		for _, c := range []struct {
			name, commit string
			branches     []string
			want         bool
		}{
			{"the head", merge, []string{"main"}, true},
			{"the parent of the head", main[2], []string{"main"}, true},
			{"an ancestor", main[0], []string{"main"}, true},
			{"the root", first, []string{"main"}, true},
			{"merged", merged, []string{"main"}, true},
			{"not merged", feature, []string{"main"}, false},
			{"ahead of the branch", ahead, []string{"main"}, false},
			{"of no branch", stray, []string{"main"}, false},
			{"of the second branch", feature, []string{"main", "feature"}, true},
			{"of a branch beside one that is not there", feature, []string{"gone", "feature"}, true},
			{"newer than the branch", main[1], []string{"old"}, false},
		} {
			for range 2 {
				got, err := r.Reachable(t.Context(), c.commit, heads, c.branches)
				if err != nil || got != c.want {
					t.Errorf("%s: %t, want %t, %v", c.name, got, c.want, err)
				}
			}
		}
		if _, err := r.Reachable(t.Context(), first, heads, []string{"gone"}); err == nil || !strings.Contains(err.Error(), "gone") {
			t.Errorf("no branch of these: %v", err)
		}
		if _, err := r.Reachable(t.Context(), "main", heads, []string{"main"}); err == nil {
			t.Error("a name in place of a commit was taken")
		}
	})
}

// B19, and the names that some system takes for .git or for a path.
func TestAFolderWithABadNameIsNotRead(t *testing.T) {
	everywhere(t, func(t *testing.T, repo *gitdtest.Repo, open func() *source.Repository) {
		blob := repo.GitInput("x\n", "hash-object", "-w", "--stdin")
		good := repo.GitInput("100644 blob "+blob+"\tChart.yaml\x00", "mktree", "-z")
		lines := "040000 tree " + good + "\tgood\x00"
		bad := map[string]string{}
		for dir, name := range map[string]string{
			"dotgit": ".git", "upper": ".GIT", "short": "git~1", "dots": "..", "control": "a\x1bb", "latin1": "caf\xe9", "hidden": ".g\u200cit",
			"backslash": `a\b`, "newline": "a\nb",
		} {
			tree := repo.GitInput("100644 blob "+blob+"\t"+name+"\x00", "mktree", "-z")
			lines += "040000 tree " + tree + "\t" + dir + "\x00"
			bad[dir] = name
		}
		// A link named .git, as CVE-2024-32002 had it.
		link := repo.GitInput("120000 blob "+blob+"\t.git\x00", "mktree", "-z")
		lines, bad["linked"] = lines+"040000 tree "+link+"\tlinked\x00", ".git"
		repo.Tag("v1.0.0", repo.CommitTree(repo.GitInput(lines, "mktree", "-z")))
		s := snapshot(t, open(), "v1.0.0", "good")
		if got := read(t, s, "good/Chart.yaml"); got != "x\n" {
			t.Errorf("the good folder: %q", got)
		}
		for dir, name := range bad {
			err := s.Fetch(t.Context(), dir)
			if !errors.Is(err, source.ErrBadName) || !strings.Contains(err.Error(), dir) || strings.ContainsAny(err.Error(), "\x1b\n") || !utf8.ValidString(err.Error()) {
				t.Errorf("%s: fetch: %v", dir, err)
			}
			if _, err := s.ReadDir(dir); !errors.Is(err, source.ErrBadName) {
				t.Errorf("%s: list: %v", dir, err)
			}
			if _, err := s.Open(dir + "/" + name); err == nil {
				t.Errorf("%s/%q was opened", dir, name)
			}
		}
		if err := s.Fetch(t.Context(), "."); !errors.Is(err, source.ErrBadName) {
			t.Errorf("all: %v", err)
		}
	})
}

// A few small trees that name each other are more files than there is memory for.
func TestATreeOfTooManyFilesIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, repo *gitdtest.Repo, open func() *source.Repository) {
		blob := repo.GitInput("x\n", "hash-object", "-w", "--stdin")
		tree := repo.GitInput("100644 blob "+blob+"\tx\n", "mktree")
		for range 12 {
			var lines strings.Builder
			for i := range 10 {
				lines.WriteString("040000 tree " + tree + "\td" + string(rune('0'+i)) + "\n")
			}
			tree = repo.GitInput(lines.String(), "mktree")
		}
		repo.Tag("wide", repo.CommitTree(tree))
		for range 110 {
			tree = repo.GitInput("040000 tree "+tree+"\td\n", "mktree")
		}
		repo.Tag("deep", repo.CommitTree(tree))
		r := open()
		all := refs(t, r)
		for _, name := range []string{"wide", "deep"} {
			tag, _ := all.Tag(name)
			if _, err := r.Snapshot(t.Context(), tag); !errors.Is(err, source.ErrTooLarge) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestAFileThatIsTooLargeIsNamedAndTheOthersAreRead(t *testing.T) {
	everywhere(t, func(t *testing.T, repo *gitdtest.Repo, open func() *source.Repository) {
		repo.Tag("v1.0.0", repo.Commit("main", platform+"-- charts/fat/big --\n"+strings.Repeat("0123456789abcde\n", 17<<16)))
		s := snapshot(t, open(), "v1.0.0", "charts/web")
		if err := s.Fetch(t.Context(), "charts/fat"); !errors.Is(err, source.ErrTooLarge) || !strings.Contains(err.Error(), "charts/fat/big") {
			t.Errorf("%v", err)
		}
	})
}

func TestAnEndedContextEndsEverything(t *testing.T) {
	everywhere(t, func(t *testing.T, repo *gitdtest.Repo, open func() *source.Repository) {
		commit := repo.Commit("main", platform)
		repo.Commit("main", "-- x --\nx\n")
		repo.Tag("v1.0.0", commit)
		r := open()
		all := refs(t, r)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := r.Refs(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("refs: %v", err)
		}
		if _, err := r.Snapshot(ctx, all.Tags[0]); !errors.Is(err, context.Canceled) {
			t.Errorf("snapshot: %v", err)
		}
		if _, err := r.Reachable(ctx, commit, all.Heads, []string{"main"}); !errors.Is(err, context.Canceled) {
			t.Errorf("reachable: %v", err)
		}
	})
}
