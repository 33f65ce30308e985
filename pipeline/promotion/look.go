package promotion

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/releaser/releaser/internal/github"
)

// Look is what a round reads of GitHub by a name that moves (branch heads, pull requests), and the list of the chart's
// versions. What it read by the name of a commit the github package keeps.
//
// It may be made before a proposal, while the release that is to be proposed is pushed and signed. How long it may be
// believed is for its caller to say: whatever it missed, a branch moves by fast-forward alone, and the environment's
// branch is read again before a pull request opens.
type Look struct {
	chart  string
	heads  map[[2]string]string // by repository and branch of an environment
	open   map[string][]github.PullRequest
	tips   map[string]string // of our branches that have no open pull request, by environment; empty when there is none
	listed *listing
}

func newLook(chart string) *Look {
	return &Look{chart: chart, heads: map[[2]string]string{}, open: map[string][]github.PullRequest{}, tips: map[string]string{}}
}

// Look reads what Propose will ask for a version of the chart that is about to be there for the first time. It changes
// nothing, and asks nothing that Propose would not ask then.
func (p *Promoter) Look(ctx context.Context, chart string) (*Look, error) {
	ladder := p.takers()
	if len(ladder) == 0 {
		return newLook(chart), nil
	}
	r := p.newRound(chart)
	r.single = len(ladder) == 1
	both, asking := errgroup.WithContext(ctx)
	both.Go(func() error { _, err := r.versions(asking); return err })
	both.Go(func() error {
		for _, env := range ladder {
			if err := r.ahead(asking, env); err != nil {
				return err
			}
		}
		return nil
	})
	if err := both.Wait(); err != nil {
		return nil, err
	}
	return r.Look, nil
}

// ahead reads what a survey of the environment and a commit on our branch need, in the order of a survey.
func (r *round) ahead(ctx context.Context, env Environment) error {
	if err := env.check(r.chart); err != nil {
		return err
	}
	pr, open, err := r.opened(ctx, env)
	if err != nil {
		return err
	}
	base, ours := "", pr.HeadCommit
	both, asking := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		if base, err = r.head(asking, env); err == nil {
			_, err = r.repository(env).Files(asking, base, env.paths(r.chart))
		}
		return err
	})
	if !open {
		both.Go(func() (err error) { ours, err = r.tip(asking, env); return err })
	}
	if err := both.Wait(); err != nil {
		return err
	}
	if !open {
		r.tips[env.Name] = ours
	}
	if ours == "" {
		return nil
	}
	compared, err := r.repository(env).Compare(ctx, base, ours)
	if err == nil && compared.Ahead > 0 {
		_, err = r.repository(env).Files(ctx, ours, env.paths(r.chart))
	}
	return err
}
