package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/releaser/releaser/pipeline"
	"github.com/releaser/releaser/pipeline/promotion"
)

func (a *app) statusCommand() *cobra.Command {
	var chart, tag, dir string
	c := &cobra.Command{
		Use:   "status",
		Short: "Show what runs where, what is pending and why",
		Long: `status reads the environments' files at their branch heads, the registry and the open pull requests, and changes nothing. Where a
daemon runs on this machine it also tells which tags wait, and for what or whom; without one it tells the rest. With --tag it tells what became of
one tag, stage by stage, from the daemon's history.`,
		Example: "  releaser status --tag voice-agent-0.1.0",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if tag != "" {
				return a.printHistory(c.Context(), dir, strings.TrimPrefix(tag, "refs/tags/"))
			}
			h, err := a.house()
			if err != nil {
				return err
			}
			defer h.close()
			var s stands
			s.Charts, err = h.boards(c.Context(), chart)
			var silent error
			var absent noDaemon
			if s.Queue, silent = a.queue(c.Context(), dir); dir != "" || !errors.As(silent, &absent) {
				err = errors.Join(err, silent)
			}
			return errorsAfter(a.print(s, func() { a.printBoards(s.Charts); a.printQueue(s.Queue) }), err)
		},
	}
	c.Flags().StringVar(&chart, "chart", "", "show this chart alone")
	c.Flags().StringVar(&tag, "tag", "", "show what became of this tag, stage by stage")
	a.dataDirFlag(c, &dir)
	return c
}

// stands is how everything stands.
type stands struct {
	Charts []promotion.Board `json:"charts"`
	// Queue is what the daemon has to do; empty without a daemon.
	Queue []pipeline.Item `json:"queue"`
}

// queue asks the daemon on this machine.
func (a *app) queue(ctx context.Context, dir string) (items []pipeline.Item, err error) {
	if dir, err = a.dataDir(dir); err == nil {
		items, err = newDaemonIn(dir).queue(ctx)
	}
	if items == nil {
		items = []pipeline.Item{} // for JSON
	}
	return items, err
}

// printHistory is the table of what became of a tag.
func (a *app) printHistory(ctx context.Context, dir, tag string) error {
	dir, err := a.dataDir(dir)
	if err != nil {
		return err
	}
	steps, err := newDaemonIn(dir).history(ctx, "", tag)
	if err != nil {
		return err
	}
	if len(steps) == 0 {
		return fmt.Errorf("%s: the daemon has no history of this tag: look at the tag's name, or at releaser status", tag)
	}
	return a.print(steps, func() {
		rows := [][]string{{"AT", "CHART", "STAGE", "ATTEMPT", "TOOK", "RESULT"}}
		for _, s := range steps {
			took := (time.Duration(s.Took) * time.Millisecond).String()
			rows = append(rows, []string{s.At.Format(time.RFC3339), s.Chart, s.Stage, strconv.Itoa(s.Attempt), took, resultOf(s)})
		}
		a.table(rows)
	})
}

// resultOf is what came of a step, where there is more to say than that it went well.
func resultOf(s pipeline.Step) string {
	switch {
	case s.Error != "":
		return s.Error
	case s.URL != "":
		return s.Digest + " " + s.URL
	}
	return s.Digest
}

// printQueue is the table of what waits; nothing where nothing does.
func (a *app) printQueue(items []pipeline.Item) {
	if len(items) == 0 {
		return
	}
	rows := [][]string{{"WORK", "NAME", "STATE", "SINCE", "NEXT", "REASON"}}
	for _, i := range items {
		rows = append(rows, []string{i.Kind, i.Name, i.State, ago(i.Since), in(i.Due), i.Reason})
	}
	fmt.Fprintln(a.out)
	a.table(rows)
}

func ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return time.Since(t).Round(time.Second).String()
}

func in(t time.Time) string {
	if left := time.Until(t).Round(time.Second); !t.IsZero() && left > 0 {
		return left.String()
	}
	return ""
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
