package journal

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Standing is how a job stands. It is kept when the job is off the schedule, until Forget; only the last commit of a tag
// has one.
type Standing struct {
	Job   Job
	State State
	// Reason is why it is so: the error of the last attempt, or what it waits for.
	Reason string
	// Attempt is how often the job has failed in a row.
	Attempt int
	// Since is when it began to stand so, At when it last did something.
	Since, At time.Time
	// Due is when it is looked at again; zero if it is not.
	Due time.Time
}

// execer is a database or a transaction of it.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (j *Journal) upsertStanding(ctx context.Context, to execer, s Standing) error {
	now := time.Now()
	if s.At.IsZero() {
		s.At, s.Since = now, now
	}
	owner, name, commit := s.Job.place()
	_, err := to.ExecContext(ctx, `INSERT INTO releaser_standing (kind, owner, name, commit_id, state, reason, attempt, since, at, due)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (kind, owner, name) DO UPDATE SET commit_id = excluded.commit_id, state = excluded.state, reason = excluded.reason,
			attempt = excluded.attempt, since = excluded.since, at = excluded.at, due = excluded.due`,
		s.Job.Kind(), owner, name, commit, string(s.State), clean(s.Reason), s.Attempt, millis(s.Since), millis(s.At), millis(s.Due))
	return err
}

// standing is how the job stood the last time, or a Standing with nothing but the job.
func (j *Journal) standing(ctx context.Context, job Job) (Standing, error) {
	owner, name, _ := job.place()
	all, err := j.readStandings(ctx, "kind = $1 AND owner = $2 AND name = $3", job.Kind(), owner, name)
	if err != nil || len(all) == 0 || all[0].Job != job {
		return Standing{Job: job}, err
	}
	return all[0], nil
}

// forgetStanding removes how jobs stand, unless a tag stands at another commit by now: that is another job.
func forgetStanding(ctx context.Context, in execer, jobs ...Job) error {
	for _, job := range jobs {
		owner, name, commit := job.place()
		_, err := in.ExecContext(ctx, "DELETE FROM releaser_standing WHERE kind = $1 AND owner = $2 AND name = $3 AND commit_id = $4",
			job.Kind(), owner, name, commit)
		if err != nil {
			return fmt.Errorf("forgetting %s: %w", title(job), err)
		}
	}
	return nil
}

// Settled gives the tags of a source that are done, rejected, held or cancelled, each with the commit that it had then. A
// sweep asks for a release of every other tag, and of a tag whose commit is another now.
func (j *Journal) Settled(ctx context.Context, source string) (map[string]string, error) {
	found, err := j.db.QueryContext(ctx, `SELECT name, commit_id FROM releaser_standing
		WHERE kind = 'release' AND owner = $1 AND state IN ('done', 'rejected', 'held', 'cancelled')`, source)
	if err != nil {
		return nil, fmt.Errorf("reading what of %s is settled: %w", source, err)
	}
	defer found.Close()
	settled := map[string]string{}
	for found.Next() {
		var tag, commit string
		if err := found.Scan(&tag, &commit); err != nil {
			return nil, err
		}
		settled[tag] = commit
	}
	return settled, found.Err()
}

// Waiting gives the releases of a source that waited when they were looked at last.
func (j *Journal) Waiting(ctx context.Context, source string) ([]Job, error) {
	all, err := j.readStandings(ctx, "kind = 'release' AND owner = $1 AND state = 'waiting' ORDER BY name", source)
	if err != nil {
		return nil, fmt.Errorf("reading what of %s waits: %w", source, err)
	}
	jobs := make([]Job, len(all))
	for i, s := range all {
		jobs[i] = s.Job
	}
	return jobs, nil
}

// Forget removes how jobs stand, in one transaction: releases of tags that are not there any more. Their history is kept as long
// as any.
func (j *Journal) Forget(ctx context.Context, gone ...Job) error {
	if len(gone) == 0 {
		return nil
	}
	tx, err := j.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("forgetting %s: %w", several(gone), err)
	}
	defer tx.Rollback()
	if err := forgetStanding(ctx, tx, gone...); err != nil {
		return err
	}
	return tx.Commit()
}

