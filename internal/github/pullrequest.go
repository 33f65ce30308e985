package github

import (
	"context"
	"fmt"
	"net/http"

	gh "github.com/google/go-github/v60/github"
)

// PullRequest is a pull request from one branch of a repository to another one of it.
type PullRequest struct {
	Number int
	// URL is the page for people.
	URL         string
	Title, Body string
	// State is open, closed (by a person, unmerged) or merged.
	State string
	// Head and Base are branches; HeadCommit is the head's commit, or its last one when the branch is gone.
	Head, HeadCommit, Base string
	// Mergeable is GitHub's mergeable_state (clean, blocked, behind, dirty, draft, has_hooks, unstable,
	// unknown). Lists leave it empty: only PullRequest asks for it.
	Mergeable string
	Draft     bool
}

const (
	// maxPages bounds every list: 3,000 open pull requests are more than anybody reads.
	maxPages = 30
	// maxBranchPages bounds what is read of one branch's history.
	maxBranchPages = 5
)

// PullRequests lists those of one state (open, closed, all), the newest first, without those from forks.
// An empty head lists all of the repository; one with a name lists that branch's newest five hundred.
func (r *Repository) PullRequests(ctx context.Context, head, state string) ([]PullRequest, error) {
	options := &gh.PullRequestListOptions{State: state, ListOptions: gh.ListOptions{PerPage: 100}}
	if head != "" {
		options.Head = r.owner + ":" + head
	}
	var found []PullRequest
	for n := range maxPages {
		page, resp, err := r.api.PullRequests.List(ctx, r.owner, r.name, options)
		if err != nil {
			return nil, explain(r.fullName, "list pull requests", err)
		}
		for _, p := range page {
			if r.ours(p, head) {
				found = append(found, pullRequest(p))
			}
		}
		if options.Page = resp.NextPage; options.Page == 0 || head != "" && n+1 == maxBranchPages {
			return found, nil
		}
	}
	return nil, &Refused{Repository: r.fullName, Reason: "it has more than 3,000 pull requests of this state: close the old ones"}
}

// ours leaves out forks and, as GitHub ignores a filter that it does not understand, other branches.
func (r *Repository) ours(p *gh.PullRequest, head string) bool {
	if p.GetHead().GetRepo().GetID() != p.GetBase().GetRepo().GetID() {
		return false
	}
	return head == "" || p.GetHead().GetRef() == head
}

// PullRequest reads one, with GitHub's judgement whether it may be merged.
func (r *Repository) PullRequest(ctx context.Context, number int) (PullRequest, error) {
	p, _, err := r.api.PullRequests.Get(ctx, r.owner, r.name, number)
	if err != nil {
		return PullRequest{}, explain(r.fullName, fmt.Sprintf("pull request #%d", number), err)
	}
	return pullRequest(p), nil
}

// OpenPullRequest opens one from branch p.Head to branch p.Base. One that is open already is adopted as it
// is, whether GitHub says so or its answer was lost.
func (r *Repository) OpenPullRequest(ctx context.Context, p PullRequest) (PullRequest, error) {
	made, _, err := r.api.PullRequests.Create(ctx, r.owner, r.name, &gh.NewPullRequest{
		Title: &p.Title, Body: &p.Body, Head: &p.Head, Base: &p.Base,
	})
	if err == nil {
		return pullRequest(made), nil
	}
	if status(err) == http.StatusUnprocessableEntity || lost(err) {
		if there, found := r.opened(ctx, p); found {
			return there, nil
		}
	}
	return PullRequest{}, explain(r.fullName, "open a pull request for "+p.Head, err)
}

func (r *Repository) opened(ctx context.Context, want PullRequest) (PullRequest, bool) {
	open, err := r.PullRequests(ctx, want.Head, "open")
	if err != nil {
		return PullRequest{}, false
	}
	for _, p := range open {
		if p.Base == want.Base {
			return p, true
		}
	}
	return PullRequest{}, false
}

// UpdatePullRequest sets title and body.
func (r *Repository) UpdatePullRequest(ctx context.Context, number int, title, body string) (PullRequest, error) {
	p, _, err := r.api.PullRequests.Edit(ctx, r.owner, r.name, number, &gh.PullRequest{Title: &title, Body: &body})
	if err != nil {
		return PullRequest{}, explain(r.fullName, fmt.Sprintf("update pull request #%d", number), err)
	}
	return pullRequest(p), nil
}

func pullRequest(p *gh.PullRequest) PullRequest {
	state := p.GetState()
	if p.GetMerged() || p.MergedAt != nil {
		state = "merged"
	}
	return PullRequest{
		Number: p.GetNumber(), URL: p.GetHTMLURL(), Title: p.GetTitle(), Body: p.GetBody(), State: state,
		Head: p.GetHead().GetRef(), HeadCommit: p.GetHead().GetSHA(), Base: p.GetBase().GetRef(),
		Mergeable: p.GetMergeableState(), Draft: p.GetDraft(),
	}
}
