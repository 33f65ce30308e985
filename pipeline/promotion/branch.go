package promotion

import (
	"context"
	"errors"
	"fmt"
	"strconv"
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
	// outdated: we made it, and would make it otherwise now, as the configuration has changed.
	outdated bool
	// carries is the release that it proposes; zero when it is spent or not ours.
	carries Release
	// foreign says why the branch is not ours; empty when it is.
	foreign string
}

// inspect tells what a commit of our branch is: ours, if its tree is that of the fork plus exactly our edit
// for the release that its files name, or the one that its message says we made; otherwise a person works
// there.
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
	b.carries = holds.Release
	b.foreign, err = r.beside(ctx, s.env, b)
	if b.foreign == "" || err != nil {
		return b, err
	}
	if b.outdated, err = r.written(ctx, s.env, head); b.outdated {
		b.foreign = ""
	} else {
		b.carries = Release{}
	}
	return b, err
}

// written tells whether a commit is as we made it, by the trailer of its message: a person who builds on it
// makes another tree or another message.
func (r *round) written(ctx context.Context, env Environment, commit string) (bool, error) {
	tree, err := r.repository(env).Tree(ctx, commit)
	if err != nil {
		return false, err
	}
	message, err := r.repository(env).Message(ctx, commit)
	return strings.HasSuffix(strings.TrimSpace(message), "\n"+trailer(tree.SHA)), err
}

// heldAt tells what the environment's files hold at any commit; files that cannot be read hold nothing.
func (r *round) heldAt(ctx context.Context, env Environment, commit string) (Holding, error) {
	files, err := r.filesAt(ctx, env, commit)
	if err != nil || files == nil {
		return Holding{}, err
	}
	return r.read(ctx, env, files)
}

// filesAt reads the environment's files at any commit; nil when they cannot be read.
func (r *round) filesAt(ctx context.Context, env Environment, commit string) (map[string][]byte, error) {
	files, err := r.repository(env).Files(ctx, commit, env.paths(r.chart))
	var refused *github.Refused
	if errors.As(err, &refused) {
		return nil, nil
	}
	return files, err
}

// beside says what a branch changes beside our edit for the release that it carries; empty when nothing.
func (r *round) beside(ctx context.Context, env Environment, b branch) (string, error) {
	if b.carries == (Release{}) {
		return "its files name no release that is in the registry", nil
	}
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
	changed, problems := apply(files, r.edits(env, b.carries))
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
	var quoted []string
	for _, p := range paths[:min(len(paths), most)] {
		quoted = append(quoted, strconv.Quote(p)) // anybody may have named them
	}
	text := strings.Join(quoted, ", ")
	if len(paths) > most {
		text += fmt.Sprintf(" and %d more", len(paths)-most)
	}
	return text
}
