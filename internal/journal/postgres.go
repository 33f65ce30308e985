package journal

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// The first halves of our advisory locks' keys; the second half is a hash of what is locked.
const (
	lockReplica = 0x72656c01 + iota // "rel"
	lockName
	lockSchema
	lockPut // a key of its own
)

// postgresSays is what is said to the server. All reckoning of time is by its clock: those of the replicas may differ.
func postgresSays() statements {
	const again = "jsonb_exists(metadata, 'again')"
	const ends = "($1 OR jsonb_exists(metadata, 'cancel_attempted_at')) AND NOT " + again
	const owner = "attempted_by[array_upper(attempted_by, 1)]"
	return statements{
		settle: `UPDATE river_job SET
				state = (CASE WHEN ` + ends + ` THEN 'completed' ELSE 'available' END)::river_job_state,
				finalized_at = CASE WHEN ` + ends + ` THEN now() END,
				scheduled_at = now() + CASE WHEN ` + again + ` THEN 0 ELSE $2::float8 END * interval '1 second',
				metadata = metadata - 'again' - 'cancel_attempted_at',
				attempt = $3
			WHERE id = $4 AND state = 'running' AND attempt = $5 AND ` + owner + ` = $6
			RETURNING state`,
		forward: `UPDATE river_job SET state = 'available', scheduled_at = now()
			WHERE id IN (%s) AND state IN ('available', 'retryable', 'scheduled') AND scheduled_at > now()`,
		mark: `UPDATE river_job SET metadata = metadata || '{"again": 1}' WHERE id IN (%s) AND state = 'running'`,
		find: `SELECT id FROM river_job WHERE kind = $1 AND args = $2 AND finalized_at IS NULL`,
		dues: `SELECT queue, extract(epoch FROM min(scheduled_at) - now())::float8 FROM river_job WHERE state = 'available' GROUP BY queue`,
		busy: `SELECT count(*) FROM river_job WHERE kind = 'release' AND ($1 = '' OR queue = $1)
			AND (state = 'running' OR state = 'available' AND scheduled_at <= now())`,
		strays: `SELECT id, attempt, owner = $1 FROM (SELECT id, attempt, ` + owner + ` AS owner FROM river_job WHERE state = 'running') AS r
			WHERE owner = $1 OR NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
				AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
				AND classid = ` + strconv.Itoa(lockReplica) + ` AND objid::bigint = hashtext(owner)::bigint & 4294967295 AND objsubid = 2)`,
		putBack: `UPDATE river_job SET state = 'available', scheduled_at = now() WHERE id = $1 AND attempt = $2 AND state = 'running'`,
		scheduled: `SELECT args, state = 'running', extract(epoch FROM scheduled_at - now())::float8 FROM river_job
			WHERE kind = $1 AND finalized_at IS NULL`,
		identity: "bigserial PRIMARY KEY",
	}
}

// openPostgres connects, brings the schema up to date, and takes the lock that says that this replica is alive.
func (j *Journal) openPostgres(ctx context.Context, o Options) error {
	config, err := o.read()
	if err != nil {
		return err
	}
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		now, err := o.read()
		if err == nil {
			*c = *now.ConnConfig
		}
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	j.closers = append(j.closers, func() error { pool.Close(); return nil })
	j.db = stdlib.OpenDBFromPool(pool)
	j.closers = append(j.closers, j.db.Close)
	j.say = postgresSays()
	driver := riverpgxv5.New(pool)
	err = onlyOne(ctx, pool, func() error { return migrate(ctx, j, driver) })
	if err != nil {
		return fmt.Errorf("the journal's PostgreSQL: %w", err)
	}
	s := newSession(j.id, o.connect)
	j.locks = s
	j.closers = append(j.closers, s.close)
	if err := s.ping(); err != nil {
		return fmt.Errorf("the journal's PostgreSQL: %w", err)
	}
	j.rows, err = newClient(j, driver, nil)
	return err
}

// connect makes one connection beside the pool.
func (o Options) connect(ctx context.Context) (*pgx.Conn, error) {
	c, err := o.read()
	if err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, c.ConnConfig)
}

// read is what the URL says now. The URL is a secret: no part of it is in an error.
func (o Options) read() (*pgxpool.Config, error) {
	address, err := o.URL()
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, errors.New("the URL of the journal's PostgreSQL cannot be read; write postgres://user:password@host:5432/database")
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	// A replica that is stopped in the middle of a transaction must not keep its rows locked for ever.
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = silence
	return config, nil
}

// onlyOne does something while no other replica does: all may start at once.
func onlyOne(ctx context.Context, pool *pgxpool.Pool, do func() error) error {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, 0)", lockSchema); err != nil {
		return err
	}
	return do()
}
