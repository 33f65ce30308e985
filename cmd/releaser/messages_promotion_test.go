package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/releaser/releaser/internal/lab/forge"
	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/web"
)

var gitFeatures = gitd.Features{}

const (
	stagingValues  = "staging/voice-agent/values.yaml"
	stagingRelease = "staging/voice-agent/release.yaml"
	devRelease     = "dev/voice-agent/release.yaml"
	stagingBranch  = "releaser/staging/voice-agent"
)

// tellPromotion is for promotions that wait or are blocked.
func tellPromotion(p *page) {
	w := p.world()
	l := p.liar(w.forge, "FORGE")
	p.configure(w, w.forgeURL, l.URL)
	p.types("nothing was released", "promote", "release", "dev", "--chart", "voice-agent")
	p.types("the chart's name is none", "promote", "release", "dev", "--chart", "../x")
	p.tags(w, "0.1.1")
	p.does("release", "voice-agent-0.1.1")
	p.tags(w, "0.1.2")
	p.does("release", "voice-agent-0.1.2")
	p.types("an environment is left out", "promote", "dev", "prod", "--chart", "voice-agent")
	p.types("the environment holds nothing", "promote", "staging", "prod", "--chart", "voice-agent")
	p.types("the version has not been there", "promote", "dev", "staging", "--chart", "voice-agent", "--version", "9.9.9")
	p.types("the version is older than what is there", "promote", "release", "dev", "--chart", "voice-agent", "--version", "0.1.1")
	p.shows("staging waits for a person", "status")
	p.shows("nothing to change", "promote", "release", "dev", "--chart", "voice-agent")

	p.person(w, "main", devRelease, "version: \"0.1.2\"", "version: 0.1.1 # by hand")
	p.shows("somebody changed a value by hand", "status")
	p.types("promote what was changed by hand", "promote", "dev", "staging", "--chart", "voice-agent")
	p.types("verify what was changed by hand", "verify", "dev")
	p.person(w, "main", devRelease, "0.1.1", "7.7.7")
	p.shows("a value names no release", "status")
	p.types("promote a version from what names no release", "promote", "dev", "staging", "--chart", "voice-agent", "--version", "0.1.2")
	p.person(w, "main", devRelease, "7.7.7 # by hand", "\"0.1.2\"")
	p.person(w, "main", stagingValues)
	p.types("a file is not there", "promote", "dev", "staging", "--chart", "voice-agent")
	p.person(w, "main", stagingValues, "other: {}\n")
	p.types("a key is not there", "promote", "dev", "staging", "--chart", "voice-agent")
	p.person(w, "main", stagingValues, "image: [\n")
	p.types("a file is not YAML", "promote", "dev", "staging", "--chart", "voice-agent")
	p.person(w, "main", stagingValues, "image: {tag: ''}\n")

	p.does("promote", "dev", "staging", "--chart", "voice-agent")
	p.types("nobody merges in time", "promote", "dev", "staging", "--chart", "voice-agent", "--wait", "--timeout", "10ms")
	p.person(w, stagingBranch, "README.md", "a person was here\n")
	p.types("somebody works on our branch", "promote", "dev", "staging", "--chart", "voice-agent")
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		p.person(w, stagingBranch, name+".md", "a person was here\n")
	}
	p.types("somebody works on our branch, a lot", "promote", "dev", "staging", "--chart", "voice-agent")
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		p.person(w, stagingBranch, name+".md")
	}
	p.person(w, stagingBranch, "README.md")
	p.person(w, stagingBranch, stagingRelease, "0.1.2", "0.9.9")
	p.types("somebody changed our branch to what is no release", "promote", "dev", "staging", "--chart", "voice-agent")
	p.person(w, stagingBranch, stagingRelease, "0.9.9", "0.1.2")
	p.tellOrphan(w)
	p.tellClosed(w, l, 3)
	p.tellMerge(w, l)
}

// tellOrphan is for our branch when somebody began it anew.
func (p *page) tellOrphan(w *world) {
	work := w.path("environments")
	ours := p.output(w, "environments", "rev-parse", "HEAD")
	check(p, w.gitAll(p.Context(), work, []string{"checkout", "--quiet", "--orphan", "anew"}, []string{"commit", "--quiet", "--message", "anew"},
		[]string{"push", "--quiet", "--force", "origin", "HEAD:refs/heads/" + stagingBranch}))
	p.types("somebody began our branch anew", "promote", "dev", "staging", "--chart", "voice-agent")
	check(p, w.gitAll(p.Context(), work, []string{"push", "--quiet", "--force", "origin", ours + ":refs/heads/" + stagingBranch}))
}

