package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/releaser/releaser/pipeline/promotion"
)

func (a *app) promoteCommand() *cobra.Command {
	var r promotion.Request
	var dry, wait bool
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "promote FROM TO",
		Short: "Propose what runs in one environment to the next",
		Long: `promote opens the pull request that brings what FROM holds to TO, or updates the open one. FROM is an environment, or "release" for
what is in the registry. What does not verify in the registry is refused. Nothing to change: it says so and exits 0.`,
		Example: `  releaser promote staging prod
  releaser promote staging prod --chart voice-agent --dry-run
  releaser promote release dev --chart voice-agent --version 0.2.0`,
		Args: exactly("FROM", "TO"),
		RunE: func(c *cobra.Command, args []string) error {
			r.From, r.To = args[0], args[1]
			h, err := a.house()
			if err != nil {
				return err
			}
			defer h.close()
			promoter := h.promoter
			if dry {
				promoter = h.dryPromoter()
			}
			proposals, err := h.promote(c.Context(), promoter, r)
			if err == nil && wait && !dry {
				proposals, err = h.awaitMerge(c.Context(), proposals, timeout)
			}
			return errorsAfter(a.printProposals(proposals), err)
		},
	}
	f := c.Flags()
	f.StringVar(&r.Chart, "chart", "", "the chart (default: every chart that FROM holds)")
	f.StringVar(&r.Version, "version", "", "the version (default: what FROM holds, or the newest release)")
	f.BoolVar(&dry, "dry-run", false, "print what would change, write nothing")
	f.BoolVar(&wait, "wait", false, "return when the pull request is merged or closed")
	f.DurationVar(&timeout, "timeout", 30*time.Minute, "how long --wait waits")
	return c
}

// promote proposes one chart, or every chart that the environments know.
func (h *house) promote(ctx context.Context, p *promotion.Promoter, r promotion.Request) ([]promotion.Proposal, error) {
	names := []string{r.Chart}
	if r.Chart == "" {
		known, err := p.Charts(ctx)
		if err != nil {
			return nil, err
		}
		if len(known) == 0 {
			return nil, fmt.Errorf("no environment has files of a chart; add them, as config/releaser.yaml shows, or name one with --chart")
		}
		if r.Version != "" && len(known) > 1 {
			return nil, usageError{fmt.Errorf("--version is of one chart: name it with --chart, one of %s", strings.Join(known, ", "))}
		}
		names = known
	}
	proposals := []promotion.Proposal{}
	var failed error
	for _, name := range names {
		r.Chart = name
		proposal, err := p.Promote(ctx, r)
		if err != nil {
			failed = errorsAfter(failed, err)
			continue
		}
		proposals = append(proposals, proposal)
	}
	return proposals, failed
}

// awaitMerge waits until the proposals are merged or closed.
func (h *house) awaitMerge(ctx context.Context, proposals []promotion.Proposal, timeout time.Duration) ([]promotion.Proposal, error) {
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	for i := range proposals {
		p := &proposals[i]
		e, ok := h.config.Environment(p.Environment)
		for ok && p.PullRequest.Number != 0 && p.PullRequest.State == "open" {
			select {
			case <-ctx.Done():
				return proposals, fmt.Errorf("%s is still open after %s: merge it, or wait longer with --timeout", p.PullRequest.URL, timeout)
			case <-time.After(5 * time.Second):
			}
			now, err := h.github.Repository(e.Repository).PullRequest(ctx, p.PullRequest.Number)
			if err != nil {
				return proposals, err
			}
			if p.PullRequest.State = now.State; now.State == "merged" {
				p.State = promotion.Merged
			}
		}
	}
	return proposals, nil
}

// printProposals says what was proposed. A blocked one is an error.
func (a *app) printProposals(proposals []promotion.Proposal) error {
	err := a.print(proposals, func() {
		for _, p := range proposals {
			fmt.Fprintln(a.out, proposalLine(p))
			if p.Diff != "" {
				fmt.Fprint(a.out, p.Diff)
			}
		}
	})
	for _, p := range proposals {
		if p.State == promotion.Blocked {
			return errorsAfter(err, errReported)
		}
	}
	return err
}

// proposalLine is a proposal in one line.
func proposalLine(p promotion.Proposal) string {
	move := p.To
	if p.From != "" && p.To != "" && p.From != p.To {
		move = p.From + " -> " + p.To
	}
	if move == "" {
		move = p.From
	}
	line := strings.Join(strings.Fields(fmt.Sprintf("%s %s %s: %s", p.Environment, p.Chart, move, p.State)), " ")
	if p.PullRequest.URL != "" {
		line += ", " + p.PullRequest.URL
	}
	if p.Reason != "" {
		line += " (" + p.Reason + ")"
	}
	return line
}
