package promotion

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/releaser/releaser/internal/github"
	"github.com/releaser/releaser/internal/scalar"
	"github.com/releaser/releaser/registry"
)

// survey is what was found of one environment and chart.
type survey struct {
	env    Environment
	chart  string
	base   string            // head of the environment's branch
	files  map[string][]byte // what it holds there
	holds  Holding
	pr     github.PullRequest     // the open one; Number 0 when none is
	branch branch                 // ours, known when pr is open
	tip    *string                // head of our branch where no pr is open, empty when there is none; nil when not asked for
	ended  map[string]PullRequest // what people said to a release before, by digest
	failed bool                   // it could not be read now
}

// proposal is a proposal that says only how things stand.
func (s *survey) proposal(c Change) Proposal {
	p := Proposal{
		Environment: s.env.Name, Chart: s.chart, From: c.Have.Version, To: c.Want.Version,
		State: c.State, Reason: c.Reason, PullRequest: s.pageFor(c),
	}
	if s.pr.Number != 0 {
		p.Branch = s.ours()
	}
	return p
}

// ours is the name of our branch.
func (s *survey) ours() string { return branchName(s.env.Name, s.chart) }

// page is the open pull request as people know it.
func (s *survey) page() PullRequest {
	if s.pr.Number == 0 {
		return PullRequest{}
	}
	return PullRequest{Number: s.pr.Number, URL: s.pr.URL, State: s.pr.State}
}

// pageFor is the pull request that a change is about: the open one, or the one that people ended.
func (s *survey) pageFor(c Change) PullRequest {
	if ended, ok := s.ended[c.Want.Digest]; ok && c.State == Waiting && s.pr.Number == 0 {
		return ended
	}
	return s.page()
}

// look surveys an environment for a round of several: what needs a person makes it blocked, so that the
// others go on; other errors are returned beside a survey that holds nothing.
func (r *round) look(ctx context.Context, env Environment) (*survey, error) {
	s, err := r.survey(ctx, env)
	if err == nil {
		return s, nil
	}
	s = &survey{env: env, chart: r.chart, holds: Holding{Missing: []string{err.Error()}}}
	var refused *github.Refused
	if errors.Is(err, github.ErrNotFound) || errors.As(err, &refused) || env.check(r.chart) != nil {
		return s, nil
	}
	s.failed = true
	return s, err
}

// survey reads our open pull request, and then the environment. In this order what is merged in between is
// seen twice, never missed by both.
func (r *round) survey(ctx context.Context, env Environment) (*survey, error) {
	if err := env.check(r.chart); err != nil {
		return nil, err
	}
	pr, open, err := r.opened(ctx, env)
	if err != nil {
		return nil, err
	}
	if !open {
		return r.unproposed(ctx, env)
	}
	s, err := r.reading(ctx, env)
	if err != nil {
		return s, err
	}
	s.pr = pr
	s.branch, err = r.inspect(ctx, s, pr.HeadCommit)
	return s, err
}

// unproposed reads an environment without a pull request. Our branch, which the next one needs, is looked for meanwhile.
func (r *round) unproposed(ctx context.Context, env Environment) (*survey, error) {
	if !r.fresh {
		return r.reading(ctx, env)
	}
	both, asking := errgroup.WithContext(ctx)
	var s *survey
	var tip string
	both.Go(func() (err error) { s, err = r.reading(asking, env); return err })
	both.Go(func() (err error) { tip, err = r.tip(asking, env); return err })
	if err := both.Wait(); err != nil {
		return nil, err
	}
	s.tip = &tip
	return s, nil
}

// tip is the head of our branch for an environment, empty when there is none.
func (r *round) tip(ctx context.Context, env Environment) (string, error) {
	if head, ok := r.tips[env.Name]; ok {
		return head, nil
	}
	head, err := r.repository(env).Branch(ctx, branchName(env.Name, r.chart))
	if errors.Is(err, github.ErrNotFound) {
		return "", nil
	}
	return head, err
}

// reading reads what an environment holds at its branch head.
func (r *round) reading(ctx context.Context, env Environment) (*survey, error) {
	if err := env.check(r.chart); err != nil {
		return nil, err
	}
	s := &survey{env: env, chart: r.chart}
	var err error
	if s.base, err = r.head(ctx, env); err != nil {
		return nil, err
	}
	if s.files, err = r.repository(env).Files(ctx, s.base, env.paths(r.chart)); err != nil {
		return nil, err
	}
	if s.holds, err = r.read(ctx, env, s.files); err != nil {
		return nil, err
	}
	if held, asked := r.pushed[s.holds.Release.Digest]; asked {
		r.held.keep(env.Name, r.chart, held)
	}
	return s, nil
}

// read tells what files hold: the release that they name, resolved in the registry and compared with every
// key beside it.
func (r *round) read(ctx context.Context, env Environment, files map[string][]byte) (Holding, error) {
	var h Holding
	found := signs(env, r.chart, files, &h)
	lead, ok := leading(found)
	if !ok {
		h.Empty = len(h.Missing) == 0 && len(h.Disagreements) == 0 && len(found) > 0
		if !h.Empty && len(h.Problems()) == 0 {
			h.Missing = []string{fmt.Sprintf("environment %s: no file sets {version} or {digest}, so nothing tells what runs there: add one to its files", env.Name)}
		}
		return h, nil
	}
	pushed, err := r.named(ctx, env, lead)
	if errors.Is(err, registry.ErrNotFound) || errors.Is(err, registry.ErrForeign) {
		h.add(nil, []Disagreement{lead.against("a release of " + r.chart + " that is in the registry")})
		return h, nil
	}
	if err != nil {
		return h, err
	}
	h.Release = releaseOf(pushed)
	h.add(compare(files, r.edits(env, h.Release)))
	return h, nil
}

// edits are the scalars that a release sets in an environment.
func (r *round) edits(env Environment, release Release) []scalar.Edit {
	return Edits(env, release, r.options.Pins(release.Source, release.Path))
}
