package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/releaser/releaser/pipeline/promotion"
)

func (a *app) statusCommand() *cobra.Command {
	var chart string
	c := &cobra.Command{
		Use:   "status",
		Short: "Show what runs where, what is pending and why",
		Long: `status reads the environments' files at their branch heads, the registry and the open pull requests. It needs no daemon and
changes nothing.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			h, err := a.house()
			if err != nil {
				return err
			}
			defer h.close()
			boards, failed := h.boards(c.Context(), chart)
			return errorsAfter(a.print(boards, func() { a.printBoards(boards) }), failed)
		},
	}
	c.Flags().StringVar(&chart, "chart", "", "show this chart alone")
	return c
}

// boards are how things stand with one chart, or with every chart that the environments know.
func (h *house) boards(ctx context.Context, chart string) ([]promotion.Board, error) {
	boards := []promotion.Board{}
	charts, failed := []string{chart}, error(nil)
	if chart == "" {
		charts, failed = h.promoter.Charts(ctx, "")
	}
	for _, name := range charts {
		board, err := h.promoter.Status(ctx, name)
		failed = errors.Join(failed, err)
		boards = append(boards, board)
	}
	return boards, failed
}

// printBoards is the table of what runs where.
func (a *app) printBoards(boards []promotion.Board) {
	if len(boards) == 0 {
		fmt.Fprintln(a.out, "nothing to show: no environment is configured, or none has files of a chart yet; see releaser check")
		return
	}
	rows := [][]string{{"CHART", "ENVIRONMENT", "RUNS", "DIGEST", "NEXT", "STATE"}}
	for _, b := range boards {
		for _, r := range b.Rungs {
			rows = append(rows, []string{b.Chart, r.Environment, r.Version, short(r.Digest), next(r), stateOf(r)})
		}
	}
	a.table(rows)
}

// next is what comes to an environment, and where that is discussed.
func next(s promotion.Stand) string {
	text := s.Pending
	if s.Proposed != "" {
		text = s.Proposed
	}
	if s.PullRequest.Number != 0 {
		text += fmt.Sprintf(" (#%d)", s.PullRequest.Number)
	}
	return text
}

func stateOf(s promotion.Stand) string {
	if s.State == promotion.Nothing {
		return "settled"
	}
	if s.Reason == "" {
		return string(s.State)
	}
	return fmt.Sprintf("%s: %s", s.State, s.Reason)
}

// short is a digest as a person compares it.
func short(digest string) string {
	if len(digest) > 19 {
		return digest[:19]
	}
	return digest
}
