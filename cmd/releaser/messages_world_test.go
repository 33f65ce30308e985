package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
)

// shows runs a command that may well exit with 0: what it says of what is not well counts.
func (p *page) shows(title string, args ...string) (out string) {
	p.Helper()
	p.note("%s", title)
	var said bytes.Buffer
	run(p.Context(), args, p.streams(&said))
	p.text.WriteString("$ releaser " + p.plain(strings.Join(args, " ")) + "\n" + p.faults(said.String()))
	return said.String()
}

// behind runs a command as a process of its own, which sees the web through a proxy that is not there.
func (p *page) behind(title string, args ...string) {
	p.Helper()
	self, err := os.Executable()
	check(p, err)
	cmd := exec.CommandContext(p.Context(), self, args...)
	cmd.Args[0] = "releaser"
	cmd.Env = []string{"HTTPS_PROXY=http://127.0.0.1:1", "RELEASER_CONFIG=" + p.env["RELEASER_CONFIG"], "TMPDIR=" + p.dir}
	said, err := cmd.CombinedOutput()
	if err == nil {
		p.Errorf("%s: nothing is wrong", title)
	}
	p.note("%s", title)
	p.text.WriteString("$ releaser " + p.plain(strings.Join(args, " ")) + "\n" + p.faults(string(said)))
}

// does runs a command that has to end well, and writes nothing.
func (p *page) does(args ...string) {
	p.Helper()
	var said bytes.Buffer
	if code := run(p.Context(), args, p.streams(&said)); code != exitDone {
		p.Fatalf("releaser %s exits with %d:\n%s", strings.Join(args, " "), code, said.String())
	}
}

func (p *page) streams(out io.Writer) streams {
	return streams{in: strings.NewReader(""), out: out, err: out, env: func(name string) string { return p.env[name] }}
}

// output runs git in a working copy of the world.
func (p *page) output(w *world, work string, args ...string) string {
	return p.outputIn(w, w.path(work), "", args...)
}

func (p *page) outputIn(w *world, dir, input string, args ...string) string {
	p.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(p.Context()), "git", args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(input)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@localhost", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@localhost"}
	out, err := cmd.Output()
	if err != nil {
		p.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// tags tags the platform's main branch, with another version in Chart.yaml where that differs.
func (p *page) tags(w *world, version string) {
	p.Helper()
	old, err := os.ReadFile(w.path("platform/charts/voice-agent/Chart.yaml"))
	check(p, err)
	text := string(old)
	if at := strings.Index(text, "\nversion: "); at >= 0 {
		end := strings.Index(text[at+1:], "\n")
		text = text[:at+1] + "version: " + version + text[at+1+end:]
	}
	check(p, write(w.path("platform/charts/voice-agent/Chart.yaml"), []byte(text)))
	check(p, w.gitAll(p.Context(), w.path("platform"), []string{"commit", "--quiet", "--allow-empty", "--all", "--message", version},
		[]string{"tag", "voice-agent-" + version}, []string{"push", "--quiet", "origin", "HEAD:refs/heads/main", "--tags"}))
}

// person edits a file of the environments on a branch, as a person does; no text removes the file.
func (p *page) person(w *world, branch, file string, oldnew ...string) {
	p.Helper()
	work := w.path("environments")
	check(p, w.gitAll(p.Context(), work, []string{"fetch", "--quiet", "origin"}, []string{"checkout", "--quiet", "--detach", "origin/" + branch}))
	if len(oldnew) == 0 {
		check(p, os.Remove(work+"/"+file))
	} else {
		text, _ := os.ReadFile(work + "/" + file)
		changed := oldnew[0]
		if len(oldnew) == 2 {
			changed = strings.ReplaceAll(string(text), oldnew[0], oldnew[1])
		}
		check(p, write(work+"/"+file, []byte(changed)))
	}
	check(p, w.gitAll(p.Context(), work, []string{"add", "--all"}, []string{"commit", "--quiet", "--message", "by hand"},
		[]string{"push", "--quiet", "origin", "HEAD:refs/heads/" + branch}))
}

// liar stands before a server and may answer in its place.
type liar struct {
	*httptest.Server
	inner http.Handler
	lie   atomic.Pointer[func(rw http.ResponseWriter, r *http.Request) bool]
}

func (p *page) liar(inner http.Handler, name string) *liar {
	l := &liar{inner: inner}
	l.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if lie := l.lie.Load(); lie != nil && (*lie)(rw, r) {
			return
		}
		inner.ServeHTTP(rw, r)
	}))
	p.Cleanup(l.Close)
	p.call(l.URL, "https://"+name)
	p.call(l.host(), name)
	return l
}

