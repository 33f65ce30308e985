package pipeline

import (
	"context"
	"errors"

	"github.com/releaser/releaser/internal/github"
	"github.com/releaser/releaser/pipeline/source"
)

// Statuses say on a source's commits what became of their tags. A *github.Repository is one.
type Statuses interface {
	// Say says it unless it is said already.
	Say(ctx context.Context, commit string, s github.Status) error
}

// say tells the author of a tag that it is rejected, on its commit, and takes that back when it is released after all: before
// is whether it was rejected once. The error may pass; what a person must mend is in the log, once.
func (w *Sweeper) say(ctx context.Context, s *Source, tag source.Tag, outcomes []Outcome, before bool) error {
	status, ok := statusOf(tag, outcomes, before)
	if !ok || s.Statuses == nil {
		return nil
	}
	err := s.Statuses.Say(ctx, tag.Commit, status)
	what := ""
	var denied *github.Unauthorized
	var refused *github.Refused
	switch {
	case errors.As(err, &denied):
		what = "denied " + denied.Need // the same for every tag
	case errors.As(err, &refused):
		what = err.Error()
	default:
		return err
	}
	if w.Known.told.IsNew("status "+s.Rules.Name, what) {
		w.Log.Warn("commit status", "source", s.Rules.Name, "tag", tag.Name, "err", err)
	}
	return nil
}

// statusOf is what a commit's page should say of a tag. Several tags of one commit have a context each. What is not final is
// not said, nor what leads to no commit.
func statusOf(tag source.Tag, outcomes []Outcome, before bool) (status github.Status, ok bool) {
	for _, o := range outcomes {
		switch {
		case !o.State.Final() || errors.Is(o.Err, source.ErrNotCommit):
			return github.Status{}, false
		case status.State != github.Failure && o.State == Rejected:
			status.State, status.Description = github.Failure, o.Reason
		case status.State == "":
			status.State, status.Description = github.Success, string(o.State)
		}
	}
	status.Context = "releaser/release/" + tag.Name
	return status, status.State == github.Failure || before && status.State == github.Success
}
