package promotion

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/releaser/releaser/internal/github"
	"github.com/releaser/releaser/registry"
	"github.com/releaser/releaser/signing"
)

// Registry tells what was released.
type Registry interface {
	Resolve(ctx context.Context, chart, version string) (registry.Pushed, error)
	ResolveDigest(ctx context.Context, chart, digest string) (registry.Pushed, error)
	// Versions lists all versions of a chart, the highest first.
	Versions(ctx context.Context, chart string) ([]string, error)
}

// Verifier vouches for what was released, from the registry.
type Verifier interface {
	Verify(ctx context.Context, p registry.Pushed) (signing.Signed, error)
}

// Options is what a Promoter needs. All but Files, Hands and Now are required.
type Options struct {
	GitHub       *github.Client
	Registry     Registry
	Verifier     Verifier
	Environments []Environment
	// Pins gives the pins of a chart's values.yaml, by the URL of its source and its folder there.
	Pins func(source, path string) []Pin
	// Files are what readers of a pull request are told to verify with: their paths, as the reader has them.
	// Empty: cosign.pub and trusted-root.json.
	Files signing.Files
	// Hands do the writing; Forge{GitHub} when nil. Idle makes a dry run.
	Hands Hands
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Promoter proposes releases to environments. It keeps nothing but what can be read or asked again, and may be
// used by several goroutines, and by several processes at once: GitHub decides who was first.
type Promoter struct {
	options  Options
	refusals refusals
	held     holdings
}

// New makes a Promoter; it asks nothing yet.
func New(o Options) *Promoter {
	if o.Hands == nil {
		o.Hands = Forge{o.GitHub}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Files.PublicKey = cmp.Or(o.Files.PublicKey, "cosign.pub")
	o.Files.TrustedRoot = cmp.Or(o.Files.TrustedRoot, "trusted-root.json")
	if o.Pins == nil {
		o.Pins = func(string, string) []Pin { return nil }
	}
	o.Environments = inOrder(o.Environments)
	return &Promoter{options: o}
}

// inOrder sorts the settings of each file by key, as a configuration has them in no order: what is read first
// and what a pull request says must not differ from one process to the next.
func inOrder(ladder []Environment) []Environment {
	ladder = slices.Clone(ladder)
	for i := range ladder {
		ladder[i].Files = slices.Clone(ladder[i].Files)
		for j := range ladder[i].Files {
			set := slices.Clone(ladder[i].Files[j].Set)
			slices.SortFunc(set, func(a, b Setting) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Part, b.Part)) })
			ladder[i].Files[j].Set = set
		}
	}
	return ladder
}

// Propose is the end of the line: a release that was just signed is proposed to the environments that take
// releases, and merged where that is automatic. A library chart is proposed nowhere. An error of one
// environment does not keep the others from it.
//
// look is what Look found for the chart a moment ago, and is used up; nil, and Propose looks itself. It does so, once,
// where the look turns out to be older than what somebody else has done.
func (p *Promoter) Propose(ctx context.Context, signed signing.Signed, look *Look) ([]Proposal, error) {
	if signed.Pushed().Library() {
		return nil, nil
	}
	r := p.newRound(signed.Pushed().Chart(), signed)
	r.line, r.fresh = true, signed.Pushed().New()
	looked := look != nil && look.chart == r.chart
	if looked {
		r.Look = look
	}
	proposals, err := r.run(ctx, p.takers())
	if looked && errors.Is(err, github.ErrMoved) {
		again, err := p.Propose(ctx, signed, nil)
		return latest(proposals, again), err
	}
	return proposals, err
}

// takers are the environments that take releases as they come.
func (p *Promoter) takers() []Environment {
	return slices.DeleteFunc(slices.Clone(p.options.Environments), func(e Environment) bool { return e.From != FromRelease })
}

// Round does everything automatic for one chart: the newest release to the first rungs, promotions between
// rungs, merges. A second call finds it done. Where somebody else was first it looks again, once: who moves a branch
// all the time gets github.ErrMoved, and the next round.
func (p *Promoter) Round(ctx context.Context, chart string) ([]Proposal, error) {
	var results []Proposal
	again := true
	for left := max(len(p.options.Environments), 1); left > 0; left-- {
		now, err := p.newRound(chart).run(ctx, p.options.Environments)
		results = latest(results, now)
		if again && errors.Is(err, github.ErrMoved) {
			again, left = false, left+1
			continue
		}
		merged := slices.ContainsFunc(now, func(p Proposal) bool { return p.State == Merged })
		if err != nil || !merged {
			return p.inOrder(results), err
		}
	}
	return p.inOrder(results), nil
}

// inOrder sorts what several looks found by the ladder.
func (p *Promoter) inOrder(results []Proposal) []Proposal {
	rung := func(of Proposal) int {
		return slices.IndexFunc(p.options.Environments, func(e Environment) bool { return e.Name == of.Environment })
	}
	slices.SortStableFunc(results, func(a, b Proposal) int { return cmp.Compare(rung(a), rung(b)) })
	return results
}

// latest keeps for each environment what the last pass says, but a merge of an earlier one.
func latest(before, now []Proposal) []Proposal {
	for _, p := range now {
		i := slices.IndexFunc(before, func(b Proposal) bool { return b.Environment == p.Environment })
		switch {
		case i < 0:
			before = append(before, p)
		case before[i].State != Merged:
			before[i] = p
		}
	}
	return before
}
