package promotion

import (
	"context"
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
// looks at each before it acts, so that a second call changes nothing.
func (r *round) propose(ctx context.Context, s *survey, signed signing.Signed) (Proposal, error) {
	p := r.prepare(s, releaseOf(signed.Pushed()))
	if p.out.State == Move {
		if err := p.ready(ctx); err != nil {
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

// ready finds our branch and stops where a person works. It only reads.
func (p *proposing) ready(ctx context.Context) error {
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
	}
	return nil
}

// find looks for our branch where no pull request is open.
func (p *proposing) find(ctx context.Context) error {
	head, err := "", error(nil)
	if p.survey.tip != nil {
		head = *p.survey.tip
	} else if head, err = p.round.tip(ctx, p.env); err != nil {
		return err
	}
	if head != "" {
		p.branch, err = p.inspect(ctx, p.survey, head)
	}
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

// write brings our branch and then the pull request up to date, and merges where that is automatic.
func (p *proposing) write(ctx context.Context, signed signing.Signed) (Proposal, error) {
	plan, err := p.plan(ctx)
	if err != nil {
		return p.out, err
	}
	head := p.branch.head
	if plan != nil {
		if head, err = p.push(ctx, *plan); err != nil {
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

// push puts a commit on our branch, unless GitHub has just refused it.
func (p *proposing) push(ctx context.Context, c github.Commit) (head string, err error) {
	if err := p.refusals.recall(p); err != nil {
		return "", err
	}
	head, err = p.options.Hands.Push(ctx, p.env.Repository, p.out.Branch, p.branch.head, c)
	p.refusals.keep(p, err)
	return head, err
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
		case b.carries.Digest == p.want.Digest && !b.outdated:
			return nil, nil
		default:
			start, parents = b.fork, []string{b.head}
		}
	}
	tree, err := p.repository(p.env).Tree(ctx, start)
	if err == nil {
		tree, err = tree.With(p.after)
	}
	if err != nil {
		return nil, err
	}
	return &github.Commit{Message: message(p.env, p.want, tree.SHA), Parents: parents, Base: start, Files: p.after}, nil
}

// moved tells whether the environment's branch moved in a way that matters: a file that we edit changed
// there, or GitHub wants the branch to be up to date, or sees a conflict.
func (p *proposing) moved(ctx context.Context) (bool, error) {
	if !p.branch.stale {
		return false, nil
	}
	if touched, err := p.touched(ctx, p.branch.fork, p.base); touched || err != nil {
		return touched, err
	}
	if p.pr.Number == 0 {
		return false, nil
	}
	if err := p.judge(ctx); err != nil {
		return false, err
	}
	return slices.Contains([]string{"behind", "dirty"}, p.pr.Mergeable), nil
}

// touched tells whether a file that we edit differs between two commits.
func (p *proposing) touched(ctx context.Context, from, to string) (bool, error) {
	if from == to {
		return false, nil
	}
	before, err := p.repository(p.env).Tree(ctx, from)
	if err != nil {
		return false, err
	}
	after, err := p.repository(p.env).Tree(ctx, to)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(editedFiles(p.edits), func(path string) bool {
		was, _ := before.Entry(path)
		is, _ := after.Entry(path)
		return was != is
	}), nil
}

// unmoved makes sure that what is to be proposed is still a change: another process may have proposed it and
// people may have merged it since we looked.
func (p *proposing) unmoved(ctx context.Context) error {
	now, err := p.repository(p.env).Branch(ctx, p.env.Branch)
	if err != nil {
		return err
	}
	touched, err := p.touched(ctx, p.base, now)
	if touched {
		return fmt.Errorf("%s: branch %s: %w", p.env.Repository, p.env.Branch, github.ErrMoved)
	}
	return err
}

// say opens the pull request, or updates its text where what it is made from changed.
func (p *proposing) say(ctx context.Context, signed signing.Signed, pushed bool) error {
	want := github.PullRequest{
		Number: p.pr.Number, URL: p.pr.URL, State: p.pr.State, Head: p.out.Branch, Base: p.env.Branch,
		Title: title(p.env, p.want), Body: body(p.env, p.holds, signed, p.edits, p.options.Files),
	}
	p.out.State = Unchanged
	if pushed {
		p.out.State = p.options.Hands.Did(Updated)
	}
	if p.pr.Number != 0 && mark(p.pr.Body) == mark(want.Body) {
		return nil
	}
	if p.pr.Number == 0 {
		if err := p.unmoved(ctx); err != nil {
			return err
		}
	}
	there, err := p.options.Hands.Propose(ctx, p.env.Repository, want)
	if err != nil {
		return err
	}
	p.out.State = p.options.Hands.Did(Updated)
	if p.pr.Number == 0 {
		p.out.State = p.options.Hands.Did(Opened)
	}
	p.pr, p.pr.Mergeable = there, "" // too early to know
	p.out.PullRequest = p.page()
	return nil
}
