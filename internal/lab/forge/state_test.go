package forge_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/forge"
)

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFolderKeepsWhatGitDoesNot(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "forge.json")
	keep := func(o *forge.Options) { o.File = file }
	w := newWorld(t, keep)
	if err := w.Protect(repo, "main", forge.Protection{Contexts: []string{"ci"}}); err != nil {
		t.Fatal(err)
	}
	if err := w.SetHook(repo, forge.Hook{URL: "http://127.0.0.1:1", Secret: secret}); err != nil {
		t.Fatal(err)
	}
	sha := w.propose("x", "a", "1")
	w.ask("POST", "statuses/"+sha, fields{"state": "success", "context": "ci"}).want(201)
	w.ask("POST", "issues/1/comments", fields{"body": "hello"}).want(201)
	before := w.ask("GET", "pulls/1", nil).want(200)
	for _, hidden := range []string{token, secret} {
		if strings.Contains(string(read(t, file)), hidden) {
			t.Errorf("the file holds %q", hidden)
		}
	}

	for range 2 {
		next := newWorld(t, keep)
		if err := next.AddRepository(forge.Repository{FullName: repo, Dir: w.dir}); err != nil {
			t.Fatal(err)
		}
		after := next.ask("GET", "pulls/1", nil).want(200)
		want := strings.ReplaceAll(string(before.body), w.url, next.url)
		if string(after.body) != want {
			t.Errorf("after:\n%s\nbefore:\n%s", after.body, want)
		}
		next.ask("GET", "issues/1/comments", nil).want(200).shows("0.body", "hello")
	}
}

func TestBrokenFileSaysWhatToDo(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "forge.json")
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := forge.New(forge.Options{File: file}); err == nil || !strings.Contains(err.Error(), "remove the file to begin anew") {
		t.Errorf("error is %v", err)
	}
}
