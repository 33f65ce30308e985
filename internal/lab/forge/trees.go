package forge

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// emptyTree is the name of a tree without entries, which git knows without storing it.
const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

// treeEntry is one name in a tree.
type treeEntry struct {
	path, mode, kind, sha string
	size                  int // of blobs; -1 for others
}

// list reads a tree, with everything below it when deep.
func (b bare) list(tree string, deep bool) ([]treeEntry, error) {
	if all, loose := b.looseList(tree, deep); loose {
		return all, b.measure(all)
	}
	return b.listTree(tree, deep)
}

// listTree is list by git.
func (b bare) listTree(tree string, deep bool) ([]treeEntry, error) {
	args := []string{"ls-tree", "-z", "-l"}
	if deep {
		args = append(args, "-r", "-t")
	}
	out, err := b.git(nil, append(args, tree)...)
	if err != nil {
		return nil, err
	}
	var all []treeEntry
	for line := range bytes.SplitSeq(out, []byte{0}) {
		head, path, found := strings.Cut(string(line), "\t")
		words := strings.Fields(head)
		if !found || len(words) != 4 {
			continue
		}
		size, err := strconv.Atoi(words[3])
		if err != nil {
			size = -1
		}
		all = append(all, treeEntry{path, words[0], words[1], words[2], size})
	}
	return all, nil
}

// at finds one path in a tree.
func (b bare) at(tree, path string) (treeEntry, bool, error) {
	entry := treeEntry{path: path, mode: "040000", kind: "tree", sha: tree, size: -1}
	for part := range strings.SplitSeq(path, "/") {
		if entry.kind != "tree" {
			return treeEntry{}, false, nil
		}
		entries, err := b.level(entry.sha)
		if err != nil {
			return treeEntry{}, false, err
		}
		var found bool
		if entry, found = entries[part]; !found {
			return treeEntry{}, false, nil
		}
	}
	entry.path = path
	one := []treeEntry{entry}
	err := b.measure(one)
	return one[0], err == nil, err
}

// write stores a tree of one level. What could be wrong with it is git's to say.
func (b bare) write(entries map[string]treeEntry) (string, error) {
	if data, loose := b.looseTree(entries); loose {
		return b.store("tree", data)
	}
	var in bytes.Buffer
	for name, e := range entries {
		fmt.Fprintf(&in, "%s %s %s\t%s\x00", e.mode, e.kind, e.sha, name)
	}
	return b.line(in.Bytes(), "mktree", "-z")
}

// errNoPath is a deletion of what is not there.
var errNoPath = errors.New("path is not in the tree")

// edit applies entries with paths of any depth to a tree and gives the new one. An entry without sha deletes; an emptied
// folder disappears, as git has none.
func (b bare) edit(tree string, edits []treeEntry) (string, error) {
	here, err := b.level(tree)
	if err != nil {
		return "", err
	}
	below := map[string][]treeEntry{}
	for _, e := range edits {
		name, rest, deeper := strings.Cut(e.path, "/")
		if deeper {
			e.path = rest
			below[name] = append(below[name], e)
			continue
		}
		if e.sha != "" {
			here[name] = e
			continue
		}
		if _, there := here[name]; !there {
			return "", errNoPath
		}
		delete(here, name)
	}
	for name, inner := range below {
		child := emptyTree
		if old, there := here[name]; there && old.kind == "tree" {
			child = old.sha
		}
		if child, err = b.edit(child, inner); err != nil {
			return "", err
		}
		here[name] = treeEntry{mode: "040000", kind: "tree", sha: child}
		if child == emptyTree {
			delete(here, name)
		}
	}
	return b.write(here)
}

// level is one level of a tree by name; sizes may be missing.
func (b bare) level(tree string) (map[string]treeEntry, error) {
	entries, loose := b.looseList(tree, false)
	var err error
	if !loose {
		entries, err = b.listTree(tree, false)
	}
	byName := map[string]treeEntry{}
	for _, e := range entries {
		byName[e.path] = e
	}
	return byName, err
}

type treeJSON struct {
	SHA       string      `json:"sha"`
	URL       string      `json:"url"`
	Tree      []entryJSON `json:"tree"`
	Truncated bool        `json:"truncated"`
}

type entryJSON struct {
	Path string `json:"path"`
	Mode string `json:"mode"`
	Type string `json:"type"`
	SHA  string `json:"sha"`
	Size *int   `json:"size,omitempty"`
	URL  string `json:"url,omitempty"`
}

