package github

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	gh "github.com/google/go-github/v60/github"
)

// Glance tells what changes whenever the branch moves or an open pull request of the repository changes, opens or ends. It asks
// two conditional questions, which GitHub does not count as long as nothing is new (REST API, "Best practices", conditional
// requests). It is empty where nothing can be told: a server without ETags, or more open pull requests than one page has.
func (r *Repository) Glance(ctx context.Context, branch string) (string, error) {
	head, err := r.tag(ctx, "branch "+branch, "git/ref/heads/"+strings.ReplaceAll(url.PathEscape(branch), "%2F", "/"))
	if err != nil {
		return "", err
	}
	pulls, err := r.tag(ctx, "list pull requests", "pulls?state=open&per_page=100")
	if err != nil || head == "" || pulls == "" {
		return "", err
	}
	return head + " " + pulls, nil
}

// glanced are the ETags of what was asked for, by path.
type glanced struct {
	mu   sync.Mutex
	tags map[string]string
}

// tag is the ETag of what a path shows; empty if it has none, or shows the first page of several.
func (r *Repository) tag(ctx context.Context, doing, path string) (string, error) {
	req, err := r.api.NewRequest(http.MethodGet, fmt.Sprintf("repos/%s/%s/%s", r.owner, r.name, path), nil)
	if err != nil {
		return "", explain(r.fullName, doing, err)
	}
	last := r.glanced.last(path)
	if last != "" {
		req.Header.Set("If-None-Match", last)
	}
	answer, err := r.api.Do(ctx, req, nil)
	if last != "" && answer != nil && answer.StatusCode == http.StatusNotModified {
		return last, nil
	}
	if err != nil {
		return "", explain(r.fullName, doing, err)
	}
	return r.glanced.keep(path, answer), nil
}

func (g *glanced) last(path string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tags[path]
}

func (g *glanced) keep(path string, answer *gh.Response) string {
	tag := answer.Header.Get("ETag")
	if answer.NextPage != 0 {
		tag = ""
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tags[path] = tag
	return tag
}
