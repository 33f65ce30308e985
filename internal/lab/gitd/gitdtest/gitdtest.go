// Package gitdtest builds git repositories for tests from txtar text, at fixed times, and serves them over HTTP, TLS
// and SSH. Equal text makes equal commits on every machine.
package gitdtest

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/releaser/releaser/internal/lab/gitd"
)

// Epoch is the time of a repository's first commit. Each further commit or tag is a minute later.
var Epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Repo is a bare repository whose every failure ends the test.
type Repo struct {
	*gitd.Repository
	t   testing.TB
	now time.Time
}

// New makes a bare repository at root/name.
func New(t testing.TB, root, name string, features gitd.Features) *Repo {
	t.Helper()
	r, err := gitd.Init(t.Context(), filepath.Join(root, filepath.FromSlash(name)), features)
	if err != nil {
		t.Fatal(err)
	}
	return &Repo{Repository: r, t: t, now: Epoch}
}

// Commit adds the files of a txtar text to a branch and returns the commit. The text before the first file is the
// message. A name may say more than a path:
//
//	-- link -> target --        a symbolic link
//	-- run.sh [exec] --         an executable file
//	-- sub [submodule] --       a submodule; the content is the commit's name
//	-- old.txt [delete] --      a file of the branch that goes
func (r *Repo) Commit(branch, text string) string {
	r.t.Helper()
	archive := txtar.Parse([]byte(text))
	files := map[string]gitd.File{}
	for _, f := range archive.Files {
		name, file := parse(f)
		files[name] = file
	}
	message := strings.TrimSpace(string(archive.Comment))
	if message == "" {
		message = "a commit"
	}
	commit, err := r.Repository.Commit(r.t.Context(), gitd.Commit{Branch: branch, Message: message, Time: r.tick(), Files: files})
	if err != nil {
		r.t.Fatal(err)
	}
	return commit
}

func parse(f txtar.File) (string, gitd.File) {
	if name, target, ok := strings.Cut(f.Name, " -> "); ok {
		return name, gitd.File{Mode: gitd.Symlink, Content: []byte(target)}
	}
	for suffix, mode := range map[string]gitd.Mode{" [exec]": gitd.Executable, " [delete]": gitd.Deleted} {
		if name, ok := strings.CutSuffix(f.Name, suffix); ok {
			return name, gitd.File{Mode: mode, Content: f.Data}
		}
	}
	if name, ok := strings.CutSuffix(f.Name, " [submodule]"); ok {
		return name, gitd.File{Mode: gitd.Submodule, Content: []byte(strings.TrimSpace(string(f.Data)))}
	}
	return f.Name, gitd.File{Content: f.Data}
}

// Tag makes or moves a lightweight tag.
func (r *Repo) Tag(name, object string) {
	r.t.Helper()
	if err := r.Repository.Tag(r.t.Context(), name, object); err != nil {
		r.t.Fatal(err)
	}
}

// Annotate makes or moves an annotated tag and returns the tag object's name.
func (r *Repo) Annotate(name, object string) string {
	r.t.Helper()
	tag, err := r.Repository.Annotate(r.t.Context(), name, object, "tag "+name, r.tick())
	if err != nil {
		r.t.Fatal(err)
	}
	return tag
}

// Git runs a git command in the repository and returns what it printed.
func (r *Repo) Git(args ...string) string {
	r.t.Helper()
	return r.GitInput("", args...)
}

// GitInput is Git with an input.
func (r *Repo) GitInput(input string, args ...string) string {
	r.t.Helper()
	out, err := r.Repository.GitInput(r.t.Context(), []byte(input), args...)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// CommitTree commits a tree as it is on no branch, for trees that git itself would not make from files.
func (r *Repo) CommitTree(tree string, parents ...string) string {
	r.t.Helper()
	text := "tree " + tree + "\n"
	for _, parent := range parents {
		text += "parent " + parent + "\n"
	}
	text += "author lab <lab@localhost> 1767323045 +0000\ncommitter lab <lab@localhost> 1767323045 +0000\n\na tree\n"
	return r.GitInput(text, "hash-object", "-t", "commit", "-w", "--stdin")
}

func (r *Repo) tick() time.Time {
	now := r.now
	r.now = now.Add(time.Minute)
	return now
}

// Serve starts a git server for root until the test ends.
func Serve(t testing.TB, root string, options gitd.Options) *gitd.Server {
	t.Helper()
	s := gitd.New(root, options)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// ServeTLS serves a handler over TLS until the test ends. The certificate is signed by a CA that no system knows and
// that lies in caFile.
func ServeTLS(t testing.TB, handler http.Handler) (url, caFile string) {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust the CA are a part of the test
	s.StartTLS()
	t.Cleanup(s.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(caFile, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return s.URL, caFile
}
