package forge

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// entryOf begins an entry by its mode as a tree object spells it; ok is false for modes that git does not write today.
func entryOf(mode string) (e treeEntry, ok bool) {
	switch mode {
	case "100644", "100755", "120000":
		return treeEntry{mode: mode, kind: "blob", size: -1}, true
	case "40000":
		return treeEntry{mode: "040000", kind: "tree", size: -1}, true
	case "160000":
		return treeEntry{mode: mode, kind: "commit", size: -1}, true
	}
	return treeEntry{}, false
}

// looseRoot is a loose tree, or that of a loose commit.
func (b bare) looseRoot(sha string) (object, bool) {
	if !validSHA(sha) {
		return object{}, false
	}
	o, found := b.loose(sha)
	if o.kind == "commit" && validSHA(parseCommit(o).tree) {
		o, found = b.loose(parseCommit(o).tree)
	}
	return o, found && o.kind == "tree"
}

// looseList reads a tree whose every part is loose. Sizes are not known yet.
func (b bare) looseList(tree string, deep bool) ([]treeEntry, bool) {
	root, found := b.looseRoot(tree)
	if !found {
		return nil, false
	}
	here, sound := parseTree(root.data)
	if !sound || !deep {
		return here, sound
	}
	var all []treeEntry
	for _, e := range here {
		all = append(all, e)
		if e.kind != "tree" {
			continue
		}
		below, found := b.looseList(e.sha, true)
		if !found {
			return nil, false
		}
		for _, inner := range below {
			inner.path = e.path + "/" + inner.path
			all = append(all, inner)
		}
	}
	return all, true
}

// parseTree reads entries of `mode name NUL` and twenty bytes.
func parseTree(data []byte) ([]treeEntry, bool) {
	var all []treeEntry
	for len(data) > 0 {
		head, rest, found := bytes.Cut(data, []byte{0})
		mode, name, _ := strings.Cut(string(head), " ")
		e, known := entryOf(mode)
		if !found || !known || name == "" || len(rest) < 20 {
			return nil, false
		}
		e.path, e.sha = name, hex.EncodeToString(rest[:20])
		all = append(all, e)
		data = rest[20:]
	}
	return all, true
}

// measure finds the sizes of blobs, those that are not loose in one process. A blob that is missing keeps -1.
func (b bare) measure(entries []treeEntry) error {
	var others []int
	var ask strings.Builder
	for i, e := range entries {
		if e.kind != "blob" || e.size >= 0 {
			continue
		}
		if o, found := b.openLoose(e.sha); found {
			entries[i].size = o.size
			_ = o.Close()
			continue
		}
		others = append(others, i)
		fmt.Fprintln(&ask, e.sha)
	}
	if len(others) == 0 {
		return nil
	}
	out, err := b.git([]byte(ask.String()), "cat-file", "--batch-check=%(objectsize)")
	for n, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		if size, bad := strconv.Atoi(line); bad == nil && n < len(others) {
			entries[others[n]].size = size
		}
	}
	return err
}

// looseTree makes the bytes of a tree whose entries are all loose and what they say they are.
func (b bare) looseTree(entries map[string]treeEntry) ([]byte, bool) {
	var all []treeEntry
	for name, e := range entries {
		e.path = name
		if !b.plain(e) {
			return nil, false
		}
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b treeEntry) int { return cmp.Compare(a.sortKey(), b.sortKey()) })
	var out []byte
	for _, e := range all {
		out = fmt.Appendf(out, "%s %s\x00", strings.TrimPrefix(e.mode, "0"), e.path)
		out, _ = hex.AppendDecode(out, []byte(e.sha))
	}
	return out, true
}

// plain reports an entry that nobody can object to.
func (b bare) plain(e treeEntry) bool {
	known, _ := entryOf(strings.TrimPrefix(e.mode, "0"))
	return known.mode == e.mode && known.kind == e.kind && validPath(e.path) && !strings.Contains(e.path, "/") &&
		validSHA(e.sha) && b.looseKind(e.sha) == e.kind
}

// sortKey orders trees as git does: as if their names ended with a slash.
func (e treeEntry) sortKey() string {
	if e.kind == "tree" {
		return e.path + "/"
	}
	return e.path
}
