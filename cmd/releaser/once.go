package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/spf13/cobra"

	"github.com/releaser/releaser/pipeline"
	"github.com/releaser/releaser/pipeline/promotion"
)

// swept is what one sweep did.
type swept struct {
	Tags       []pipeline.Outcome   `json:"tags"`
	Promotions []promotion.Proposal `json:"promotions"`
}

func (a *app) onceCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "once",
		Short: "Do one sweep and one round of promotions, then exit (cron, CI)",
		Long: `once looks at every source, releases the tags that are not released yet, does one round of promotions, and exits: 1 when a tag was
rejected or could not be released, or when something could not be reached, else 0. A tag that waits is no failure: the next run looks again.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			h, err := a.releasing()
			if err != nil {
				return err
			}
			defer h.close()
			done := swept{Tags: []pipeline.Outcome{}, Promotions: []promotion.Proposal{}}
			failed := h.sweepAll(c.Context(), func(o pipeline.Outcome) {
				h.logOutcome(o)
				for _, p := range o.Proposals {
					h.logProposal(p)
				}
				done.Tags = append(done.Tags, o)
			})
			if len(h.config.Environments) > 0 {
				err := pipeline.Promote(c.Context(), h.promoter, func(p promotion.Proposal) {
					h.logProposal(p)
					done.Promotions = append(done.Promotions, p)
				})
				failed = errors.Join(failed, err)
			}
			return errorsAfter(a.printSwept(done, failed == nil), failed)
		},
	}
}

// sweepAll sweeps all sources at once, so that a slow one delays no other. told is called by one at a time.
func (h *house) sweepAll(ctx context.Context, told func(pipeline.Outcome)) error {
	var mu sync.Mutex
	var failed error
	sweeper := &pipeline.Sweeper{Line: h.line, Log: h.log, Known: pipeline.NewKnown(), Done: func(o pipeline.Outcome) {
		mu.Lock()
		defer mu.Unlock()
		told(o)
	}}
	var sweeps sync.WaitGroup
	for _, s := range h.sources {
		sweeps.Go(func() {
			_, err := sweeper.Sweep(ctx, s)
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
		})
	}
	sweeps.Wait()
	return failed
}

// printSwept prints the outcomes; a tag that did not get through is an error. whole tells that every source was read.
func (a *app) printSwept(done swept, whole bool) error {
	err := a.print(done, func() {
		rows := [][]string{{"TAG", "STATE", "CHART", "VERSION", "DIGEST"}}
		for _, o := range done.Tags {
			rows = append(rows, []string{o.Tag, string(o.State), o.Chart, o.Version, o.Digest})
		}
		switch {
		case len(rows) > 1:
			a.table(rows)
		case whole:
			fmt.Fprintln(a.out, "no tag is new")
		}
	})
	for _, o := range done.Tags {
		if o.State == pipeline.Rejected || o.State == pipeline.Failed {
			return errors.Join(err, errReported)
		}
	}
	return err
}
