package pipeline

import (
	"context"
	"slices"
	"time"

	"github.com/releaser/releaser/internal/journal"
	"github.com/releaser/releaser/pipeline/source"
)

// sweep looks at a source, and asks for the release of each tag that is due.
func (e *Engine) sweep(ctx context.Context, job journal.Sweep) journal.Verdict {
	s := e.source(job.Source)
	if s == nil {
		return journal.Gone() // the configuration names it no more
	}
	defer e.looked(job)
	began := time.Now()
	swept, err := e.look(ctx, s)
	if ctx.Err() != nil {
		return journal.Again(ctx.Err(), 0)
	}
	e.Swept(s, time.Since(began), swept, err)
	if err != nil {
		return journal.Again(err, retryAfter(err))
	}
	return journal.Rest(s.Rules.Poll)
}

// look does one sweep. The listing is remembered only once all that it asks for is on the schedule.
func (e *Engine) look(ctx context.Context, s *Source) (Swept, error) {
	waiting, err := e.Journal.Waiting(ctx, s.Rules.Name)
	if err != nil {
		return Swept{}, err
	}
	found, err := e.Sweeper.look(ctx, s, len(waiting) > 0)
	if err != nil {
		return Swept{}, err
	}
	if !e.see(s, found.refs) {
		return found.Swept, nil
	}
	if err := e.ask(ctx, s, found); err != nil {
		return found.Swept, err
	}
	if e.moved(s, found.refs) { // a commit that no branch had may have been merged
		if err := e.Journal.Hint(ctx, waiting...); err != nil {
			return found.Swept, err
		}
	}
	e.keep(s, found.refs)
	return found.Swept, nil
}

// ask puts what a listing shows on the schedule.
func (e *Engine) ask(ctx context.Context, s *Source, found seen) error {
	settled, err := e.Journal.Settled(ctx, s.Rules.Name)
	if err != nil {
		return err
	}
	if err := e.Journal.Forget(ctx, gone(s, settled, found.refs)...); err != nil {
		return err
	}
	return e.Journal.Ask(ctx, e.due(s, found.due, settled)...)
}

// due are the releases to ask for: of tags that are neither settled nor known to be none of ours.
func (e *Engine) due(s *Source, tags []source.Tag, settled map[string]string) (jobs []journal.Job) {
	for _, tag := range tags {
		if settled[tag.Name] != tag.Commit && !e.Sweeper.Known.settled(s.Rules.Name, tag, "") {
			jobs = append(jobs, journal.Release{Source: s.Rules.Name, Tag: tag.Name, Commit: tag.Commit})
		}
	}
	return jobs
}

// gone are the settled tags that the source has no more. One that comes back is new.
func gone(s *Source, settled map[string]string, refs source.Refs) (jobs []journal.Job) {
	for tag, commit := range settled {
		if _, there := refs.Tag(tag); !there {
			jobs = append(jobs, journal.Release{Source: s.Rules.Name, Tag: tag, Commit: commit})
		}
	}
	return jobs
}

// askAnew is how long a listing that shows nothing new is not compared with the journal.
const askAnew = time.Hour

// see lets the releases of a source find their tags. It tells whether the listing shows anything that the last one which was
// dealt with did not.
func (e *Engine) see(s *Source, refs source.Refs) (news bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now, seen := e.sights[s.Rules.Name]
	if !seen {
		now.first = refs
	}
	now.last = refs
	e.sights[s.Rules.Name] = now
	return time.Since(now.when) > askAnew || !slices.Equal(now.dealt.Tags, refs.Tags) || s.heads(now.dealt) != s.heads(refs)
}

// moved tells whether a branch stands elsewhere than at the last listing that was dealt with, or whether there was none.
func (e *Engine) moved(s *Source, refs source.Refs) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return s.heads(e.sights[s.Rules.Name].dealt) != s.heads(refs)
}

// keep notes that a listing was dealt with.
func (e *Engine) keep(s *Source, refs source.Refs) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.sights[s.Rules.Name]
	now.dealt, now.when = refs, time.Now()
	e.sights[s.Rules.Name] = now
}
