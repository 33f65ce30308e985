package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"

	"github.com/go-git/go-git/v5/plumbing"
)

// Fetch gets the content of the files and links below the named folders (or of a file that is named), "." for all. It
// asks for exactly what is missing, in one request, and for nothing when nothing is: called again it does nothing. A
// folder that is not there is fs.ErrNotExist. Submodules are passed over. A snapshot that would come to hold more than a
// limit, over all calls, is ErrTooLarge; what it holds already stays.
func (s *Snapshot) Fetch(ctx context.Context, dirs ...string) error {
	// One at a time, so that two charts that share a folder do not fetch it twice.
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := map[plumbing.Hash]string{} // to one path that shows it
	for _, dir := range dirs {
		e, err := s.lookup("fetch", dir)
		if err == nil {
			err = s.collect(dir, e, wanted)
		}
		if err != nil {
			return s.repository.explain(err)
		}
	}
	return s.repository.explain(s.fill(ctx, wanted))
}

// collect adds the blobs at and below e that are not there yet.
func (s *Snapshot) collect(path string, e entry, wanted map[plumbing.Hash]string) error {
	switch {
	case e.mode.IsDir():
		f := s.folders[e.blob]
		if f.bad != nil {
			return fmt.Errorf("%s: %w", path, f.bad)
		}
		for _, sub := range f.entries {
			if err := s.collect(join(path, sub.name), sub, wanted); err != nil {
				return err
			}
		}
	case e.mode&fs.ModeIrregular == 0:
		if _, ok := s.blobs[e.blob]; !ok {
			wanted[e.blob] = path
		}
	}
	return nil
}

func join(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "/" + name
}

// fill takes blobs from the last tag's, or from what came with the commit, if they did, and the rest from the remote. Either all are there
// afterwards or none.
func (s *Snapshot) fill(ctx context.Context, wanted map[plumbing.Hash]string) error {
	found, left := map[plumbing.Hash][]byte{}, s.left
	add := func(name plumbing.Hash, data []byte) error {
		if left -= int64(len(data)); left < 0 {
			return tooLarge("the files of this tag", maxContents, "bytes")
		}
		found[name] = data
		return nil
	}
	keep := func(from objects, name plumbing.Hash) error {
		data, err := blob(from, name)
		if err != nil {
			return err
		}
		return add(name, data)
	}
	var missing []plumbing.Hash
	for name, path := range wanted {
		if data, ok := s.last[name]; ok {
			if err := add(name, data); err != nil {
				return err
			}
			continue
		}
		err := keep(s.objects, name)
		switch {
		case errors.Is(err, errMissing):
			missing = append(missing, name)
		case err != nil:
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if len(missing) > 0 {
		fetched, err := s.repository.remote.blobs(ctx, missing)
		if err != nil {
			return err
		}
		for _, name := range missing {
			if err := keep(fetched, name); err != nil {
				return fmt.Errorf("%s: %w", wanted[name], err)
			}
		}
	}
	maps.Copy(s.blobs, found)
	s.left = left
	s.repository.recent.keep(maps.Clone(s.blobs))
	return nil
}

func blob(from objects, name plumbing.Hash) ([]byte, error) {
	kind, data, err := from.object(name)
	if err != nil {
		return nil, err
	}
	if kind != plumbing.BlobObject {
		return nil, fmt.Errorf("object %s is a %s where a file should be", name, kind)
	}
	return data, nil
}
