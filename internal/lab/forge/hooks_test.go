package forge_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/releaser/releaser/internal/lab/forge"
	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/openapi"
)

const secret = "webhook secret"

// listener takes webhooks as a user of go-github would, and has every payload judged.
type listener struct {
	mu   sync.Mutex
	got  []string // event and what of it
	seen []string // delivery IDs
}

// listen sends the events of acme/env to a listener. The ping is not kept.
func listen(t *testing.T, w *world) *listener {
	t.Helper()
	l := &listener{}
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { l.take(t, r) }))
	t.Cleanup(web.Close)
	t.Cleanup(w.Close) // before the listener goes
	if err := w.SetHook(repo, forge.Hook{URL: web.URL + "/webhook/github", Secret: secret}); err != nil {
		t.Fatal(err)
	}
	if got := l.all(w); !slices.Equal(got, []string{"ping"}) {
		t.Errorf("a new hook gets %q", got)
	}
	l.forget()
	return l
}

func (l *listener) take(t *testing.T, r *http.Request) {
	signed := r.Clone(r.Context())
	body, err := github.ValidatePayload(signed, []byte(secret))
	if err != nil {
		t.Errorf("signature: %v", err)
		return
	}
	kind := github.WebHookType(r)
	event, err := github.ParseWebHook(kind, body)
	if err != nil {
		t.Errorf("%s: %v", kind, err)
		return
	}
	name := kind
	if e, isPull := event.(*github.PullRequestEvent); isPull {
		name += "-" + e.GetAction()
	}
	openapi.Webhook(t, name, body)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = append(l.got, describe(kind, event))
	l.seen = append(l.seen, github.DeliveryID(r))
}

func describe(kind string, event any) string {
	switch e := event.(type) {
	case *github.PushEvent:
		what := map[bool]string{true: " created"}[e.GetCreated()] + map[bool]string{true: " deleted"}[e.GetDeleted()] + map[bool]string{true: " forced"}[e.GetForced()]
		return fmt.Sprintf("push %s%s by %s", e.GetRef(), what, e.GetPusher().GetName())
	case *github.CreateEvent:
		return fmt.Sprintf("create %s %s", e.GetRefType(), e.GetRef())
	case *github.DeleteEvent:
		return fmt.Sprintf("delete %s %s", e.GetRefType(), e.GetRef())
	case *github.PullRequestEvent:
		return fmt.Sprintf("pull_request %s #%d merged=%v", e.GetAction(), e.GetNumber(), e.GetPullRequest().GetMerged())
	}
	return kind
}

// all gives what came so far, once nothing more is on its way.
func (l *listener) all(w *world) []string {
	w.Deliveries()
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.got)
}

func (l *listener) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got, l.seen = nil, nil
}

func (l *listener) wants(t *testing.T, w *world, want ...string) {
	t.Helper()
	if got := l.all(w); !slices.Equal(got, want) {
		t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	l.forget()
}

func TestEveryChangeThroughTheAPISendsItsWebhook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := listen(t, w)
	sha := w.propose("x", "a", "1")
	l.wants(t, w, "push refs/heads/x created by ann", "create branch x", "pull_request opened #1 merged=false")
	w.ask("PATCH", "git/refs/heads/x", fields{"sha": w.commit(sha, "b", "2")}).want(200)
	l.wants(t, w, "pull_request synchronize #1 merged=false", "push refs/heads/x by ann")
	w.ask("PATCH", "git/refs/heads/x", fields{"sha": sha, "force": true}).want(200)
	l.wants(t, w, "pull_request synchronize #1 merged=false", "push refs/heads/x forced by ann")
	w.ask("POST", "issues/1/labels", []string{"dev"}).want(200)
	w.ask("PATCH", "pulls/1", fields{"title": "T"}).want(200)
	w.ask("PATCH", "pulls/1", fields{"title": "T"}).want(200) // no change, no event
	l.wants(t, w, "pull_request labeled #1 merged=false", "pull_request edited #1 merged=false")
	w.ask("PATCH", "pulls/1", fields{"state": "closed"}).want(200)
	w.ask("PATCH", "pulls/1", fields{"state": "open"}).want(200)
	l.wants(t, w, "pull_request closed #1 merged=false", "pull_request reopened #1 merged=false")
	w.ask("PUT", "pulls/1/merge", nil).want(200)
	l.wants(t, w, "pull_request closed #1 merged=true", "push refs/heads/main by ann")
	w.ask("DELETE", "git/refs/heads/x", nil).want(204)
	l.wants(t, w, "push refs/heads/x deleted by ann", "delete branch x")
}

func TestMoreThanThreeTagsInOnePushSendNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := listen(t, w)
	tags := func(n int) []forge.Update {
		var all []forge.Update
		for i := range n {
			all = append(all, forge.Update{Ref: fmt.Sprintf("refs/tags/v1.0.%d", i), Old: strings.Repeat("0", 40), New: w.main})
		}
		return all
	}
	if err := w.Pushed(repo, "bob", tags(4)); err != nil {
		t.Fatal(err)
	}
	l.wants(t, w)
	if err := w.Pushed(repo, "bob", tags(3)[2:]); err != nil {
		t.Fatal(err)
	}
	l.wants(t, w, "push refs/tags/v1.0.2 created by bob", "create tag v1.0.2")
	head := w.git.Commit("main", "next\n-- a --\n1\n")
	if err := w.Pushed(repo, "bob", append(tags(4), forge.Update{Ref: "refs/heads/main", Old: w.main, New: head})); err != nil {
		t.Fatal(err)
	}
	l.wants(t, w, "push refs/heads/main by bob") // the branch is told all the same
	if err := w.Pushed(repo, "bob", []forge.Update{{Ref: "refs/notes/commits", Old: strings.Repeat("0", 40), New: w.main}}); err != nil {
		t.Fatal(err)
	}
	l.wants(t, w)
}

