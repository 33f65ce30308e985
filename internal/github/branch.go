package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	gh "github.com/google/go-github/v60/github"
)

// Branch returns the commit at the head of a branch; ErrNotFound when there is no such branch.
func (r *Repository) Branch(ctx context.Context, name string) (commit string, err error) {
	ref, _, err := r.api.Git.GetRef(ctx, r.owner, r.name, "heads/"+name)
	if err != nil {
		return "", explain(r.fullName, "branch "+name, err)
	}
	if ref.GetRef() != "refs/heads/"+name || ref.GetObject().GetType() != "commit" {
		return "", fmt.Errorf("%s: branch %s: %w", r.fullName, name, ErrNotFound)
	}
	return ref.GetObject().GetSHA(), nil
}

// CreateBranch makes a branch at commit. One that stands there already is adopted; one that stands
// elsewhere gives ErrMoved.
func (r *Repository) CreateBranch(ctx context.Context, name, commit string) error {
	_, _, err := r.api.Git.CreateRef(ctx, r.owner, r.name, reference(name, commit))
	return r.settle(ctx, "create branch "+name, name, commit, err)
}

// Advance moves a branch to commit by fast-forward, never by force. A branch that stands there already is
// fine; one from which commit does not descend gives ErrMoved.
func (r *Repository) Advance(ctx context.Context, name, commit string) error {
	_, _, err := r.api.Git.UpdateRef(ctx, r.owner, r.name, reference(name, commit), false)
	return r.settle(ctx, "move branch "+name, name, commit, err)
}

func reference(name, commit string) *gh.Reference {
	return &gh.Reference{Ref: gh.String("refs/heads/" + name), Object: &gh.GitObject{SHA: &commit}}
}

// settle looks where the branch stands after a write that failed, or whose answer was lost.
func (r *Repository) settle(ctx context.Context, doing, name, commit string, failed error) error {
	if failed == nil {
		return nil
	}
	refused := status(failed) == http.StatusUnprocessableEntity
	if !refused && !lost(failed) {
		return explain(r.fullName, doing, failed)
	}
	if now, err := r.Branch(ctx, name); err == nil && now == commit {
		return nil
	}
	if refused && isRace(failed) {
		return fmt.Errorf("%s: %s: %w", r.fullName, doing, ErrMoved)
	}
	return explain(r.fullName, doing, failed)
}

// isRace tells the 422s that mean "somebody else was first" from those of a rule.
func isRace(err error) bool {
	var answer *gh.ErrorResponse
	if !errors.As(err, &answer) {
		return false
	}
	text := strings.ToLower(message(answer)) // alone: the error's own text has the URL, and so the branch's name
	return strings.Contains(text, "fast forward") || strings.Contains(text, "fast-forward") ||
		strings.Contains(text, "already exists") || strings.Contains(text, "reference does not exist") ||
		strings.Contains(text, "object does not exist") // yet: the commit was just made
}
