package forge_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCommitThroughTheAPIIsSeenByAClone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.branch("releaser/dev/voice", "dev/voice/values.yaml", "image:\n  tag: \"b\"\n")
	clone := filepath.Join(t.TempDir(), "clone")
	command(t, ".", "clone", "-q", "-b", "releaser/dev/voice", w.dir, clone)
	data, err := os.ReadFile(filepath.Join(clone, "dev/voice/values.yaml"))
	if err != nil || string(data) != "image:\n  tag: \"b\"\n" {
		t.Errorf("the clone has %q, %v", data, err)
	}
	if got := command(t, clone, "diff", "--name-only", "HEAD^", "HEAD"); got != "dev/voice/values.yaml" {
		t.Errorf("the commit changes %q", got)
	}
	if got := command(t, clone, "log", "-1", "--format=%an %s %aI"); got != "ann set dev/voice/values.yaml 2026-03-01T12:00:00+00:00" {
		t.Errorf("the commit is %q", got)
	}
}

func TestEqualCommitsHaveEqualNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if a, b := w.commit(w.main, "a", "1"), w.commit(w.main, "a", "1"); a != b {
		t.Errorf("%s and %s", a, b)
	}
}

func TestCommitIsItsCallersUnlessItSaysOtherwise(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tree := w.run("rev-parse", "main^{tree}")
	body := fields{"message": "one\n\ntwo\n", "tree": tree, "parents": []string{w.main}}
	w.ask("POST", "git/commits", body).want(201).shows("author.name", "ann", "committer.name", "ann", "message", "one\n\ntwo\n",
		"author.date", "2026-03-01T12:00:00Z", "parents.0.sha", w.main, "verification.reason", "unsigned")
	body["author"] = fields{"name": "bob", "email": "bob@example.com", "date": "2020-01-02T03:04:05Z"}
	sha := w.ask("POST", "git/commits", body).want(201).shows("author.name", "bob", "committer.name", "bob", "committer.date", "2020-01-02T03:04:05Z").text("sha")
	w.ask("GET", "git/commits/"+sha, nil).want(200).shows("author.email", "bob@example.com", "tree.sha", tree)
	w.ask("GET", "commits/"+sha, nil).want(200).shows("commit.author.name", "bob", "author", "<nil>", "stats.total", "0")

	for field, want := range map[string]string{"message": "missing_field", "tree": "Tree SHA does not exist"} {
		bad := fields{"message": "m", "tree": tree}
		bad[field] = ""
		w.ask("POST", "git/commits", bad).says(422, want)
	}
	w.ask("POST", "git/commits", fields{"message": "m", "tree": tree, "author": fields{"name": " ", "email": "x"}}).says(422, `"field":"author"`)
	w.ask("POST", "git/commits", fields{"message": "m", "tree": tree, "author": fields{"name": "a", "email": "x", "date": "2020-02-30T00:00:00Z"}}).says(422, `"field":"date"`)
	w.ask("POST", "git/commits", fields{"message": "m", "tree": tree, "parents": []string{tree}}).says(422, "Parent SHA does not exist")
}

func TestTreeIsEditedByPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	blob := w.ask("POST", "git/blobs", fields{"content": "b"}).want(201).text("sha")
	edit := func(base string, entries ...fields) reply {
		return w.ask("POST", "git/trees", fields{"base_tree": base, "tree": entries})
	}
	file := func(path string, more fields) fields {
		e := fields{"path": path, "mode": "100644", "type": "blob"}
		for k, v := range more {
			e[k] = v
		}
		return e
	}
	for name, row := range map[string]struct {
		edits []fields
		want  string
	}{
		"a new folder":         {[]fields{file("x/y/z", fields{"content": "1"})}, "README.md dev/voice/values.yaml prod/voice/values.yaml x/y/z"},
		"by sha":               {[]fields{file("b", fields{"sha": blob})}, "README.md b dev/voice/values.yaml prod/voice/values.yaml"},
		"a deletion":           {[]fields{file("README.md", fields{"sha": nil})}, "dev/voice/values.yaml prod/voice/values.yaml"},
		"an emptied folder":    {[]fields{file("dev/voice/values.yaml", fields{"sha": nil})}, "README.md prod/voice/values.yaml"},
		"a file for a folder":  {[]fields{file("dev", fields{"content": "1"})}, "README.md dev prod/voice/values.yaml"},
		"a folder for a file":  {[]fields{file("README.md/x", fields{"content": "1"})}, "README.md/x dev/voice/values.yaml prod/voice/values.yaml"},
		"two in one folder":    {[]fields{file("dev/a", fields{"content": "1"}), file("dev/b", fields{"content": "2"})}, "README.md dev/a dev/b dev/voice/values.yaml prod/voice/values.yaml"},
		"an executable":        {[]fields{{"path": "run", "mode": "100755", "type": "blob", "content": "1"}}, "README.md dev/voice/values.yaml prod/voice/values.yaml run"},
		"a whole tree by name": {[]fields{{"path": "copy", "mode": "040000", "type": "tree", "sha": w.run("rev-parse", "main:dev")}}, "README.md copy/voice/values.yaml dev/voice/values.yaml prod/voice/values.yaml"},
	} {
		sha := edit(w.main, row.edits...).want(201).text("sha")
		if again := edit(w.main, row.edits...).want(201).text("sha"); again != sha {
			t.Errorf("%s: the second time gives %s, not %s", name, again, sha)
		}
		if got := strings.ReplaceAll(w.run("ls-tree", "-r", "--name-only", sha), "\n", " "); got != row.want {
			t.Errorf("%s: the tree holds %q, want %q", name, got, row.want)
		}
		w.run("fsck", "--strict", sha)
	}
	if got := edit("", file("only", fields{"content": "1"})).want(201); len(got.get("tree").([]any)) != 1 {
		t.Errorf("a tree without base holds %s", got.body)
	}

	edit(w.main, file("none", fields{"sha": nil})).says(422, "BadObjectState")
	for _, path := range []string{"", "/a", "a//b", "../a", "a/.", ".git/config", "a/.GIT/x"} {
		edit(w.main, file(path, fields{"content": "1"})).says(422, "malformed path component")
	}
	edit(w.main, file("a", fields{"sha": w.main})).says(422, "is not a valid blob")
	edit(w.main, fields{"path": "a", "mode": "160000", "type": "commit", "sha": "x\x00y"}).says(422, "is not a valid commit")
	edit(w.main, file("a", fields{"sha": blob, "content": "1"})).says(422, "not both")
	edit(w.main, fields{"path": "a", "mode": "100644", "type": "tree", "content": "1"}).says(422, "valid tree.mode")
	edit(strings.Repeat("1", 40), file("a", fields{"content": "1"})).want(404)
	w.ask("POST", "git/trees", fields{"base_tree": w.main, "tree": []fields{}}).says(422, "Invalid tree info")
}

