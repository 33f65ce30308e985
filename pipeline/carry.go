package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/releaser/releaser/internal/github"
	"github.com/releaser/releaser/internal/journal"
	"github.com/releaser/releaser/pipeline/promotion"
	"github.com/releaser/releaser/pipeline/source"
	"github.com/releaser/releaser/registry"
	"github.com/releaser/releaser/signing"
)

// release carries one tag down the line.
func (e *Engine) release(ctx context.Context, job journal.Release) journal.Verdict {
	s := e.source(job.Source)
	if s == nil {
		return journal.Gone()
	}
	refs, tag, err := e.tag(ctx, s, job)
	if err != nil {
		return journal.Again(err, retryAfter(err))
	}
	if tag.Name == "" {
		return journal.Gone() // deleted, or moved: then it is another job
	}
	limited, stop := context.WithTimeout(ctx, tagTime)
	defer stop()
	outcomes := e.outcomes(limited, s, refs, tag)
	if ctx.Err() != nil {
		return journal.Again(ctx.Err(), 0)
	}
	was := journal.Was(ctx)
	since := waitsSince(was, outcomes, time.Now())
	for i := range outcomes {
		outcomes[i] = outcomes[i].Timed(since, time.Now())
	}
	e.tell(ctx, was, outcomes)
	if !ours(outcomes) {
		e.Sweeper.Known.add(s.Rules.Name, tag, "")
		return journal.Gone()
	}
	e.lacks(ctx, job, outcomes)
	if err := e.Sweeper.say(ctx, s, tag, outcomes, e.failedBefore(ctx, job)); err != nil {
		return journal.Again(err, retryAfter(err))
	}
	return verdict(outcomes, since, time.Now())
}

// tag finds a job's tag in the last listing of its source, or in one that is made now.
func (e *Engine) tag(ctx context.Context, s *Source, job journal.Release) (refs source.Refs, tag source.Tag, err error) {
	e.mu.Lock()
	refs = e.sights[s.Rules.Name].last
	e.mu.Unlock()
	tag, ok := refs.Tag(job.Tag)
	if ok && tag.Commit == job.Commit {
		return refs, tag, nil
	}
	if refs, err = s.refs(ctx, true); err != nil {
		return refs, tag, err
	}
	if tag, ok = refs.Tag(job.Tag); !ok || tag.Commit != job.Commit {
		return refs, source.Tag{}, nil
	}
	return refs, tag, nil
}

// outcomes is what becomes of a tag. One that was there when this process looked first, and of which the journal knows nothing,
// may be long released: the registry is asked before the line begins. What was tried before goes down the line: it may lack its
// proposal alone.
func (e *Engine) outcomes(ctx context.Context, s *Source, refs source.Refs, tag source.Tag) []Outcome {
	e.mu.Lock()
	old, ok := e.sights[s.Rules.Name].first.Tag(tag.Name)
	e.mu.Unlock()
	if ok && old.Commit == tag.Commit && journal.Was(ctx).State == "" {
		if o, ok := e.Sweeper.there(ctx, s, tag); ok && !completed(o) {
			return []Outcome{o} // Follow begins with a round for every chart that the environments know
		}
	}
	return e.Sweeper.Line.Tag(ctx, s, refs, tag)
}

// completed tells whether a version that was there lacked a signature, as after a crash between two of them. A round may have
// proposed it meanwhile with those that it had, so it goes down the line, which brings the pull request up to date.
func completed(o Outcome) bool {
	return slices.ContainsFunc(o.Signatures, func(s signing.Signature) bool { return s.New })
}

// ours tells whether a tag carries a chart of ours.
func ours(outcomes []Outcome) bool {
	for _, o := range outcomes {
		if o.State != Ignored {
			return true
		}
	}
	return false
}

// tell tells and writes down what is new of a tag.
func (e *Engine) tell(ctx context.Context, was journal.Standing, outcomes []Outcome) {
	for _, o := range outcomes {
		if o.State == Released {
			e.mu.Lock()
			e.of[o.Chart] = o.Source
			e.mu.Unlock()
		}
		if o.Reason != "" && was.State == standing(o.State) && strings.Contains(was.Reason, o.Reason) {
			continue
		}
		e.Sweeper.Done(o)
		if err := e.Journal.Note(ctx, entries(o)...); err != nil && ctx.Err() == nil {
			e.Sweeper.Log.Warn("history", "err", err)
		}
	}
}

// failedBefore tells whether the history has a release of this tag that came to no good end.
func (e *Engine) failedBefore(ctx context.Context, job journal.Release) bool {
	entries, err := e.Journal.History(ctx, journal.Filter{Source: job.Source, Tag: job.Tag})
	return err != nil || slices.ContainsFunc(entries, func(entry journal.Entry) bool { return entry.Err != "" && entry.Commit == job.Commit })
}

