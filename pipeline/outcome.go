package pipeline

import (
	"errors"
	"time"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/pipeline/promotion"
	"github.com/releaser/releaser/pipeline/source"
	"github.com/releaser/releaser/registry"
	"github.com/releaser/releaser/signing"
)

// State says where a tag has come to. Released, Rejected and Ignored are final for that tag and commit;
// Waiting and Failed are looked at again.
type State string

const (
	// Released: in the registry, signed, and proposed where it should be.
	Released State = "released"
	// Rejected: something in the tag or the chart has to change first; the reason says what.
	Rejected State = "rejected"
	// Ignored: not ours to release, because it was there before us or carries no chart of ours.
	Ignored State = "ignored"
	// Waiting: something else has to happen first, as a merge of the tagged commit or a push of its image.
	Waiting State = "waiting"
	// Failed: a server or the network did not do its part; the next sweep tries again.
	Failed State = "failed"
)

// Final tells whether nothing but a moved tag can change this state.
func (s State) Final() bool { return s == Released || s == Rejected || s == Ignored }

// Outcome is what became of one chart at one tag.
type Outcome struct {
	Source     string               `json:"source"`
	Tag        string               `json:"tag"`
	Commit     string               `json:"commit"`
	Chart      string               `json:"chart"`
	Version    string               `json:"version"`
	State      State                `json:"state"`
	Reason     string               `json:"reason"`
	Findings   []charts.Finding     `json:"findings"`
	Reference  string               `json:"reference"`
	Digest     string               `json:"digest"`
	Uploaded   bool                 `json:"uploaded"`
	Signatures []signing.Signature  `json:"signatures"`
	Proposals  []promotion.Proposal `json:"pullRequests"`
	// Image is the one that the release waited for: without a digest while it is not there, none where none is configured.
	Image registry.Image `json:"image,omitzero"`
	// Deadline is until when a release waits for its image, where somebody has seen since when it waits.
	Deadline time.Time `json:"deadline,omitzero"`
	Stages   []Stage   `json:"-"`

	// Err is the error behind Rejected, Waiting and Failed.
	Err error `json:"-"`
}

// newOutcome is the beginning of what there is to say of a chart at a tag. No list is nil, so that JSON has them all.
func newOutcome(s *Source, tag source.Tag, chart, version string) Outcome {
	return Outcome{
		Source: s.Rules.Name, Tag: tag.Name, Commit: tag.Commit, Chart: chart, Version: version,
		Findings: []charts.Finding{}, Signatures: []signing.Signature{}, Proposals: []promotion.Proposal{},
	}
}

// released notes what is in the registry.
func (o *Outcome) released(signed signing.Signed) {
	pushed := signed.Pushed()
	o.Reference, o.Digest, o.Uploaded = pushed.Reference(), pushed.Digest(), pushed.New()
	o.Signatures = signed.Signatures()
}

// failed is the outcome of a release that ended with err.
func (o Outcome) failed(err error) Outcome {
	o.State, o.Err, o.Reason = Classify(err), err, err.Error()
	var rejected *charts.Rejected
	if errors.As(err, &rejected) {
		o.Findings = rejected.Findings
	}
	return o
}

// Classify says what an error of the line means for the tag: the one place where that is decided.
// An error that nobody knows is taken for temporary: trying again harms nothing.
func Classify(err error) State {
	var rejected *charts.Rejected
	var waiting *Unmet
	var absent *Absent
	var unfit *Unfit
	var foreign *Foreign
	switch {
	case errors.As(err, &foreign):
		return Ignored
	case errors.As(err, &waiting), errors.As(err, &absent), errors.Is(err, registry.ErrNotFound):
		return Waiting // a dependency that is not released yet is not found
	case errors.As(err, &rejected), errors.As(err, &unfit),
		errors.Is(err, source.ErrNotCommit), errors.Is(err, source.ErrTooLarge), errors.Is(err, source.ErrBadName),
		errors.Is(err, registry.ErrConflict), errors.Is(err, registry.ErrForeign),
		errors.Is(err, signing.ErrAltered):
		return Rejected
	}
	return Failed
}

// Unmet is a condition that a release waits for.
type Unmet struct{ Reason string }

func (e *Unmet) Error() string { return e.Reason }

// Unfit is a tag that cannot be released as it is.
type Unfit struct{ Reason string }

func (e *Unfit) Error() string { return e.Reason }

// Foreign is a tag that fits a pattern and carries no chart of ours: other things are tagged in this repository, too.
type Foreign struct{ Reason string }

func (e *Foreign) Error() string { return e.Reason }
