package pipeline

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/releaser/releaser/internal/github"
	"github.com/releaser/releaser/internal/lab/forge"
	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/gitd/gitdtest"
	"github.com/releaser/releaser/internal/lab/openapi"
	"github.com/releaser/releaser/pipeline/source"
)

// hub is a GitHub: an API, judged by GitHub's description, and git beside it.
type hub struct {
	*testing.T
	git     *gitdtest.Repo
	forge   *forge.Server
	clock   time.Time
	listing *Listing

	mu    sync.Mutex
	asked []string
	// meanwhile happens once, after the API's next answer.
	meanwhile func()
}

func newHub(t *testing.T, heads ...string) *hub {
	t.Helper()
	root := t.TempDir()
	h := &hub{T: t, git: gitdtest.New(t, root, platform+".git", gitd.Features{}), clock: time.Now()}
	h.git.Tag("voice-lib-1.0.0", h.git.Commit("main", small("voice-lib", "1.0.0")))
	h.git.Annotate("voice-lib-1.1.0", "main")
	var err error
	h.forge, err = forge.New(forge.Options{})
	h.must(err)
	t.Cleanup(h.forge.Close)
	h.must(h.forge.AddRepository(forge.Repository{FullName: platform, Dir: h.git.Dir(), Private: true}))
	h.forge.AddToken(forge.Token{Value: token, Login: "releaser"})
	api, git := openapi.Judge(t, h.forge), gitd.New(root, gitd.Options{})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if strings.HasPrefix(r.URL.Path, forge.Prefix) {
			h.asked = append(h.asked, "api")
			api.ServeHTTP(w, r)
			if h.meanwhile != nil {
				h.meanwhile()
				h.meanwhile = nil
			}
			return
		}
		h.asked = append(h.asked, "git")
		git.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	client, err := github.New(github.Options{APIURL: front.URL + forge.Prefix, Token: github.Static(token), Unpaced: true})
	h.must(err)
	url := front.URL + "/" + platform + ".git"
	repository, err := source.Open(source.Options{Name: "platform", URL: url})
	h.must(err)
	there, ok := client.Holds(url)
	if !ok {
		t.Fatalf("%s is not on the forge", url)
	}
	h.listing = &Listing{Git: repository, GitHub: there, Only: source.Only{Tags: heads, Branches: []string{"main"}}, Now: func() time.Time { return h.clock }}
	return h
}

func (h *hub) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// looks lists once: what was asked for it, and how many tags it shows.
func (h *hub) looks(what string, fresh bool, want string, tags int) source.Refs {
	h.Helper()
	h.mu.Lock()
	h.asked = nil
	h.mu.Unlock()
	refs, err := h.listing.Refs(h.Context(), fresh)
	h.must(err)
	if got := fmt.Sprint(h.asked); got != want || len(refs.Tags) != tags {
		h.Errorf("%s: it asks %s and shows %d tags, want %s and %d", what, got, len(refs.Tags), want, tags)
	}
	return refs
}

// settles is how every listing begins: the first is git's, the second finds out what the servers can do.
func (h *hub) settles(tags int) {
	h.Helper()
	h.looks("the first look", false, "[git]", tags)
	h.looks("the second look", false, "[api git git]", tags)
}

func TestAnIdleLookIsOneRequestThatGitHubDoesNotCount(t *testing.T) {
	t.Parallel()
	h := newHub(t, "")
	h.settles(2)
	h.forge.ForgetRequests()
	for range 5 {
		h.looks("an idle look", false, "[api]", 2)
	}
	for _, r := range h.forge.RequestLog() {
		if r.Status != http.StatusNotModified {
			t.Errorf("%s is answered %d", r.Path, r.Status)
		}
	}

	moved := h.git.Commit("main", "-- README.md --\nx\n")
	for what, change := range map[string]func(){
		"a new tag":     func() { h.git.Tag("v1", moved) },
		"a moved tag":   func() { h.git.Tag("voice-lib-1.0.0", moved) },
		"a deleted tag": func() { h.git.Git("tag", "-d", "voice-lib-1.1.0"); h.git.Tag("v2", moved) },
	} {
		change()
		refs := h.looks(what, false, "[api git]", len(strings.Fields(h.git.Git("tag", "-l"))))
		if refs.Heads["main"] != moved {
			t.Errorf("after %s main is at %s", what, refs.Heads["main"])
		}
		h.looks("after "+what, false, "[api]", len(refs.Tags))
	}
}

