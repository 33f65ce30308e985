package journal

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// worker takes a River job of one kind to the hand for it.
type worker[J Job] struct {
	river.WorkerDefaults[J]
	j    *Journal
	hand func(Hands) func(context.Context, J) Verdict
}

// Work is one turn of the job. What it returns means nothing to anybody: the verdict is written already.
func (w *worker[J]) Work(ctx context.Context, job *river.Job[J]) error {
	return w.j.turn(ctx, job.JobRow, job.Args, func(ctx context.Context) Verdict {
		return w.hand(w.j.hands)(ctx, job.Args)
	})
}

// turn does a job once and writes down what came of it.
func (j *Journal) turn(ctx context.Context, row *rivertype.JobRow, job Job, hand func(context.Context) Verdict) error {
	j.begin(row.ID)
	defer j.end(row.ID)
	var was Standing
	err := j.patiently(ctx, func(ctx context.Context) (err error) {
		was, err = j.standing(ctx, job)
		return err
	})
	if err != nil {
		return err
	}
	v := j.judge(ctx, row, was, hand)
	var is step
	err = j.patiently(ctx, func(ctx context.Context) (err error) {
		is, err = j.settle(ctx, row, was, v)
		return err
	})
	if err == nil && is.gaveUp && j.hands.GaveUp != nil {
		j.hands.GaveUp(is.Standing)
	}
	return err
}

// judge is the verdict over the job: its hand's, unless the job had to stop before the hand had a final one.
func (j *Journal) judge(ctx context.Context, row *rivertype.JobRow, was Standing, hand func(context.Context) Verdict) Verdict {
	v := putBack()
	if row.Attempt > deadly && !endless(was.Job) {
		v = died(row.Attempt - 1)
	} else if free := j.slot(ctx, row, was.Job); free != nil {
		v = j.protected(context.WithValue(ctx, wasKey{}, was), hand)
		free()
	}
	switch {
	case v.final():
		return v
	case calledOff(ctx, row):
		return Verdict{state: Cancelled}
	case ctx.Err() != nil:
		return putBack()
	}
	return v
}

// deadly is how often a process may die of one job, or with it, before a person has to see to it: else one chart that takes
// all memory would stop every other for ever.
const deadly = 10

func (j *Journal) begin(id int64) { j.mu.Lock(); j.running[id] = true; j.mu.Unlock() }
func (j *Journal) end(id int64)   { j.mu.Lock(); delete(j.running, id); j.mu.Unlock() }

// died is the verdict over a job that no hand has come to the end of.
func died(times int) Verdict {
	v := Held(fmt.Errorf("releaser died %d times while it did this: see why, then retry it", times))
	v.gaveUp = true
	return v
}

// putBack is the verdict over a job that had to stop: nothing came of it.
func putBack() Verdict { return Verdict{} }

// calledOff reports whether a person cancelled the job, now or while its process died.
func calledOff(ctx context.Context, row *rivertype.JobRow) bool {
	return errors.Is(context.Cause(ctx), rivertype.ErrJobCancelledRemotely) || bytes.Contains(row.Metadata, []byte("cancel_attempted_at"))
}

// slot is a place among the releases of all sources, and how to give it back; nil if the job is not to begin.
func (j *Journal) slot(ctx context.Context, row *rivertype.JobRow, job Job) (free func()) {
	if ctx.Err() != nil || calledOff(ctx, row) {
		return nil
	}
	if _, ok := job.(Release); !ok {
		return func() {}
	}
	select {
	case j.slots <- struct{}{}:
		return func() { <-j.slots }
	case <-ctx.Done():
		return nil
	}
}

// protected is the hand's verdict, also when it panics.
func (j *Journal) protected(ctx context.Context, hand func(context.Context) Verdict) (v Verdict) {
	defer func() {
		if p := recover(); p != nil {
			j.log.ErrorContext(ctx, "a fault of releaser itself: please report it", "err", fmt.Sprint("panic: ", p), "stack", string(debug.Stack()))
			v = Again(fmt.Errorf("panic: %v", p), 0)
		}
	}()
	return hand(ctx)
}

