package forge_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// object is where a loose object of the repository lies.
func (w *world) object(sha string) string { return filepath.Join(w.dir, "objects", sha[:2], sha[2:]) }

// gitWith is real git with an input and more environment.
func (w *world) gitWith(input string, env []string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = w.dir, strings.NewReader(input)
	cmd.Env = append(append(cmd.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1"), env...)
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

func TestTreesAreTheOnesThatGitWouldMake(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var edits []fields
	for _, path := range []string{"a", "a-b", "a.b/x", "a0", "a.b0", "ab/x/y", "ab.c", "ab-", "é/ü", "z z", "A", ".gitignore", "-", "a\tb"} {
		edits = append(edits, fields{"path": path, "mode": "100644", "type": "blob", "content": path})
	}
	edits = append(edits, fields{"path": "run", "mode": "100755", "type": "blob", "content": "run"},
		fields{"path": "link", "mode": "120000", "type": "blob", "content": "a"},
		fields{"path": "empty", "mode": "100644", "type": "blob", "content": ""})
	for _, more := range [][]fields{nil, {{"path": "module", "mode": "160000", "type": "commit", "sha": strings.Repeat("1", 40)}}} { // loose, and left to git
		body := fields{"base_tree": w.main, "tree": append(edits, more...)}
		tree := w.ask("POST", "git/trees", body).want(201).text("sha")
		for line := range strings.Lines(w.run("ls-tree", "-r", "-t", tree) + "\n040000 tree " + tree + "\troot") {
			kind, sha := strings.Fields(line)[1], strings.Fields(line)[2]
			if kind != "tree" {
				continue
			}
			entries, _ := w.gitWith("", nil, "ls-tree", "-z", sha)
			if again, err := w.gitWith(entries, nil, "mktree", "-z"); again != sha {
				t.Errorf("git makes %s of the entries of %q, %v", again, line, err)
			}
		}
		w.run("fsck", "--strict", tree)
	}
}

func TestCommitsAreTheOnesThatGitWouldMake(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tree := w.run("rev-parse", "main^{tree}")
	for _, c := range []struct{ name, email, date, message, parents string }{
		{"ann", "ann@example.com", "2026-03-01T12:00:00Z", "one\n\ntwo\n", w.main},
		{"releaser[bot]", "1+releaser[bot]@example.com", "2000-01-01T00:00:00Z", "no line end", w.main},
		{"a. b-c_d", "a", "2099-12-31T23:59:59Z", " \n\n  blanks \n\n\n", ""},
		{"7", "x@y", "2024-02-29T23:59:59Z", "ümläute", w.main},
		// From here on git has something to say.
		{".ann.", "<ann@example.com>", "2026-03-01T12:00:00Z", "stripped", w.main},
		{"Ännchen", "ann@example.com", "2026-03-01T12:00:00+02:00", "a zone", w.main},
		{"ann", "ann@example.com", "2026-03-01T12:00:00.5Z", "a fraction", w.main},
		{"ann", "ann@example.com", "1999-12-31T23:59:59Z", "old", w.main},
		{"ann", "ann@example.com", "2026-03-01T12:00:00Z", "a rocket 🚀", w.main},
		{"ann", "ann@example.com", "2026-03-01T12:00:00Z", "a parent twice", w.main + " " + w.main},
		{"a\nb", "ann@example.com", "2026-03-01T12:00:00Z", "a name of two lines", w.main},
		{"ann", "ann@example.com", "2026-03-01T12:00:00Z", "a \ufdd0 that is no letter", w.main},
		{" ", "ann@example.com", "2026-03-01T12:00:00Z", "nobody", w.main},
		{"ann", "ann@example.com", "1969-12-31T12:00:00Z", "before time", w.main},
		{"ann", "ann@example.com", "2026-03-01T12:00:00Z", "a\x00b", w.main},
	} {
		args := []string{"commit-tree", tree}
		for _, p := range strings.Fields(c.parents) {
			args = append(args, "-p", p)
		}
		want, err := w.gitWith(c.message, []string{"GIT_AUTHOR_NAME=" + c.name, "GIT_AUTHOR_EMAIL=" + c.email, "GIT_AUTHOR_DATE=" + c.date,
			"GIT_COMMITTER_NAME=ann", "GIT_COMMITTER_EMAIL=ann@example.com", "GIT_COMMITTER_DATE=2026-03-01T12:00:00Z"}, args...)
		if err == nil { // so that the forge has to write it
			if err := os.Remove(w.object(want)); err != nil {
				t.Fatal(err)
			}
		}
		got := w.ask("POST", "git/commits", fields{"message": c.message, "tree": tree, "parents": append([]string{}, strings.Fields(c.parents)...),
			"author":    fields{"name": c.name, "email": c.email, "date": c.date},
			"committer": fields{"name": "ann", "email": "ann@example.com", "date": "2026-03-01T12:00:00Z"}})
		if err != nil {
			got.says(422, `"field":"author"`)
			continue
		}
		if sha := got.want(201).text("sha"); sha != want {
			t.Errorf("%q: %s, and git says %s", c.message, sha, want)
			continue
		}
		w.run("fsck", "--strict", want)
	}
}

func TestObjectsAreWrittenWholeAndStayYoung(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	write := func(content string) string {
		return w.ask("POST", "git/blobs", fields{"content": content}).want(201).text("sha")
	}
	long := strings.Repeat("long ", 100000)
	for _, content := range []string{"", "a", "\x00", long, long[:65535-len("blob 65524\x00")], long[:65536-len("blob 65525\x00")]} { // a block, and one byte more
		sha := write(content)
		if want, _ := w.gitWith(content, nil, "hash-object", "--stdin"); sha != want {
			t.Errorf("%.9q is %s, and git says %s", content, sha, want)
		}
		if got, err := w.gitWith("", nil, "cat-file", "blob", sha); got != strings.TrimSpace(content) {
			t.Errorf("git reads %.9q, %v", got, err)
		}
		if info, err := os.Stat(w.object(sha)); err != nil || info.Mode() != 0o444 {
			t.Errorf("%v, %v", info, err)
		}
	}
	sha, old := write(long), time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(w.object(sha), old, old); err != nil {
		t.Fatal(err)
	}
	write(long)
	w.run("prune", "--expire=2020-01-01")
	w.ask("GET", "git/blobs/"+sha, nil).want(200).shows("size", fmt.Sprint(len(long)))
	err := filepath.WalkDir(filepath.Join(w.dir, "objects"), func(path string, d fs.DirEntry, err error) error {
		if strings.HasPrefix(d.Name(), "tmp_") {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	w.run("fsck", "--strict")
}

func TestAnswersStayTheSameWhenGitPacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.git.Commit("main", "second\n-- a/b/c/d --\ndeep\n-- link -> README.md --\n-- a.b --\n1\n")
	w.main = w.run("rev-parse", "main")
	head := w.propose("next", "dev/voice/values.yaml", "image:\n  tag: \"b\"\n")
	w.run("tag", "-a", "-m", "v1", "v1", "main")
	w.run("symbolic-ref", "refs/heads/alias", "refs/heads/next")
	w.run("update-ref", "refs/tags/file", w.run("rev-parse", "main:README.md"))
	tree := w.run("rev-parse", "main^{tree}")
	paths := []string{"git/ref/heads/main", "git/ref/heads/next", "git/ref/heads/alias", "git/ref/heads/none", "git/ref/tags/v1", "git/ref/tags/file",
		"git/matching-refs/heads", "git/trees/main", "git/trees/" + tree + "?recursive=1", "git/trees/" + head + "?recursive=1", "git/trees/v1",
		"git/commits/" + head, "git/commits/" + tree, "git/blobs/" + w.run("rev-parse", "main:a.b"), "git/blobs/" + head,
		"contents/a/b", "contents/a/b/c/d", "contents/a.b/c", "contents/link", "commits/next", "commits/" + head[:9], "branches/next",
		"compare/main...next", "compare/next...main", "compare/main...main", "compare/v1...next", "pulls/1", "pulls/1/files", "pulls/1/commits"}
	answers := func() (all []reply) {
		for _, path := range paths {
			all = append(all, w.ask("GET", path, nil))
		}
		return all
	}
	loose := answers()
	replace := []string{"replace", head, w.main} // it is not followed in packs, as it cannot be in files
	for _, pack := range [][]string{{"pack-refs", "--all"}, {"repack", "-a", "-q"}, {"gc", "-q", "--prune=now"}, replace} {
		w.run(pack...)
		for i, got := range answers() {
			if got.status != loose[i].status || string(got.body) != string(loose[i].body) {
				t.Errorf("after git %s %s is %d\n%s\nand was %d\n%s", pack[0], paths[i], got.status, got.body, loose[i].status, loose[i].body)
			}
		}
	}
	if found, err := filepath.Glob(filepath.Join(w.dir, "objects/??/*")); len(found) > 0 || err != nil {
		t.Errorf("not everything was packed: %v, %v", found, err)
	}
	w.propose("more", "a/b/e", "1") // packed and loose beside each other
	if got := w.run("diff", "--name-only", "main", "more"); got != "a/b/e" {
		t.Errorf("the new commit changes %q", got)
	}
	w.ask("GET", "git/trees/more", nil).want(200).shows("tree.0.path", "README.md", "tree.0.size", "6")
	w.run("fsck", "--strict")
}

func TestWhatIsOddIsLeftToGit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tree, blob := w.run("rev-parse", "main^{tree}"), w.run("rev-parse", "main:README.md")
	put := func(path, content string) {
		t.Helper()
		_ = os.Remove(path)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	put(filepath.Join(w.dir, "refs/heads/gone"), strings.Repeat("1", 40)+"\n")
	put(filepath.Join(w.dir, "refs/heads/odd"), w.main[:39]+"\n")
	for _, name := range []string{"gone", "odd"} {
		if got := w.ask("GET", "git/ref/heads/"+name, nil); got.status < 400 {
			t.Errorf("%s is %s", name, got.body)
		}
		if err := os.Remove(filepath.Join(w.dir, "refs/heads", name)); err != nil {
			t.Fatal(err)
		}
	}

	w.run("repack", "-a", "-q") // without -d: what is loose stays
	whole, err := os.ReadFile(w.object(blob))
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range []string{"", "x", string(whole[:len(whole)-1]), string(whole[:len(whole)-8])} {
		put(w.object(blob), broken)
		w.ask("GET", "git/blobs/"+blob, nil).want(200).shows("size", "6")
	}

	for _, pack := range w.packs() {
		if err := os.Remove(pack); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(w.object(blob)); err != nil {
		t.Fatal(err)
	}
	if size, known := w.ask("GET", "git/trees/"+tree, nil).want(200).get("tree.0").(fields)["size"]; known {
		t.Errorf("a blob that is gone has the size %v", size)
	}
	edit := []fields{{"path": "x", "mode": "100644", "type": "blob", "content": "1"}}
	if got := w.ask("POST", "git/trees", fields{"base_tree": tree, "tree": edit}); got.status < 400 {
		t.Errorf("a tree with a blob that is gone is stored: %s", got.body)
	}
}

// packs are the files of packed objects.
func (w *world) packs() []string {
	all, err := filepath.Glob(filepath.Join(w.dir, "objects/pack/*"))
	if err != nil || len(all) == 0 {
		w.t.Fatalf("no packs, %v", err)
	}
	return all
}
