package promotion

import (
	"context"

	"github.com/releaser/releaser/internal/github"
	"github.com/releaser/releaser/registry"
)

// Draft makes the commits that Propose will need for a version that was just pushed, while it is signed. Nobody sees them:
// no branch moves, and no pull request names the version before its signature is verified. What is drafted and then not
// needed, because somebody was faster or the version could not be signed, stays an object that nothing refers to.
//
// look is what Look found for the chart a moment ago. Draft asks nothing that Propose would not ask, and decides nothing:
// Propose takes a draft where it comes to the very same commit, and makes another one where it does not. The second call
// makes nothing.
func (p *Promoter) Draft(ctx context.Context, look *Look, pushed registry.Pushed) {
	if look == nil || look.chart != pushed.Chart() || pushed.Library() {
		return
	}
	r := p.newRound(pushed.Chart())
	r.Look, r.line, r.fresh = look, true, pushed.New()
	takers := p.takers()
	r.single = len(takers) == 1
	for _, env := range takers {
		if plan := r.drafted(ctx, env, releaseOf(pushed)); plan != nil {
			p.options.Hands.Draft(ctx, env.Repository, *plan)
		}
	}
}

// drafted is the commit that our branch would need for a release; nil where that is none, or cannot be said.
func (r *round) drafted(ctx context.Context, env Environment, want Release) *github.Commit {
	s, err := r.look(ctx, env)
	if err != nil || s.branch.foreign != "" {
		return nil
	}
	rung := Rung{Environment: env, Holds: s.holds, Proposed: s.branch.carries}
	if c := Next([]Rung{rung}, []Release{want, s.holds.Release})[0]; c.State != Move || c.Want.Digest != want.Digest {
		return nil
	}
	p := r.prepare(s, want)
	if p.out.State != Move || p.refusals.recall(p) != nil || p.ready(ctx) != nil || p.out.State != Move {
		return nil
	}
	plan, err := p.plan(ctx)
	if err != nil {
		return nil
	}
	return plan
}
