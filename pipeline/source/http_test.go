package source_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"

	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/gitd/gitdtest"
	"github.com/releaser/releaser/pipeline/source"
)

const canary = "ghs_canary4711thatmustneverbeseen"

func tokenFile(t *testing.T, token string) source.Auth {
	t.Helper()
	name := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(name, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return source.TokenFile(name)
}

func open(t *testing.T, o source.Options) *source.Repository {
	t.Helper()
	o.Name = "platform"
	r, err := source.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// tape records what is asked for and what is sent.
type tape struct {
	http.Handler
	mu        sync.Mutex
	exchanges []exchange
}

type exchange struct {
	method, request string
	response        []byte
}

func (t *tape) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(request))
	answer := httptest.NewRecorder()
	t.Handler.ServeHTTP(answer, r)
	t.mu.Lock()
	t.exchanges = append(t.exchanges, exchange{r.Method, string(request), answer.Body.Bytes()})
	t.mu.Unlock()
	for key, values := range answer.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes())
}

// take returns what was recorded since the last time.
func (t *tape) take() []exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.exchanges
	t.exchanges = nil
	return all
}

// blobsIn lets git itself say which blobs a pack on the wire holds.
func blobsIn(t *testing.T, response []byte) []string {
	t.Helper()
	start := bytes.Index(response, []byte("\x01PACK"))
	if start < 4 {
		t.Fatal("no pack in the answer")
	}
	pack, err := io.ReadAll(sideband.NewDemuxer(sideband.Sideband64k, bytes.NewReader(response[start-4:])))
	if err != nil {
		t.Fatal(err)
	}
	judge := gitdtest.New(t, t.TempDir(), "judge.git", gitd.Features{})
	judge.GitInput(string(pack), "index-pack", "--stdin")
	var blobs []string
	for line := range strings.Lines(judge.Git("cat-file", "--batch-check", "--batch-all-objects")) {
		if fields := strings.Fields(line); fields[1] == "blob" {
			blobs = append(blobs, fields[0])
		}
	}
	slices.Sort(blobs)
	return blobs
}

func blobsOf(repo *gitdtest.Repo, commit string, dirs ...string) []string {
	args := append([]string{"ls-tree", "-r", "--format=%(objectname)", commit, "--"}, dirs...)
	blobs := strings.Fields(repo.Git(args...))
	slices.Sort(blobs)
	return slices.Compact(blobs)
}

func TestOneTagCostsThreeRequestsAndExactlyItsFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	repo := gitdtest.New(t, root, "r.git", gitd.Features{})
	repo.Commit("main", "-- charts/web/values.yaml --\nolder\n")
	commit := repo.Commit("main", platform)
	repo.Annotate("web-1.0.0", commit)
	repo.Commit("main", "-- charts/web/values.yaml --\nnewer\n")
	tape := &tape{Handler: gitd.New(root, gitd.Options{})}
	server := httptest.NewServer(tape)
	defer server.Close()

	r := open(t, source.Options{URL: server.URL + "/r.git"})
	s := snapshot(t, r, "web-1.0.0", "charts/web")
	got := tape.take()
	if len(got) != 3 || got[0].method != "GET" || got[1].method != "POST" || got[2].method != "POST" {
		t.Fatalf("%d requests, want a listing and two packs", len(got))
	}
	for _, want := range []string{"deepen 1", "filter blob:none", "want " + repo.Git("rev-parse", "web-1.0.0")} {
		if !strings.Contains(got[1].request, want) {
			t.Errorf("the first request for a pack lacks %q: %q", want, got[1].request)
		}
	}
	if blobs := blobsIn(t, got[1].response); len(blobs) > 0 {
		t.Errorf("the commit came with the blobs %v", blobs)
	}
	if blobs, want := blobsIn(t, got[2].response), blobsOf(repo, commit, "charts/web"); !slices.Equal(blobs, want) {
		t.Errorf("fetched %v, want %v", blobs, want)
	}
	if err := s.Fetch(t.Context(), "charts/web", "charts/web/templates"); err != nil || len(tape.take()) > 0 {
		t.Errorf("what is there was asked for again, %v", err)
	}
	if err := s.Fetch(t.Context(), "charts"); err != nil {
		t.Fatal(err)
	}
	if got := tape.take(); len(got) != 1 || !slices.Equal(blobsIn(t, got[0].response), blobsOf(repo, commit, "charts/lib")) {
		t.Errorf("for the library %d requests, with other blobs than its own", len(got))
	}
	if ok, err := r.Reachable(t.Context(), commit, map[string]string{"main": repo.Git("rev-parse", "main")}, []string{"main"}); !ok || err != nil {
		t.Errorf("reachable: %t, %v", ok, err)
	}
	if got := tape.take(); len(got) != 1 || !strings.Contains(got[0].request, "filter tree:0") || !strings.Contains(got[0].request, "have "+commit) {
		t.Errorf("reachability: %d requests, %q", len(got), got[0].request)
	}
}