// tellClosed is for a pull request that somebody changes or closes on GitHub.
func (p *page) tellClosed(w *world, l *liar, number int) {
	l.replace("GET", "/pulls", func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte(`"base":{"label":"acme:main","ref":"main"`), []byte(`"base":{"label":"acme:next","ref":"next"`))
	})
	p.shows("somebody changed the base of the pull request", "promote", "dev", "staging", "--chart", "voice-agent")
	l.tell(nil)
	closing := make(chan error, 1)
	l.tell(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, fmt.Sprintf("/pulls/%d", number)) {
			select {
			case closing <- w.forge.ClosePullRequest(demoEnvironments, number, "reviewer"):
			default:
			}
		}
		return false
	})
	p.shows("somebody rejects it while we wait", "promote", "dev", "staging", "--chart", "voice-agent", "--wait", "--timeout", "20s")
	l.tell(nil)
	p.shows("somebody closed the pull request", "status")
}

// tellMerge is for what keeps an automatic merge waiting.
func (p *page) tellMerge(w *world, l *liar) {
	says := func(state string) {
		l.replace("GET", "/pulls/", func(b []byte) []byte { return mergeable.ReplaceAll(b, []byte(`"mergeable_state":"`+state+`"`)) })
	}
	p.tags(w, "0.3.0")
	says("blocked")
	p.shows("GitHub says of the pull request: blocked", "release", "voice-agent-0.3.0")
	for _, state := range []string{"behind", "dirty", "draft", "unknown", "clean"} {
		says(state)
		p.shows("GitHub says of the pull request: "+state, "status")
	}
	l.tell(func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/merge") {
			return false
		}
		rw.WriteHeader(http.StatusMethodNotAllowed)
		_, _ = io.WriteString(rw, `{"message":"Merge commits are not allowed on this repository."}`)
		return true
	})
	p.shows("GitHub does not merge", "promote", "release", "dev", "--chart", "voice-agent")
	l.tell(nil)
	check(p, w.forge.ClosePullRequest(demoEnvironments, 4, "reviewer"))
	p.shows("a person said no to a release", "status")
	p.tags(w, "0.3.1")
	p.does("release", "voice-agent-0.3.1")
	p.does("promote", "dev", "staging", "--chart", "voice-agent")
	work := w.path("environments")
	check(p, w.gitAll(p.Context(), work, []string{"fetch", "--quiet", "origin"}, []string{"checkout", "--quiet", "--detach", "origin/main"},
		[]string{"revert", "--no-edit", "-m", "1", "HEAD"}, []string{"push", "--quiet", "origin", "HEAD:refs/heads/main"}))
	p.shows("a person went back", "status")
	p.tags(w, "0.4.0-rc.1")
	p.does("release", "voice-agent-0.4.0-rc.1")
	p.does("promote", "release", "dev", "--chart", "voice-agent", "--version", "0.4.0-rc.1")
	p.configure(w, w.forgeURL, l.URL, "{name: staging, from: dev}", "{name: staging, from: dev, promote: auto}")
	p.shows("the pull request has something newer than a prerelease", "status")
	check(p, w.forge.ClosePullRequest(demoEnvironments, 6, "reviewer"))
	p.shows("a prerelease waits for a person", "status")
	p.configure(w, w.forgeURL, l.URL, "version: \"{version}\"", "version: \"{version}\", wave: \"3\"")
	p.person(w, "main", devRelease, "version:", "wave: 3\nversion:")
	p.shows("a number stands where text belongs", "status")
	p.configure(w, w.forgeURL, l.URL, "environments:\n  - {name: dev, from: release, merge: auto}\n  - {name: staging, from: dev}\n  - {name: prod, from: staging}\n", "")
	p.shows("there are no environments", "status")
	p.shows("there are no environments: promote", "promote", "release", "dev", "--chart", "voice-agent")
}

