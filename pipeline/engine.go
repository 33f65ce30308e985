package pipeline

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/releaser/releaser/internal/journal"
	"github.com/releaser/releaser/pipeline/promotion"
	"github.com/releaser/releaser/pipeline/source"
)

// Engine is the hands of a journal: it sweeps sources (due.go), releases tags (carry.go), does rounds of promotion and follows
// the environments' repositories (rounds.go), each when the journal says so, and hears hints (wake.go). Its fields are set before
// Run and not changed after.
type Engine struct {
	Sweeper *Sweeper
	Journal *journal.Journal
	Sources []*Source
	// Promoter does the rounds; nil without environments.
	Promoter *promotion.Promoter
	// Environments are the repositories of the environments, and how often to look at each.
	Environments map[string]time.Duration
	// Swept is told each look at a source, Proposed how each round found or left an environment.
	Swept    func(s *Source, took time.Duration, swept Swept, err error)
	Proposed func(promotion.Proposal)

	once sync.Once
	bell chan struct{} // somebody knocked
	said News          // troubles that last
	mu   sync.Mutex
	memory
	ready chan struct{} // closed when nothing is missed any more
}

// memory is an economy and no truth: an engine with an empty one does the same, later or at a higher price.
type memory struct {
	knocks  map[string]bool          // names that hints gave since
	sights  map[string]sight         // what is seen of each source
	of      map[string]string        // the source of each chart that was released here
	held    map[string]time.Time     // charts whose round waits for releases, since when
	glances map[string]glance        // what is seen of each environments' repository
	lacking map[journal.Release]bool // tags that lack a dependency
	missed  map[string]bool          // sources and repositories that were not looked at yet
}

// sight is what is seen of a source.
type sight struct {
	first source.Refs // when this process looked first: what is there may be long released
	last  source.Refs
	dealt source.Refs // the last of which all is on the schedule
	when  time.Time   // it was dealt with
}

func (e *Engine) prepare() {
	e.once.Do(func() {
		e.bell, e.ready = make(chan struct{}, 1), make(chan struct{})
		e.memory = memory{
			knocks: map[string]bool{}, sights: map[string]sight{}, of: map[string]string{}, held: map[string]time.Time{},
			glances: map[string]glance{}, lacking: map[journal.Release]bool{}, missed: map[string]bool{},
		}
		for _, job := range e.all() {
			e.missed[name(job)] = true
		}
		if len(e.missed) == 0 {
			close(e.ready)
		}
	})
}

// Run works until the context ends and the jobs under way have come to a safe point. It is called once.
func (e *Engine) Run(ctx context.Context) error {
	e.prepare()
	ctx, stop := context.WithCancel(ctx)
	e.Sweeper.Line.Promoter = turns{e.Promoter, e}
	if err := e.Journal.Hint(ctx, e.all()...); err != nil && ctx.Err() == nil {
		stop()
		return err
	}
	var listening sync.WaitGroup
	listening.Go(func() { e.listen(ctx) })
	defer listening.Wait()
	defer stop()
	return e.Journal.Run(ctx, journal.Hands{Sweep: e.sweep, Release: e.release, Propose: e.propose, Follow: e.follow, GaveUp: e.gaveUp})
}

// Ready is closed when every source and every environments' repository has been looked at once, well or not.
func (e *Engine) Ready() <-chan struct{} {
	e.prepare()
	return e.ready
}

// all are the jobs that are never done.
func (e *Engine) all() (jobs []journal.Job) {
	for _, s := range e.Sources {
		jobs = append(jobs, journal.Sweep{Source: s.Rules.Name})
	}
	for _, repository := range slices.Sorted(maps.Keys(e.Environments)) {
		jobs = append(jobs, journal.Follow{Repository: repository})
	}
	return jobs
}

func (e *Engine) source(name string) *Source {
	i := slices.IndexFunc(e.Sources, func(s *Source) bool { return s.Rules.Name == name })
	if i < 0 {
		return nil
	}
	return e.Sources[i]
}

// looked notes the first look at something.
func (e *Engine) looked(job journal.Job) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.missed[name(job)] {
		return
	}
	if delete(e.missed, name(job)); len(e.missed) == 0 {
		close(e.ready)
	}
}

// name is what a job is about, in a word or two.
func name(job journal.Job) string {
	switch job := job.(type) {
	case journal.Sweep:
		return job.Source
	case journal.Release:
		return job.Tag
	case journal.Propose:
		return job.Chart
	case journal.Follow:
		return job.Repository
	}
	return ""
}

// trouble logs what keeps going wrong with a job, once for each text. It is told how things stand, so that the end of the trouble
// is heard of: nil when it went well.
func (e *Engine) trouble(job journal.Job, err error) {
	what := job.Kind() + " " + name(job)
	if err == nil {
		e.said.Forget(what)
		return
	}
	if e.said.IsNew(what, err.Error()) {
		e.Sweeper.Log.Error(job.Kind(), "of", name(job), "err", err)
	}
}

// gaveUp tells what the journal ended by itself.
func (e *Engine) gaveUp(s journal.Standing) {
	log := e.Sweeper.Log
	if job, ok := s.Job.(journal.Release); ok {
		log = log.With("source", job.Source, "tag", job.Tag, "commit", job.Commit)
	}
	log.Error("held for a person", "of", name(s.Job), "kind", s.Job.Kind(), "err", s.Reason)
}