// A client that takes the answer's sha for the tree's name is wrong, here as at GitHub.
func TestTreeOfACommitIsCalledByTheCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	flat := w.ask("GET", "git/trees/main", nil).want(200).shows("sha", w.main, "truncated", "false")
	if n := len(flat.get("tree").([]any)); n != 3 {
		t.Errorf("%d entries at the top", n)
	}
	deep := w.ask("GET", "git/trees/"+w.main+"?recursive=1", nil).want(200)
	if n := len(deep.get("tree").([]any)); n != 7 {
		t.Errorf("%d entries in all", n)
	}
	deep.shows("tree.3.path", "dev/voice/values.yaml", "tree.3.mode", "100644", "tree.3.type", "blob", "tree.3.size", "18")
	tree := w.run("rev-parse", "main^{tree}")
	w.ask("GET", "git/trees/"+tree, nil).want(200).shows("sha", tree)
	w.ask("GET", "git/trees/none", nil).want(404)
}

func TestBlobsComeAndGoByteForByte(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	content := "a\r\n\x00\xff" + strings.Repeat("long ", 100)
	body := fields{"content": base64.StdEncoding.EncodeToString([]byte(content)), "encoding": "base64"}
	sha := w.ask("POST", "git/blobs", body).want(201).text("sha")
	w.ask("POST", "git/blobs", body).want(201).shows("sha", sha)
	got := w.ask("GET", "git/blobs/"+sha, nil).want(200).shows("encoding", "base64", "size", "505")
	data, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(got.text("content"), "\n", ""))
	if err != nil || string(data) != content {
		t.Errorf("the blob is %q, %v", data, err)
	}
	w.ask("POST", "git/blobs", fields{"content": "hello\n", "encoding": "utf-8"}).want(201).shows("sha", w.run("rev-parse", "main:README.md"))
	w.ask("POST", "git/blobs", fields{"content": "!", "encoding": "base64"}).says(422, "not valid Base64")
	w.ask("GET", "git/blobs/"+w.main, nil).want(404)
}

func TestContentsAreReadAtAnyRef(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.branch("next", "dev/voice/values.yaml", "image:\n  tag: \"b\"\n")
	w.git.Commit("odd", "odd\n-- big.txt --\n"+strings.Repeat("0123456789", 110000)+"\n-- link -> dev --\n-- a b#c.txt --\nx\n")
	w.ask("GET", "contents/dev/voice/values.yaml", nil).want(200).shows("type", "file", "name", "values.yaml", "size", "18",
		"content", base64.StdEncoding.EncodeToString([]byte("image:\n  tag: \"a\"\n"))+"\n")
	w.ask("GET", "contents/dev/voice/values.yaml?ref=next", nil).want(200).shows("content", base64.StdEncoding.EncodeToString([]byte("image:\n  tag: \"b\"\n"))+"\n")
	w.ask("GET", "contents/dev", nil).want(200).shows("0.type", "dir", "0.path", "dev/voice")
	w.ask("GET", "contents/link?ref=odd", nil).want(200).shows("type", "symlink", "target", "dev")
	w.ask("GET", "contents/a%20b%23c.txt?ref=odd", nil).want(200).shows("name", "a b#c.txt")
	w.ask("GET", "contents/big.txt?ref=odd", nil).want(200).shows("encoding", "none", "content", "", "size", "1100001") // above 1 MiB
	w.ask("GET", "contents/none", nil).want(404)
	w.ask("GET", "contents/README.md/x", nil).want(404)
	w.ask("GET", "contents/README.md?ref=none", nil).says(404, "No commit found")
}
