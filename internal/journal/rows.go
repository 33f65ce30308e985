package journal

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivershared/baseservice"
	"github.com/riverqueue/river/rivershared/riverpilot"
	"github.com/riverqueue/river/rivertype"
)

// rows is River's table of jobs and its client, over either database.
type rows interface {
	// put inserts jobs, or finds those that are there, and lets more be done to them in the same transaction; then
	// it rings for their queues.
	put(ctx context.Context, jobs []river.InsertManyParams, more then) error
	// ring tells whoever serves a queue that something in it is due.
	ring(ctx context.Context, queues []string) error
	// called tells whoever runs the job that it was called off, where the database did not tell them.
	called(job *rivertype.JobRow)

	Start(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
	JobCancel(ctx context.Context, id int64) (*rivertype.JobRow, error)
	Queues() *river.QueueBundle
}

// client is the one implementation of rows; Tx is the transaction of its database.
type client[Tx any] struct {
	*river.Client[Tx]
	driver riverdriver.Driver[Tx]
	bell   *bell // nil where the database notifies
}

func newClient[Tx any](j *Journal, d riverdriver.Driver[Tx], b *bell) (*client[Tx], error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker[Sweep]{j: j, hand: func(h Hands) func(context.Context, Sweep) Verdict { return h.Sweep }})
	river.AddWorker(workers, &worker[Release]{j: j, hand: func(h Hands) func(context.Context, Release) Verdict { return h.Release }})
	river.AddWorker(workers, &worker[Propose]{j: j, hand: func(h Hands) func(context.Context, Propose) Verdict { return h.Propose }})
	river.AddWorker(workers, &worker[Follow]{j: j, hand: func(h Hands) func(context.Context, Follow) Verdict { return h.Follow }})
	c, err := river.NewClient(driver[Tx]{d, b}, &river.Config{
		ID:      j.id,
		Logger:  j.log,
		Workers: workers,
		Queues:  j.queues(),
		// The look rings when something is due: a lane by itself need not ask.
		FetchPollInterval: 10 * time.Minute,
		// A lane fetches at most so often: a few milliseconds on the way from a webhook to a pull request.
		FetchCooldown: 2 * time.Millisecond,
		// How long a job may take is the hand's to say.
		JobTimeout:           -1,
		RescueStuckJobsAfter: 24 * time.Hour,
		// What became of a job is in our own tables.
		CompletedJobRetentionPeriod: 10 * time.Minute,
		CancelledJobRetentionPeriod: 10 * time.Minute,
		DiscardedJobRetentionPeriod: 10 * time.Minute,
	})
	return &client[Tx]{c, driver[Tx]{d, b}, b}, err
}

func (j *Journal) queues() map[string]river.QueueConfig {
	all := map[string]river.QueueConfig{
		Sweep{}.lane():   {MaxWorkers: j.limits.Sweeps},
		Propose{}.lane(): {MaxWorkers: j.limits.Proposals},
		Follow{}.lane():  {MaxWorkers: j.limits.Follows},
	}
	for name := range all {
		j.lanes[name] = true
	}
	return all
}

func (c *client[Tx]) put(ctx context.Context, jobs []river.InsertManyParams, more then) error {
	tx, err := c.driver.GetExecutor().Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	if c.bell == nil && len(jobs) > 1 {
		// Two that put the same jobs in different orders would wait for each other's rows.
		if _, err := tx.PGAdvisoryXactLock(ctx, lockPut); err != nil {
			return err
		}
	}
	rows, err := c.InsertManyTx(ctx, c.driver.UnwrapTx(tx), jobs)
	if err != nil {
		return err
	}
	if err := more(ctx, tx, rows); err != nil {
		return err
	}
	queues := queuesOf(rows)
	if c.bell == nil {
		if err := notify(ctx, tx, queues); err != nil {
			return err
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	if c.bell != nil {
		c.bell.ring(queues)
	}
	return nil
}

func (c *client[Tx]) ring(ctx context.Context, queues []string) error {
	if len(queues) == 0 {
		return nil
	}
	if c.bell == nil {
		return notify(ctx, c.driver.GetExecutor(), queues)
	}
	c.bell.ring(queues)
	return nil
}

func (c *client[Tx]) called(job *rivertype.JobRow) {
	if c.bell != nil && job.State == rivertype.JobStateRunning {
		c.bell.tell(topicControl, map[string]any{"action": "cancel", "job_id": job.ID, "queue": job.Queue})
	}
}

func queuesOf(rows []*rivertype.JobInsertResult) []string {
	seen := map[string]bool{}
	var queues []string
	for _, row := range rows {
		if !seen[row.Job.Queue] {
			seen[row.Job.Queue] = true
			queues = append(queues, row.Job.Queue)
		}
	}
	return queues
}

// notify sends what River's own insertion sends, but always: River leaves it out when it has just sent one.
func notify(ctx context.Context, exec riverdriver.Executor, queues []string) error {
	payload := make([]string, len(queues))
	for i, q := range queues {
		payload[i] = string(insertPayload(q))
	}
	return exec.NotifyMany(ctx, &riverdriver.NotifyManyParams{Topic: topicInsert, Payload: payload})
}

// The topics that River's lanes listen on.
const (
	topicInsert  = "river_insert"
	topicControl = "river_control"
)

func insertPayload(queue string) []byte {
	b, _ := json.Marshal(map[string]string{"queue": queue})
	return b
}

// driver is River's driver with two things of ours: the pilot, and on SQLite the bell.
type driver[Tx any] struct {
	riverdriver.Driver[Tx]
	bell *bell
}

// SupportsListener says that lanes are told what is due. Without the bell River's lanes would ask the file every 2 seconds,
// each.
func (d driver[Tx]) SupportsListener() bool { return d.bell != nil || d.Driver.SupportsListener() }

// GetListener is the bell, or the database's.
func (d driver[Tx]) GetListener(p *riverdriver.GetListenenerParams) riverdriver.Listener {
	if d.bell != nil {
		return d.bell
	}
	return d.Driver.GetListener(p)
}

// PluginInit is the first half of how River takes a pilot from a driver.
func (driver[Tx]) PluginInit(*baseservice.Archetype) {}

// PluginPilot is the second half.
func (driver[Tx]) PluginPilot() riverpilot.Pilot { return &pilot{} }

// pilot keeps River from ending jobs. A verdict has done so already, in one transaction with the record of it (settle.go),
// and a job without a verdict has not ended: its row is found by the search for strays.
type pilot struct{ riverpilot.StandardPilot }

func (*pilot) JobSetStateIfRunningMany(context.Context, riverdriver.Executor, *riverdriver.JobSetStateIfRunningManyParams) ([]*rivertype.JobRow, error) {
	return nil, nil
}

// quiet is a logger of the warnings alone: River tells at lower levels how many jobs it ran.
func quiet(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(warnings{log.Handler()})
}

type warnings struct{ slog.Handler }

func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}
func (w warnings) WithAttrs(a []slog.Attr) slog.Handler { return warnings{w.Handler.WithAttrs(a)} }
func (w warnings) WithGroup(n string) slog.Handler      { return warnings{w.Handler.WithGroup(n)} }
