package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/riverqueue/river/riverdriver/riversqlite"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteSays is what is said to the file. River writes times as text in UTC, with milliseconds.
func sqliteSays() statements {
	const now = "datetime('now', 'subsec')"
	const again = "json_extract(metadata, '$.again') IS NOT NULL"
	const ends = "($1 OR json_extract(metadata, '$.cancel_attempted_at') IS NOT NULL) AND NOT (" + again + ")"
	return statements{
		settle: `UPDATE river_job SET
				state = CASE WHEN ` + ends + ` THEN 'completed' ELSE 'available' END,
				finalized_at = CASE WHEN ` + ends + ` THEN ` + now + ` END,
				scheduled_at = datetime('now', 'subsec', CASE WHEN ` + again + ` THEN 0 ELSE $2 END || ' seconds'),
				metadata = json_remove(metadata, '$.again', '$.cancel_attempted_at'),
				attempt = $3
			WHERE id = $4 AND state = 'running' AND attempt = $5 AND json_extract(attempted_by, '$[#-1]') = $6
			RETURNING state`,
		forward: `UPDATE river_job SET state = 'available', scheduled_at = ` + now + `
			WHERE id IN (%s) AND state IN ('available', 'retryable', 'scheduled') AND scheduled_at > ` + now,
		mark: `UPDATE river_job SET metadata = json_set(metadata, '$.again', 1) WHERE id IN (%s) AND state = 'running'`,
		find: `SELECT id FROM river_job WHERE kind = $1 AND args = $2 AND finalized_at IS NULL`,
		dues: `SELECT queue, (julianday(min(scheduled_at)) - julianday('now')) * 86400 FROM river_job WHERE state = 'available' GROUP BY queue`,
		busy: `SELECT count(*) FROM river_job WHERE kind = 'release' AND ($1 = '' OR queue = $1)
			AND (state = 'running' OR state = 'available' AND scheduled_at <= ` + now + `)`,
		strays:  `SELECT id, attempt, json_extract(attempted_by, '$[#-1]') = $1 FROM river_job WHERE state = 'running'`,
		putBack: `UPDATE river_job SET state = 'available', scheduled_at = ` + now + ` WHERE id = $1 AND attempt = $2 AND state = 'running'`,
		scheduled: `SELECT args, state = 'running', (julianday(scheduled_at) - julianday('now')) * 86400 FROM river_job
			WHERE kind = $1 AND finalized_at IS NULL`,
		identity: "integer PRIMARY KEY",
	}
}

// openSQLite opens the file, and takes the folder for this process.
func (j *Journal) openSQLite(ctx context.Context, o Options) error {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("the journal's folder: %w", err)
	}
	unlock, err := lockDir(o.Dir)
	if err != nil {
		return err
	}
	j.closers = append(j.closers, unlock)
	j.say, j.locks = sqliteSays(), newHere()
	file, err := filepath.Abs(filepath.Join(o.Dir, "journal.db")) // a URL knows no other
	if err != nil {
		return err
	}
	err = j.openFile(ctx, file)
	if broken(err) {
		if j.SetAside, err = setAside(file); err == nil {
			err = j.openFile(ctx, file)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// openFile opens a file of ours, or fails and leaves it closed.
func (j *Journal) openFile(ctx context.Context, file string) (err error) {
	if j.db, err = openDB(file); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			j.db.Close()
		}
	}()
	if err = check(ctx, j.db); err != nil {
		return err
	}
	plain := riversqlite.New(j.db)
	if err = migrate(ctx, j, plain); err != nil {
		return err
	}
	// We hold the folder: whatever ran is dead.
	if _, err = j.db.ExecContext(ctx, "UPDATE river_job SET state = 'available', scheduled_at = datetime('now', 'subsec') WHERE state = 'running'"); err != nil {
		return err
	}
	if j.rows, err = newClient(j, plain, newBell()); err != nil {
		return err
	}
	j.closers = append(j.closers, j.db.Close)
	return nil
}

// openDB opens a file for one writer, which waits 5 seconds for any other program.
func openDB(file string) (*sql.DB, error) {
	address := url.URL{Scheme: "file", Path: file, RawQuery: url.Values{
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(NORMAL)"},
		"_txlock": {"immediate"},
	}.Encode()}
	if err := private(file); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", address.String())
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// private makes the file for its owner alone, whatever the folder: SQLite gives what belongs to it the same rights.
func private(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

var errCorrupt = errors.New("the file is corrupt")

// check reads the whole file once: a journal that breaks later would do so in the middle of a release.
func check(ctx context.Context, db *sql.DB) error {
	says, err := column[string](ctx, db, "PRAGMA quick_check")
	if err != nil {
		return err
	}
	if len(says) != 1 || says[0] != "ok" {
		return fmt.Errorf("%w: %s", errCorrupt, says[0])
	}
	return nil
}

// broken reports whether no attempt will ever open the file.
func broken(err error) bool {
	var e *sqlite.Error
	if errors.As(err, &e) {
		code := e.Code() & 0xff
		return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
	}
	return errors.Is(err, errCorrupt) || errors.Is(err, errNewer)
}

// setAside moves a broken file and what belongs to it out of the way.
func setAside(file string) (to string, err error) {
	to = file + ".broken-" + time.Now().UTC().Format("20060102T150405.000Z")
	for _, part := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(file+part, to+part); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return to, nil
}