func (c *call) tree(sha string, deep bool) (treeJSON, error) {
	entries, err := c.repo.git.list(sha, deep)
	out := treeJSON{SHA: sha, URL: c.api() + "/git/trees/" + sha, Tree: []entryJSON{}}
	for _, e := range entries {
		j := entryJSON{Path: e.path, Mode: e.mode, Type: e.kind, SHA: e.sha}
		if e.kind != "commit" { // a submodule's commit lives elsewhere
			j.URL = c.api() + "/git/" + e.kind + "s/" + e.sha
		}
		if e.size >= 0 {
			j.Size = &e.size
		}
		out.Tree = append(out.Tree, j)
	}
	return out, err
}

// getTree takes the name of a commit or branch too. The answer's sha is then the commit's, not the tree's: a trap
// that GitHub sets as well.
func getTree(c *call) (answer, error) {
	name := c.r.PathValue("sha")
	if _, isTree, err := c.repo.git.object(name, "tree"); err != nil {
		return answer{}, err
	} else if !isTree {
		commit, found, err := c.repo.git.commitOf(name)
		if err != nil || !found {
			return answer{}, orNotFound(err)
		}
		name = commit
	}
	tree, err := c.tree(name, c.r.URL.Query().Has("recursive")) // any value, even 0 or false, as documented
	if err != nil {
		return answer{}, err
	}
	return ok(tree)
}

// newTree is the body of a creation. A sha that is present and null deletes the path.
type newTree struct {
	BaseTree string `json:"base_tree"`
	Tree     []struct {
		Path, Mode, Type string
		SHA              *string
		Content          *string
	}
}

func createTree(c *call) (answer, error) {
	var in newTree
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	base, err := c.baseTree(in.BaseTree)
	if err != nil {
		return answer{}, err
	}
	var edits []treeEntry
	for _, e := range in.Tree {
		edit, err := c.treeEdit(e.Path, e.Mode, e.Type, e.SHA, e.Content)
		if err != nil {
			return answer{}, err
		}
		edits = append(edits, edit)
	}
	if len(edits) == 0 {
		return answer{}, unprocessable("Invalid tree info")
	}
	sha, err := c.repo.git.edit(base, edits)
	if errors.Is(err, errNoPath) {
		return answer{}, unprocessable("GitRPC::BadObjectState")
	}
	if err != nil {
		return answer{}, err
	}
	tree, err := c.tree(sha, false)
	if err != nil {
		return answer{}, err
	}
	return created(tree, tree.URL)
}

// baseTree is a tree, or the tree of a commit, which GitHub takes too.
func (c *call) baseTree(sha string) (string, error) {
	if sha == "" {
		return emptyTree, nil
	}
	if !validSHA(sha) {
		return "", unprocessable("base_tree is not a valid tree oid")
	}
	if tree, loose := c.repo.git.looseRoot(sha); loose {
		return tree.sha, nil
	}
	tree, err := c.repo.git.line(nil, "rev-parse", "--verify", "--quiet", sha+"^{tree}")
	if exitCode(err) > 0 {
		return "", &problem{Status: http.StatusNotFound, Message: "base_tree does not exist"}
	}
	return tree, err
}

// treeEdit checks one entry of a new tree and stores its content.
func (c *call) treeEdit(path, mode, kind string, sha, content *string) (treeEntry, error) {
	if !validPath(path) {
		return treeEntry{}, unprocessable("tree.path contains a malformed path component")
	}
	kinds := map[string]string{"100644": "blob", "100755": "blob", "120000": "blob", "040000": "tree", "160000": "commit"}
	if kinds[mode] == "" || kind != "" && kind != kinds[mode] {
		return treeEntry{}, unprocessable("Must supply a valid tree.mode and tree.type")
	}
	e := treeEntry{path: path, mode: mode, kind: kinds[mode]}
	switch {
	case content != nil && sha != nil:
		return e, unprocessable("Must supply either tree.sha or tree.content, not both")
	case content != nil:
		stored, err := c.repo.git.blob([]byte(*content))
		e.sha = stored
		return e, err
	case sha == nil:
		return e, nil
	}
	found := e.kind == "commit" && validSHA(*sha) // a submodule's commit lives elsewhere
	if e.kind != "commit" {
		var err error
		if _, found, err = c.repo.git.object(*sha, e.kind); err != nil {
			return e, err
		}
	}
	if !found {
		return e, unprocessable("tree.sha %s is not a valid %s", *sha, e.kind)
	}
	e.sha = *sha
	return e, nil
}

// validPath reports a path that git stores: no empty, dot or .git component.
func validPath(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." || strings.EqualFold(part, ".git") || strings.Contains(part, "\x00") {
			return false
		}
	}
	return true
}
