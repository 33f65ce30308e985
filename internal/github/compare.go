package github

import (
	"context"

	gh "github.com/google/go-github/v60/github"
)

// Comparison tells how a head stands to a base. What changed between them is told by Tree.Changed of the
// merge base and the head, which has no limit of files.
type Comparison struct {
	// MergeBase is the commit where both parted.
	MergeBase string
	// Ahead and Behind count the commits that the head has and the base has not, and the reverse.
	Ahead, Behind int
}

// Compare compares two commits in one request, none when it was asked before. Commits without a common
// ancestor are ErrNotFound.
func (r *Repository) Compare(ctx context.Context, base, head string) (Comparison, error) {
	if base == head {
		return Comparison{MergeBase: base}, nil
	}
	if c, ok := r.seen.comparison(base, head); ok {
		return c, nil
	}
	answer, _, err := r.api.Repositories.CompareCommits(ctx, r.owner, r.name, base, head, &gh.ListOptions{PerPage: 1})
	if err != nil {
		return Comparison{}, explain(r.fullName, "compare "+base+" with "+head, err)
	}
	c := Comparison{
		MergeBase: answer.GetMergeBaseCommit().GetSHA(),
		Ahead:     answer.GetAheadBy(), Behind: answer.GetBehindBy(),
	}
	r.seen.keepComparison(base, head, c)
	return c, nil
}
