package source

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	errNotFetched = errors.New("the content was not fetched")
	errLink       = errors.New("a symbolic link is not followed")
	errSubmodule  = errors.New("a submodule is not entered")
)

// lookup finds a path without following anything.
func (s *Snapshot) lookup(op, name string) (entry, error) {
	e := entry{name: ".", mode: fs.ModeDir | 0o755, blob: s.commit.TreeHash}
	if !fs.ValidPath(name) {
		return e, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return e, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		f, ok := s.folders[e.blob]
		if !ok || !e.mode.IsDir() || badName(part) != "" {
			return e, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		if e, ok = f.find(part); !ok {
			return e, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
	}
	return e, nil
}

// content is what Fetch brought for an entry that is no folder.
func (s *Snapshot) content(op, name string, e entry) ([]byte, error) {
	if e.mode&fs.ModeIrregular != 0 {
		return nil, nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	data, ok := s.blobs[e.blob]
	if !ok {
		return nil, &fs.PathError{Op: op, Path: name, Err: errNotFetched}
	}
	return data, nil
}

// Open opens a file, a folder, or a link or submodule as itself: those two can be asked for Stat alone.
func (s *Snapshot) Open(name string) (fs.File, error) {
	e, err := s.lookup("open", name)
	if err != nil {
		return nil, err
	}
	if e.mode.IsDir() {
		list, err := s.ReadDir(name)
		if err != nil {
			return nil, err
		}
		return &openFolder{info: s.info(e, 0), list: list}, nil
	}
	data, err := s.content("open", name, e)
	if err != nil {
		return nil, err
	}
	info := s.info(e, len(data))
	switch {
	case e.mode&fs.ModeSymlink != 0:
		return &unreadable{info, name, errLink}, nil
	case e.mode&fs.ModeIrregular != 0:
		return &unreadable{info, name, errSubmodule}, nil
	}
	return &openFile{bytes.NewReader(data), info}, nil
}

// ReadDir lists a folder, sorted by name. It needs no Fetch; the entries' Info does, but for folders.
func (s *Snapshot) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := s.lookup("readdir", name)
	if err != nil {
		return nil, err
	}
	if !e.mode.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a folder")}
	}
	f := s.folders[e.blob]
	if f.bad != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: f.bad}
	}
	list := make([]fs.DirEntry, len(f.entries))
	for i, sub := range f.entries {
		list[i] = &dirEntry{s, join(name, sub.name), sub}
	}
	return list, nil
}

// ReadFile returns a copy of a regular file's content.
func (s *Snapshot) ReadFile(name string) ([]byte, error) {
	e, err := s.lookup("read", name)
	if err != nil {
		return nil, err
	}
	switch {
	case e.mode&fs.ModeSymlink != 0:
		return nil, &fs.PathError{Op: "read", Path: name, Err: errLink}
	case e.mode&fs.ModeIrregular != 0:
		return nil, &fs.PathError{Op: "read", Path: name, Err: errSubmodule}
	case e.mode.IsDir():
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("a folder")}
	}
	data, err := s.content("read", name, e)
	if err != nil {
		return nil, err
	}
	return slices.Clone(data), nil
}

// ReadLink returns the target of a symbolic link as it is written, which may be anywhere.
func (s *Snapshot) ReadLink(name string) (string, error) {
	e, err := s.lookup("readlink", name)
	if err != nil {
		return "", err
	}
	if e.mode&fs.ModeSymlink == 0 {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	data, err := s.content("readlink", name, e)
	if err != nil {
		return "", err
	}
	if len(data) > maxLink || !utf8.Valid(data) || bytes.ContainsFunc(data, isControl) {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: errors.New("the link's target is no path")}
	}
	return string(data), nil
}

// Lstat describes a file, folder, link or submodule. The size, and so all but folders, needs Fetch.
func (s *Snapshot) Lstat(name string) (fs.FileInfo, error) {
	e, err := s.lookup("lstat", name)
	if err != nil {
		return nil, err
	}
	return s.stat("lstat", name, e)
}

func (s *Snapshot) stat(op, name string, e entry) (fs.FileInfo, error) {
	if e.mode.IsDir() {
		return s.info(e, 0), nil
	}
	data, err := s.content(op, name, e)
	if err != nil {
		return nil, err
	}
	return s.info(e, len(data)), nil
}

func (s *Snapshot) info(e entry, size int) fs.FileInfo {
	return &fileInfo{e, int64(size), s.Time()}
}

// fileInfo describes an entry; every file is as old as the commit.
type fileInfo struct {
	entry entry
	size  int64
	time  time.Time
}

func (i *fileInfo) Name() string       { return i.entry.name }
func (i *fileInfo) Size() int64        { return i.size }
func (i *fileInfo) Mode() fs.FileMode  { return i.entry.mode }
func (i *fileInfo) ModTime() time.Time { return i.time }
func (i *fileInfo) IsDir() bool        { return i.entry.mode.IsDir() }
func (i *fileInfo) Sys() any           { return nil }

// dirEntry is an entry with the way to its size.
type dirEntry struct {
	snapshot *Snapshot
	path     string
	entry    entry
}

func (d *dirEntry) Name() string      { return d.entry.name }
func (d *dirEntry) IsDir() bool       { return d.entry.mode.IsDir() }
func (d *dirEntry) Type() fs.FileMode { return d.entry.mode.Type() }
func (d *dirEntry) String() string    { return fs.FormatDirEntry(d) }

// Info needs Fetch for anything but a folder.
func (d *dirEntry) Info() (fs.FileInfo, error) { return d.snapshot.stat("stat", d.path, d.entry) }

// openFile is a regular file.
type openFile struct {
	*bytes.Reader
	info fs.FileInfo
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

// unreadable is a link or a submodule.
type unreadable struct {
	info fs.FileInfo
	name string
	why  error
}

func (u *unreadable) Stat() (fs.FileInfo, error) { return u.info, nil }
func (u *unreadable) Close() error               { return nil }
func (u *unreadable) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: u.name, Err: u.why}
}

// openFolder is a folder being listed.
type openFolder struct {
	info fs.FileInfo
	list []fs.DirEntry // what is left
}

func (f *openFolder) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFolder) Close() error               { return nil }
func (f *openFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.info.Name(), Err: errors.New("a folder")}
}

// ReadDir lists the next n entries, or all when n is not positive.
func (f *openFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(f.list)
	} else if len(f.list) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(f.list))
	list := f.list[:n:n]
	f.list = f.list[n:]
	return list, nil
}
