package promotion

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/releaser/releaser/internal/github"
	"github.com/releaser/releaser/internal/scalar"
	"github.com/releaser/releaser/signing"
)

// proposing is a change on its way to GitHub.
type proposing struct {
	*round
	*survey
	want  Release
	edits []scalar.Edit
	after map[string][]byte // the files that change, as they shall be on the environment's branch
	out   Proposal
}

// propose makes a change true on GitHub: our branch carries exactly it, and an open pull request says so. It
// looks at each before it acts, so that a second call changes nothing. byHand is a person's command, which
// opens again what a person closed.
func (r *round) propose(ctx context.Context, s *survey, signed signing.Signed, byHand bool) (Proposal, error) {
	p := r.prepare(s, releaseOf(signed.Pushed()))
	if p.out.State == Move {
		if err := p.ready(ctx, byHand); err != nil {
			return p.out, err
		}
	}
	switch {
	case p.branch.foreign != "":
		return p.out, r.comment(ctx, s, p.want)
	case p.out.State != Move:
		return p.out, nil
	}
	return p.write(ctx, signed)
}

// prepare computes the edit of a change, or why it cannot or need not be made.
func (r *round) prepare(s *survey, want Release) *proposing {
	p := &proposing{round: r, survey: s, want: want, edits: r.edits(s.env, want)}
	p.out = s.proposal(Change{Have: s.holds.Release, Want: want, State: Move})
	p.out.Branch = s.ours()
	after, problems := apply(s.files, p.edits)
	switch {
	case len(problems) > 0:
		p.stop(Blocked, reasons(problems))
	case len(after) == 0:
		p.stop(Nothing, "already promoted")
	}
	p.after = after
	p.out.Diff = diff(s.files, after)
	return p
}

// stop ends with a state that needs no write.
func (p *proposing) stop(state State, reason string) { p.out.State, p.out.Reason = state, reason }

// ready finds our branch and stops where a person works, and at what a person has closed. It only reads.
func (p *proposing) ready(ctx context.Context, byHand bool) error {
	if p.pr.Number == 0 {
		if err := p.find(ctx); err != nil {
			return err
		}
	}
	switch {
	case p.branch.foreign != "":
		p.stop(Blocked, p.occupied(p.want))
	case p.pr.Number != 0 && p.pr.Base != p.env.Branch:
		p.stop(Blocked, fmt.Sprintf("pull request #%d goes to %s, not to %s: change its base back or close it", p.pr.Number, p.pr.Base, p.env.Branch))
	case p.pr.Number == 0 && !byHand:
		return p.rejected(ctx)
	}
	return nil
}

