package promotion

import (
	"context"
	"errors"
	"fmt"

	"github.com/releaser/releaser/internal/github"
)

// merge merges the pull request where that is automatic and GitHub says that all it requires is there. The
// merge is for this head alone: what somebody pushed meanwhile is not merged.
func (p *proposing) merge(ctx context.Context, head string) error {
	if p.env.Merge != Auto || head == "" || p.pr.Number == 0 {
		return nil
	}
	if err := p.judge(ctx); err != nil {
		return err
	}
	if p.pr.Base != p.env.Branch {
		return p.wait(fmt.Sprintf("it goes to %s now, not to %s", p.pr.Base, p.env.Branch))
	}
	if p.pr.State != "open" || p.pr.HeadCommit != head {
		return p.wait("GitHub has not seen the latest commit yet")
	}
	if reason := obstacle(p.pr.Mergeable); reason != "" {
		return p.wait(reason)
	}
	err := p.options.Hands.Merge(ctx, p.env.Repository, p.pr.Number, head)
	var refused *github.Refused
	if errors.As(err, &refused) {
		return p.wait(refused.Reason)
	}
	if err != nil {
		return err
	}
	p.out.State, p.out.Reason = p.options.Hands.Did(Merged), ""
	if p.out.State == Merged {
		p.out.PullRequest.State = "merged"
	}
	return nil
}

// wait says why the pull request is not merged. One that was opened or updated now stays that.
func (p *proposing) wait(reason string) error {
	if p.out.State == Unchanged {
		p.out.State = Waiting
	}
	p.out.Reason = fmt.Sprintf("pull request #%d is not merged: %s", p.pr.Number, reason)
	return nil
}

// judge asks GitHub whether the pull request may be merged, unless it was asked before.
func (p *proposing) judge(ctx context.Context) error {
	if p.pr.Mergeable != "" {
		return nil
	}
	pr, err := p.repository(p.env).PullRequest(ctx, p.pr.Number)
	if err == nil {
		p.pr = pr
	}
	return err
}

// obstacle says in words why a mergeable_state of GitHub does not allow a merge; empty when it does.
// "unstable" is a check that nobody requires.
func obstacle(state string) string {
	switch state {
	case "clean", "has_hooks", "unstable":
		return ""
	case "blocked":
		return "required checks or reviews are not there yet"
	case "behind":
		return "its branch must be brought up to date"
	case "dirty":
		return "it is in conflict with its base"
	case "draft":
		return "it is a draft: mark it as ready for review"
	}
	return "GitHub has not found out yet whether it can be merged"
}
