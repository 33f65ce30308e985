package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// Ask makes sure that each job is on the schedule. One that is not there begins as soon as a hand is free, after those
// of its lane that were asked for before. Nothing happens to one that is there, whether it waits or runs. Any number is one
// transaction. A job that is settled is not on the schedule: it is done anew, so a sweep asks Settled first.
func (j *Journal) Ask(ctx context.Context, jobs ...Job) error { return j.put(ctx, jobs, false) }

// Hint is Ask with news: each job begins now. One that waits, also for its next attempt, is brought forward; one that
// runs is run once more when it ends, however often the hint comes meanwhile.
func (j *Journal) Hint(ctx context.Context, jobs ...Job) error { return j.put(ctx, jobs, true) }

func (j *Journal) put(ctx context.Context, jobs []Job, now bool) error {
	params := insertion(jobs)
	if len(params) == 0 {
		return nil
	}
	more := nothing
	if now {
		more = j.hasten
	}
	if err := j.rows.put(ctx, params, more); err != nil {
		return fmt.Errorf("asking for %s: %w", several(jobs), err)
	}
	j.look()
	return nil
}

// then is what more is done in the transaction in which jobs were put on the schedule, or found there.
type then func(context.Context, riverdriver.ExecutorTx, []*rivertype.JobInsertResult) error

func nothing(context.Context, riverdriver.ExecutorTx, []*rivertype.JobInsertResult) error { return nil }

// hasten brings forward those that were there and wait, and marks those that run. The insertion has locked their rows: none
// changes its state before this transaction ends.
func (j *Journal) hasten(ctx context.Context, tx riverdriver.ExecutorTx, put []*rivertype.JobInsertResult) error {
	var there []string
	for _, p := range put {
		if p.UniqueSkippedAsDuplicate {
			there = append(there, strconv.FormatInt(p.Job.ID, 10))
		}
	}
	if len(there) == 0 {
		return nil
	}
	ids := strings.Join(there, ",")
	if err := tx.Exec(ctx, fmt.Sprintf(j.say.forward, ids)); err != nil {
		return err
	}
	return tx.Exec(ctx, fmt.Sprintf(j.say.mark, ids))
}

// unique are the states in which a job is on the schedule: equal jobs are one there.
func unique() river.UniqueOpts {
	return river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
		rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}}
}

// insertion is the jobs as River takes them, each once.
func insertion(jobs []Job) []river.InsertManyParams {
	seen := make(map[Job]bool, len(jobs))
	var params []river.InsertManyParams
	for _, job := range jobs {
		if seen[job] {
			continue
		}
		seen[job] = true
		params = append(params, river.InsertManyParams{Args: job, InsertOpts: &river.InsertOpts{
			Queue: job.lane(), UniqueOpts: unique(), MaxAttempts: math.MaxInt16,
		}})
	}
	return params
}

// Retry is a person's word that each job is to be begun anew, now: its failures and its waiting are forgotten, and also
// that it was rejected, held or cancelled.
func (j *Journal) Retry(ctx context.Context, jobs ...Job) error {
	if err := j.Forget(ctx, jobs...); err != nil {
		return err
	}
	return j.Hint(ctx, jobs...)
}

// Cancel is a person's word that each job is called off. One that waits leaves the schedule; one that runs sees its context
// end, on whichever replica it runs, and is not begun again. A job that is not on the schedule only counts as settled from
// now on. Only Retry undoes it.
func (j *Journal) Cancel(ctx context.Context, jobs ...Job) error {
	for _, job := range jobs {
		if err := j.cancel(ctx, job); err != nil {
			return fmt.Errorf("cancelling %s: %w", title(job), err)
		}
	}
	return nil
}

func (j *Journal) cancel(ctx context.Context, job Job) error {
	args, err := json.Marshal(job)
	if err != nil {
		return err
	}
	if err := j.upsertStanding(ctx, j.db, Standing{Job: job, State: Cancelled}); err != nil {
		return err
	}
	ids, err := column[int64](ctx, j.db, j.say.find, job.Kind(), args)
	if err != nil {
		return err
	}
	for _, id := range ids {
		row, err := j.rows.JobCancel(ctx, id)
		if errors.Is(err, river.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		j.rows.called(row)
	}
	return nil
}

// several names jobs for an error.
func several(jobs []Job) string {
	if len(jobs) == 1 {
		return title(jobs[0])
	}
	return fmt.Sprintf("%d jobs, first %s", len(jobs), title(jobs[0]))
}

// title is a job in a few words: release web web-1.2.3.
func title(job Job) string {
	owner, name, _ := job.place()
	return strings.TrimSpace(job.Kind() + " " + owner + " " + name)
}
