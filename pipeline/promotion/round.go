package promotion

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/releaser/releaser/internal/github"
	"github.com/releaser/releaser/registry"
	"github.com/releaser/releaser/signing"
)

// round is one look at the world for one chart: branch heads and open pull requests are read once, releases
// resolved and verified once. It lives as long as one call.
type round struct {
	*Promoter
	*Look
	single  bool // one environment is looked at
	line    bool // it ends the line of one release
	fresh   bool // which was pushed a moment ago, so that a change is due in all likelihood
	pushed  map[string]registry.Pushed
	vouched map[string]signing.Signed // by digest
	unfit   []string                  // newer versions that were passed over, with the reason, when none was left
}

// listing is the list of a chart's versions, or why there is none.
type listing struct {
	list []string
	err  error
}

// newRound starts a look, with what is verified already.
func (p *Promoter) newRound(chart string, known ...signing.Signed) *round {
	r := &round{
		Promoter: p, Look: newLook(chart),
		pushed: map[string]registry.Pushed{}, vouched: map[string]signing.Signed{},
	}
	for _, signed := range known {
		r.pushed[signed.Pushed().Version()] = signed.Pushed()
		r.pushed[signed.Pushed().Digest()] = signed.Pushed()
		r.vouched[signed.Pushed().Digest()] = signed
	}
	return r
}

// run looks at all environments of a ladder, decides, and acts where a change is due.
func (r *round) run(ctx context.Context, ladder []Environment) ([]Proposal, error) {
	r.single = len(ladder) == 1
	surveys, failed := r.looks(ctx, ladder)
	changes, err := r.next(ctx, surveys)
	if err != nil {
		failed = append(failed, err)
	}
	var done []Proposal
	for i, c := range changes {
		if surveys[i].failed {
			continue
		}
		p, err := r.act(ctx, surveys[i], c)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", ladder[i].Name, err))
			continue
		}
		done = append(done, p)
	}
	return done, errors.Join(failed...)
}

// looks surveys environments, one after the other, as each uses what was read for those before. Where one takes releases,
// the chart's versions are listed meanwhile.
func (r *round) looks(ctx context.Context, ladder []Environment) (surveys []*survey, failed []error) {
	var meanwhile sync.WaitGroup
	if slices.ContainsFunc(ladder, func(e Environment) bool { return e.From == FromRelease }) {
		meanwhile.Go(func() { r.versions(ctx) })
	}
	for _, env := range ladder {
		s, err := r.look(ctx, env)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", env.Name, err))
		}
		surveys = append(surveys, s)
	}
	meanwhile.Wait()
	return surveys, failed
}

// versions lists the chart's versions, once in a round.
func (r *round) versions(ctx context.Context) ([]string, error) {
	if r.listed == nil {
		list, err := r.options.Registry.Versions(ctx, r.chart)
		r.listed = &listing{list, err}
	}
	return r.listed.list, r.listed.err
}

// act makes a change true, or tells why there is none.
func (r *round) act(ctx context.Context, s *survey, c Change) (Proposal, error) {
	if s.branch.foreign != "" {
		want := Release{Chart: r.chart, Version: c.Want.Version}
		c.State, c.Reason = Blocked, s.occupied(want)
		return s.proposal(c), r.comment(ctx, s, want)
	}
	if c.State != Move {
		return s.proposal(c), nil
	}
	signed, err := r.verify(ctx, r.pushed[c.Want.Digest])
	if unfit(err) {
		c.State, c.Reason = Blocked, err.Error()
		return s.proposal(c), nil
	}
	if err != nil {
		return Proposal{}, err
	}
	p, err := r.propose(ctx, s, signed)
	var refused *github.Refused
	if errors.As(err, &refused) { // a rule of the repository: repeating does not help
		p.State, p.Reason = Blocked, err.Error()
		return p, nil
	}
	return p, err
}

// next runs the pure part on what was found, and once more where that makes it worth to ask what people said
// to such a change before.
func (r *round) next(ctx context.Context, surveys []*survey) ([]Change, error) {
	rungs, released, err := r.rungs(ctx, surveys)
	if err != nil {
		return nil, err
	}
	changes := Next(rungs, released)
	var failed []error
	for i, c := range changes {
		s := surveys[i]
		if c.State != Move || s.failed || s.branch.foreign != "" || s.branch.carries.Digest == c.Want.Digest && s.pr.Number != 0 {
			continue
		}
		if s.ended, err = r.ended(ctx, s, c.Want); err != nil {
			err = fmt.Errorf("%s: %w", c.Environment, err)
			s.failed, failed = true, append(failed, err)
			rungs[i].Holds.Missing = append(rungs[i].Holds.Missing, err.Error())
		}
		rungs[i].Ended = s.ended
	}
	changes = Next(rungs, released)
	for i := range changes {
		if over := r.passedOver(); over != "" && surveys[i].env.From == FromRelease && changes[i].State == Nothing {
			changes[i].Reason += "; " + over
		}
	}
	return changes, errors.Join(failed...)
}

// rungs are what the pure part needs to know.
func (r *round) rungs(ctx context.Context, surveys []*survey) (rungs []Rung, released []Release, err error) {
	takes := false
	floor := Release{}
	for _, s := range surveys {
		rungs = append(rungs, Rung{Environment: s.env, Holds: s.holds, Proposed: s.branch.carries})
		if s.env.From == FromRelease {
			if have := s.holds.Release; !takes || higher(floor, have) {
				floor = have
			}
			takes = true
		}
	}
	if !takes {
		return rungs, nil, nil
	}
	released, err = r.released(ctx, floor)
	return rungs, append(released, floor), err // floor is no candidate of anybody: each holds it or a higher one
}

