package promotion

import (
	"cmp"
	"context"
	"fmt"

	"github.com/releaser/releaser/signing"
)

// Request is a person's command to promote.
type Request struct {
	// From is FromRelease or an environment, To an environment that is promoted from it.
	From, To string
	Chart    string
	// Version is what to promote; empty: what From holds, or the newest release.
	Version string
}

// Promote does what a person asks: it proposes a release to one environment, though that is manual, the pull
// request was closed, or a value was edited by hand. What does not verify in the registry is refused, and so
// is a version older than what is there.
func (p *Promoter) Promote(ctx context.Context, q Request) (Proposal, error) {
	env, err := p.target(q)
	if err != nil {
		return Proposal{}, err
	}
	r := p.newRound(q.Chart)
	signed, err := r.wanted(ctx, q)
	if err != nil {
		return Proposal{}, err
	}
	s, err := r.survey(ctx, env)
	if err != nil {
		return Proposal{}, err
	}
	want := releaseOf(signed.Pushed())
	if have := s.holds.Release; higher(have, want) && have.Version != "" {
		return Proposal{}, fmt.Errorf("%s holds %s %s, which is newer than %s: to go back, revert its promotion in %s",
			env.Name, q.Chart, have.Version, want.Version, env.Repository)
	}
	p.refusals.drop(env.Repository, s.ours())
	return r.propose(ctx, s, signed)
}

// target finds the environment of a request.
func (p *Promoter) target(q Request) (Environment, error) {
	e, err := p.environment(q.To)
	if err != nil {
		return e, err
	}
	if e.From != q.From {
		return e, fmt.Errorf("%s is promoted from %s, not from %s: run releaser promote %s %s --chart %s",
			e.Name, e.From, q.From, e.From, e.Name, q.Chart)
	}
	return e, e.check(q.Chart)
}

// wanted finds and verifies the release of a request.
func (r *round) wanted(ctx context.Context, q Request) (signing.Signed, error) {
	version := q.Version
	if version == "" && q.From == FromRelease {
		newest, err := r.released(ctx, Release{})
		if err == nil && len(newest) == 0 {
			why := cmp.Or(r.passedOver(), "no verified release is in the registry: run releaser release TAG")
			err = fmt.Errorf("%s: %s", q.Chart, why)
		}
		if err != nil {
			return signing.Signed{}, err
		}
		return r.vouched[newest[0].Digest], nil
	}
	if version == "" {
		held, err := r.heldBy(ctx, q.From)
		if err != nil {
			return signing.Signed{}, err
		}
		version = held.Version
	}
	if err := r.passed(ctx, q); err != nil {
		return signing.Signed{}, err
	}
	pushed, err := r.resolve(ctx, version, "")
	if err != nil {
		return signing.Signed{}, err
	}
	return r.verify(ctx, pushed)
}

// passed refuses a version that is named and has not been in the environment that it is promoted from: one
// that is higher than what that holds.
func (r *round) passed(ctx context.Context, q Request) error {
	if q.Version == "" || q.From == FromRelease {
		return nil
	}
	holds, err := r.heldIn(ctx, q.From)
	if err != nil {
		return err
	}
	held := holds.Release
	if problems := holds.Problems(); held.Version == "" && len(problems) > 0 {
		return fmt.Errorf("%s does not say what it holds, so nothing tells whether it held %s %s: %s; mend its files first", q.From, q.Chart, q.Version, reasons(problems))
	}
	if holds.Empty || held.Version != "" && higher(Release{Version: q.Version}, held) {
		return fmt.Errorf("%s has not held %s %s yet: promote it there first", q.From, q.Chart, q.Version)
	}
	return nil
}

// heldBy is what an environment holds, for a person who promotes it.
func (r *round) heldBy(ctx context.Context, name string) (Release, error) {
	holds, err := r.heldIn(ctx, name)
	if err != nil {
		return Release{}, err
	}
	if problems := holds.Problems(); len(problems) > 0 {
		return Release{}, fmt.Errorf("%s does not say one release: %s: mend it, or name one by --version", name, reasons(problems))
	}
	if holds.Release == (Release{}) {
		return Release{}, fmt.Errorf("%s holds no release of %s yet: promote one there first", name, r.chart)
	}
	return holds.Release, nil
}