// tellGitHub is for what GitHub refuses.
func tellGitHub(p *page) {
	w := p.world()
	l := p.liar(w.forge, "FORGE")
	p.tags(w, "0.1.1")
	p.configure(w, w.forgeURL, l.URL, "{name: dev, from: release, merge: auto}", "{name: dev, from: release}")
	p.does("release", "voice-agent-0.1.1")
	check(p, w.forge.MergePullRequest(demoEnvironments, 1, "reviewer"))
	refuse := l.refuse
	verify := []string{"verify", "dev", "--chart", "voice-agent"}
	refuse("", "", 401, `{"message":"Bad credentials"}`)
	p.types("the token is not valid", verify...)
	refuse("", "", 403, `{"message":"Resource not accessible by integration"}`, "X-Accepted-GitHub-Permissions", "contents=read")
	p.types("the token may not read", verify...)
	refuse("", "", 403, `{"message":"Resource not accessible by personal access token"}`)
	p.types("the token may not read, and GitHub does not say what it lacks", verify...)
	refuse("", "", 403, `{"message":"You have exceeded a secondary rate limit."}`, "Retry-After", "60")
	p.types("we asked too often", verify...)
	refuse("", "", 404, `{"message":"Not Found"}`)
	p.types("the repository is not there, or hidden", verify...)
	refuse("", "", 301, `{"message":"Moved Permanently"}`)
	p.types("the repository was renamed", verify...)
	refuse("", "", 500, `{"message":"Server Error"}`)
	p.types("GitHub is ill", verify...)
	refuse("", "", 200, `<html>`)
	p.types("something else than GitHub answers", verify...)
	l.replace("GET", "/git/trees/", func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte(`"truncated":false`), []byte(`"truncated":true`))
	})
	p.types("the repository has too many files", verify...)
	l.replace("GET", "/git/blobs/", func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte(`"content":"`), []byte(`"content":"AAAA`))
	})
	p.types("GitHub sends another file", verify...)
	l.tell(nil)
	p.configure(w, w.forgeURL, "http://127.0.0.1:1")
	p.types("nobody answers", verify...)
	p.configure(w, w.forgeURL, "https://github.example.com/api/v3")
	p.behind("the proxy is not there", verify...)
	p.configure(w, w.forgeURL, l.URL, "repository: acme/environments", "repository: acme/environments\n  branch: deployed")
	p.types("the environment's branch is not there", verify...)
	p.shows("the environment's branch is not there: check", "check")
	p.configure(w, w.forgeURL, l.URL)

	promote := []string{"promote", "dev", "staging", "--chart", "voice-agent"}
	refuse("POST", "/git/", 403, `{"message":"Resource not accessible by integration"}`, "X-Accepted-GitHub-Permissions", "contents=write")
	p.types("the token may not write", promote...)
	l.tell(nil)
	p.tellOddNames(w, l, promote)
	refuse("POST", "/git/refs", 422, `{"message":"Repository rule violations found","errors":[{"message":"Cannot create ref due to creations being restricted."}]}`)
	p.types("a rule of the repository forbids our branch", promote...)
	refuse("POST", "/pulls", 422, `{"message":"Validation Failed","errors":[{"message":"The target repository is archived"}]}`)
	p.types("no pull request can be opened", promote...)
	l.tell(nil)
	p.tellOddFiles(w, promote)
	p.tellApp(w, l, verify)
}

// tellStatuses is for a source on GitHub where we may say nothing on a commit.
func tellStatuses(p *page) {
	w := p.world()
	l := p.liar(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, forge.Prefix) {
			w.forge.ServeHTTP(rw, r)
			return
		}
		w.git.ServeHTTP(rw, r)
	}), "HUB")
	p.configure(w, w.forgeURL, l.URL, w.git.URL(), l.URL)
	check(p, w.gitAll(p.Context(), w.path("platform"), []string{"tag", "voice-agent-9.9.9"}, []string{"push", "--quiet", "origin", "--tags"}))
	l.refuse("POST", "/statuses/", 403, `{"message":"Resource not accessible by integration"}`)
	p.shows("a tag is rejected, and the token may not say so on its commit", "once")
	l.refuse("GET", "/status", 404, `{"message":"Not Found"}`)
	p.shows("a tag is rejected, and the token may not even see its commit", "once")
	l.refuse("POST", "/statuses/", 422, `{"message":"Validation Failed","errors":[{"message":"This SHA and context has reached the maximum number of statuses."}]}`)
	p.shows("a tag is rejected, and its commit has too many statuses", "once")
	l.refuse("POST", "/statuses/", 500, `{"message":"Server Error"}`)
	p.shows("a tag is rejected, and GitHub is ill", "once")
	l.tell(nil)
	p.shows("a tag is rejected, and its commit says so", "once")
}