// maxCandidates bounds how many versions are looked at for one that verifies.
const maxCandidates = 20

// released finds the newest release that verifies and is higher than floor, besides those that the round
// knows already. What is foreign, unsigned or a prerelease is passed over.
func (r *round) released(ctx context.Context, floor Release) ([]Release, error) {
	var found []Release
	for _, signed := range r.vouched {
		found = append(found, releaseOf(signed.Pushed()))
	}
	versions, err := r.versions(ctx)
	if err != nil {
		return nil, err
	}
	tried := 0
	for _, version := range versions {
		candidate := Release{Version: version}
		if prerelease(candidate) {
			continue
		}
		if floor.Version != "" && !higher(candidate, floor) || tried == maxCandidates {
			break
		}
		tried++
		pushed, err := r.resolve(ctx, version, "")
		if err == nil {
			_, err = r.verify(ctx, pushed)
		}
		if err == nil {
			r.unfit = nil
			return append([]Release{releaseOf(pushed)}, found...), nil
		}
		if !unfit(err) {
			return nil, err
		}
		r.unfit = append(r.unfit, fmt.Sprintf("%s: %v", version, err))
	}
	return found, nil
}

// passedOver says why none of the newest versions is proposed; empty when one is, or there is none.
func (r *round) passedOver() string {
	if len(r.unfit) == 0 {
		return ""
	}
	text := fmt.Sprintf("none of the newest %d verifies: %s", len(r.unfit), r.unfit[0])
	if len(r.unfit) == 1 {
		text = "the newest does not verify: " + r.unfit[0]
	}
	return text
}

// resolve finds a release by its version or, when that is empty, by its digest.
func (r *round) resolve(ctx context.Context, version, digest string) (registry.Pushed, error) {
	key := version + digest
	if p, ok := r.pushed[key]; ok {
		return p, nil
	}
	var p registry.Pushed
	var err error
	if version != "" {
		p, err = r.options.Registry.Resolve(ctx, r.chart, version)
	} else {
		p, err = r.options.Registry.ResolveDigest(ctx, r.chart, digest)
	}
	if err != nil {
		return registry.Pushed{}, err
	}
	r.pushed[key], r.pushed[p.Digest()] = p, p
	return p, nil
}

// verify vouches for a release, once in a round. Nothing else makes what is proposed.
func (r *round) verify(ctx context.Context, p registry.Pushed) (signing.Signed, error) {
	if signed, ok := r.vouched[p.Digest()]; ok {
		return signed, nil
	}
	signed, err := r.options.Verifier.Verify(ctx, p)
	if err == nil {
		r.vouched[p.Digest()] = signed
	}
	return signed, err
}

// unfit tells that a release may not be proposed whenever it is asked; other errors are temporary.
func unfit(err error) bool {
	return slices.ContainsFunc([]error{
		registry.ErrNotFound, registry.ErrForeign, signing.ErrUnsigned, signing.ErrUntrusted, signing.ErrAltered,
	}, func(known error) bool { return errors.Is(err, known) })
}

func (r *round) repository(env Environment) *github.Repository {
	return r.options.GitHub.Repository(env.Repository)
}

// head is the commit at the head of an environment's branch.
func (r *round) head(ctx context.Context, env Environment) (string, error) {
	key := [2]string{env.Repository, env.Branch}
	if commit, ok := r.heads[key]; ok {
		return commit, nil
	}
	commit, err := r.repository(env).Branch(ctx, env.Branch)
	if err == nil {
		r.heads[key] = commit
	}
	return commit, err
}

// opened is the open pull request of our branch for an environment.
func (r *round) opened(ctx context.Context, env Environment) (github.PullRequest, bool, error) {
	all, err := r.pulls(ctx, env)
	if err != nil {
		return github.PullRequest{}, false, err
	}
	ours := slices.DeleteFunc(slices.Clone(all), func(p github.PullRequest) bool {
		return p.State != "open" || p.Head != branchName(env.Name, r.chart)
	})
	if len(ours) == 0 {
		return github.PullRequest{}, false, nil
	}
	i := slices.IndexFunc(ours, func(p github.PullRequest) bool { return p.Base == env.Branch })
	return ours[max(i, 0)], true, nil // people may open another one of our branch, to another base
}

// pulls lists pull requests among which ours is, if it is open: all open ones of the repository, for all environments
// at once, or, where there is one environment, all of its branch, whose ended ones are asked for next.
func (r *round) pulls(ctx context.Context, env Environment) ([]github.PullRequest, error) {
	all, ok := r.open[env.Repository]
	if ok {
		return all, nil
	}
	head, state := "", "open"
	if r.single {
		head, state = branchName(env.Name, r.chart), "all"
	}
	all, err := r.repository(env).PullRequests(ctx, head, state)
	if err == nil {
		r.open[env.Repository] = all
	}
	return all, err
}

// closed lists the pull requests of our branch that are closed or merged, the newest first.
func (r *round) closed(ctx context.Context, s *survey) ([]github.PullRequest, error) {
	if !r.single {
		return r.repository(s.env).PullRequests(ctx, s.ours(), "closed")
	}
	all, err := r.pulls(ctx, s.env)
	return slices.DeleteFunc(slices.Clone(all), func(p github.PullRequest) bool { return p.State == "open" }), err
}

// reasons joins problems into one line.
func reasons(problems []string) string { return strings.Join(problems, "; ") }