func (l *liar) host() string { return strings.TrimPrefix(l.URL, "http://") }

// tell changes the lie; nil is the truth.
func (l *liar) tell(lie func(rw http.ResponseWriter, r *http.Request) bool) {
	if lie == nil {
		l.lie.Store(nil)
		return
	}
	l.lie.Store(&lie)
}

// status answers the requests that fit with a code.
func (l *liar) status(method, part string, code int) {
	l.tell(func(rw http.ResponseWriter, r *http.Request) bool {
		if method != "" && r.Method != method || !strings.Contains(r.URL.Path, part) {
			return false
		}
		rw.WriteHeader(code)
		return true
	})
}

// refuse answers the requests that fit as GitHub does, with a code, JSON and pairs of headers.
func (l *liar) refuse(method, part string, code int, message string, headers ...string) {
	l.tell(func(rw http.ResponseWriter, r *http.Request) bool {
		if method != "" && r.Method != method || !strings.Contains(r.URL.Path, part) {
			return false
		}
		for i := 0; i < len(headers); i += 2 {
			rw.Header().Set(headers[i], headers[i+1])
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(code)
		_, _ = io.WriteString(rw, message)
		return true
	})
}

// replace changes the answers to the requests that fit.
func (l *liar) replace(method, part string, change func(body []byte) []byte) {
	l.tell(func(rw http.ResponseWriter, r *http.Request) bool {
		if method != "" && r.Method != method || !strings.Contains(r.URL.Path, part) {
			return false
		}
		got := httptest.NewRecorder()
		l.inner.ServeHTTP(got, r)
		for k, v := range got.Header() {
			if k != "Content-Length" {
				rw.Header()[k] = v
			}
		}
		rw.WriteHeader(got.Code)
		_, _ = rw.Write(change(got.Body.Bytes()))
		return true
	})
}

func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }

var mergeable = regexp.MustCompile(`"mergeable_state":"[a-z]+"`)

// pushes writes a manifest into the registry past releaser; DIGEST in it is a blob of two bytes.
func (p *page) pushes(w *world, repository, tag, manifest string) {
	p.Helper()
	sum := p.uploads(w, repository, "{}")
	answer := p.asks(w, "PUT", "/v2/"+repository+"/manifests/"+tag, "application/vnd.oci.image.manifest.v1+json", strings.ReplaceAll(manifest, "DIGEST", sum))
	if answer.StatusCode != http.StatusCreated {
		p.Fatalf("the registry answers %s", answer.Status)
	}
}

// uploads writes a blob into the registry and returns its digest.
func (p *page) uploads(w *world, repository, blob string) string {
	p.Helper()
	sum := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(blob)))
	first := p.asks(w, "POST", "/v2/"+repository+"/blobs/uploads/", "", "")
	at := first.Header.Get("Location")
	sep := "?"
	if strings.Contains(at, "?") {
		sep = "&"
	}
	last := p.asks(w, "PUT", strings.TrimPrefix(at, "http://"+w.registryHost())+sep+"digest="+sum, "application/octet-stream", blob)
	if first.StatusCode != http.StatusAccepted || last.StatusCode != http.StatusCreated {
		p.Fatalf("the registry answers %s, then %s to %s", first.Status, last.Status, at)
	}
	return sum
}

// asks asks the registry past releaser.
func (p *page) asks(w *world, method, path, kind, body string) *http.Response {
	p.Helper()
	r, err := http.NewRequest(method, "http://"+w.registryHost()+path, strings.NewReader(body))
	check(p, err)
	r.Header.Set("Content-Type", kind)
	answer, err := http.DefaultClient.Do(r)
	check(p, err)
	answer.Body.Close()
	return answer
}

// retag writes the manifest of one version under the tag of another, with a change where there is one.
func (p *page) retag(w *world, from, to string, change ...func(string) string) {
	p.Helper()
	r, err := http.NewRequest("GET", "http://"+w.registryHost()+"/v2/charts/voice-agent/manifests/"+from, nil)
	check(p, err)
	r.Header.Set("Accept", "application/vnd.oci.image.manifest.v1+json")
	answer, err := http.DefaultClient.Do(r)
	check(p, err)
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	check(p, err)
	text := string(raw)
	for _, c := range change {
		text = c(text)
	}
	p.pushes(w, "charts/voice-agent", to, text)
}
