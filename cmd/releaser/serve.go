package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/releaser/releaser/internal/journal"
	"github.com/releaser/releaser/internal/web"
	"github.com/releaser/releaser/pipeline"
	"github.com/releaser/releaser/pipeline/promotion"
)

// grace is how long requests under way may take after SIGTERM.
const grace = 10 * time.Second

func (a *app) serveCommand() *cobra.Command {
	var dataDir string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the daemon: sweeps, webhook, metrics",
		Long: `serve sweeps every source at the start and on its interval, releases the tags that it finds, keeps the promotion pull requests
up to date, and does so sooner when GitHub calls POST /webhook/github. SIGTERM ends it: no new work begins, and what is under way
stops at its next safe point, to be taken up again by the next start.

What is to be done and what became of it is in a journal in --data-dir, or in PostgreSQL for several replicas. It may be deleted whenever no
daemon runs: git, the registry and the forge are the truth, and the next start finds everything there.

When the configuration or a file that it names changes, serve goes on by the new one, within 10 seconds or at once on SIGHUP. One that is
refused changes nothing: the log, /readyz and releaser_config_last_reload_successful tell.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			h, err := a.releasing()
			if err != nil {
				return err
			}
			if dataDir, err = a.dataDir(dataDir); err != nil {
				return errors.Join(err, h.close())
			}
			a.settle()
			for h != nil && err == nil {
				var next *house
				next, err = h.serve(c.Context(), dataDir)
				err = errors.Join(err, h.close())
				h = next
			}
			return err
		},
	}
	a.dataDirFlag(c, &dataDir)
	return c
}

// settle gives back the 64 MiB that decrypting the signing key took. Otherwise Go takes them for the size of what is in
// use, and lets the garbage of a release (4 MiB) pile up to 138 MiB before it collects. What is in use is 4 MiB; at five
// times of it, one release in four pays for a collection. GOGC has the last word.
func (a *app) settle() {
	if a.env("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	debug.FreeOSMemory()
}

// witness hears what the daemon does, besides the log and the figures. The zero value hears nothing.
type witness struct {
	stage   func(pipeline.Event)
	outcome func(pipeline.Outcome)
	ready   func()
}

func (w witness) readied() {
	if w.ready != nil {
		w.ready()
	}
}

// daemon is the house at work.
type daemon struct {
	*house
	witness witness
	figures *figures
	engine  *pipeline.Engine
	running atomic.Bool
	refused refusal
	said    pipeline.News
}

// The journal looks at its schedule every second. For how long it may not, while a database is away or a disk is full.
const (
	unreadyAfter = 15 * time.Second
	deadAfter    = 5 * time.Minute
)

// ready says why the daemon is not ready: its loop does not run, or its journal does not answer. What a sweep found does
// not matter here, nor how long it takes: a daemon that is taken out of service for a server that is down would take no
// hint when the server is back.
func (d *daemon) ready() error {
	if !d.running.Load() {
		return errors.New("the loop has not begun")
	}
	return d.still(unreadyAfter)
}

// alive says that nothing has moved for long, whatever the reason.
func (d *daemon) alive() error { return d.still(deadAfter) }

func (d *daemon) still(most time.Duration) error {
	if silent := time.Since(d.engine.Journal.Beat()).Round(time.Second); silent > most {
		return fmt.Errorf("the journal has not answered for %s: look at the log, the disk and the database", silent)
	}
	return nil
}

// daemon wires the engine: it sweeps each source and does the rounds of promotion.
func (h *house) daemon(j *journal.Journal, w witness) *daemon {
	d := &daemon{house: h, witness: w, figures: newFigures()}
	h.line.Observe = d.stage
	if j.Shared() {
		h.line.Alone = j.Alone
	}
	d.engine = &pipeline.Engine{
		Sweeper: &pipeline.Sweeper{Line: h.line, Log: h.log, Known: pipeline.NewKnown(), Done: d.outcome},
		Journal: j, Sources: h.sources, Promoter: h.promoter, Environments: h.environments(), Swept: d.swept, Proposed: d.proposal,
	}
	return d
}

func (d *daemon) swept(s *pipeline.Source, took time.Duration, swept pipeline.Swept, err error) {
	d.figures.sweep(s.Rules.Name, took, swept, err)
	what := "sweep/" + s.Rules.Name
	if err == nil {
		d.said.Forget(what)
	} else if d.said.IsNew(what, err.Error()) {
		d.log.Error("sweep", "source", s.Rules.Name, "err", err)
	}
}

func (d *daemon) stage(e pipeline.Event) {
	d.logStage(e)
	d.figures.stage(e)
	if d.witness.stage != nil {
		d.witness.stage(e)
	}
}

func (d *daemon) outcome(o pipeline.Outcome) {
	d.logOutcome(o)
	d.figures.outcome(o)
	for _, p := range o.Proposals {
		d.proposal(p)
	}
	if d.witness.outcome != nil {
		d.witness.outcome(o)
	}
}

// proposal tells what is new: a round says each time how things stand.
func (d *daemon) proposal(p promotion.Proposal) {
	if !d.said.IsNew(p.Environment+" "+p.Chart, string(p.State)+" "+p.To+" "+p.Reason) {
		return
	}
	d.logProposal(p)
	d.figures.proposal(p)
}

// serve is the daemon until the context ends, or until the configuration has changed: then next is the house by the new one.
func (h *house) serve(ctx context.Context, dataDir string) (next *house, err error) {
	var m mouths
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	if m.public, err = net.Listen("tcp", h.config.Server.Listen); err != nil {
		return nil, fmt.Errorf("server.listen: %w; write another address, or end what listens there", err)
	}
	if m.internal, err = net.Listen("tcp", h.config.Server.Metrics); err != nil {
		return nil, fmt.Errorf("server.metrics: %w; write another address, or end what listens there", err)
	}
	return h.serveOn(ctx, dataDir, m, witness{})
}

// mouths are where the daemon listens: for GitHub, for the cluster, and for people on this machine.
type mouths struct{ public, internal, control net.Listener }

func (m mouths) close() {
	for _, l := range []net.Listener{m.public, m.internal, m.control} {
		if l != nil {
			_ = l.Close()
		}
	}
}

// openJournal opens the schedule and history of the daemon.
func (h *house) openJournal(ctx context.Context, dir string) (*journal.Journal, error) {
	at := h.config.Concurrency
	o := journal.Options{Dir: dir, Log: h.log, Keep: h.config.Journal.Keep, Limits: journal.Limits{
		Sweeps: at.Sweeps, Releases: at.Releases, PerSource: at.PerSource, Proposals: at.Proposals, Follows: at.Follows,
	}}
	if h.config.Journal.Postgres != nil {
		o.URL = h.journalURL
	}
	j, err := journal.Open(ctx, o)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		err = fmt.Errorf("%w; give a folder where releaser may write by --data-dir", err)
	}
	if err != nil {
		return nil, err
	}
	if j.SetAside != "" {
		h.log.Warn("the journal could not be read: a new one begins, and nothing is lost", "was", j.SetAside)
	}
	return j, nil
}

// serveOn is serve on the listeners for GitHub and the cluster, which are open. It closes them.
func (h *house) serveOn(ctx context.Context, dataDir string, m mouths, w witness) (next *house, err error) {
	defer m.close()
	h.box.Spare = true // the next chart does not wait for a child to start
	state := h.state()
	if err := h.openWebhook(); err != nil {
		return nil, usageError{err}
	}
	j, err := h.openJournal(ctx, dataDir)
	if ctx.Err() != nil {
		return nil, nil // it was to end before it had begun
	}
	if err != nil {
		return nil, err
	}
	defer j.Close()
	if m.control, err = listenControl(dataDir); err != nil {
		return nil, err
	}
	d := h.daemon(j, w)
	face := web.Options{Secrets: h.webhookSecrets, Wake: d.engine.Wake, Ready: d.ready, Note: d.refused.note, Alive: d.alive,
		Metrics: d.figures.handler(), Delivered: d.figures.delivered}
	outside, err := web.Public(face)
	if err != nil {
		return nil, err
	}
	h.log.Info("serving", "listen", m.public.Addr().String(), "metrics", m.internal.Addr().String(), "sources", len(h.sources),
		"webhook", len(h.webhookSecrets) > 0)
	err = together(ctx,
		func(ctx context.Context) error { return web.Serve(ctx, m.public, outside, grace) },
		func(ctx context.Context) error { return web.Serve(ctx, m.internal, web.Internal(face), grace) },
		func(ctx context.Context) error { return web.Serve(ctx, m.control, d.control(), grace) },
		func(ctx context.Context) error {
			d.running.Store(true)
			return d.engine.Run(ctx)
		},
		func(ctx context.Context) error {
			select {
			case <-d.engine.Ready():
				w.readied()
			case <-ctx.Done():
			}
			<-ctx.Done()
			return nil
		},
		func(ctx context.Context) error {
			next = d.changed(ctx, state)
			return nil
		},
	)
	if next == nil {
		h.log.Info("stopped")
		return nil, err
	}
	h.log.Info("the configuration has changed: going on by the new one")
	return next, err
}

// together runs the parts of a daemon until the context ends or one of them does: one without the others is no daemon.
func together(ctx context.Context, parts ...func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, len(parts))
	for _, part := range parts {
		go func() {
			defer stop()
			ended <- part(ctx)
		}()
	}
	var failed error
	for range parts {
		failed = errors.Join(failed, <-ended)
	}
	return failed
}
