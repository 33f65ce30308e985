package github

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	gh "github.com/google/go-github/v60/github"
)

// Commit is a commit to be made: other contents for files that Base holds.
type Commit struct {
	Message string
	Parents []string
	// Base is the commit whose tree the files are laid over.
	Base string
	// Files has the whole new content of each changed file, valid UTF-8.
	Files map[string][]byte
}

// Commit makes a commit and returns its name; no branch moves. No author is given, so that GitHub signs the
// commits of an App. The tree is exactly the base's with the files in it, or the call fails. Making it again
// makes another commit of the same tree, which is in nobody's way.
func (r *Repository) Commit(ctx context.Context, c Commit) (string, error) {
	base, err := r.Tree(ctx, c.Base)
	if err != nil {
		return "", err
	}
	want, err := base.With(c.Files)
	if err != nil {
		return "", fmt.Errorf("%s: %w", r.fullName, err)
	}
	commit, drafted := r.seen.takeDraft(c, want.SHA)
	if !drafted {
		if commit, err = r.make(ctx, c, base, want); err != nil {
			return "", err
		}
	}
	for path, data := range c.Files {
		entry, _ := want.Entry(path)
		r.seen.keepBlob(entry.SHA, data)
	}
	r.seen.keepTree(commit, want)
	return commit, nil
}

func (r *Repository) make(ctx context.Context, c Commit, base, want *Tree) (commit string, err error) {
	if err := r.createTree(ctx, base, want, c.Files); err != nil {
		return "", err
	}
	return r.createCommit(ctx, c, want.SHA)
}

// Draft makes a commit that Commit is likely to be asked for soon. No branch has it, so nobody sees it: a draft that is
// never taken is in nobody's way, and git on the other side forgets it. Drafted twice, it is made once.
func (r *Repository) Draft(ctx context.Context, c Commit) error {
	base, err := r.Tree(ctx, c.Base)
	if err != nil {
		return err
	}
	want, err := base.With(c.Files)
	if err != nil || r.seen.drafted(c, want.SHA) {
		return err
	}
	commit, err := r.make(ctx, c, base, want)
	if err == nil {
		r.seen.keepDraft(c, want.SHA, commit)
	}
	return err
}

// createTree makes the tree that is wanted, and no other.
func (r *Repository) createTree(ctx context.Context, base, want *Tree, files map[string][]byte) error {
	made, _, err := r.api.Git.CreateTree(ctx, r.owner, r.name, base.SHA, treeEntries(want, files))
	if err == nil && made.GetSHA() == want.SHA {
		return nil
	}
	if odd := want.unreadable(slices.Collect(maps.Keys(files))); odd != "" && (err == nil || status(err) == http.StatusNotFound) {
		return &Refused{Repository: r.fullName, Reason: fmt.Sprintf("the name %q is no UTF-8 there, so the API cannot write beside it: rename it", odd)}
	}
	if err != nil {
		return explain(r.fullName, "make a tree", err)
	}
	return fmt.Errorf("%s: GitHub made tree %s where %s was asked for: nothing was committed", r.fullName, clean(made.GetSHA()), want.SHA)
}

func (r *Repository) createCommit(ctx context.Context, c Commit, tree string) (string, error) {
	body := &gh.Commit{Message: &c.Message, Tree: &gh.Tree{SHA: &tree}}
	for _, p := range c.Parents {
		body.Parents = append(body.Parents, &gh.Commit{SHA: gh.String(p)})
	}
	made, _, err := r.api.Git.CreateCommit(ctx, r.owner, r.name, body, nil)
	if err != nil {
		return "", explain(r.fullName, "make a commit", err)
	}
	return made.GetSHA(), nil
}

// Message reads the message of a commit.
func (r *Repository) Message(ctx context.Context, commit string) (string, error) {
	c, _, err := r.api.Git.GetCommit(ctx, r.owner, r.name, commit)
	if err != nil {
		return "", explain(r.fullName, "commit "+commit, err)
	}
	return c.GetMessage(), nil
}

// treeEntries lists the changed files for GitHub, each with its content and the mode that it has.
func treeEntries(tree *Tree, files map[string][]byte) []*gh.TreeEntry {
	var entries []*gh.TreeEntry
	for _, path := range slices.Sorted(maps.Keys(files)) {
		entry, _ := tree.Entry(path)
		entries = append(entries, &gh.TreeEntry{
			Path: gh.String(path), Mode: gh.String(entry.Mode), Type: gh.String("blob"), Content: gh.String(string(files[path])),
		})
	}
	return entries
}
