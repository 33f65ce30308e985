package journal

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// An Entry is one line of the history of a release: a stage that came to its end, well or not.
type Entry struct {
	At     time.Time // when it ended; Note takes now if it is zero
	Source string
	Tag    string
	Commit string
	Chart  string
	// Version is the chart's.
	Version string
	Stage   string
	// Attempt counts from 1; Note takes that of the hand whose context it is given.
	Attempt int
	Took    time.Duration
	// Err is empty if the stage went well. No secret may be in it.
	Err    string
	Digest string
	// URL is where to look: the pull request.
	URL string
}

// Note writes entries into the history, in one transaction.
func (j *Journal) Note(ctx context.Context, entries ...Entry) error {
	tx, err := j.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("noting history: %w", err)
	}
	defer tx.Rollback()
	for _, e := range entries {
		if e.At.IsZero() {
			e.At = time.Now()
		}
		if e.Attempt == 0 {
			e.Attempt = Was(ctx).Attempt + 1
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO releaser_history (at, source, tag, commit_id, chart, version, stage, attempt, took, err, digest, url)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
			millis(e.At), e.Source, e.Tag, e.Commit, e.Chart, e.Version, e.Stage, e.Attempt, e.Took.Milliseconds(), clean(e.Err), e.Digest, e.URL)
		if err != nil {
			return fmt.Errorf("noting history: %w", err)
		}
	}
	return tx.Commit()
}

// A Filter says which entries History gives. An empty field takes any.
type Filter struct {
	Source, Tag, Chart string
	Since              time.Time
	// Limit is how many entries at most; zero means 1000.
	Limit int
}

// History gives what was noted, the latest first.
func (j *Journal) History(ctx context.Context, f Filter) ([]Entry, error) {
	if f.Limit == 0 {
		f.Limit = 1000
	}
	found, err := j.db.QueryContext(ctx, `SELECT at, source, tag, commit_id, chart, version, stage, attempt, took, err, digest, url FROM releaser_history
		WHERE ($1 = '' OR source = $1) AND ($2 = '' OR tag = $2) AND ($3 = '' OR chart = $3) AND at >= $4 ORDER BY id DESC LIMIT $5`,
		f.Source, f.Tag, f.Chart, millis(f.Since), f.Limit)
	if err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	defer found.Close()
	var all []Entry
	for found.Next() {
		var e Entry
		var at, took int64
		err := found.Scan(&at, &e.Source, &e.Tag, &e.Commit, &e.Chart, &e.Version, &e.Stage, &e.Attempt, &took, &e.Err, &e.Digest, &e.URL)
		if err != nil {
			return nil, err
		}
		e.At, e.Took = moment(at), time.Duration(took)*time.Millisecond
		all = append(all, e)
	}
	return all, found.Err()
}

// trim removes what is older than it is to be kept.
func (j *Journal) trim(ctx context.Context) error {
	_, err := j.db.ExecContext(ctx, "DELETE FROM releaser_history WHERE at < $1", millis(time.Now().Add(-j.keep)))
	return err
}

type wasKey struct{}

// Was is how the job of a hand stood before it began: what became of it the last time, and how often it has failed in a row.
// A job that is begun for the first time has a Standing with nothing but the job. The context is the one that the hand got.
func Was(ctx context.Context) Standing {
	was, _ := ctx.Value(wasKey{}).(Standing)
	return was
}

// clean is text that both databases take, and of a length that a person reads: errors may hold anything that a server sent.
func clean(s string) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "�")
	if len(s) > 4000 {
		s = strings.ToValidUTF8(s[:4000], "") + "…"
	}
	return s
}
