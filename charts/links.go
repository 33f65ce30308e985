package charts

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode"
)

const (
	maxHops   = 40   // as Linux
	maxTarget = 4096 // as Linux
)

// resolve follows name to a real path inside the chart, one component at a time, so that every symbolic link on
// the way is seen. A link out of the chart, into a .git, round in a circle or to nothing is the author's to mend.
// A name that is simply not there is fs.ErrNotExist.
func (r *reader) resolve(name string) (string, fs.FileInfo, error) {
	at, todo, hops := ".", strings.Split(name, "/"), 0
	for len(todo) > 0 {
		step := todo[0]
		todo = todo[1:]
		switch {
		case step == "" || step == ".":
			continue
		case step == ".." && at != ".":
			at = path.Dir(at)
			continue
		case step == ".." || step == ".git":
			return "", nil, r.leaves(name)
		}
		info, err := r.lstat(name, path.Join(at, step), hops > 0)
		if err != nil {
			return "", nil, err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if at = path.Join(at, step); r.foreign(at, info) {
				return "", nil, r.leaves(name)
			}
			continue
		}
		if hops++; hops > maxHops {
			return "", nil, r.reject(name, "symlink-loop", "the symbolic link leads round in a circle", "remove the link")
		}
		target, err := r.target(name, path.Join(at, step))
		if err != nil {
			return "", nil, err
		}
		todo = append(target, todo...)
	}
	info, err := r.lstat(name, at, hops > 0)
	return at, info, err
}

// foreign tells that another repository begins at real: a submodule, as git lists it or as it lies on a disk.
func (r *reader) foreign(real string, info fs.FileInfo) bool {
	if info.IsDir() {
		_, err := fs.Lstat(r.fsys, path.Join(r.dir, real, ".git"))
		return err == nil
	}
	return info.Mode()&fs.ModeIrregular != 0
}

// target is where the link at real leads, in steps from the folder it lies in.
func (r *reader) target(name, real string) ([]string, error) {
	target, err := fs.ReadLink(r.fsys, path.Join(r.dir, real))
	if err != nil { // lstat found the link, so that only what it says is at fault
		return nil, r.reject(name, "symlink-broken", "the symbolic link says nothing that is a path", "remove the link, or make it anew")
	}
	if path.IsAbs(target) || len(target) > maxTarget || strings.Contains(target, `\`) || strings.ContainsFunc(target, unicode.IsControl) {
		return nil, r.leaves(name)
	}
	return strings.Split(target, "/"), nil
}

// lstat asks for real, on behalf of name. Behind a link a missing file is a broken link.
func (r *reader) lstat(name, real string, linked bool) (fs.FileInfo, error) {
	info, err := fs.Lstat(r.fsys, path.Join(r.dir, real))
	switch {
	case err == nil:
		return info, nil
	case linked:
		return nil, r.reject(name, "symlink-broken", "the symbolic link leads to nothing", "remove the link, or commit what it points at")
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("file %s: %w", path.Join(r.dir, name), fs.ErrNotExist)
	}
	return nil, fmt.Errorf("file %s: %w", path.Join(r.dir, name), err)
}

func (r *reader) leaves(name string) *Rejected {
	return r.reject(name, "symlink-outside", "the symbolic link leads out of the chart", "put a copy of the file into the chart")
}
