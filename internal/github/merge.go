package github

import (
	"context"
	"fmt"

	gh "github.com/google/go-github/v60/github"
)

// Merge merges a pull request by a merge commit, only if its head is still headCommit. What GitHub does not
// allow (a required check, a rule, a conflict, a head that moved) is Refused. One that is merged already is
// fine.
func (r *Repository) Merge(ctx context.Context, number int, headCommit string) error {
	doing := fmt.Sprintf("merge pull request #%d", number)
	result, _, err := r.api.PullRequests.Merge(ctx, r.owner, r.name, number, "",
		&gh.PullRequestOptions{SHA: headCommit, MergeMethod: "merge"})
	if err == nil && result.GetMerged() {
		return nil
	}
	if err == nil {
		return fmt.Errorf("%s: %w", doing, &Refused{Repository: r.fullName, Reason: "GitHub says: " + clean(result.GetMessage())})
	}
	if status(err) == 405 || status(err) == 409 || lost(err) {
		if p, look := r.PullRequest(ctx, number); look == nil && p.State == "merged" && p.HeadCommit == headCommit {
			return nil
		}
	}
	return explain(r.fullName, doing, err)
}