// Standings gives how the jobs of a kind stand, by owner and name; of one owner (a source, a chart or a repository), or of
// all if owner is empty.
func (j *Journal) Standings(ctx context.Context, kind, owner string) ([]Standing, error) {
	all, err := j.readStandings(ctx, "kind = $1 AND ($2 = '' OR owner = $2) ORDER BY owner, name", kind, owner)
	if err != nil {
		return nil, fmt.Errorf("reading how things stand: %w", err)
	}
	now, err := j.scheduled(ctx, kind, owner)
	if err != nil {
		return nil, fmt.Errorf("reading the schedule: %w", err)
	}
	for i, s := range all {
		if row, ok := now[s.Job]; ok {
			all[i] = s.with(row)
			delete(now, s.Job)
		}
	}
	for job, row := range now {
		all = append(all, Standing{Job: job}.with(row))
	}
	slices.SortFunc(all, func(a, b Standing) int {
		ao, an, _ := a.Job.place()
		bo, bn, _ := b.Job.place()
		return cmp.Or(cmp.Compare(ao, bo), cmp.Compare(an, bn))
	})
	return all, nil
}

// A place is where a job is on the schedule.
type place struct {
	running bool
	due     time.Time
}

// with is the standing of a job that is on the schedule now.
func (s Standing) with(p place) Standing {
	s.Due = p.due
	switch {
	case p.running:
		s.State, s.Due = Running, time.Time{}
	case s.State == "" || s.State.Settled() && !p.due.After(time.Now()):
		s.State = Queued
	}
	return s
}

func (j *Journal) scheduled(ctx context.Context, kind, owner string) (map[Job]place, error) {
	found, err := j.db.QueryContext(ctx, j.say.scheduled, kind)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	all := map[Job]place{}
	for found.Next() {
		var args []byte
		var p place
		var due float64
		if err := found.Scan(&args, &p.running, &due); err != nil {
			return nil, err
		}
		job, err := parse(kind, args)
		if err != nil {
			return nil, err
		}
		if whose, _, _ := job.place(); owner == "" || whose == owner {
			p.due = time.Now().Add(time.Duration(due * float64(time.Second)))
			all[job] = p
		}
	}
	return all, found.Err()
}

func parse(kind string, args []byte) (Job, error) {
	switch kind {
	case Sweep{}.Kind():
		return decode[Sweep](args)
	case Release{}.Kind():
		return decode[Release](args)
	case Propose{}.Kind():
		return decode[Propose](args)
	case Follow{}.Kind():
		return decode[Follow](args)
	}
	return nil, fmt.Errorf("%q is no kind of job; there are sweep, release, propose and follow", kind)
}

func decode[J Job](args []byte) (Job, error) {
	var job J
	err := json.Unmarshal(args, &job)
	return job, err
}

func (j *Journal) readStandings(ctx context.Context, where string, args ...any) ([]Standing, error) {
	found, err := j.db.QueryContext(ctx, "SELECT kind, owner, name, commit_id, state, reason, attempt, since, at, due FROM releaser_standing WHERE "+where, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var all []Standing
	for found.Next() {
		var s Standing
		var kind, owner, name, commit string
		var since, at, due int64
		err := found.Scan(&kind, &owner, &name, &commit, &s.State, &s.Reason, &s.Attempt, &since, &at, &due)
		if err != nil {
			return nil, err
		}
		s.Job = named(kind, owner, name, commit)
		s.Since, s.At, s.Due = moment(since), moment(at), moment(due)
		all = append(all, s)
	}
	return all, errors.Join(found.Err())
}

// named is the job of a place.
func named(kind, owner, name, commit string) Job {
	switch kind {
	case Sweep{}.Kind():
		return Sweep{owner}
	case Propose{}.Kind():
		return Propose{owner}
	case Follow{}.Kind():
		return Follow{owner}
	}
	return Release{owner, name, commit}
}

// Times are milliseconds since 1970 in our tables, the same in both databases; 0 is no time.

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// column is the one column of a query.
func column[T any](ctx context.Context, db *sql.DB, query string, args ...any) ([]T, error) {
	found, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var all []T
	for found.Next() {
		var v T
		if err := found.Scan(&v); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, found.Err()
}