// standing is how a tag stands by the state of its one chart.
func standing(s State) journal.State {
	switch s {
	case Failed:
		return journal.Retrying
	case Waiting:
		return journal.Waiting
	case Rejected:
		return journal.Refused
	}
	return journal.Succeeded
}

// entries are the lines of the history for an outcome: its stages, the last one with what came of it.
func entries(o Outcome) (all []journal.Entry) {
	stages := o.Stages
	if len(stages) == 0 {
		stages = []Stage{{Name: "find"}}
	}
	for i, stage := range stages {
		entry := journal.Entry{Source: o.Source, Tag: o.Tag, Commit: o.Commit, Chart: o.Chart, Version: o.Version, Stage: stage.Name, Took: stage.Took}
		if i == len(stages)-1 {
			entry.Err, entry.Digest, entry.URL = o.Reason, o.Digest, page(o.Proposals)
		}
		all = append(all, entry)
	}
	return all
}

// page is where people look at what was proposed first.
func page(proposals []promotion.Proposal) string {
	for _, p := range proposals {
		if p.PullRequest.URL != "" {
			return p.PullRequest.URL
		}
	}
	return ""
}

// waitsSince is since when a tag waits for what it waits for: it began to when it first stood so for the same thing.
func waitsSince(was journal.Standing, outcomes []Outcome, now time.Time) time.Time {
	for _, o := range outcomes {
		if o.State == Waiting && was.State == journal.Waiting && strings.Contains(was.Reason, waitsFor(o.Err)) {
			return was.Since
		}
	}
	return now
}

// waitsFor says what a release waits for, in words that stay the same.
func waitsFor(err error) string {
	var absent *Absent
	if errors.As(err, &absent) {
		return absent.missing()
	}
	return err.Error()
}

// lacks remembers a tag that lacks a dependency, or brings those forward that did when something was released.
func (e *Engine) lacks(ctx context.Context, job journal.Release, outcomes []Outcome) {
	released, lacking := false, false
	for _, o := range outcomes {
		released = released || o.Uploaded
		lacking = lacking || o.State == Waiting && errors.Is(o.Err, registry.ErrNotFound)
	}
	e.mu.Lock()
	if lacking {
		e.lacking[job] = true
	} else {
		delete(e.lacking, job)
	}
	var stirred []journal.Job
	if released {
		for other := range e.lacking {
			stirred = append(stirred, other)
		}
		clear(e.lacking)
	}
	e.mu.Unlock()
	if err := e.Journal.Hint(ctx, stirred...); err != nil && ctx.Err() == nil {
		e.Sweeper.Log.Warn("hint", "err", err) // they look again by themselves
	}
}

// When a tag that waits is looked at again, whatever happens meanwhile, and how long it may wait.
const (
	imageSoonest, imageLatest = 2 * time.Second, 15 * time.Second // one request; later and later: a tenth of how long it has waited
	lookSoonest, lookLatest   = 15 * time.Second, time.Hour
	waitMost                  = 7 * 24 * time.Hour
)

// verdict is what the journal makes of a tag: the worst that became of its charts.
func verdict(outcomes []Outcome, since, now time.Time) journal.Verdict {
	if err := of(outcomes, Failed); err != nil {
		return journal.Again(err, retryAfter(err))
	}
	if err := of(outcomes, Waiting); err != nil {
		return waits(err, since, now)
	}
	if err := of(outcomes, Rejected); err != nil {
		return journal.Rejected(err)
	}
	return journal.Done()
}

// of are the reasons of the charts that came to a state.
func of(outcomes []Outcome, state State) error {
	var errs []error
	for _, o := range outcomes {
		if o.State == state {
			errs = append(errs, told{o.Reason, o.Err})
		}
	}
	return errors.Join(errs...)
}

// told is an error in the words of its outcome.
type told struct {
	words string
	error
}

func (t told) Error() string { return t.words }
func (t told) Unwrap() error { return t.error }

// waits is the verdict over a tag that waits. A commit that no branch has can only come by the move of one, which a sweep sees.
func waits(reason error, since, now time.Time) journal.Verdict {
	var absent *Absent
	var unmet *Unmet
	age := now.Sub(since)
	switch {
	case errors.As(reason, &absent):
		return journal.Waits(reason, since, min(max(age/10, imageSoonest), imageLatest))
	case age > waitMost:
		return journal.Rejected(fmt.Errorf("waited for a week: %w", reason))
	case errors.As(reason, &unmet):
		return journal.Waits(reason, since, lookLatest)
	}
	return journal.Waits(reason, since, min(max(age/10, lookSoonest), lookLatest))
}

// retryAfter is what a server asked for, or 0.
func retryAfter(err error) time.Duration {
	var limited *github.RateLimited
	if errors.As(err, &limited) {
		return limited.RetryAfter
	}
	return 0
}
