package forge_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/releaser/releaser/internal/lab/forge"
	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/gitd/gitdtest"
	"github.com/releaser/releaser/internal/lab/openapi"
)

const (
	token = "ghp_secret-of-ann"
	repo  = "acme/env"
)

// world is a forge with one repository behind the judge. Every request of every test is judged.
type world struct {
	*forge.Server
	t    testing.TB
	git  *gitdtest.Repo
	dir  string // of the bare repository
	url  string
	main string // the first commit
	now  *time.Time
}

// newWorld serves acme/env, whose main holds one commit with three files.
func newWorld(t testing.TB, change ...func(*forge.Options)) *world {
	t.Helper()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	opts := forge.Options{Now: func() time.Time { return now }}
	for _, c := range change {
		c(&opts)
	}
	server, err := forge.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	root := t.TempDir()
	w := &world{Server: server, t: t, git: gitdtest.New(t, root, repo+".git", gitd.Features{}),
		dir: filepath.Join(root, repo+".git"), now: &now}
	w.main = w.git.Commit("main", "first\n-- README.md --\nhello\n-- dev/voice/values.yaml --\nimage:\n  tag: \"a\"\n-- prod/voice/values.yaml --\nimage:\n  tag: \"a\"\n")
	if err := server.AddRepository(forge.Repository{FullName: repo, Dir: w.dir}); err != nil {
		t.Fatal(err)
	}
	server.AddToken(forge.Token{Value: token, Login: "ann"})
	web := httptest.NewServer(openapi.Judge(t, server))
	t.Cleanup(web.Close)
	w.url = web.URL
	return w
}

// reply is an answer of the API.
type reply struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

// ask sends a request with ann's token. A path without a leading slash is below the repository.
func (w *world) ask(method, path string, body any, header ...string) reply {
	w.t.Helper()
	if !strings.HasPrefix(path, "/") {
		path = strings.TrimSuffix("/repos/"+repo+"/"+path, "/")
	}
	var in io.Reader
	if text, isText := body.(string); isText {
		in = strings.NewReader(text)
	} else if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		in = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, w.url+forge.Prefix+path, in)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			req.Header.Del(header[i])
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{t: w.t}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply{w.t, resp.StatusCode, resp.Header, data}
}

// want checks the status and gives the reply on.
func (r reply) want(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	return r
}

// says checks the status and that the error tells something.
func (r reply) says(status int, text string) {
	r.t.Helper()
	if !strings.Contains(string(r.want(status).body), text) {
		r.t.Errorf("%s\nwant %q in it", r.body, text)
	}
}

// get reads a value by a path such as "head.sha" or "0.number".
func (r reply) get(path string) any {
	r.t.Helper()
	var at any
	numbers := json.NewDecoder(bytes.NewReader(r.body))
	numbers.UseNumber()
	if err := numbers.Decode(&at); err != nil {
		r.t.Fatalf("%v in %s", err, r.body)
	}
	for part := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '.' }) {
		switch v := at.(type) {
		case map[string]any:
			at = v[part]
		case []any:
			var i int
			if fmt.Sscan(part, &i); i >= len(v) {
				r.t.Fatalf("no %s in %s", path, r.body)
			}
			at = v[i]
		default:
			r.t.Fatalf("no %s in %s", path, r.body)
		}
	}
	return at
}

// text is get for strings and numbers.
func (r reply) text(path string) string { r.t.Helper(); return fmt.Sprint(r.get(path)) }

// shows checks values by their paths: shows("state", "open", "number", "1").
func (r reply) shows(pairs ...string) reply {
	r.t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		if got := r.text(pairs[i]); got != pairs[i+1] {
			r.t.Errorf("%s is %q, want %q", pairs[i], got, pairs[i+1])
		}
	}
	return r
}

type fields = map[string]any

// commit makes a commit through the API, on a parent, that sets one file.
func (w *world) commit(parent, path, content string) string {
	w.t.Helper()
	tree := w.ask("POST", "git/trees", fields{"base_tree": parent, "tree": []fields{
		{"path": path, "mode": "100644", "type": "blob", "content": content}}}).want(201).text("sha")
	return w.ask("POST", "git/commits", fields{"message": "set " + path, "tree": tree, "parents": []string{parent}}).want(201).text("sha")
}

// branch makes a branch with one commit that sets one file, and gives the commit.
func (w *world) branch(name, path, content string) string {
	w.t.Helper()
	sha := w.commit(w.main, path, content)
	w.ask("POST", "git/refs", fields{"ref": "refs/heads/" + name, "sha": sha}).want(201)
	return sha
}

// propose makes a branch and opens a pull request from it to main.
func (w *world) propose(name, path, content string) (sha string) {
	w.t.Helper()
	sha = w.branch(name, path, content)
	w.ask("POST", "pulls", fields{"title": "Promote " + name, "head": name, "base": "main", "body": "why"}).want(201)
	return sha
}

// run is real git beside the API, in the bare repository.
func (w *world) run(args ...string) string {
	w.t.Helper()
	return command(w.t, w.dir, args...)
}

func command(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=bob", "GIT_AUTHOR_EMAIL=bob@example.com", "GIT_COMMITTER_NAME=bob", "GIT_COMMITTER_EMAIL=bob@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}
