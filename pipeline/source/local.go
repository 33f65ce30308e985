package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// local is a repository on this machine. Its files are opened anew for each call, because git may pack them anew
// between two.
type local struct {
	dir string // where HEAD, refs and objects lie
}

func openLocal(path string) (remote, error) {
	for _, dir := range []string{filepath.Join(path, ".git"), path} {
		if isDir(filepath.Join(dir, "objects")) && isDir(filepath.Join(dir, "refs")) {
			return &local{dir}, nil
		}
	}
	return nil, fmt.Errorf("%s is not a git repository; give the folder of a clone (not of a linked worktree) or of a bare repository", path)
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

func (l *local) open() (*localObjects, error) {
	if !isDir(l.dir) {
		return nil, fmt.Errorf("%s is gone", l.dir)
	}
	store := filesystem.NewStorage(osfs.New(l.dir, osfs.WithBoundOS()), cache.NewObjectLRUDefault())
	return &localObjects{store}, nil
}

// list costs no request, so it leaves nothing out.
func (l *local) list(ctx context.Context, _ []string) (listing, error) {
	store, err := l.open()
	if err != nil {
		return listing{}, err
	}
	refs, err := store.storage.IterReferences()
	if err != nil {
		return listing{}, foreign(fmt.Errorf("references of %s: %w", l.dir, err))
	}
	found := listing{refs: map[string]plumbing.Hash{}, peeled: map[string]plumbing.Hash{}}
	err = refs.ForEach(func(ref *plumbing.Reference) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if ref.Type() == plumbing.SymbolicReference {
			target, err := storer.ResolveReference(store.storage, ref.Target())
			if err != nil {
				return nil // it points nowhere, as HEAD of an empty repository does
			}
			ref = plumbing.NewHashReference(ref.Name(), target.Hash())
		}
		found.refs[ref.Name().String()] = ref.Hash()
		if end, err := peel(store, ref.Hash()); err == nil && end != ref.Hash() {
			found.peeled[ref.Name().String()] = end
		}
		return nil
	})
	return found, err
}

// commit has nothing to fetch: all objects are here.
func (l *local) commit(context.Context, plumbing.Hash) (objects, error) { return l.open() }

func (l *local) blobs(_ context.Context, names []plumbing.Hash) (objects, error) {
	return nil, fmt.Errorf("%w: %s and perhaps more; if this is a partial clone, give the url that it was cloned from", errMissing, names[0])
}

// localObjects reads objects from disk.
type localObjects struct {
	storage *filesystem.Storage
}

func (o *localObjects) object(name plumbing.Hash) (plumbing.ObjectType, []byte, error) {
	size, err := o.storage.EncodedObjectSize(name)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return 0, nil, fmt.Errorf("%w: %s", errMissing, name)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("object %s: %w", name, err)
	}
	if size > maxObject {
		return 0, nil, tooLarge("object "+name.String(), maxObject, "bytes")
	}
	found, err := o.storage.EncodedObject(plumbing.AnyObject, name)
	if err != nil {
		return 0, nil, fmt.Errorf("object %s: %w", name, err)
	}
	r, err := found.Reader()
	if err != nil {
		return 0, nil, fmt.Errorf("object %s: %w", name, err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxObject))
	return found.Type(), data, err
}

// peel follows tags of tags to what they lead to.
func peel(from objects, name plumbing.Hash) (plumbing.Hash, error) {
	for range maxPeel {
		kind, data, err := from.object(name)
		if err != nil || kind != plumbing.TagObject {
			return name, err
		}
		t := &object.Tag{}
		if err := t.Decode(encoded(kind, data)); err != nil {
			return name, foreign(fmt.Errorf("tag object %s: %w", name, err))
		}
		name = t.Target
	}
	return name, fmt.Errorf("%w: a tag of a tag, more than %d deep", ErrNotCommit, maxPeel)
}
