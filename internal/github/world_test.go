package github

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/forge"
	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/gitd/gitdtest"
	"github.com/releaser/releaser/internal/lab/openapi"
)

const (
	environments = "acme/environments"
	botToken     = "ghp_ofTheBot"
)

// world is a GitHub with one repository, whose every request and answer is judged by GitHub's description.
type world struct {
	git   *gitdtest.Repo
	forge *forge.Server
	url   string
	base  string // the first commit of main
	api   *Repository
}

func newWorld(t *testing.T, o forge.Options) *world {
	t.Helper()
	w := &world{git: gitdtest.New(t, t.TempDir(), environments+".git", gitd.Features{})}
	w.base = w.git.Commit("main", "the environments\n-- dev/voice-agent/values.yaml --\nimage:\n  tag: \"\"\n-- README --\nhello\n-- dev/run.sh [exec] --\ntrue\n")
	server, err := forge.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	if err := server.AddRepository(forge.Repository{FullName: environments, Dir: w.git.Dir(), Private: true}); err != nil {
		t.Fatal(err)
	}
	server.AddToken(forge.Token{Value: botToken, Login: "releaser"})
	front := httptest.NewServer(openapi.Judge(t, server))
	t.Cleanup(front.Close)
	w.forge, w.url = server, front.URL+forge.Prefix
	w.api = w.client(t, Static(botToken)).Repository(environments)
	return w
}

// client is another one, with nothing remembered.
func (w *world) client(t *testing.T, tokens TokenSource) *Client {
	t.Helper()
	c, err := New(Options{APIURL: w.url, Token: tokens, Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// writes counts the writes that the server saw since the last call.
func (w *world) writes() int {
	n := w.forge.Writes()
	w.forge.ForgetRequests()
	return n
}

// requests counts all requests since the last call.
func (w *world) requests() int {
	n := len(w.forge.RequestLog())
	w.forge.ForgetRequests()
	return n
}

// lose makes the server do what the next write to a path asks, and lose the answer.
func (w *world) lose(path string, failure forge.Failure) {
	done := false
	w.forge.Fault(func(r *http.Request) forge.Failure {
		if done || r.Method == http.MethodGet || !strings.Contains(r.URL.Path, path) {
			return forge.Failure{}
		}
		done = true
		return failure
	})
}

// edit commits another content for one file on top of a commit.
func (w *world) edit(t *testing.T, parent, content string) string {
	t.Helper()
	commit, err := w.api.Commit(t.Context(), Commit{
		Message: "an edit", Parents: []string{parent}, Base: parent,
		Files: map[string][]byte{"dev/voice-agent/values.yaml": []byte(content)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

// propose makes a branch with one edit and opens its pull request.
func (w *world) propose(t *testing.T, branch string) PullRequest {
	t.Helper()
	commit := w.edit(t, w.base, "image:\n  tag: \"1\"\n")
	if err := w.api.CreateBranch(t.Context(), branch, commit); err != nil {
		t.Fatal(err)
	}
	p, err := w.api.OpenPullRequest(t.Context(), PullRequest{Title: "promote", Body: "why", Head: branch, Base: "main"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