// A real push through the git server beside: the API, the pull requests and the webhooks follow.
func TestRealPushReachesTheForge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := listen(t, w)
	git := gitd.New(filepath.Dir(filepath.Dir(w.dir)), gitd.Options{OnReceive: func(name string, moved []gitd.RefUpdate) {
		var updates []forge.Update
		for _, u := range moved {
			updates = append(updates, forge.Update(u))
		}
		if err := w.Pushed(strings.TrimSuffix(name, ".git"), "bob", updates); err != nil {
			t.Error(err)
		}
	}})
	web := httptest.NewServer(git)
	defer web.Close()
	w.run("config", "http.receivepack", "true")

	w.propose("x", "a", "1")
	l.wants(t, w, "push refs/heads/x created by ann", "create branch x", "pull_request opened #1 merged=false")
	clone := filepath.Join(t.TempDir(), "clone")
	command(t, ".", "clone", "-q", "-b", "x", web.URL+"/"+repo+".git", clone)
	command(t, clone, "commit", "-q", "--allow-empty", "-m", "by hand")
	command(t, clone, "tag", "v1.0.0")
	command(t, clone, "push", "-q", "origin", "x", "v1.0.0")
	w.ask("GET", "pulls/1", nil).want(200).shows("head.sha", command(t, clone, "rev-parse", "HEAD"), "commits", "2")
	got := l.all(w)
	slices.Sort(got)
	want := []string{"create tag v1.0.0", "pull_request synchronize #1 merged=false", "push refs/heads/x by bob", "push refs/tags/v1.0.0 created by bob"}
	if !slices.Equal(got, want) {
		t.Errorf("events %q", got)
	}
	command(t, clone, "push", "-q", "origin", "x", "v1.0.0") // nothing new
	l.forget()
	l.wants(t, w)
}

func TestRedeliveryKeepsItsID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	l := listen(t, w)
	w.branch("x", "a", "1")
	first := w.Deliveries()[1]
	for range 2 {
		if err := w.Redeliver(repo, first.ID); err != nil {
			t.Fatal(err)
		}
	}
	w.Deliveries()
	if l.seen[0] != first.ID || l.seen[2] != first.ID || l.seen[3] != first.ID || l.seen[1] == first.ID {
		t.Errorf("IDs are %q", l.seen)
	}
	if err := w.Redeliver(repo, "none"); err == nil {
		t.Error("an unknown delivery was sent")
	}
}

func TestReceiverThatIsGoneStopsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	web := httptest.NewServer(http.NotFoundHandler())
	if err := w.SetHook(repo, forge.Hook{URL: web.URL, Secret: secret}); err != nil {
		t.Fatal(err)
	}
	w.Deliveries()
	web.Close()
	w.branch("x", "a", "1")
	all := w.Deliveries()
	if all[0].Status != 404 || all[1].Err == nil || all[1].Status != 0 {
		t.Errorf("deliveries are %+v", all)
	}
	for range 2 {
		w.Close()
	}
	w.branch("y", "a", "1") // after Close nothing is sent any more
	if n := len(w.Deliveries()); n != len(all) {
		t.Errorf("%d deliveries, want %d", n, len(all))
	}
}

func TestCloseWaitsForTheLastWebhook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var got atomic.Int32
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		time.Sleep(50 * time.Millisecond)
		got.Add(1)
	}))
	defer web.Close()
	if err := w.SetHook(repo, forge.Hook{URL: web.URL}); err != nil {
		t.Fatal(err)
	}
	w.branch("x", "a", "1")
	w.Close()
	if n := got.Load(); n != 3 { // ping, push, create
		t.Errorf("%d webhooks came, want 3", n)
	}
}

// A receiver that asks the API while it is told must not wait for itself.
func TestReceiverMayAskBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	answers := make(chan int, 9)
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		answers <- w.ask("GET", "pulls", nil).status
	}))
	defer web.Close()
	if err := w.SetHook(repo, forge.Hook{URL: web.URL}); err != nil {
		t.Fatal(err)
	}
	w.Deliveries()
	if got := <-answers; got != 200 {
		t.Errorf("status %d", got)
	}
}

func TestExamplesOfGitHubAreWhatGoGitHubReads(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/webhooks/*.json")
	if err != nil || len(files) != 11 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, file := range files {
		event, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".json"), "-")
		body := read(t, file)
		r := httptest.NewRequest("POST", "/", strings.NewReader(string(body)))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Hub-Signature-256", forge.Sign(secret, body))
		payload, err := github.ValidatePayload(r, []byte(secret))
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if _, err := github.ParseWebHook(event, payload); err != nil || !json.Valid(payload) {
			t.Errorf("%s: %v", file, err)
		}
	}
}
