package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"
)

// statements are what the journal says to River's table of jobs, in the words of one database. The numbered arguments are
// the same in both.
type statements struct {
	settle    string // $1 ends, $2 seconds, $3 attempt; $4 id, $5 attempt, $6 process: the new state, if the row was ours
	forward   string // %s ids
	mark      string // %s ids
	find      string // $1 kind, $2 args
	dues      string // queue, seconds from now
	busy      string // $1 queue, or empty: how many
	strays    string // $1 process: id, attempt, mine
	putBack   string // $1 id, $2 attempt
	scheduled string // $1 kind: args, running, seconds from now
	identity  string // how a table numbers its rows
}

// ours are the journal's own tables, each version as the step from the one before. A step that was released is never changed.
func ours(identity string) []string {
	return []string{
		`CREATE TABLE releaser_standing (
			kind text NOT NULL, owner text NOT NULL, name text NOT NULL, commit_id text NOT NULL,
			state text NOT NULL, reason text NOT NULL, attempt integer NOT NULL,
			since bigint NOT NULL, at bigint NOT NULL, due bigint NOT NULL,
			PRIMARY KEY (kind, owner, name));
		CREATE TABLE releaser_history (
			id ` + identity + `, at bigint NOT NULL,
			source text NOT NULL, tag text NOT NULL, commit_id text NOT NULL, chart text NOT NULL, version text NOT NULL,
			stage text NOT NULL, attempt integer NOT NULL, took bigint NOT NULL, err text NOT NULL, digest text NOT NULL, url text NOT NULL);
		CREATE INDEX releaser_history_tag ON releaser_history (source, tag);
		CREATE INDEX releaser_history_at ON releaser_history (at)`,
	}
}

// errNewer is about a schema that this releaser does not know yet.
var errNewer = errors.New("a newer releaser has been at this journal")

// migrate brings River's tables and ours up to what this releaser knows.
func migrate[Tx any](ctx context.Context, j *Journal, d riverdriver.Driver[Tx]) error {
	m, err := rivermigrate.New(d, &rivermigrate.Config{Logger: j.log})
	if err != nil {
		return err
	}
	there, err := d.GetExecutor().TableExists(ctx, &riverdriver.TableExistsParams{Table: "river_migration"})
	if err != nil {
		return err
	}
	if there {
		if err := j.notNewer(ctx, "river_migration", len(m.AllVersions())); err != nil {
			return err
		}
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	return j.migrateOurs(ctx)
}

func (j *Journal) migrateOurs(ctx context.Context) error {
	if _, err := j.db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS releaser_schema (version integer NOT NULL)"); err != nil {
		return err
	}
	steps := ours(j.say.identity)
	if err := j.notNewer(ctx, "releaser_schema", len(steps)); err != nil {
		return err
	}
	at, err := j.version(ctx, "releaser_schema")
	for n := at; n < len(steps) && err == nil; n++ {
		err = j.step(ctx, n+1, steps[n])
	}
	return err
}

// version is the highest in a table of versions; 0 if it is empty.
func (j *Journal) version(ctx context.Context, table string) (at int, err error) {
	err = j.db.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM "+table).Scan(&at)
	return at, err
}

func (j *Journal) notNewer(ctx context.Context, table string, known int) error {
	at, err := j.version(ctx, table)
	if err == nil && at > known {
		err = fmt.Errorf("%w: %s is at version %d, and this one knows %d", errNewer, table, at, known)
	}
	return err
}

// step makes one version from the one before, wholly or not at all.
func (j *Journal) step(ctx context.Context, version int, do string) error {
	tx, err := j.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, one := range strings.Split(do, ";") {
		if _, err := tx.ExecContext(ctx, one); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO releaser_schema (version) VALUES ($1)", version); err != nil {
		return err
	}
	return tx.Commit()
}

// newID names this process in the rows that it runs. No two are the same.
func newID() string {
	host, _ := os.Hostname()
	if len(host) > 60 {
		host = host[:60]
	}
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), rand.Text()[:12])
}
