package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Snapshot is the tree of one commit. Folders are known at once; the content of a file is there after Fetch. It
// implements fs.FS, fs.ReadDirFS, fs.ReadFileFS and fs.ReadLinkFS. A symbolic link is a link to all of them: it is
// listed, opened and read as itself and never followed. A submodule is listed as an irregular file and cannot be read.
// It is safe for use by several goroutines.
type Snapshot struct {
	repository *Repository
	commit     *object.Commit
	objects    objects // of the commit
	folders    map[plumbing.Hash]*folder
	last       map[plumbing.Hash][]byte // the files of the tag before

	mu    sync.RWMutex
	blobs map[plumbing.Hash][]byte // what Fetch fetched
	left  int64                    // bytes that Fetch may add
}

// Snapshot reads the commit that a tag leads to, with all its folders and none of its files, in one request. The tag
// is as Refs listed it: a tag that moved since is still read as it was, or is an error. A tag that leads to anything
// but a commit is ErrNotCommit.
func (r *Repository) Snapshot(ctx context.Context, tag Tag) (*Snapshot, error) {
	s, err := r.snapshot(ctx, tag)
	if err != nil {
		return nil, r.explain(fmt.Errorf("tag %s: %w", tag.Name, err))
	}
	return s, nil
}

func (r *Repository) snapshot(ctx context.Context, tag Tag) (*Snapshot, error) {
	if !plumbing.IsHash(tag.Object) || !plumbing.IsHash(tag.Commit) {
		return nil, errors.New("it has no object; take the tag from Refs")
	}
	// The tag's own object is asked for: that much every server sends.
	name := plumbing.NewHash(tag.Object)
	from, err := r.remote.commit(ctx, name)
	if err != nil {
		return nil, err
	}
	end, err := peel(from, name)
	var commit *object.Commit
	if err == nil {
		commit, err = readCommit(from, end)
	}
	if errors.Is(err, ErrNotCommit) {
		return nil, fmt.Errorf("%w; tag the commit that shall be released", err)
	}
	if err != nil {
		return nil, err
	}
	// Servers that do not say where annotated tags lead list the tag object itself.
	if listed := plumbing.NewHash(tag.Commit); listed != end && listed != name {
		return nil, fmt.Errorf("it leads to %s, but the server listed %s; try again", end, listed)
	}
	if year := commit.Committer.When.UTC().Year(); year < 1970 || year > 9999 {
		return nil, fmt.Errorf("%w: the commit's time is out of range; make it again with a right clock", ErrNotCommit)
	}
	s := &Snapshot{repository: r, commit: commit, objects: from, last: r.recent.all(), blobs: map[plumbing.Hash][]byte{}, left: maxContents}
	s.folders, err = readFolders(ctx, from, commit.TreeHash)
	return s, err
}

// Commit is the commit's full name in hex.
func (s *Snapshot) Commit() string { return s.commit.Hash.String() }

// Time is when the commit was made (the committer's time), in UTC.
func (s *Snapshot) Time() time.Time { return s.commit.Committer.When.UTC() }

// Message is the commit's message as its author wrote it, which may be anything.
func (s *Snapshot) Message() string { return s.commit.Message }
