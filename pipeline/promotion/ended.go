package promotion

import (
	"context"
	"errors"
	"slices"

	"github.com/releaser/releaser/internal/github"
)

// maxEnded bounds for how many ended pull requests the files that they carried are read. Older ones are known by the
// title that we gave them, unless people have changed it.
const maxEnded = 5

// ended finds the newest pull request to the environment's branch that carried a release and is closed or
// merged; none is the empty map.
func (r *round) ended(ctx context.Context, s *survey, want Release) (map[string]PullRequest, error) {
	closed, err := r.closed(ctx, s)
	if err != nil {
		return nil, err
	}
	closed = slices.DeleteFunc(closed, func(pr github.PullRequest) bool { return pr.Base != s.env.Branch })
	for i, pr := range closed {
		same := pr.Title == title(s.env, want)
		if i < maxEnded {
			if same, err = r.carried(ctx, s.env, pr, want); err != nil {
				return nil, err
			}
		}
		if same {
			return map[string]PullRequest{want.Digest: {Number: pr.Number, URL: pr.URL, State: pr.State}}, nil
		}
	}
	return nil, nil
}

// carried tells whether a pull request was for a release: by its head or, where that is gone or says nothing,
// by its title. The registry is asked only about one whose files name the release: most are for others.
func (r *round) carried(ctx context.Context, env Environment, pr github.PullRequest, want Release) (bool, error) {
	files, err := r.filesAt(ctx, env, pr.HeadCommit)
	if err != nil && !errors.Is(err, github.ErrNotFound) {
		return false, err
	}
	if lead, ok := leading(signs(env, r.chart, files, &Holding{})); ok && !lead.names(want) {
		return false, nil
	}
	holds, err := r.read(ctx, env, files)
	if err != nil {
		return false, err
	}
	if holds.Release == (Release{}) {
		return pr.Title == title(env, want), nil
	}
	return holds.Release.Digest == want.Digest, nil
}
