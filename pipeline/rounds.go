package pipeline

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/releaser/releaser/internal/journal"
	"github.com/releaser/releaser/pipeline/promotion"
	"github.com/releaser/releaser/signing"
)

// turns proposes releases at the end of the line, one at a time for each environments' repository. While more releases of the
// same source run or are due, it leaves the chart to one round after them: many tags make one pull request, for the newest.
type turns struct {
	*promotion.Promoter
	e *Engine
}

// Look implements Proposer. A chart that is left to a round is not looked at, and nothing is drafted for it.
func (t turns) Look(ctx context.Context, chart string) (*promotion.Look, error) {
	t.e.mu.Lock()
	of := t.e.of[chart]
	t.e.mu.Unlock()
	if busy, err := t.e.Journal.Busy(ctx, of); err != nil || busy > 1 {
		return nil, errors.Join(err, errGathering)
	}
	return t.Promoter.Look(ctx, chart)
}

// Propose implements Proposer.
func (t turns) Propose(ctx context.Context, signed signing.Signed, look *promotion.Look) (proposals []promotion.Proposal, err error) {
	chart := signed.Pushed().Chart()
	busy, err := t.e.Journal.Busy(ctx, t.e.comesFrom(chart, signed.Pushed().Source()))
	if err != nil {
		return nil, err
	}
	if busy > 1 { // this one, and others
		return nil, t.e.Journal.Hint(ctx, journal.Propose{Chart: chart})
	}
	err = t.e.alone(ctx, func(ctx context.Context) (err error) {
		proposals, err = t.Promoter.Propose(ctx, signed, look)
		return err
	})
	return proposals, err
}

// comesFrom remembers the source of a chart, by the source's URL.
func (e *Engine) comesFrom(chart, url string) (source string) {
	for _, s := range e.Sources {
		if s.Rules.URL == url {
			source = s.Rules.Name
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.of[chart] = source
	return source
}

// alone does something to the environments' repositories that nobody else does meanwhile, here or in another replica.
func (e *Engine) alone(ctx context.Context, do func(context.Context) error) error {
	for _, repository := range slices.Backward(slices.Sorted(maps.Keys(e.Environments))) {
		next := do
		do = func(ctx context.Context) error { return e.Journal.Alone(ctx, "environments "+repository, next) }
	}
	return do(ctx)
}

const (
	// gather is how often a round looks whether the releases that it waits for are there, and gatherMost how long it does so.
	gather     = time.Second
	gatherMost = 30 * time.Second
)

var errGathering = errors.New("more releases of its source are on their way")

// propose does a round of promotion for one chart.
func (e *Engine) propose(ctx context.Context, job journal.Propose) journal.Verdict {
	if e.Promoter == nil {
		return journal.Gone()
	}
	if since, yes := e.gathering(ctx, job.Chart); yes {
		return journal.Waits(errGathering, since, gather)
	}
	var proposals []promotion.Proposal
	err := e.alone(ctx, func(ctx context.Context) (err error) {
		proposals, err = e.Promoter.Round(ctx, job.Chart)
		return err
	})
	for _, p := range proposals {
		e.Proposed(p)
	}
	if ctx.Err() != nil {
		return journal.Again(ctx.Err(), 0)
	}
	e.trouble(job, err)
	if err != nil {
		return journal.Again(err, retryAfter(err))
	}
	return journal.Done()
}

// gathering tells whether a round should wait for releases that are due, which it does for a while. Who does not know a chart's
// source waits for those of any.
func (e *Engine) gathering(ctx context.Context, chart string) (since time.Time, yes bool) {
	e.mu.Lock()
	of := e.of[chart]
	e.mu.Unlock()
	busy, err := e.Journal.Busy(ctx, of)
	e.mu.Lock()
	defer e.mu.Unlock()
	since, waits := e.held[chart]
	if err != nil || busy == 0 || waits && time.Since(since) > gatherMost {
		delete(e.held, chart)
		return since, false
	}
	if !waits {
		since = time.Now()
		e.held[chart] = since
	}
	return since, true
}

// glance is what was seen of an environments' repository the last time that all its charts had a round.
type glance struct {
	at   string
	when time.Time
}

// glanceMost is how long a repository at which nothing seems to happen goes without a round.
const glanceMost = time.Hour

// follow looks at an environments' repository: when something happened there, each chart that it knows gets a round.
func (e *Engine) follow(ctx context.Context, job journal.Follow) journal.Verdict {
	every, ok := e.Environments[job.Repository]
	if !ok || e.Promoter == nil {
		return journal.Gone()
	}
	defer e.looked(job)
	err := e.roundsOf(ctx, job.Repository)
	if ctx.Err() != nil {
		return journal.Again(ctx.Err(), 0)
	}
	e.trouble(job, err)
	if err != nil {
		return journal.Again(err, retryAfter(err))
	}
	return journal.Rest(every)
}

// roundsOf asks for a round for each chart of a repository where something has happened.
func (e *Engine) roundsOf(ctx context.Context, repository string) error {
	now, err := e.Promoter.Glance(ctx, repository)
	if err != nil {
		return err
	}
	e.mu.Lock()
	last := e.glances[repository]
	e.mu.Unlock()
	if now != "" && now == last.at && time.Since(last.when) < glanceMost {
		return nil
	}
	charts, failed := e.Promoter.ChartsOf(ctx, repository)
	put := e.Journal.Hint
	if now == "" || now == last.at { // there is no news: what failed keeps its time, and what is held its peace
		charts = e.free(ctx, charts)
		put = e.Journal.Ask
	}
	var rounds []journal.Job
	for _, chart := range charts {
		rounds = append(rounds, journal.Propose{Chart: chart})
	}
	if failed = errors.Join(failed, put(ctx, rounds...)); failed == nil {
		e.mu.Lock()
		e.glances[repository] = glance{now, time.Now()}
		e.mu.Unlock()
	}
	return failed
}

// free are the charts that are not held for a person.
func (e *Engine) free(ctx context.Context, charts []string) []string {
	standings, err := e.Journal.Standings(ctx, journal.Propose{}.Kind(), "")
	if err != nil {
		return nil // the next look comes
	}
	return slices.DeleteFunc(charts, func(chart string) bool {
		return slices.ContainsFunc(standings, func(s journal.Standing) bool {
			return s.Job == (journal.Propose{Chart: chart}) && s.State == journal.Stopped
		})
	})
}
