package source_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/gitd/gitdtest"
	"github.com/releaser/releaser/pipeline/source"
)

// ours are the tags of one chart, and the branch that they must be merged into.
func ours() source.Only { return source.Only{Tags: []string{"voice-lib-"}, Branches: []string{"main"}} }

func refsOf(t *testing.T, r *source.Repository, only source.Only) source.Refs {
	t.Helper()
	refs, err := r.RefsOf(t.Context(), only)
	if err != nil {
		t.Fatal(err)
	}
	return refs
}

func TestAListingOfSomeShowsTheSameByEveryProtocol(t *testing.T) {
	old := func(h http.Handler) http.Handler { // a server without protocol v2 does not read the header
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Git-Protocol")
			h.ServeHTTP(w, r)
		})
	}
	byHTTP := func(wrap func(http.Handler) http.Handler) func(t *testing.T, root string) source.Options {
		return func(t *testing.T, root string) source.Options {
			server := httptest.NewServer(wrap(gitd.New(root, gitd.Options{})))
			t.Cleanup(server.Close)
			return source.Options{URL: server.URL + "/r.git"}
		}
	}
	bySSH := func(old bool) func(t *testing.T, root string) source.Options {
		return func(t *testing.T, root string) source.Options {
			server := gitdtest.ServeSSH(t, root)
			server.Old = old
			return source.Options{URL: server.URL("r.git"), Auth: source.Auth{SSHKeyFile: server.KeyFile, KnownHostsFile: server.KnownHostsFile}}
		}
	}
	for name, reach := range map[string]func(t *testing.T, root string) source.Options{
		"http":             byHTTP(func(h http.Handler) http.Handler { return h }),
		"http, an old one": byHTTP(old),
		"ssh":              bySSH(false),
		"ssh, an old one":  bySSH(true),
		"a path, no server": func(_ *testing.T, root string) source.Options {
			return source.Options{URL: filepath.Join(root, "r.git")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			repo := gitdtest.New(t, root, "r.git", gitd.Features{})
			r := open(t, reach(t, root))
			for range 2 { // an empty repository stays the beginning
				if got := refsOf(t, r, ours()); len(got.Tags)+len(got.Heads)+len(got.Rejected) != 0 {
					t.Errorf("an empty repository has %+v", got)
				}
			}
			commit := repo.Commit("main", platform)
			repo.Commit("main-2", "-- other --\nx\n")
			repo.Tag("voice-lib-1.0.0", commit)
			repo.Tag("voice-agent-1.0.0", commit)
			repo.Tag("voice-lib-\u22151", commit)
			annotated := repo.Annotate("voice-lib-2.0.0", repo.Annotate("inner", commit))
			want := []source.Tag{{"voice-lib-1.0.0", commit, commit}, {"voice-lib-2.0.0", commit, annotated}}
			for range 3 {
				got := refsOf(t, r, ours())
				if !slices.Equal(got.Tags, want) || fmt.Sprint(got.Heads) != "map[main:"+commit+"]" || len(got.Rejected) != 1 {
					t.Errorf("%+v", got)
				}
			}
			moved := repo.Commit("main", "-- other --\ny\n")
			repo.Tag("voice-lib-1.0.0", moved)
			repo.Git("tag", "-d", "voice-lib-2.0.0")
			got := refsOf(t, r, ours())
			if !slices.Equal(got.Tags, []source.Tag{{"voice-lib-1.0.0", moved, moved}}) || got.Heads["main"] != moved {
				t.Errorf("after a move and a deletion: %+v", got)
			}
			if got := refs(t, r); len(got.Tags) != 3 || len(got.Heads) != 2 {
				t.Errorf("all: %+v", got)
			}
			if got := read(t, snapshot(t, r, "voice-lib-1.0.0", "."), "other"); got != "y\n" {
				t.Errorf("a pack after listings by both protocols: %q", got)
			}
		})
	}
}

