package gitd

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// NoCommit stands in a RefUpdate for "there is none", as git's own hooks and GitHub's push event write it.
const NoCommit = "0000000000000000000000000000000000000000"

// RefUpdate is one reference that a push changed. Old is NoCommit for a new one, New for one that was deleted.
type RefUpdate struct {
	Ref, Old, New string
}

// receive lets git take a push and tells what it changed. The references are compared rather than the request read,
// because only git knows which of the wishes it granted.
func (s *Server) receive(w http.ResponseWriter, r *http.Request, name string) {
	dir, err := s.directory(name)
	if err != nil || s.options.OnReceive == nil {
		s.backend.ServeHTTP(w, r)
		return
	}
	lock, _ := s.pushes.LoadOrStore(name, new(sync.Mutex))
	// Released before the news is told, so that who is told may push, too.
	updates := func() []RefUpdate {
		lock.(*sync.Mutex).Lock()
		defer lock.(*sync.Mutex).Unlock()
		ctx := context.WithoutCancel(r.Context())
		before, err := references(ctx, dir)
		s.backend.ServeHTTP(w, r)
		if err != nil {
			return nil // no repository there; git has told the client
		}
		after, err := references(ctx, dir)
		if err != nil {
			fmt.Fprintf(s.options.Log, "after a push to %s: %v\n", name, err)
			return nil
		}
		return difference(before, after)
	}()
	if len(updates) > 0 {
		s.options.OnReceive(name, updates)
	}
}

// directory is where the repository name lies. A name that would leave the root is refused.
func (s *Server) directory(name string) (string, error) {
	if !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\\x00") {
		return "", fmt.Errorf("repository name %q: give a relative path such as acme/platform.git", name)
	}
	return filepath.Join(s.root, filepath.FromSlash(name)), nil
}

func references(ctx context.Context, dir string) (map[string]string, error) {
	r := &Repository{dir: dir}
	out, err := r.Git(ctx, "for-each-ref", "--format=%(refname) %(objectname)")
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for line := range strings.Lines(out) {
		name, object, _ := strings.Cut(strings.TrimSpace(line), " ")
		refs[name] = object
	}
	return refs, nil
}

func difference(before, after map[string]string) []RefUpdate {
	names := maps.Clone(before)
	maps.Copy(names, after)
	var updates []RefUpdate
	for _, name := range slices.Sorted(maps.Keys(names)) {
		update := RefUpdate{Ref: name, Old: before[name], New: after[name]}
		if update.Old == update.New {
			continue
		}
		if update.Old == "" {
			update.Old = NoCommit
		}
		if update.New == "" {
			update.New = NoCommit
		}
		updates = append(updates, update)
	}
	return updates
}