// find looks for our branch where no pull request is open.
func (p *proposing) find(ctx context.Context) error {
	head, err := p.repository(p.env).Branch(ctx, p.out.Branch)
	if errors.Is(err, github.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	p.branch, err = p.inspect(ctx, p.survey, head)
	return err
}

// occupied says that a person works on our branch, and how to go on.
func (s *survey) occupied(want Release) string {
	return fmt.Sprintf("somebody works on the branch %s: %s; take that off the branch, or close the pull request, delete the branch and run %s",
		s.ours(), s.branch.foreign, command(s.env, want))
}

// comment says in the pull request that we leave it alone.
func (r *round) comment(ctx context.Context, s *survey, want Release) error {
	if s.pr.Number == 0 {
		return nil
	}
	text := "releaser leaves this branch alone, as somebody works on it. Take the other commits off it, or merge it by hand. " +
		"To start anew, close this pull request, delete the branch and run:\n\n```sh\n" + quietLine(command(s.env, want)) + "\n```"
	return r.options.Hands.Say(ctx, s.env.Repository, s.pr.Number, "releaser: foreign commits", text)
}

// rejected stops where a person closed a pull request for this version.
func (p *proposing) rejected(ctx context.Context) error {
	closed, err := p.repository(p.env).PullRequests(ctx, p.out.Branch, "closed")
	if err != nil {
		return err
	}
	closed = slices.DeleteFunc(closed, func(pr github.PullRequest) bool { return pr.State == "merged" })
	const most = 5 // what was closed before that is too old to be proposed again
	for _, pr := range closed[:min(len(closed), most)] {
		same, err := p.carried(ctx, pr)
		if err != nil {
			return err
		}
		if same {
			p.out.PullRequest = PullRequest{Number: pr.Number, URL: pr.URL, State: pr.State}
			p.stop(Waiting, fmt.Sprintf("pull request #%d for %s was closed: to propose it again, run %s", pr.Number, p.want.Version, command(p.env, p.want)))
			return nil
		}
	}
	return nil
}

// carried tells whether a pull request was for the release that is wanted: by its head or, where that is
// gone, by its title.
func (p *proposing) carried(ctx context.Context, pr github.PullRequest) (bool, error) {
	holds, err := p.heldAt(ctx, p.env, pr.HeadCommit)
	if errors.Is(err, github.ErrNotFound) {
		return pr.Title == title(p.env, p.want), nil
	}
	return holds.Release.Digest == p.want.Digest, err
}

// write brings our branch and then the pull request up to date, and merges where that is automatic.
func (p *proposing) write(ctx context.Context, signed signing.Signed) (Proposal, error) {
	plan, err := p.plan(ctx)
	if err != nil {
		return p.out, err
	}
	head := p.branch.head
	if plan != nil {
		old := p.branch.head
		if head, err = p.options.Hands.Push(ctx, p.env.Repository, p.out.Branch, old, *plan); err != nil {
			return p.out, err
		}
		p.pr.Mergeable = "" // GitHub judged the head before
	}
	if err := p.say(ctx, signed, plan != nil); err != nil {
		return p.out, err
	}
	err = p.merge(ctx, head)
	return p.out, err
}

// plan is the commit that our branch needs, nil when it is right as it is.
//
// A branch that is new or spent starts at the environment's head. A later release goes on top of our branch.
// Where the environment's branch moved in a way that matters, the commit merges it.
func (p *proposing) plan(ctx context.Context) (*github.Commit, error) {
	b := p.branch
	start, parents := p.base, []string{p.base}
	if b.head != "" && !b.spent {
		moved, err := p.moved(ctx)
		switch {
		case err != nil:
			return nil, err
		case moved:
			parents = []string{b.head, p.base}
		case b.carries.Digest == p.want.Digest:
			return nil, nil
		default:
			start, parents = b.fork, []string{b.head}
		}
	}
	return &github.Commit{Message: message(p.env, p.want), Parents: parents, Base: start, Files: p.after}, nil
}

// moved tells whether the environment's branch moved in a way that matters: a file that we edit changed
// there, or GitHub wants the branch to be up to date, or sees a conflict.
func (p *proposing) moved(ctx context.Context) (bool, error) {
	if !p.branch.stale {
		return false, nil
	}
	fork, err := p.repository(p.env).Tree(ctx, p.branch.fork)
	if err != nil {
		return false, err
	}
	now, err := p.repository(p.env).Tree(ctx, p.base)
	if err != nil {
		return false, err
	}
	for _, path := range editedFiles(p.edits) {
		before, _ := fork.Entry(path)
		after, _ := now.Entry(path)
		if before != after {
			return true, nil
		}
	}
	if p.pr.Number == 0 {
		return false, nil
	}
	if err := p.judge(ctx); err != nil {
		return false, err
	}
	return slices.Contains([]string{"behind", "dirty"}, p.pr.Mergeable), nil
}

// say opens the pull request, or updates its text where what it is made from changed.
func (p *proposing) say(ctx context.Context, signed signing.Signed, pushed bool) error {
	want := github.PullRequest{
		Number: p.pr.Number, URL: p.pr.URL, State: p.pr.State, Head: p.out.Branch, Base: p.env.Branch,
		Title: title(p.env, p.want), Body: body(p.env, p.holds, signed, p.edits, p.options.Files),
	}
	if p.pr.Number != 0 && mark(p.pr.Body) == mark(want.Body) {
		p.out.State = Unchanged
		if pushed {
			p.out.State = Updated
		}
		return nil
	}
	there, err := p.options.Hands.Propose(ctx, p.env.Repository, want)
	if err != nil {
		return err
	}
	p.out.State = Updated
	if p.pr.Number == 0 {
		p.out.State = Opened
	}
	p.pr, p.pr.Mergeable = there, "" // too early to know
	p.out.PullRequest = p.page()
	return nil
}
