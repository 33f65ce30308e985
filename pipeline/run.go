package pipeline

import (
	"time"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/pipeline/promotion"
	"github.com/releaser/releaser/registry"
	"github.com/releaser/releaser/signing"
)

// Stage is one stage of a release that has ended.
type Stage struct {
	Name string
	Took time.Duration
}

// Event tells that a stage of a release has ended, well or with Err.
type Event struct {
	Source, Tag, Commit, Chart, Version string
	Stage                               Stage
	Err                                 error
}

// run is one release under way: it times its stages, tells the observer, and stops at the first error.
type run struct {
	job     Job
	observe func(Event)
	stages  []Stage
	err     error
}

func (l *Line) begin(job Job) *run {
	r := &run{job: job, observe: l.Observe}
	r.passed(Stage{Name: "find", Took: job.found}, nil)
	return r
}

// step does one stage, unless one before it has failed. Without a do the job has no such stage.
func step[T any](r *run, name string, do func() (T, error)) (made T) {
	if r.err != nil || do == nil {
		return made
	}
	began := time.Now()
	made, r.err = do()
	r.passed(Stage{Name: name, Took: time.Since(began)}, r.err)
	return made
}

func (r *run) passed(s Stage, err error) {
	r.stages = append(r.stages, s)
	if r.observe == nil {
		return
	}
	r.observe(Event{
		Source: r.job.Source.Rules.Name, Tag: r.job.Tag.Name, Commit: r.job.Tag.Commit,
		Chart: r.job.Chart, Version: r.job.Version, Stage: s, Err: err,
	})
}

// end is what became of the release.
func (r *run) end(pkg charts.Package, image registry.Image, signed signing.Signed, proposals []promotion.Proposal) Outcome {
	o := newOutcome(r.job.Source, r.job.Tag, r.job.Chart, r.job.Version)
	o.Stages, o.Image = r.stages, image
	o.Proposals = append(o.Proposals, proposals...)
	if r.err != nil {
		return o.failed(r.err)
	}
	o.State = Released
	o.Findings = append(o.Findings, pkg.Findings()...)
	o.released(signed)
	return o
}
