package github

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/forge"
)

// Names that sort one way as files and another as folders, every mode, and depth.
const oddTree = `odd
-- a/one --
1
-- a.b --
2
-- a-b/c/d/e --
3
-- a0 --
4
-- run [exec] --
#!/bin/sh
-- link -> a/one --
-- sub [submodule] --
0123456789012345678901234567890123456789
-- ünïcode/ключ --
5
`

func TestTreeIsNamedAsGitNamesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	commit := w.git.Commit("main", oddTree)
	tree, err := w.api.Tree(t.Context(), commit)
	if err != nil {
		t.Fatal(err)
	}
	if want := w.git.Git("rev-parse", commit+"^{tree}"); tree.SHA != want {
		t.Errorf("computed %s, git says %s", tree.SHA, want)
	}
}

func TestTreeWithOtherContentsIsNamedAsGitNamesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	commit := w.git.Commit("main", oddTree)
	tree, err := w.api.Tree(t.Context(), commit)
	if err != nil {
		t.Fatal(err)
	}
	before := tree.SHA
	next, err := tree.With(map[string][]byte{"a-b/c/d/e": []byte("new\n"), "run": []byte("#!/bin/bash\n")})
	if err != nil {
		t.Fatal(err)
	}
	after := w.git.Commit("main", "edit\n-- a-b/c/d/e --\nnew\n-- run [exec] --\n#!/bin/bash\n")
	if want := w.git.Git("rev-parse", after+"^{tree}"); next.SHA != want {
		t.Errorf("computed %s, git says %s", next.SHA, want)
	}
	if got := strings.Join(tree.Changed(next), " "); got != "a-b/c/d/e run" {
		t.Errorf("changed: %s", got)
	}
	if tree.SHA != before || tree.hash(".") != before {
		t.Error("the tree itself changed")
	}
}

func TestNothingIsCreatedInATree(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	tree, err := w.api.Tree(t.Context(), w.git.Commit("main", oddTree))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"absent", "a", "link", "sub"} {
		if _, err := tree.With(map[string][]byte{path: []byte("x")}); err == nil {
			t.Errorf("%s was overwritten", path)
		}
	}
}

func TestTruncatedTreeIsRefused(t *testing.T) {
	t.Parallel()
	r := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"sha":"aa","tree":[],"truncated":true}`))
	})
	var refused *Refused
	if _, err := r.Tree(t.Context(), "aa"); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}

func TestFilesAreReadOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	paths := []string{"dev/voice-agent/values.yaml", "absent.yaml", "README"}
	for _, want := range []int{3, 0} { // the tree and two files, then nothing
		w.requests()
		files, err := w.api.Files(t.Context(), w.base, paths)
		if err != nil {
			t.Fatal(err)
		}
		if _, there := files["absent.yaml"]; there || string(files["README"]) != "hello\n" || len(files) != 2 {
			t.Errorf("got %q", files)
		}
		if n := w.requests(); n != want {
			t.Errorf("%d requests, want %d", n, want)
		}
	}
}

func TestLinkIsNoFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	commit := w.git.Commit("main", oddTree)
	var refused *Refused
	if _, err := w.api.Files(t.Context(), commit, []string{"link"}); !errors.As(err, &refused) || !strings.Contains(err.Error(), "link") {
		t.Errorf("got %v", err)
	}
}

func TestOtherBytesThanTheTreeNamesAreNotRead(t *testing.T) {
	t.Parallel()
	r := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/trees/") {
			w.Write([]byte(`{"sha":"aa","tree":[{"path":"f","mode":"100644","type":"blob","sha":"` + blobSHA([]byte("good")) + `","size":4}]}`))
			return
		}
		w.Write([]byte(`{"encoding":"base64","content":"ZXZpbA=="}`))
	})
	if files, err := r.Files(t.Context(), "aa", []string{"f"}); err == nil {
		t.Errorf("read %q", files)
	}
}

func TestCommitHoldsExactlyTheBytes(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"crlf": "a: 1\r\nb: \"2\"\r\n", "no final newline": "a: 1", "mark": "\ufeffa: 1\n",
		"separators": "a: \"\u2028\u2029\u0085\"\n", "html": "a: \"<&>\"\n", "blank lines": "a: 1\n\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, forge.Options{})
			commit := w.edit(t, w.base, content)
			if got := w.git.Git("diff", "--name-only", w.base, commit); got != "dev/voice-agent/values.yaml" {
				t.Errorf("changed %q", got)
			}
			fresh := w.client(t, Static(botToken)).Repository(environments)
			files, err := fresh.Files(t.Context(), commit, []string{"dev/voice-agent/values.yaml"})
			if err != nil || string(files["dev/voice-agent/values.yaml"]) != content {
				t.Errorf("got %q, %v", files, err)
			}
			if got := w.git.Git("ls-tree", commit, "dev/run.sh"); !strings.HasPrefix(got, "100755") {
				t.Errorf("mode lost: %s", got)
			}
		})
	}
}

func TestCommitNamesNoAuthorAndKeepsItsParents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	second := w.edit(t, w.base, "x: 1\n")
	merge, err := w.api.Commit(t.Context(), Commit{Message: "merge", Parents: []string{second, w.base}, Base: w.base,
		Files: map[string][]byte{"README": []byte("bye\n")}})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.git.Git("show", "-s", "--format=%an %P", merge); got != "releaser "+second+" "+w.base {
		t.Errorf("author and parents: %s", got)
	}
}

func TestAnotherTreeThanAskedForIsNotCommitted(t *testing.T) {
	t.Parallel()
	var committed bool
	r := answering(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet:
			w.Write([]byte(`{"sha":"aa","tree":[{"path":"f","mode":"100644","type":"blob","sha":"` + blobSHA([]byte("old")) + `","size":3}]}`))
		case strings.HasSuffix(r.URL.Path, "/trees"):
			w.WriteHeader(http.StatusCreated)
			w.Write([]byte(`{"sha":"4b825dc642cb6eb9a060e54bf8d69288fbee4904"}`))
		default:
			committed = true
		}
	})
	_, err := r.Commit(t.Context(), Commit{Message: "m", Base: "aa", Files: map[string][]byte{"f": []byte("new")}})
	if err == nil || committed {
		t.Errorf("committed: %v, error %v", committed, err)
	}
}

func TestFileNameThatIsNoTextIsRefusedWithIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	head := w.git.Commit("main", "odd\n-- caf\xe9.txt --\n1\n")
	_, err := w.api.Commit(t.Context(), Commit{
		Message: "an edit", Parents: []string{head}, Base: head,
		Files: map[string][]byte{"dev/voice-agent/values.yaml": []byte("a: 1\n")},
	})
	var refused *Refused
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "is no UTF-8 there") {
		t.Errorf("got %v", err)
	}
}