func TestWhoWaitsForABranchListsIt(t *testing.T) {
	t.Parallel()
	h := newHub(t, "voice-lib-", "voice-agent-")
	h.settles(2)
	h.looks("an idle look", false, "[api]", 2)
	merged := h.git.Commit("main", "-- README.md --\nmerged\n")
	if refs := h.looks("who waits", true, "[git]", 2); refs.Heads["main"] != merged {
		t.Errorf("main is at %s, want %s", refs.Heads["main"], merged)
	}
	h.git.Tag("other-1.0.0", merged) // of no pattern
	h.looks("nobody waits any more", false, "[api git]", 2)
	h.looks("an idle look", false, "[api]", 2)
}

func TestGitHubIsBelievedForAnHour(t *testing.T) {
	t.Parallel()
	h := newHub(t, "")
	h.settles(2)
	h.clock = h.clock.Add(believed - time.Second)
	h.looks("within the hour", false, "[api]", 2)
	h.clock = h.clock.Add(time.Second)
	h.looks("after the hour", false, "[api git]", 2)
	h.looks("in the next hour", false, "[api]", 2)
}

// A listing that was made from older references than the mark stands for must not be taken for it.
func TestAMarkOfOtherTagsIsNotKept(t *testing.T) {
	t.Parallel()
	h := newHub(t, "")
	h.looks("the first look", false, "[git]", 2)
	object := h.git.Git("rev-parse", "voice-lib-1.1.0")
	h.meanwhile = func() { h.git.Git("tag", "-d", "voice-lib-1.1.0") }
	h.looks("GitHub has a tag that git has not", false, "[api git git]", 1)
	h.git.Git("update-ref", "refs/tags/voice-lib-1.1.0", object) // GitHub says what it said before
	refs := h.looks("git has it, too", false, "[api git]", 2)
	h.looks("an idle look", false, "[api]", 2)

	for want, objects := range map[bool]map[string]string{
		true:  {"voice-lib-1.1.0": object, "v\u22151": "refused"},
		false: {"voice-lib-1.1.0": refs.Tags[1].Commit},
	} {
		if got := h.listing.Only.Agree(refs, objects); got != want {
			t.Errorf("%v: %t", objects, got)
		}
	}
}

func TestASourceIsListedWhereGitHubCannotTell(t *testing.T) {
	t.Parallel()
	for what, fault := range map[string]forge.Failure{
		"no permission": {Status: 403, Message: "Resource not accessible by integration"},
		"hidden":        {Status: 404, Message: "Not Found"},
		"ill":           {Status: 502},
		"in pages":      {Header: http.Header{"Link": {`<https://api.github.com/x?page=2>; rel="next"`}}},
		"without ETags": {Header: http.Header{"Etag": {""}}},
	} {
		h := newHub(t, "")
		h.forge.Fault(func(*http.Request) forge.Failure { return fault })
		h.settles(2)
		h.git.Tag("v1", "main")
		h.looks(what+", within the hour", false, "[git]", 3)
		h.clock = h.clock.Add(believed)
		h.looks(what+", after it", false, "[api git]", 3)
		h.forge.Fault(nil)
		h.clock = h.clock.Add(believed)
		h.looks(what+", and no more", false, "[api git]", 3)
		h.looks("an idle look", false, "[api]", 3)
	}
}
