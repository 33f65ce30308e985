package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/releaser/releaser/config"
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
				err = h.awaitMerge(c.Context(), proposals, timeout)
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

// promote proposes one chart, or every chart that FROM holds.
func (h *house) promote(ctx context.Context, p *promotion.Promoter, r promotion.Request) ([]promotion.Proposal, error) {
	proposals := []promotion.Proposal{}
	names, err := h.chartsToPromote(ctx, p, r)
	if err != nil {
		return proposals, err
	}
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

// chartsToPromote are the chart that is named, or those of which FROM holds a release.
func (h *house) chartsToPromote(ctx context.Context, p *promotion.Promoter, r promotion.Request) ([]string, error) {
	if len(h.config.Environments) == 0 {
		return nil, usageError{errors.New("no environment is configured: write some under environments, as config/releaser.yaml shows")}
	}
	for _, name := range []string{r.From, r.To} {
		if _, ok := h.config.Environment(name); !ok && name != config.FromRelease {
			return nil, usageError{fmt.Errorf("no environment is named %q: there are %s", name, strings.Join(h.environmentNames(), ", "))}
		}
	}
	if r.Chart != "" {
		return []string{r.Chart}, nil
	}
	if r.From == config.FromRelease {
		return p.Charts(ctx, r.To)
	}
	known, err := p.Charts(ctx, r.From)
	if err != nil {
		return nil, err
	}
	var held []string
	for _, name := range known {
		holds, err := p.Holds(ctx, r.From, name)
		if err != nil {
			return nil, err
		}
		if !holds.Empty {
			held = append(held, name)
		}
	}
	switch {
	case len(held) == 0:
		return nil, fmt.Errorf("%s holds no release yet: promote one there first, or see releaser status", r.From)
	case r.Version != "" && len(held) > 1:
		return nil, usageError{fmt.Errorf("--version is of one chart: name it with --chart, one of %s", strings.Join(held, ", "))}
	}
	return held, nil
}

// environmentNames are the rungs of the ladder.
func (h *house) environmentNames() (names []string) {
	for _, e := range h.config.Environments {
		names = append(names, e.Name)
	}
	return names
}

// awaitMerge waits until each pull request is merged, and says on standard error which one it waits for. One that is
// closed is an error.
func (h *house) awaitMerge(ctx context.Context, proposals []promotion.Proposal, timeout time.Duration) error {
	limited, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	var failed error
	for i := range proposals {
		if proposals[i].PullRequest.State == "open" {
			fmt.Fprintln(h.app.err, "waiting for", proposals[i].PullRequest.URL)
			failed = errorsAfter(failed, h.awaitOne(limited, &proposals[i]))
		}
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted: the pull requests stay as they are")
	case limited.Err() != nil:
		return errorsAfter(failed, fmt.Errorf("not merged within %s: merge it, or wait longer with --timeout", timeout))
	}
	return failed
}

// awaitOne asks for one pull request every few seconds. An answer that fails is asked for again.
func (h *house) awaitOne(ctx context.Context, p *promotion.Proposal) error {
	e, _ := h.config.Environment(p.Environment)
	for {
		now, err := h.github.Repository(e.Repository).PullRequest(ctx, p.PullRequest.Number)
		if err == nil {
			p.PullRequest.State = now.State
		}
		switch p.PullRequest.State {
		case "merged":
			p.State = promotion.Merged
			return nil
		case "closed":
			return fmt.Errorf("%s was closed: somebody rejected it; to propose it again, run the same command", p.PullRequest.URL)
		}
		select {
		case <-ctx.Done():
			if errors.Is(err, ctx.Err()) {
				return nil // whoever set the time says that it is over
			}
			return err
		case <-time.After(5 * time.Second):
		}
	}
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