// tellOddNames is for a file beside those of the environment whose name the API cannot spell.
func (p *page) tellOddNames(w *world, l *liar, promote []string) {
	work := w.path("environments")
	push := func(message string) {
		check(p, w.gitAll(p.Context(), work, []string{"add", "--all"}, []string{"commit", "--quiet", "--message", message}, []string{"push", "--quiet", "origin", "HEAD:refs/heads/main"}))
	}
	check(p, w.gitAll(p.Context(), work, []string{"fetch", "--quiet", "origin"}, []string{"checkout", "--quiet", "--detach", "origin/main"}))
	odd := work + "/staging/voice-agent/caf\xe9.txt"
	check(p, os.WriteFile(odd, nil, 0o644))
	push("odd")
	l.refuse("POST", "/git/trees", 404, `{"message":"Not Found"}`)
	p.types("a file beside those of the environment has an odd name", promote...)
	l.tell(nil)
	check(p, os.Remove(odd))
	push("plain")
}

// tellOddFiles is for files of an environment that are none.
func (p *page) tellOddFiles(w *world, promote []string) {
	work := w.path("environments")
	check(p, w.gitAll(p.Context(), work, []string{"fetch", "--quiet", "origin"}, []string{"checkout", "--quiet", "--detach", "origin/main"}))
	check(p, os.Remove(work+"/"+stagingValues))
	check(p, os.Symlink("../../dev/voice-agent/values.yaml", work+"/"+stagingValues))
	push := func(message string) {
		check(p, w.gitAll(p.Context(), work, []string{"add", "--all"}, []string{"commit", "--quiet", "--message", message}, []string{"push", "--quiet", "origin", "HEAD:refs/heads/main"}))
	}
	push("link")
	p.types("a file of the environment is a link", promote...)
	check(p, os.Remove(work+"/"+stagingValues))
	check(p, os.WriteFile(work+"/"+stagingValues, []byte("image: {tag: ''}\n#"+strings.Repeat("x", 5<<20)), 0o644))
	push("large")
	p.types("a file of the environment is too large", promote...)
}

// tellApp is for a GitHub App.
func (p *page) tellApp(w *world, l *liar, verify []string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(p, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	p.write("world/keys/app.pem", string(text))
	p.configure(w, w.forgeURL, l.URL, "tokenFile: keys/forge-token", "githubApp: {id: 7, keyFile: keys/app.pem}")
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	check(p, err)
	w.forge.AddApp(forge.App{ID: 7, Slug: "releaser", Key: &other.PublicKey})
	p.types("GitHub does not know the App's key", verify...)
	w.forge.AddApp(forge.App{ID: 7, Slug: "releaser", Key: &key.PublicKey})
	p.types("the App is not installed", verify...)
}

// tellWebhook is for deliveries that are not taken. The answer is what GitHub shows beside the delivery.
func tellWebhook(p *page) {
	secret := []byte("s")
	face, err := web.Public(web.Options{Secrets: [][]byte{secret}, Wake: func([]string) {}, Delivered: func(string, int) {},
		Ready: func() error { return nil }})
	check(p, err)
	deliver := func(title, method, event, body, kind string, signed []byte) {
		r := httptest.NewRequest(method, "/webhook/github", strings.NewReader(body))
		r.Header.Set("X-GitHub-Event", event)
		r.Header.Set("Content-Type", kind)
		if signed != nil {
			mac := hmac.New(sha256.New, signed)
			_, _ = io.WriteString(mac, body)
			r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		}
		got := httptest.NewRecorder()
		face.ServeHTTP(got, r)
		p.note("%s", title)
		fmt.Fprintf(&p.text, "%d %s", got.Code, got.Body.String())
	}
	const kind = "application/json"
	deliver("somebody looks", "GET", "", "", "", nil)
	deliver("the webhook has no secret", "POST", "push", "{}", kind, nil)
	deliver("the webhook has another secret", "POST", "push", "{}", kind, []byte("other"))
	deliver("the webhook sends forms", "POST", "push", "payload=x", "application/x-www-form-urlencoded", secret)
	deliver("the body is no JSON", "POST", "push", "x", kind, secret)
	deliver("the body names no repository", "POST", "push", "{}", kind, secret)
	deliver("an event that nobody asked for", "POST", "star", "{}", kind, secret)
	deliver("the body is too large", "POST", "push", strings.Repeat("x", 25<<20+1), kind, secret)
	_, err = web.Public(web.Options{Secrets: [][]byte{{}}})
	p.says("a secret is empty", err)
}