func TestChartsThatShareAFolderFetchItOnce(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	repo := gitdtest.New(t, root, "r.git", gitd.Features{})
	repo.Tag("v1", repo.Commit("main", platform))
	tape := &tape{Handler: gitd.New(root, gitd.Options{})}
	server := httptest.NewServer(tape)
	defer server.Close()
	s := snapshot(t, open(t, source.Options{URL: server.URL + "/r.git"}), "v1")
	tape.take()
	var charts sync.WaitGroup
	for range 8 {
		charts.Go(func() {
			if err := s.Fetch(t.Context(), "charts/lib"); err != nil {
				t.Error(err)
			}
			if _, err := s.ReadFile("charts/lib/Chart.yaml"); err != nil {
				t.Error(err)
			}
		})
	}
	charts.Wait()
	if n := len(tape.take()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestTheNextTagFetchesOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	repo := gitdtest.New(t, root, "r.git", gitd.Features{})
	repo.Tag("web-1.0.0", repo.Commit("main", platform))
	repo.Tag("web-1.1.0", repo.Commit("main", "-- charts/web/values.yaml --\nnewer\n"))
	repo.Tag("web-1.2.0", repo.Commit("main", "-- docs/big.txt --\nnothing of the chart\n"))
	tape := &tape{Handler: gitd.New(root, gitd.Options{})}
	server := httptest.NewServer(tape)
	defer server.Close()

	r := open(t, source.Options{URL: server.URL + "/r.git"})
	snapshot(t, r, "web-1.0.0", "charts/web")
	tape.take()
	s := snapshot(t, r, "web-1.1.0", "charts/web")
	got := tape.take()
	if blobs := blobsIn(t, got[len(got)-1].response); len(got) != 3 || len(blobs) != 1 {
		t.Errorf("%d requests for one new file, and %d files came", len(got), len(blobs))
	}
	if data, err := s.ReadFile("charts/web/values.yaml"); err != nil || string(data) != "newer\n" {
		t.Errorf("%q, %v", data, err)
	}
	s = snapshot(t, r, "web-1.2.0", "charts/web/templates")
	if err := s.Fetch(t.Context(), "charts/web"); err != nil {
		t.Fatal(err)
	}
	if got := tape.take(); len(got) != 2 {
		t.Errorf("%d requests for no new file, want a listing and the commit", len(got))
	}
}

func TestAPlainServerCostsTwoRequests(t *testing.T) {
	t.Parallel()
	for name, features := range map[string]gitd.Features{"no filter": {NoFilter: true}, "no wants by hash": {NoHashWants: true}} {
		root := t.TempDir()
		repo := gitdtest.New(t, root, "r.git", features)
		repo.Commit("main", "-- gone --\nonly in the past\n")
		commit := repo.Commit("main", platform+"-- gone [delete] --\n")
		repo.Tag("web-1.0.0", commit)
		tape := &tape{Handler: gitd.New(root, gitd.Options{})}
		server := httptest.NewServer(tape)
		s := snapshot(t, open(t, source.Options{URL: server.URL + "/r.git"}), "web-1.0.0", "charts/web")
		got := tape.take()
		if len(got) != 2 || strings.Contains(got[1].request, "filter ") || !strings.Contains(got[1].request, "deepen 1") {
			t.Fatalf("%s: %d requests, %q", name, len(got), got[len(got)-1].request)
		}
		if blobs, want := blobsIn(t, got[1].response), blobsOf(repo, commit, "."); !slices.Equal(blobs, want) {
			t.Errorf("%s: fetched %v, want the one commit's %v", name, blobs, want)
		}
		if _, err := s.ReadFile("docs/big.txt"); err == nil {
			t.Errorf("%s: a file that nobody fetched can be read", name)
		}
		server.Close()
	}
}

func TestRefusedCredentialsNameTheSourceAndTheFile(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	gitdtest.New(t, root, "r.git", gitd.Features{}).Commit("main", platform)
	server := gitdtest.Serve(t, root, gitd.Options{Login: gitd.Only("x-access-token", "another")})
	forbidding := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer forbidding.Close()
	auth := tokenFile(t, canary)
	for _, url := range []string{server.RepositoryURL("r.git"), forbidding.URL + "/r.git"} {
		_, err := open(t, source.Options{URL: url, Auth: auth}).Refs(t.Context())
		if !errors.Is(err, source.ErrAuth) || !strings.Contains(err.Error(), "platform") || !strings.Contains(err.Error(), auth.TokenOrigin) {
			t.Errorf("%v", err)
		}
		clean(t, err)
		if _, err := open(t, source.Options{URL: url}).Refs(t.Context()); !errors.Is(err, source.ErrAuth) || !strings.Contains(err.Error(), "auth") {
			t.Errorf("without credentials: %v", err)
		}
	}
}

func TestARotatedTokenIsPickedUp(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	gitdtest.New(t, root, "r.git", gitd.Features{}).Commit("main", platform)
	server := gitdtest.Serve(t, root, gitd.Options{Login: gitd.Only("x-access-token", "new")})
	auth := tokenFile(t, "old")
	r := open(t, source.Options{URL: server.RepositoryURL("r.git"), Auth: auth})
	if _, err := r.Refs(t.Context()); !errors.Is(err, source.ErrAuth) {
		t.Errorf("with the old token: %v", err)
	}
	os.WriteFile(auth.TokenOrigin, []byte("new\n"), 0o600)
	if _, err := r.Refs(t.Context()); err != nil {
		t.Errorf("with the new token: %v", err)
	}
	for _, text := range []string{"", " \n", "a\nb"} {
		os.WriteFile(auth.TokenOrigin, []byte(text), 0o600)
		if _, err := r.Refs(t.Context()); err == nil || !strings.Contains(err.Error(), auth.TokenOrigin) {
			t.Errorf("with %q in the file: %v", text, err)
		}
	}
}

func TestAPrivateCAIsTrustedOnlyWhenItIsNamed(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	gitdtest.New(t, root, "r.git", gitd.Features{}).Commit("main", platform)
	url, ca := gitdtest.ServeTLS(t, gitd.New(root, gitd.Options{}))
	if _, err := open(t, source.Options{URL: url + "/r.git"}).Refs(t.Context()); err == nil || !strings.Contains(err.Error(), "caFile") {
		t.Errorf("without the CA: %v", err)
	}
	if _, err := open(t, source.Options{URL: url + "/r.git", CAFile: ca}).Refs(t.Context()); err != nil {
		t.Errorf("with the CA: %v", err)
	}
}

func TestASlowServerEndsWithItsContext(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "001e# service=git-upload-pack\n0000") // it begins well and trickles off
		w.(http.Flusher).Flush()
		<-release
	}))
	defer slow.Close()
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := open(t, source.Options{URL: slow.URL + "/r.git"}).Refs(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestARedirectStaysOnItsHost(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	repo := gitdtest.New(t, root, "new.git", gitd.Features{})
	repo.Tag("v1", repo.Commit("main", platform))
	backend := gitd.New(root, gitd.Options{Login: gitd.Only("x-access-token", canary)})
	var listings int
	moved := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.RequestURI(), "/old"); ok {
			listings++
			http.Redirect(w, r, "/new.git"+rest, http.StatusMovedPermanently)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	defer moved.Close()
	r := open(t, source.Options{URL: moved.URL + "/old", Auth: tokenFile(t, canary)})
	if got := read(t, snapshot(t, r, "v1", "."), "README.md"); got != "A platform.\n" {
		t.Errorf("%q", got)
	}
	refs(t, r)
	if listings != 1 {
		t.Errorf("asked at the old place %d times", listings)
	}

	var leaked string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { leaked += "a request; " + r.Header.Get("Authorization") }))
	defer other.Close()
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.URL.RequestURI(), http.StatusFound)
	}))
	defer away.Close()
	_, err := open(t, source.Options{URL: away.URL + "/r.git", Auth: tokenFile(t, canary)}).Refs(t.Context())
	if err == nil || !strings.Contains(err.Error(), "redirects") {
		t.Errorf("%v", err)
	}
	if leaked != "" {
		t.Errorf("the other host got %s", leaked)
	}
}
