package main

import (
	"time"

	"github.com/releaser/releaser/pipeline"
	"github.com/releaser/releaser/pipeline/promotion"
)

// logStage logs a stage that has passed. One that failed is in the outcome.
func (h *house) logStage(e pipeline.Event) {
	if e.Err == nil {
		h.log.Info("stage", "source", e.Source, "tag", e.Tag, "commit", e.Commit, "chart", e.Chart, "version", e.Version, "stage", e.Stage.Name, "took", e.Stage.Took.Round(time.Microsecond).String())
	}
}

// logOutcome logs what became of a tag.
func (h *house) logOutcome(o pipeline.Outcome) {
	log := h.log.With("source", o.Source, "tag", o.Tag, "commit", o.Commit)
	if o.Image.Digest != "" {
		log = log.With("image", o.Image.Reference+"@"+o.Image.Digest)
	}
	switch o.State {
	case pipeline.Released:
		log.Info("released", "chart", o.Chart, "version", o.Version, "digest", o.Digest, "uploaded", o.Uploaded)
	case pipeline.Ignored:
		log.Warn("ignored", "err", o.Reason)
	case pipeline.Waiting:
		log.Info("waiting", "chart", o.Chart, "version", o.Version, "err", o.Reason)
	default:
		log.Error(string(o.State), "chart", o.Chart, "version", o.Version, "err", o.Reason)
	}
}

// logProposal logs what happened; that nothing had to happen is a detail.
func (h *house) logProposal(p promotion.Proposal) {
	log := h.log.With("env", p.Environment, "chart", p.Chart)
	if p.To != "" {
		log = log.With("version", p.To)
	}
	if p.PullRequest.Number != 0 {
		log = log.With("pr", p.PullRequest.Number)
	}
	switch p.State {
	case promotion.Opened, promotion.Updated, promotion.Merged:
		log.Info("promotion " + string(p.State))
	case promotion.Blocked:
		log.Warn("promotion blocked", "err", p.Reason)
	default:
		log.Debug("promotion "+string(p.State), "err", p.Reason)
	}
}
