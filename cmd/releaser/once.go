package main

import (
	"errors"
	"fmt"

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
		Long: `once looks at every source, releases the tags that are not released yet, does one round of promotions, and exits: 0 when every tag
has come to its end, 1 when one was rejected or could not be released.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			h, err := a.releasing()
			if err != nil {
				return err
			}
			defer h.close()
			done := swept{Tags: []pipeline.Outcome{}, Promotions: []promotion.Proposal{}}
			sweeper := &pipeline.Sweeper{Line: h.line, Log: h.log, Known: pipeline.NewKnown(), Done: func(o pipeline.Outcome) {
				h.logOutcome(o)
				done.Tags = append(done.Tags, o)
			}}
			var failed error
			for _, s := range h.sources {
				_, err := sweeper.Sweep(c.Context(), s)
				failed = errors.Join(failed, err)
			}
			if names, _ := h.environments(); len(names) > 0 {
				pipeline.Promote(c.Context(), h.promoter, h.log, func(p promotion.Proposal) {
					h.logProposal(p)
					done.Promotions = append(done.Promotions, p)
				})
			}
			return errors.Join(failed, a.printSwept(done))
		},
	}
}

// printSwept prints the outcomes; a tag that did not get through is an error.
func (a *app) printSwept(done swept) error {
	err := a.print(done, func() {
		rows := [][]string{{"TAG", "STATE", "CHART", "VERSION", "DIGEST"}}
		for _, o := range done.Tags {
			rows = append(rows, []string{o.Tag, string(o.State), o.Chart, o.Version, o.Digest})
		}
		if len(rows) == 1 {
			fmt.Fprintln(a.out, "no tag is new")
			return
		}
		a.table(rows)
	})
	for _, o := range done.Tags {
		if o.State == pipeline.Rejected || o.State == pipeline.Failed {
			return errors.Join(err, errReported)
		}
	}
	return err
}
