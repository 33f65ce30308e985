package pipeline

import (
	"context"
	"strings"

	"github.com/releaser/releaser/config"
	"github.com/releaser/releaser/internal/journal"
)

// Wake makes what goes by one of the names be looked at soon. It returns at once; a hundred hints make one look.
func (e *Engine) Wake(names []string) {
	e.prepare()
	e.mu.Lock()
	for _, n := range names {
		if n != "" {
			e.knocks[address(n)] = true
		}
	}
	e.mu.Unlock()
	select {
	case e.bell <- struct{}{}:
	default: // it rings already
	}
}

// address is what all names of a repository come down to. GitHub does not tell capitals from small letters.
func address(name string) string { return strings.ToLower(config.RepositoryOf(name)) }

// listen takes hints to the journal.
func (e *Engine) listen(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.bell:
		}
		if err := e.Journal.Hint(ctx, e.knocked()...); err != nil && ctx.Err() == nil {
			e.Sweeper.Log.Error("hint", "err", err) // the next look finds what it was for
		}
	}
}

// knocked are the jobs that the hints since the last time were for.
func (e *Engine) knocked() (jobs []journal.Job) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, job := range e.all() {
		at := address(name(job))
		if sweep, ok := job.(journal.Sweep); ok {
			at = address(e.source(sweep.Source).Rules.URL)
		}
		if !e.knocks[at] {
			continue
		}
		jobs = append(jobs, job)
		if follow, ok := job.(journal.Follow); ok {
			delete(e.glances, follow.Repository) // a hint is news, whatever a glance says
		}
	}
	clear(e.knocks)
	return jobs
}
