package promotion

import (
	"context"
	"errors"
	"fmt"
)

// Board tells for one chart what every environment holds and what comes next.
type Board struct {
	Chart string  `json:"chart"`
	Rungs []Stand `json:"environments"`
}

// Stand is one environment of a Board.
type Stand struct {
	Environment string `json:"environment"`
	// Version and Digest are what it holds; both are empty when it holds nothing, or nothing that is known.
	Version string `json:"version,omitempty"`
	Digest  string `json:"digest,omitempty"`
	// Pending is the version that comes next, and Proposed the one that the open pull request carries.
	Pending  string `json:"pending,omitempty"`
	Proposed string `json:"proposed,omitempty"`
	// State is Nothing, Move (automation will act), Waiting or Blocked; Reason says why.
	State       State       `json:"state"`
	Reason      string      `json:"reason,omitempty"`
	PullRequest PullRequest `json:"pullRequest,omitzero"`
}

// Status tells how things stand with a chart. It writes nothing. What could not be read stands as Blocked in
// its rung, and is returned as an error too.
func (p *Promoter) Status(ctx context.Context, chart string) (Board, error) {
	r := p.newRound(chart)
	board := Board{Chart: chart, Rungs: []Stand{}}
	surveys, failed := r.looks(ctx, p.options.Environments)
	changes, err := r.next(ctx, surveys)
	if err != nil {
		failed = append(failed, err)
	}
	for i, c := range changes {
		stand, err := r.stand(ctx, surveys[i], c)
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", c.Environment, err))
		}
		board.Rungs = append(board.Rungs, stand)
	}
	return board, errors.Join(failed...)
}

// stand describes one environment; a change that is due waits for its pull request, or for a person.
func (r *round) stand(ctx context.Context, s *survey, c Change) (Stand, error) {
	stand := Stand{
		Environment: c.Environment, Version: c.Have.Version, Digest: c.Have.Digest, Pending: c.Want.Version,
		State: c.State, Reason: c.Reason, PullRequest: s.pageFor(c), Proposed: s.branch.carries.Version,
	}
	if s.branch.foreign != "" {
		stand.State, stand.Reason = Blocked, s.occupied(Release{Chart: r.chart, Version: c.Want.Version})
		return stand, nil
	}
	if c.State != Move {
		return stand, nil
	}
	p := r.prepare(s, c.Want)
	err := p.ready(ctx)
	stand.State, stand.Reason, stand.PullRequest = p.out.State, p.out.Reason, p.out.PullRequest
	if err != nil || stand.State != Move || s.pr.Number == 0 || s.branch.carries.Digest != c.Want.Digest {
		return stand, err
	}
	if err := p.judge(ctx); err != nil {
		return stand, err
	}
	stand.State, stand.Reason = Waiting, obstacle(p.pr.Mergeable)
	if stand.Reason == "" {
		stand.Reason = "ready to be merged"
	}
	return stand, nil
}
