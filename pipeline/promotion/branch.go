package promotion

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/releaser/releaser/internal/github"
)

// branch is what stands on releaser/<environment>/<chart>.
type branch struct {
	// head is its commit; empty when there is no branch.
	head string
	// fork is where it left the environment's branch.
	fork string
	// spent: all that it has is in the environment's branch, as after a merge. It can be used again.
	spent bool
	// stale: the environment's branch has commits that it has not.
	stale bool
	// carries is the release that it proposes; zero when it is spent or not ours.
	carries Release
	// foreign says why the branch is not ours; empty when it is.
	foreign string
}

// inspect tells what a commit of our branch is: ours, if its tree is that of the fork plus exactly our edit
// for the release that its files name; otherwise a person works there.
func (r *round) inspect(ctx context.Context, s *survey, head string) (branch, error) {
	b := branch{head: head}
	if head == "" {
		return b, nil
	}
	repository := r.repository(s.env)
	compared, err := repository.Compare(ctx, s.base, head)
	if errors.Is(err, github.ErrNotFound) {
		b.foreign = "it has no history in common with " + s.env.Branch
		return b, nil
	}
	if err != nil {
		return b, err
	}
	b.fork, b.spent, b.stale = compared.MergeBase, compared.Ahead == 0, compared.Behind > 0
	if b.spent {
		return b, nil
	}
	holds, err := r.heldAt(ctx, s.env, head)
	if err != nil {
		return b, err
	}
	if holds.Release == (Release{}) {
		b.foreign = "its files name no release that is in the registry"
		return b, nil
	}
	changed, err := r.beside(ctx, s.env, b, holds.Release)
	if err != nil {
		return b, err
	}
	if changed != "" {
		b.foreign = changed
		return b, nil
	}
	b.carries = holds.Release
	return b, nil
}

// heldAt reads the environment's files at any commit; files that cannot be read hold nothing.
func (r *round) heldAt(ctx context.Context, env Environment, commit string) (Holding, error) {
	files, err := r.repository(env).Files(ctx, commit, env.paths(r.chart))
	var refused *github.Refused
	if errors.As(err, &refused) {
		return Holding{}, nil
	}
	if err != nil {
		return Holding{}, err
	}
	return r.read(ctx, env, files)
}

// beside says what a branch changes beside our edit for a release; empty when nothing.
func (r *round) beside(ctx context.Context, env Environment, b branch, release Release) (string, error) {
	repository := r.repository(env)
	files, err := repository.Files(ctx, b.fork, env.paths(r.chart))
	if err != nil {
		return "", err
	}
	fork, err := repository.Tree(ctx, b.fork)
	if err != nil {
		return "", err
	}
	is, err := repository.Tree(ctx, b.head)
	if err != nil {
		return "", err
	}
	changed, problems := apply(files, r.edits(env, release))
	if len(problems) > 0 {
		return "our edit cannot be made there: " + reasons(problems), nil
	}
	want, err := fork.With(changed)
	if err != nil {
		return "", err
	}
	if want.SHA == is.SHA {
		return "", nil
	}
	return "it also changes " + few(want.Changed(is)), nil
}

// few names the first of many paths.
func few(paths []string) string {
	const most = 5
	text := strings.Join(paths[:min(len(paths), most)], ", ")
	if len(paths) > most {
		text += fmt.Sprintf(" and %d more", len(paths)-most)
	}
	return text
}
