package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/releaser/releaser/pipeline"
	"github.com/releaser/releaser/pipeline/source"
)

func (a *app) releaseCommand() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use:   "release TAG",
		Short: "Carry one tag down the line, in the foreground",
		Long: `release does for one tag what the daemon does: every stage, each looking before it acts. A tag that is released already is looked at
again and nothing is written. The baseline does not matter: what a person names is released.`,
		Example: "  releaser release voice-agent-0.1.0",
		Args:    exactly("TAG"),
		RunE: func(c *cobra.Command, args []string) error {
			h, err := a.releasing()
			if err != nil {
				return err
			}
			defer h.close()
			if a.output == "text" {
				h.line.Observe = a.showStage
			}
			outcomes, err := h.release(c.Context(), from, strings.TrimPrefix(args[0], "refs/tags/"))
			if err != nil {
				return err
			}
			return a.printOutcomes(outcomes)
		},
	}
	c.Flags().StringVar(&from, "source", "", "the source that has the tag, when several are configured")
	return c
}

// release finds the tag and carries each chart that it names down the line.
func (h *house) release(ctx context.Context, sourceName, name string) ([]pipeline.Outcome, error) {
	found, err := h.findTag(ctx, sourceName, name)
	if err != nil {
		return nil, err
	}
	outcomes := h.line.Tag(ctx, found.source, found.refs, found.tag)
	if len(outcomes) == 0 {
		rules := found.source.Rules
		return nil, fmt.Errorf("tag %s fits no pattern of source %s, which are %s: tag the commit by one of them", name, rules.Name, strings.Join(rules.Tags, ", "))
	}
	return outcomes, nil
}

// tagged is a tag in a source.
type tagged struct {
	source *pipeline.Source
	refs   source.Refs
	tag    source.Tag
}

// findTag finds the one source that has the tag. A source that cannot be read only matters when no other has it.
func (h *house) findTag(ctx context.Context, sourceName, name string) (tagged, error) {
	var found []tagged
	var tried, having []string
	var failed error
	for _, s := range h.sources {
		if sourceName != "" && s.Rules.Name != sourceName {
			continue
		}
		tried = append(tried, s.Rules.Name)
		refs, err := s.Git.Refs(ctx)
		failed = errors.Join(failed, err)
		if tag, ok := refs.Tag(name); ok {
			found, having = append(found, tagged{s, refs, tag}), append(having, s.Rules.Name)
		}
	}
	switch {
	case len(tried) == 0:
		return tagged{}, usageError{fmt.Errorf("no source is named %q: look at sources in the configuration", sourceName)}
	case len(found) > 1:
		return tagged{}, usageError{fmt.Errorf("tag %s is in %s: say which with --source", name, strings.Join(having, " and "))}
	case len(found) == 1:
		return found[0], nil
	case failed != nil:
		return tagged{}, failed
	}
	return tagged{}, fmt.Errorf("no tag %q in %s: push it first, or see git ls-remote --tags", name, strings.Join(tried, ", "))
}

// showStage prints a stage as it ends.
func (a *app) showStage(e pipeline.Event) {
	mark := "ok"
	if e.Err != nil {
		mark = "failed"
	}
	fmt.Fprintf(a.out, "  %-9s %-6s %7s\n", e.Stage.Name, mark, millis(e.Stage.Took))
}

// printOutcomes says what became of each chart of a tag; one that did not get through is an error.
func (a *app) printOutcomes(outcomes []pipeline.Outcome) error {
	err := a.print(outcomes, func() {
		for _, o := range outcomes {
			a.printOutcome(o)
		}
	})
	if err != nil {
		return err
	}
	for _, o := range outcomes {
		if o.State != pipeline.Released {
			return errReported
		}
	}
	return nil
}

func (a *app) printOutcome(o pipeline.Outcome) {
	name := strings.TrimSpace(o.Chart + " " + o.Version)
	if name == "" {
		name = o.Tag
	}
	if o.State != pipeline.Released {
		fmt.Fprintf(a.out, "%s: %s\n%s\n", name, o.State, o.Reason)
		return
	}
	fmt.Fprintf(a.out, "%s: released\n  %s\n  %s\n", name, o.Reference, o.Digest)
	if o.Image.Digest != "" {
		fmt.Fprintf(a.out, "  image %s@%s\n", o.Image.Reference, o.Image.Digest)
	}
	for _, f := range o.Findings {
		fmt.Fprintln(a.out, " ", f)
	}
	for _, s := range o.Signatures {
		fmt.Fprintf(a.out, "  signed (%s) %s\n", s.Format, s.Reference)
	}
	for _, p := range o.Proposals {
		fmt.Fprintln(a.out, " ", proposalLine(p))
	}
}