func TestAnIdleListingIsOneRequestAndHoldsNothingElse(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	repo := gitdtest.New(t, root, "r.git", gitd.Features{})
	commit := repo.Commit("main", platform)
	all := "# pack-refs with: \n"
	for i := range 10_000 {
		all += fmt.Sprintf("%s refs/tags/voice-agent-1.%d.0\n", commit, i)
	}
	for i := range 10 {
		all += fmt.Sprintf("%s refs/tags/voice-lib-1.%d.0\n%s refs/pull/%d/head\n", commit, i, commit, i+1)
	}
	if err := os.WriteFile(filepath.Join(repo.Dir(), "packed-refs"), []byte(all), 0o600); err != nil {
		t.Fatal(err)
	}
	tape := &tape{Handler: gitd.New(root, gitd.Options{})}
	server := httptest.NewServer(tape)
	defer server.Close()

	r := open(t, source.Options{URL: server.URL + "/r.git"})
	cost := func() (requests, bytes int) {
		t.Helper()
		if got := refsOf(t, r, ours()); len(got.Tags) != 10 || len(got.Heads) != 1 {
			t.Fatalf("%d tags, %d branches", len(got.Tags), len(got.Heads))
		}
		for _, e := range tape.take() {
			requests, bytes = requests+1, bytes+len(e.response)
		}
		return requests, bytes
	}
	requests, whole := cost()
	if requests != 1 || whole < 500_000 {
		t.Errorf("the first listing: %d requests, %d bytes", requests, whole)
	}
	if requests, bytes := cost(); requests != 2 || bytes > 2000 {
		t.Errorf("the second, which greets: %d requests, %d bytes", requests, bytes)
	}
	requests, few := cost()
	if requests != 1 || few > 1000 {
		t.Errorf("an idle listing: %d requests, %d bytes", requests, few)
	}
	t.Logf("10,010 tags: all in %d bytes, the 10 that match in %d", whole, few)
}

func TestAListingFollowsARepositoryThatMoves(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	repo := gitdtest.New(t, root, "new.git", gitd.Features{})
	repo.Tag("voice-lib-1.0.0", repo.Commit("main", platform))
	backend, moved := gitd.New(root, gitd.Options{}), false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, old := strings.CutPrefix(r.URL.RequestURI(), "/old.git")
		switch {
		case old && moved:
			http.Redirect(w, r, "/new.git"+rest, http.StatusMovedPermanently)
		case old:
			r.URL.Path = "/new.git" + strings.TrimPrefix(r.URL.Path, "/old.git")
			backend.ServeHTTP(w, r)
		default:
			backend.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	r := open(t, source.Options{URL: server.URL + "/old.git"})
	for range 2 {
		refsOf(t, r, ours())
	}
	moved = true
	for range 2 {
		if got := refsOf(t, r, ours()); len(got.Tags) != 1 {
			t.Errorf("%+v", got)
		}
	}
}

func TestAnAnswerThatIsNoListingIsAnError(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"cut off":   "003d1111111111111111111111111111111111111111 refs/heads/main\n",
		"no hash":   "0014xxxx refs/tags/v1\n0000",
		"no name":   "002d1111111111111111111111111111111111111111\n0000",
		"no lines":  "<html>Log in</html>",
		"an error":  "0018ERR come back later\n",
		"half line": "003d1111",
	} {
		root := t.TempDir()
		gitdtest.New(t, root, "r.git", gitd.Features{}).Commit("main", platform)
		backend := gitd.New(root, gitd.Options{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				fmt.Fprint(w, answer)
				return
			}
			backend.ServeHTTP(w, r)
		}))
		r := open(t, source.Options{URL: server.URL + "/r.git"})
		refsOf(t, r, ours())
		for range 2 {
			if got, err := r.RefsOf(t.Context(), ours()); err == nil || !strings.Contains(err.Error(), "platform") {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
		server.Close()
	}
}

func TestPatternsSayHowTheirTagsBegin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ patterns, want []string }{
		{[]string{"{chart}-{version}", "v{version}"}, []string{""}},
		{[]string{"v{version}", "{chart}/v{version}"}, []string{""}},
		{[]string{"voice-lib-{version}", "voice-agent-{version}"}, []string{"voice-lib-", "voice-agent-"}},
		{[]string{"voice-lib-{version}", "voice-{version}", "voice-{version}-x"}, []string{"voice-"}},
		{[]string{"charts/{chart}/v{version}"}, []string{"charts/"}},
	} {
		patterns, err := source.ParsePatterns(c.patterns)
		if err != nil {
			t.Fatal(err)
		}
		if got := patterns.Heads(); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.patterns, got, c.want)
		}
	}
}
