package promotion

import (
	"context"

	"github.com/releaser/releaser/internal/github"
)

// Hands do to a forge what was decided: everything that this package writes goes through them. There are two
// pairs: GitHub's and Idle ones, which make a dry run.
type Hands interface {
	// Draft makes a commit that Push is likely to be asked for soon; no branch moves. Whether it can is of no account: Push
	// makes what it needs. The same call again does nothing.
	Draft(ctx context.Context, repository string, c github.Commit)
	// Push makes a commit and puts it at the head of a branch, which is created when old is empty and otherwise
	// moves from old by fast-forward. It returns the new head, empty when nothing was made. A branch that somebody moved meanwhile is
	// github.ErrMoved. A second call makes a second commit of the same tree; callers look first.
	Push(ctx context.Context, repository, branch, old string, c github.Commit) (head string, err error)
	// Propose opens the pull request of a branch, or gives the one with p's number p's title and body. The same
	// call again adopts what is there.
	Propose(ctx context.Context, repository string, p github.PullRequest) (github.PullRequest, error)
	// Say comments on a pull request, once for each mark.
	Say(ctx context.Context, repository string, number int, mark, text string) error
	// Merge merges a pull request if its head is still the given one. Merging what is merged is fine.
	Merge(ctx context.Context, repository string, number int, head string) error
	// Did is how a proposal stands once these hands have done what s tells.
	Did(s State) State
}

// Forge is the pair of hands that writes to GitHub.
type Forge struct{ GitHub *github.Client }

// Draft implements Hands.
func (f Forge) Draft(ctx context.Context, repository string, c github.Commit) {
	_ = f.GitHub.Repository(repository).Draft(ctx, c) // Push will meet the same fault, and tell it
}

// Push implements Hands.
func (f Forge) Push(ctx context.Context, repository, branch, old string, c github.Commit) (string, error) {
	r := f.GitHub.Repository(repository)
	head, err := r.Commit(ctx, c)
	if err != nil {
		return "", err
	}
	if old == "" {
		return head, r.CreateBranch(ctx, branch, head)
	}
	return head, r.Advance(ctx, branch, head)
}

// Propose implements Hands.
func (f Forge) Propose(ctx context.Context, repository string, p github.PullRequest) (github.PullRequest, error) {
	r := f.GitHub.Repository(repository)
	if p.Number != 0 {
		return r.UpdatePullRequest(ctx, p.Number, p.Title, p.Body)
	}
	opened, err := r.OpenPullRequest(ctx, p)
	if err != nil || mark(opened.Body) == mark(p.Body) {
		return opened, err
	}
	return r.UpdatePullRequest(ctx, opened.Number, p.Title, p.Body) // one that was there
}

// Say implements Hands.
func (f Forge) Say(ctx context.Context, repository string, number int, mark, text string) error {
	return f.GitHub.Repository(repository).Comment(ctx, number, mark, text)
}

// Merge implements Hands.
func (f Forge) Merge(ctx context.Context, repository string, number int, head string) error {
	return f.GitHub.Repository(repository).Merge(ctx, number, head)
}

// Did implements Hands: what was done is done.
func (f Forge) Did(s State) State { return s }

// Idle hands do nothing and answer as if they had: a dry run. What would be done is in the proposals, with
// the difference of the files.
type Idle struct{}

// Draft makes nothing.
func (Idle) Draft(context.Context, string, github.Commit) {}

// Push answers no head, as there is no commit.
func (Idle) Push(context.Context, string, string, string, github.Commit) (string, error) {
	return "", nil
}

// Propose answers the pull request that was asked for.
func (Idle) Propose(_ context.Context, _ string, p github.PullRequest) (github.PullRequest, error) {
	p.State = "open"
	return p, nil
}

// Say says nothing.
func (Idle) Say(context.Context, string, int, string, string) error { return nil }

// Merge merges nothing.
func (Idle) Merge(context.Context, string, int, string) error { return nil }

// Did answers Move: the change is still due.
func (Idle) Did(State) State { return Move }
