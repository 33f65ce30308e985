package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/releaser/releaser/internal/web"
	"github.com/releaser/releaser/pipeline"
	"github.com/releaser/releaser/pipeline/promotion"
)

// grace is how long requests under way may take after SIGTERM.
const grace = 10 * time.Second

func (a *app) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the daemon: sweeps, webhook, metrics",
		Long: `serve sweeps every source at the start and on its interval, releases the tags that it finds, keeps the promotion pull requests
up to date, and does so sooner when GitHub calls POST /webhook/github. SIGTERM ends it: no new work begins, and what is under way
stops at its next safe point, to be taken up again by the next start.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			h, err := a.releasing()
			if err != nil {
				return err
			}
			defer h.close()
			a.settle()
			return h.serve(c.Context())
		},
	}
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

// daemon is the house at work.
type daemon struct {
	*house
	witness witness
	figures *figures
	loop    *pipeline.Loop
	running atomic.Bool
	said    pipeline.News
}

// ready says why the daemon is not ready: its loop does not run. What a sweep found does not matter here, nor how long
// it takes: a daemon that is taken out of service for a server that is down would take no hint when the server is back.
func (d *daemon) ready() error {
	if !d.running.Load() {
		return errors.New("the loop has not begun")
	}
	return nil
}

// daemon makes the tasks: a sweep of each source, and the rounds of promotion.
func (h *house) daemon(w witness) *daemon {
	d := &daemon{house: h, witness: w, figures: newFigures()}
	h.line.Observe = d.stage
	sweeper := &pipeline.Sweeper{Line: h.line, Log: h.log, Known: pipeline.NewKnown(), Done: d.outcome}
	var tasks []pipeline.Task
	for _, s := range h.sources {
		tasks = append(tasks, pipeline.Task{Names: []string{s.Rules.URL}, Every: s.Rules.Poll, Do: func(ctx context.Context) {
			began := time.Now()
			swept, err := sweeper.Sweep(ctx, s)
			d.figures.sweep(s.Rules.Name, time.Since(began), swept, err)
			if err != nil && ctx.Err() == nil {
				h.log.Error("sweep", "source", s.Rules.Name, "err", err)
			}
		}})
	}
	if names, every := h.environments(); len(names) > 0 {
		tasks = append(tasks, pipeline.Task{Names: names, Every: every, Do: func(ctx context.Context) {
			err := pipeline.Promote(ctx, h.promoter, d.proposal)
			if err != nil && ctx.Err() == nil {
				h.log.Error("promotion", "err", err)
			}
		}})
	}
	d.loop = pipeline.NewLoop(tasks...)
	return d
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

// serve is the daemon until the context ends.
func (h *house) serve(ctx context.Context) error {
	public, err := net.Listen("tcp", h.config.Server.Listen)
	if err != nil {
		return fmt.Errorf("server.listen: %w; write another address, or end what listens there", err)
	}
	internal, err := net.Listen("tcp", h.config.Server.Metrics)
	if err != nil {
		return errors.Join(fmt.Errorf("server.metrics: %w; write another address, or end what listens there", err), public.Close())
	}
	return h.serveOn(ctx, public, internal, witness{})
}

// serveOn is the daemon on listeners that are open. It closes them.
func (h *house) serveOn(ctx context.Context, public, internal net.Listener, w witness) error {
	h.box.Spare = true // the next chart does not wait for a child to start
	if err := h.openWebhook(); err != nil {
		return errors.Join(usageError{err}, public.Close(), internal.Close())
	}
	d := h.daemon(w)
	face := web.Options{Secrets: h.webhookSecrets, Wake: d.loop.Wake, Ready: d.ready,
		Metrics: d.figures.handler(), Delivered: d.figures.delivered}
	outside, err := web.Public(face)
	if err != nil {
		return errors.Join(err, public.Close(), internal.Close())
	}
	h.log.Info("serving", "listen", public.Addr().String(), "metrics", internal.Addr().String(), "sources", len(h.sources),
		"webhook", len(h.webhookSecrets) > 0)

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var parts sync.WaitGroup
	failed := make(chan error, 2)
	serve := func(l net.Listener, handler http.Handler) {
		defer stop() // one without the other is no daemon
		failed <- web.Serve(ctx, l, handler, grace)
	}
	parts.Go(func() { serve(public, outside) })
	parts.Go(func() { serve(internal, web.Internal(face)) })
	parts.Go(func() {
		d.running.Store(true)
		d.loop.Run(ctx)
	})
	if w.ready != nil {
		parts.Go(func() {
			<-d.loop.Ready()
			w.ready()
		})
	}
	parts.Wait()
	h.log.Info("stopped")
	return errors.Join(<-failed, <-failed)
}
