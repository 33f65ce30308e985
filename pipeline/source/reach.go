package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
)

// Reachable reports whether one of the branches holds the commit in its history. Heads are those of a listing (Refs),
// branches short names of which at least one must be there. A branch's head itself costs no request, every other commit
// one.
func (r *Repository) Reachable(ctx context.Context, commit string, heads map[string]string, branches []string) (bool, error) {
	if !plumbing.IsHash(commit) {
		return false, r.explain(fmt.Errorf("%q is not the full name of a commit", commit))
	}
	var tips []plumbing.Hash
	for _, branch := range branches {
		head, ok := heads[branch]
		if head == commit {
			return true, nil
		}
		if ok && plumbing.IsHash(head) {
			tips = append(tips, plumbing.NewHash(head))
		}
	}
	if len(tips) == 0 {
		return false, r.explain(fmt.Errorf("none of the branches %s is there; push one, or correct branches: in the configuration", strings.Join(branches, ", ")))
	}
	found, err := r.remote.contains(ctx, plumbing.NewHash(commit), tips)
	return found, r.explain(err)
}

// contains asks for what the heads have and the commit has not, commits alone where the server can filter. The commit
// is in the history of a head if and only if one of those names it as a parent.
func (w *wire) contains(ctx context.Context, commit plumbing.Hash, heads []plumbing.Hash) (bool, error) {
	p, err := w.fetch(ctx, func(c *capability.List) want {
		r := want{wants: slices.Clone(heads), haves: []plumbing.Hash{commit}}
		if c.Supports(capability.Filter) {
			r.filter = packp.FilterTreeDepth(0)
		}
		return r
	})
	if err != nil {
		return false, err
	}
	for name, o := range p.found {
		if o.kind != plumbing.CommitObject {
			continue
		}
		c, err := decodeCommit(name, o.data)
		if err != nil {
			return false, err
		}
		if slices.Contains(c.ParentHashes, commit) {
			return true, nil
		}
	}
	if p.dropped > 0 {
		return false, tooLarge("an object of the history", maxObject, "bytes")
	}
	return false, nil
}

// contains walks the commits from the heads.
func (l *local) contains(ctx context.Context, commit plumbing.Hash, heads []plumbing.Hash) (bool, error) {
	store, err := l.open()
	if err != nil {
		return false, err
	}
	seen := map[plumbing.Hash]bool{}
	for next := slices.Clone(heads); len(next) > 0; {
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		name := next[len(next)-1]
		next = next[:len(next)-1]
		if name == commit {
			return true, nil
		}
		if seen[name] {
			continue
		}
		seen[name] = true
		c, err := readCommit(store, name)
		if errors.Is(err, errMissing) {
			return false, fmt.Errorf("%w; if this is a shallow clone, run: git fetch --unshallow", err)
		}
		if err != nil {
			return false, err
		}
		next = append(next, c.ParentHashes...)
	}
	return false, nil
}

func readCommit(from objects, name plumbing.Hash) (*object.Commit, error) {
	kind, data, err := from.object(name)
	if err != nil {
		return nil, err
	}
	if kind != plumbing.CommitObject {
		return nil, fmt.Errorf("%w: %s is a %s", ErrNotCommit, name, kind)
	}
	return decodeCommit(name, data)
}

func decodeCommit(name plumbing.Hash, data []byte) (*object.Commit, error) {
	c := &object.Commit{}
	if err := c.Decode(encoded(plumbing.CommitObject, data)); err != nil {
		return nil, foreign(fmt.Errorf("commit %s: %w", name, err))
	}
	return c, nil
}

// encoded is an object as go-git's decoders take it.
func encoded(kind plumbing.ObjectType, data []byte) plumbing.EncodedObject {
	o := &plumbing.MemoryObject{}
	o.SetType(kind)
	o.Write(data) //nolint:errcheck // it appends to memory
	return o
}