// patiently tries until the database answers: a full disk is freed, a database comes back, and to lose a verdict would be
// to do the work again. When the process is to stop it gives up after a few seconds; the row is then a dead process's.
func (j *Journal) patiently(ctx context.Context, do func(context.Context) error) error {
	for n := 1; ; n++ {
		err := within(context.WithoutCancel(ctx), 30*time.Second, do)
		if err == nil || j.stopping.Load() && n > 5 {
			return err
		}
		j.log.WarnContext(ctx, "the journal cannot write", "err", err)
		time.Sleep(min(time.Duration(n)*300*time.Millisecond, 10*time.Second))
	}
}

func within(ctx context.Context, d time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return do(ctx)
}

// settle writes the verdict, and how the job stands by it, in one transaction. If the row is not ours any more, because
// this process slept and another took it over, nothing is written.
func (j *Journal) settle(ctx context.Context, row *rivertype.JobRow, was Standing, v Verdict) (now step, err error) {
	now = was.next(v, time.Now())
	tx, err := j.db.BeginTx(ctx, nil)
	if err != nil {
		return step{}, err
	}
	defer tx.Rollback()
	var state string
	err = tx.QueryRowContext(ctx, j.say.settle, now.ends, now.in.Seconds(), now.deaths(row), row.ID, row.Attempt, j.id).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return step{}, nil
	}
	if err != nil {
		return step{}, err
	}
	if state == string(rivertype.JobStateCompleted) && !now.ends {
		// It was called off a moment ago, and its hand has not heard of it.
		now = was.next(Verdict{state: Cancelled}, time.Now())
	}
	if err := j.record(ctx, tx, now); err != nil {
		return step{}, err
	}
	if err := tx.Commit(); err != nil {
		return step{}, err
	}
	if state == string(rivertype.JobStateAvailable) {
		j.look()
	}
	return now, nil
}

// record writes how a job stands after a step.
func (j *Journal) record(ctx context.Context, tx *sql.Tx, now step) error {
	switch {
	case now.gone:
		return forgetStanding(ctx, tx, now.Job)
	case now.State == "":
		return nil
	}
	return j.upsertStanding(ctx, tx, now.Standing)
}

// A step is what follows from a verdict: how the job stands now, and what its row becomes.
type step struct {
	Standing
	ends   bool          // the row leaves the schedule
	in     time.Duration // else: when it is due
	gone   bool          // nothing of it is kept
	gaveUp bool          // the hand did not end it
}

// next is the step from how a job stood, by a verdict given at a time.
func (was Standing) next(v Verdict, at time.Time) step {
	is := step{Standing: Standing{Job: was.Job, State: v.state, Attempt: was.Attempt, Since: at, At: at},
		in: v.after, ends: v.final(), gone: v.gone, gaveUp: v.gaveUp}
	if v.err != nil {
		is.Reason = v.err.Error()
	}
	if was.State == v.state && !was.Since.IsZero() {
		is.Since = was.Since
	}
	age := at.Sub(is.Since)
	switch v.state {
	case "": // put back: it stands as it stood
		is.Standing, is.ends, is.in = Standing{Job: was.Job}, false, 0
	case Succeeded:
		is.Attempt = 0
	case Retrying:
		is.Attempt++
		is.in = v.after + backoff(is.Attempt)
		if age >= patience && !endless(was.Job) {
			is.State, is.ends, is.gaveUp = Stopped, true, true
			is.Reason = fmt.Sprintf("failed for %s, at last: %s", age.Round(time.Minute), is.Reason)
		}
	case Waiting:
		is.Attempt, is.Since = 0, v.since
	}
	if !is.ends && is.State != "" {
		is.Due = at.Add(is.in)
	}
	return is
}

// endless reports whether a job is worth trying however long it has failed: nobody would ask for it anew.
func endless(job Job) bool {
	switch job.(type) {
	case Sweep, Follow:
		return true
	}
	return false
}

// deaths is the row's count of attempts with this one taken away: what remains are those that ended with their process.
func (s step) deaths(row *rivertype.JobRow) int {
	if s.State == Succeeded {
		return 0
	}
	return max(row.Attempt-1, 0)
}
