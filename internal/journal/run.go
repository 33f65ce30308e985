package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"
)

// Hands do the work, one for each kind of job. A hand gets a context that ends when the process is to stop or when the job
// was called off; it then goes to its next safe point and returns. Doing a job twice must come to the same as doing it
// once. A hand that panics has failed for a reason that passes. All four are needed.
type Hands struct {
	Sweep   func(context.Context, Sweep) Verdict
	Release func(context.Context, Release) Verdict
	Propose func(context.Context, Propose) Verdict
	Follow  func(context.Context, Follow) Verdict
	// GaveUp is told of a job that the journal itself ended, and how it stands now: what failed for a day, or what this
	// process died of again and again. Nil hears nothing.
	GaveUp func(Standing)
}

// Run does the jobs until ctx ends. Then no job begins any more, the contexts of the running ones end, and Run returns nil
// once the last hand has returned; a job that got no final verdict by then is put back, for its next turn or for another
// replica, without counting as an attempt. Who cannot wait so long may leave: the journal bears it. Run is called once.
func (j *Journal) Run(ctx context.Context, hands Hands) error {
	j.hands = hands
	// River would stop at once, without waiting, if this context ended.
	if err := j.rows.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("starting the journal: %w", err)
	}
	j.watch(ctx)
	j.stopping.Store(true)
	return j.rows.StopAndCancel(context.WithoutCancel(ctx))
}

const (
	lookEvery   = time.Second // also what another replica scheduled is found within
	straysEvery = 15 * time.Second
	trimEvery   = time.Hour
)

// look makes the next look be now.
func (j *Journal) look() {
	select {
	case j.poke <- struct{}{}:
	default:
	}
}

// watch rings for what is due, second by second and whenever it is told to look, until ctx ends.
func (j *Journal) watch(ctx context.Context) {
	var strays, trim time.Time
	var failing bool
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-j.poke:
		case <-timer.C:
		}
		next, err := j.dues(ctx)
		if err == nil && time.Since(strays) > straysEvery {
			strays, err = time.Now(), j.findStrays(ctx)
		}
		if err == nil && time.Since(trim) > trimEvery {
			trim, err = time.Now(), j.trim(ctx)
		}
		if err == nil {
			j.moved()
		} else if ctx.Err() == nil && !failing {
			j.log.WarnContext(ctx, "the journal cannot look at its schedule", "err", err)
		}
		failing = err != nil
		timer.Reset(next)
	}
}

// dues rings for each queue in which something is due, and says when to look again. A lane that is not served yet is from
// now on.
func (j *Journal) dues(ctx context.Context) (next time.Duration, err error) {
	next = lookEvery
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	found, err := j.db.QueryContext(ctx, j.say.dues)
	if err != nil {
		return next, err
	}
	defer found.Close()
	var ring []string
	for found.Next() {
		var queue string
		var due float64 // seconds from now
		if err := found.Scan(&queue, &due); err != nil {
			return next, err
		}
		if in := time.Duration(due * float64(time.Second)); in > 0 {
			next = min(next, in+time.Millisecond)
			continue
		}
		ring = append(ring, queue)
	}
	if err := found.Err(); err != nil {
		return next, err
	}
	for _, queue := range ring {
		if err := j.serve(queue); err != nil {
			return next, err
		}
	}
	return next, j.rows.ring(ctx, ring)
}

// serve opens a source's lane, if it is not open. So a source costs nothing before its first release.
func (j *Journal) serve(queue string) error {
	if j.lanes[queue] {
		return nil
	}
	if err := j.rows.Queues().Add(queue, river.QueueConfig{MaxWorkers: j.limits.PerSource}); err != nil {
		return err
	}
	j.lanes[queue] = true
	return nil
}

// A stray is a row that seems to be worked on, by nobody.
type stray struct {
	id      int64
	attempt int
}

// findStrays puts back the rows whose process is dead, and those of this process that no hand works on: a fetch whose
// answer was lost, or a job of a kind that only a newer releaser knows. The latter must be seen twice, as a row is fetched
// a moment before its hand begins.
func (j *Journal) findStrays(ctx context.Context) error {
	found, err := j.db.QueryContext(ctx, j.say.strays, j.id)
	if err != nil {
		return err
	}
	defer found.Close()
	seen := map[stray]bool{}
	var back []stray
	for found.Next() {
		var s stray
		var mine bool
		if err := found.Scan(&s.id, &s.attempt, &mine); err != nil {
			return err
		}
		switch {
		case !mine || j.strays[s] && !j.works(s.id):
			back = append(back, s)
		case !j.works(s.id):
			seen[s] = true
		}
	}
	if err := found.Err(); err != nil {
		return err
	}
	j.strays = seen
	for _, s := range back {
		if _, err := j.db.ExecContext(ctx, j.say.putBack, s.id, s.attempt); err != nil {
			return err
		}
	}
	if len(back) > 0 {
		j.look()
	}
	return nil
}

func (j *Journal) works(id int64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.running[id]
}
