package pipeline

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/releaser/releaser/config"
)

// Task is work that is done again and again: a sweep of one source, a round of promotions.
type Task struct {
	// Names are what a hint may call the task by: git URLs, or owner/name at the forge.
	Names []string
	// Every is the time between the end of one run and the start of the next.
	Every time.Duration
	// Do does it once. It reports its own errors: the loop goes on whatever happens.
	Do func(ctx context.Context)
}

// Loop runs tasks, each at its own pace and none waiting for another: at the start, on its interval, and soon
// after a hint. A hint that comes during a run makes one more run; a hundred hints make no more than one.
type Loop struct {
	tasks []Task
	wake  []chan struct{}
	first sync.WaitGroup // the first run of each task
	ready chan struct{}  // closed after it
}

// NewLoop returns a loop over the tasks.
func NewLoop(tasks ...Task) *Loop {
	l := &Loop{tasks: tasks, wake: make([]chan struct{}, len(tasks)), ready: make(chan struct{})}
	l.first.Add(len(tasks))
	for i := range l.wake {
		l.wake[i] = make(chan struct{}, 1)
	}
	return l
}

// Wake makes every task run soon that goes by one of the names. It never blocks.
func (l *Loop) Wake(names []string) {
	for i, t := range l.tasks {
		if t.goesBy(names) {
			select {
			case l.wake[i] <- struct{}{}:
			default: // a hint is waiting already
			}
		}
	}
}

// goesBy compares addresses as what they stand for: GitHub's webhooks name a repository by all of its URLs, the
// configuration by one of them.
func (t Task) goesBy(names []string) bool {
	for _, own := range t.Names {
		for _, n := range names {
			if n != "" && strings.EqualFold(config.RepositoryOf(own), config.RepositoryOf(n)) {
				return true
			}
		}
	}
	return false
}

// Ready is closed when every task has run once, well or not.
func (l *Loop) Ready() <-chan struct{} { return l.ready }

// Run runs the tasks until the context ends and the ones under way have returned. It is called once.
func (l *Loop) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() {
		l.first.Wait()
		close(l.ready)
	})
	for i := range l.tasks {
		running.Go(func() { l.repeat(ctx, l.tasks[i], l.wake[i]) })
	}
	running.Wait()
}

func (l *Loop) repeat(ctx context.Context, t Task, wake <-chan struct{}) {
	for begun := false; ctx.Err() == nil || !begun; begun = true {
		t.Do(ctx)
		if !begun {
			l.first.Done()
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-time.After(t.Every):
		}
	}
}
