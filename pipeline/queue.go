package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/releaser/releaser/internal/journal"
)

// Item is a tag, a source, a chart or a repository that the daemon has work with.
type Item struct {
	// Kind is sweep, release, propose or follow.
	Kind string `json:"kind"`
	// Name is the source of a sweep, the tag of a release, the chart of a propose, the repository of a follow.
	Name   string `json:"name"`
	Source string `json:"source,omitempty"` // of a release
	Commit string `json:"commit,omitempty"` // of a release
	// State is queued, running, retrying, waiting, rejected or held.
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
	// Attempt is how often it has failed in a row.
	Attempt int       `json:"attempt,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	// Due is when it is looked at again.
	Due time.Time `json:"due,omitzero"`
}

// Queue lists what is not done: tags that wait for their turn, for something else or for a person, and sources and
// repositories that could not be looked at.
func (e *Engine) Queue(ctx context.Context) ([]Item, error) {
	items := []Item{}
	for _, kind := range []string{journal.Release{}.Kind(), journal.Propose{}.Kind(), journal.Sweep{}.Kind(), journal.Follow{}.Kind()} {
		standings, err := e.Journal.Standings(ctx, kind, "")
		if err != nil {
			return nil, err
		}
		for _, s := range standings {
			if s.State == journal.Succeeded || s.State == journal.Cancelled || s.State == journal.Queued && kind != (journal.Release{}).Kind() {
				continue
			}
			items = append(items, item(s))
		}
	}
	return items, nil
}

func item(s journal.Standing) Item {
	i := Item{Kind: s.Job.Kind(), State: string(s.State), Reason: s.Reason, Attempt: s.Attempt, Since: s.Since, Due: s.Due}
	switch job := s.Job.(type) {
	case journal.Release:
		i.Name, i.Source, i.Commit = job.Tag, job.Source, job.Commit
	case journal.Sweep:
		i.Name = job.Source
	case journal.Propose:
		i.Name = job.Chart
	case journal.Follow:
		i.Name = job.Repository
	}
	return i
}

// Retry begins a tag anew, now, whatever became of it. An empty source means the only one that has the tag.
func (e *Engine) Retry(ctx context.Context, source, tag string) error {
	return e.order(ctx, source, tag, e.Journal.Retry)
}

// Cancel calls a tag off: it is not released until Retry. What is released already stays.
func (e *Engine) Cancel(ctx context.Context, source, tag string) error {
	return e.order(ctx, source, tag, e.Journal.Cancel)
}

func (e *Engine) order(ctx context.Context, source, tag string, do func(context.Context, ...journal.Job) error) error {
	standings, err := e.Journal.Standings(ctx, journal.Release{}.Kind(), source)
	if err != nil {
		return err
	}
	meant := map[string]journal.Job{} // by source
	for _, s := range standings {
		job, ok := s.Job.(journal.Release)
		if ok && job.Tag == tag && (meant[job.Source] == nil || e.stands(job)) { // a tag that moved is two jobs for a while
			meant[job.Source] = job
		}
	}
	switch {
	case len(meant) == 0:
		return fmt.Errorf("%s: the daemon knows no such tag: look at releaser status, or at the tag's name", tag)
	case len(meant) > 1:
		return fmt.Errorf("tag %s is in several sources: say which with --source", tag)
	}
	return do(ctx, slices.Collect(maps.Values(meant))...)
}

// stands tells whether the tag of a job was at its commit when the source was looked at last.
func (e *Engine) stands(job journal.Release) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	now, ok := e.sights[job.Source].last.Tag(job.Tag)
	return ok && now.Commit == job.Commit
}
