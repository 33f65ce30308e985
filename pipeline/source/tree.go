package source

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// folder is one git tree, checked.
type folder struct {
	entries []entry // sorted by name
	// bad is why the folder must not be listed. A repository may hold one and release charts from the others.
	bad error
	// total and height count what lies below, each folder as often as it appears.
	total, height int
}

// entry is one line of a folder.
type entry struct {
	name string
	mode fs.FileMode
	blob plumbing.Hash // what it names; a tree for a folder
}

func (f *folder) find(name string) (entry, bool) {
	i, found := slices.BinarySearchFunc(f.entries, name, func(e entry, name string) int { return cmp.Compare(e.name, name) })
	if !found {
		return entry{}, false
	}
	return f.entries[i], true
}

// readFolders reads a tree with all that is below. A folder that appears in many places is read once but counted each
// time: a few small trees can name each other to more paths than there are atoms.
func readFolders(ctx context.Context, from objects, root plumbing.Hash) (map[plumbing.Hash]*folder, error) {
	r := &folderReader{ctx: ctx, from: from, folders: map[plumbing.Hash]*folder{}}
	_, err := r.read(root, 0)
	return r.folders, err
}

type folderReader struct {
	ctx     context.Context
	from    objects
	folders map[plumbing.Hash]*folder
}

func (r *folderReader) read(name plumbing.Hash, depth int) (*folder, error) {
	if f, ok := r.folders[name]; ok {
		return f, within(f, depth)
	}
	if r.ctx.Err() != nil {
		return nil, context.Cause(r.ctx)
	}
	if depth > maxDepth {
		return nil, tooLarge("folders in folders", maxDepth, "deep")
	}
	kind, data, err := r.from.object(name)
	if err != nil {
		return nil, err
	}
	tree := &object.Tree{}
	if err := tree.Decode(encoded(kind, data)); err != nil {
		return nil, foreign(fmt.Errorf("tree %s: %w", name, err))
	}
	f := newFolder(tree.Entries)
	for _, e := range f.entries {
		f.total++
		if !e.mode.IsDir() {
			continue
		}
		sub, err := r.read(e.blob, depth+1)
		if err != nil {
			return nil, err
		}
		f.total, f.height = f.total+sub.total, max(f.height, sub.height+1)
	}
	r.folders[name] = f
	return f, within(f, depth)
}

func within(f *folder, depth int) error {
	if f.total > maxEntries {
		return tooLarge("a tree", maxEntries, "files and folders")
	}
	if depth+f.height > maxDepth {
		return tooLarge("folders in folders", maxDepth, "deep")
	}
	return nil
}

func newFolder(lines []object.TreeEntry) *folder {
	f := &folder{entries: make([]entry, 0, len(lines))}
	for _, line := range lines {
		if reason := badName(line.Name); reason != "" && f.bad == nil {
			f.bad = fmt.Errorf("%w %s: %s; rename it", ErrBadName, strconv.QuoteToASCII(line.Name), reason)
		}
		f.entries = append(f.entries, entry{line.Name, modeOf(line.Mode), line.Hash})
	}
	slices.SortFunc(f.entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	for i := 1; i < len(f.entries); i++ {
		if f.entries[i].name == f.entries[i-1].name {
			// Which of the two would be read? None: git makes no such folder, somebody else did.
			bad := fmt.Errorf("%w %s: it is there twice; remove one", ErrBadName, strconv.QuoteToASCII(f.entries[i].name))
			return &folder{bad: bad}
		}
	}
	return f
}

func modeOf(mode filemode.FileMode) fs.FileMode {
	switch mode {
	case filemode.Dir:
		return fs.ModeDir | 0o755
	case filemode.Regular, filemode.Deprecated:
		return 0o644
	case filemode.Executable:
		return 0o755
	case filemode.Symlink:
		return fs.ModeSymlink | 0o777
	}
	return fs.ModeIrregular // a submodule: the name of a commit elsewhere
}

// badName says why no file may have this name; empty means that one may. Git's own rules, and names that another
// system would take for .git or for a path: charts are unpacked anywhere.
func badName(name string) string {
	// HFS+ ignores format characters, NTFS trailing dots and spaces and what follows a colon.
	plain, _, _ := strings.Cut(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, name), ":")
	plain = strings.TrimRight(plain, ". ")
	switch {
	case name == "" || name == "." || name == "..":
		return "it is no name"
	case !utf8.ValidString(name):
		return "it is not UTF-8"
	case strings.ContainsFunc(name, isControl):
		return "control characters"
	case strings.ContainsAny(name, `/\`):
		return "a slash"
	case strings.EqualFold(plain, ".git") || strings.EqualFold(plain, "git~1"):
		return "it is git's own" // B19
	}
	return ""
}
