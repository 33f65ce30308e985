package pipeline

import (
	"context"
	"slices"
	"time"

	"github.com/releaser/releaser/internal/journal"
)

// Step is a stage of a release that came to its end, well or not.
type Step struct {
	At      time.Time `json:"at"`
	Source  string    `json:"source"`
	Tag     string    `json:"tag"`
	Commit  string    `json:"commit"`
	Chart   string    `json:"chart,omitempty"`
	Version string    `json:"version,omitempty"`
	Stage   string    `json:"stage"`
	// Attempt counts from 1.
	Attempt int `json:"attempt"`
	// Took is in milliseconds.
	Took   int64  `json:"took"`
	Error  string `json:"error,omitempty"`
	Digest string `json:"digest,omitempty"`
	URL    string `json:"url,omitempty"`
}

// History tells what became of a tag, the oldest step first: a thousand steps at most, and those that are kept. An empty source
// means any.
func (e *Engine) History(ctx context.Context, source, tag string) ([]Step, error) {
	entries, err := e.Journal.History(ctx, journal.Filter{Source: source, Tag: tag})
	if err != nil {
		return nil, err
	}
	steps := []Step{}
	for _, n := range slices.Backward(entries) {
		steps = append(steps, Step{
			At: n.At.UTC(), Source: n.Source, Tag: n.Tag, Commit: n.Commit, Chart: n.Chart, Version: n.Version, Stage: n.Stage,
			Attempt: n.Attempt, Took: n.Took.Milliseconds(), Error: n.Err, Digest: n.Digest, URL: n.URL,
		})
	}
	return steps, nil
}
