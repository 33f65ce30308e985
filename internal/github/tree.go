package github

import (
	"context"
	"crypto/sha1" // names git objects; nothing is proved by it
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	gh "github.com/google/go-github/v60/github"
)

// Entry is one file, folder, link or submodule of a tree.
type Entry struct {
	Path string
	Mode string // git's: 100644, 100755, 040000 folder, 120000 link, 160000 submodule
	SHA  string
	Size int
}

// Regular tells whether the entry is a file.
func (e Entry) Regular() bool { return e.Mode == "100644" || e.Mode == "100755" }

// Tree is all that a commit holds. It is never changed once made.
type Tree struct {
	// SHA is git's name of the tree, computed here from what is listed.
	SHA     string
	entries map[string]Entry
	folders map[string][]string // folder -> paths directly in it
}

// Tree lists everything that a commit holds, in one request, none when it was listed before.
func (r *Repository) Tree(ctx context.Context, commit string) (*Tree, error) {
	if t := r.seen.tree(commit); t != nil {
		return t, nil
	}
	listed, _, err := r.api.Git.GetTree(ctx, r.owner, r.name, commit, true)
	if err != nil {
		return nil, explain(r.fullName, "tree of "+commit, err)
	}
	if listed.GetTruncated() {
		return nil, &Refused{Repository: r.fullName, Reason: "it has too many files to be listed at once (100,000): keep environments in a smaller repository"}
	}
	t := plant(entriesOf(listed.Entries))
	r.seen.keepTree(commit, t)
	return t, nil
}

func entriesOf(listed []*gh.TreeEntry) map[string]Entry {
	entries := make(map[string]Entry, len(listed))
	for _, e := range listed {
		entries[e.GetPath()] = Entry{Path: e.GetPath(), Mode: e.GetMode(), SHA: e.GetSHA(), Size: e.GetSize()}
	}
	return entries
}

func plant(entries map[string]Entry) *Tree {
	t := &Tree{entries: entries, folders: map[string][]string{}}
	for p := range entries {
		dir := path.Dir(p)
		t.folders[dir] = append(t.folders[dir], p)
	}
	t.SHA = t.hash(".")
	return t
}

// Entry returns what stands at a path.
func (t *Tree) Entry(path string) (Entry, bool) {
	e, ok := t.entries[path]
	return e, ok
}

// Paths lists all files, links and submodules, sorted.
func (t *Tree) Paths() []string {
	return slices.Sorted(func(yield func(string) bool) {
		for p, e := range t.entries {
			if e.Mode != "040000" && !yield(p) {
				return
			}
		}
	})
}

// With returns the tree that results when files that are there get other contents. A path that is no
// regular file is an error: nothing is created here.
func (t *Tree) With(files map[string][]byte) (*Tree, error) {
	next := &Tree{entries: maps.Clone(t.entries), folders: t.folders}
	for p, data := range files {
		e, ok := next.entries[p]
		if !ok || !e.Regular() {
			return nil, fmt.Errorf("%s is no file of the tree", p)
		}
		e.SHA, e.Size = blobSHA(data), len(data)
		next.entries[p] = e
	}
	for _, dir := range foldersAbove(slices.Collect(maps.Keys(files))) {
		if e, ok := next.entries[dir]; ok {
			e.SHA = next.hash(dir)
			next.entries[dir] = e
		}
	}
	next.SHA = next.hash(".")
	return next, nil
}

// unreadable finds an entry beside the files, or beside a folder above them, whose name GitHub could not
// give: the API puts U+FFFD in place of what is no UTF-8, so that no hash over it is the right one.
func (t *Tree) unreadable(files []string) string {
	for _, dir := range append(foldersAbove(files), ".") {
		for _, p := range t.folders[dir] {
			if strings.ContainsRune(path.Base(p), unicode.ReplacementChar) {
				return p
			}
		}
	}
	return ""
}

// foldersAbove lists every folder above the paths, deepest first.
func foldersAbove(paths []string) []string {
	set := map[string]bool{}
	for _, p := range paths {
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			set[dir] = true
		}
	}
	dirs := slices.Collect(maps.Keys(set))
	slices.SortFunc(dirs, func(a, b string) int { return strings.Count(b, "/") - strings.Count(a, "/") })
	return dirs
}

// Changed lists the paths at which two trees differ, sorted.
func (t *Tree) Changed(other *Tree) []string {
	set := map[string]bool{}
	for _, pair := range [][2]*Tree{{t, other}, {other, t}} {
		for p, e := range pair[0].entries {
			o, ok := pair[1].entries[p]
			if e.Mode != "040000" && (!ok || o.SHA != e.SHA || o.Mode != e.Mode) {
				set[p] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// hash computes git's name of a folder from the names of what is directly in it.
func (t *Tree) hash(dir string) string {
	paths := slices.Clone(t.folders[dir])
	slices.SortFunc(paths, func(a, b string) int { return strings.Compare(t.sortKey(a), t.sortKey(b)) })
	var body strings.Builder
	for _, p := range paths {
		e := t.entries[p]
		raw, _ := hex.DecodeString(e.SHA)
		body.WriteString(strings.TrimLeft(e.Mode, "0") + " " + path.Base(p) + "\x00" + string(raw))
	}
	return objectSHA("tree", body.String())
}

// sortKey is git's order: a folder sorts as if its name ended in a slash.
func (t *Tree) sortKey(p string) string {
	if t.entries[p].Mode == "040000" {
		return path.Base(p) + "/"
	}
	return path.Base(p)
}

func blobSHA(data []byte) string { return objectSHA("blob", string(data)) }

func objectSHA(kind, body string) string {
	sum := sha1.Sum([]byte(kind + " " + strconv.Itoa(len(body)) + "\x00" + body))
	return hex.EncodeToString(sum[:])
}
