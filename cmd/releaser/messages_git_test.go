package main

import (
	"crypto/ed25519"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/releaser/releaser/internal/lab/gitd/gitdtest"
)

// tellTags is for tags that are pushed and not released.
func tellTags(p *page) {
	w := p.world()
	git := func(args ...string) { p.Helper(); check(p, w.gitRun(p.Context(), w.path("platform"), args...)) }
	blob := p.output(w, "platform", "hash-object", "-w", "charts/voice-agent/values.yaml")
	git("tag", "nightly")
	git("tag", "voice-agent-1.2")
	git("tag", "voice-agent-v1.2.3")
	git("tag", "voice-agent-9.9.9")
	git("tag", "shop-1.0.0")
	git("tag", "voice-agent-3.0.0", blob)
	git("tag", "-a", "-m", "x", "deep1", "HEAD")
	for _, pair := range [][2]string{{"deep2", "deep1"}, {"deep3", "deep2"}, {"deep4", "deep3"}, {"deep5", "deep4"}, {"deep6", "deep5"}, {"deep7", "deep6"}, {"deep8", "deep7"}, {"deep9", "deep8"}, {"deepa", "deep9"}, {"deepb", "deepa"}, {"voice-agent-4.0.0", "deepb"}} {
		git("tag", "-a", "-m", "x", pair[0], pair[1])
	}
	git("tag", "voice-agent-1.0.0\u2215a")
	git("push", "--quiet", "origin", "--tags")
	git("checkout", "--quiet", "-b", "topic")
	git("commit", "--quiet", "--allow-empty", "--message", "not merged")
	git("tag", "voice-agent-0.2.0")
	git("push", "--quiet", "origin", "topic", "voice-agent-0.2.0")

	p.types("no pattern fits the tag", "release", "nightly")
	p.types("the version is not SemVer", "release", "voice-agent-1.2")
	p.types("the version has a v that no pattern has", "release", "voice-agent-v1.2.3")
	p.types("Chart.yaml says another version", "release", "voice-agent-9.9.9")
	p.types("no chart has the name", "release", "shop-1.0.0")
	p.types("the tag is of a file", "release", "voice-agent-3.0.0")
	p.types("the tag is of a tag of a tag", "release", "voice-agent-4.0.0")
	p.types("the commit is on no released branch", "release", "voice-agent-0.2.0")
	p.shows("a tag's name holds characters that are not ASCII", "once")
	p.configure(w, "existing: all", "existing: all\n    branches: [release]")
	p.types("the branch is not there", "release", "voice-agent-9.9.9")
	p.configure(w, `tags: ["{chart}-{version}"]`, `tags: ["v{version}"]`)
	git("tag", "v9.9.9", "main")
	git("tag", "v1.0", "main")
	git("push", "--quiet", "origin", "--tags")
	p.types("no chart carries the version", "release", "v9.9.9")
	p.types("the version is not SemVer, and a pattern nearly fits", "release", "v1.0")
	p.configure(w, "sources:\n", "sources:\n  - {name: copy, url: ./git/acme/platform.git, charts: [{path: charts/*}]}\n")
	p.types("two sources have the tag", "release", "voice-agent-9.9.9")
	p.tellTrees(w)
	for _, pattern := range []string{"{version}-{chart}-x", "{chart}--{version}", "{chart}..{version}"} {
		p.configure(w, `tags: ["{chart}-{version}"]`, `tags: ["`+pattern+`"]`)
		p.shows("a pattern for tags that means nothing: "+pattern, "release", "voice-agent-9.9.9")
	}
}

// tellTrees pushes trees that git makes and no file system likes.
func (p *page) tellTrees(w *world) {
	dir := w.path("git/acme/platform.git")
	p.env["RELEASER_CONFIG"] = w.configFile()
	blob := p.outputIn(w, dir, "", "rev-parse", "main:charts/voice-agent/values.yaml")
	chartfile := p.outputIn(w, dir, "apiVersion: v2\nname: voice-agent\nversion: 5.0.4\n", "hash-object", "-w", "--stdin")
	link := p.outputIn(w, dir, "two\nlines", "hash-object", "-w", "--stdin")
	for version, entry := range map[string]string{
		"5.0.1": "100644 blob " + blob + "\t\"a\\033b\"\n",
		"5.0.2": "100644 blob " + blob + "\t\"caf\\351\"\n",
		"5.0.3": "100644 blob " + blob + "\ta\n100644 blob " + blob + "\ta\n",
		"5.0.4": "100644 blob " + chartfile + "\tChart.yaml\n120000 blob " + link + "\tlink\n100644 blob " + blob + "\tvalues.yaml\n",
	} {
		tree := p.outputIn(w, dir, entry, "mktree")
		tree = p.outputIn(w, dir, "040000 tree "+tree+"\tvoice-agent\n", "mktree")
		tree = p.outputIn(w, dir, "040000 tree "+tree+"\tcharts\n", "mktree")
		commit := p.outputIn(w, dir, "", "commit-tree", "-p", "main", "-m", "odd", tree)
		p.outputIn(w, dir, "", "update-ref", "refs/heads/odd"+version, commit)
		p.outputIn(w, dir, "", "update-ref", "refs/tags/voice-agent-"+version, commit)
	}
	p.configure(w, "existing: all", "existing: all\n    branches: [odd5.0.1, odd5.0.2, odd5.0.3, odd5.0.4]")
	p.types("a file's name has control characters", "release", "voice-agent-5.0.1")
	p.types("a file's name is not UTF-8", "release", "voice-agent-5.0.2")
	p.types("a folder has a file twice", "release", "voice-agent-5.0.3")
	p.types("a symbolic link is no path", "release", "voice-agent-5.0.4")
	p.env["RELEASER_CONFIG"] = w.configFile()
}

// tellGit is for sources that cannot be read.
func tellGit(p *page) {
	w := p.world()
	var answer func(rw http.ResponseWriter, r *http.Request)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { answer(rw, r) }))
	p.Cleanup(server.Close)
	p.call(server.URL, "https://GITHUB")
	p.call(strings.TrimPrefix(server.URL, "http://"), "GITHUB")
	away := func(title, rest string) {
		p.Helper()
		p.configure(w, "sources:\n", "sources:\n  - {name: away, charts: [{path: charts/*}], "+rest+"}\n")
		p.types(title, "release", "voice-agent-0.1.0", "--source", "away")
	}
	status := func(code int) {
		answer = func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(code) }
	}
	for name, text := range map[string]string{"token": "abc", "blank": "a\nb", "text": "hello"} {
		p.write("world/keys/git-"+name, text)
	}
	url := "url: " + server.URL + "/acme/a.git"
	away("nobody listens", "url: http://127.0.0.1:1/acme/away.git")
	away("the host is not known", "url: https://no-such-host.invalid/acme/away.git")
	p.configure(w, "sources:\n", "sources:\n  - {name: away, charts: [{path: charts/*}], url: https://git.example.com/acme/away.git}\n")
	p.behind("the proxy is not there", "release", "voice-agent-0.1.0", "--source", "away")
	status(http.StatusUnauthorized)
	away("the server wants credentials", url)
	away("the server refuses the token", url+", auth: {tokenFile: keys/git-token}")
	away("the token's file is not there", url+", auth: {tokenFile: keys/gone}")
	away("the token's file holds more than a token", url+", auth: {tokenFile: keys/git-blank}")
	away("the token's variable is not set", url+", auth: {tokenEnv: GIT_TOKEN}")
	status(http.StatusForbidden)
	away("the server forbids it", url+", auth: {tokenFile: keys/git-token}")
	status(http.StatusNotFound)
	away("there is no such repository", url)
	status(http.StatusBadGateway)
	away("the server is ill", url)
	answer = func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, "https://elsewhere.example.com/a.git", http.StatusFound)
	}
	away("the server sends us elsewhere", url)
	answer = func(rw http.ResponseWriter, r *http.Request) { _, _ = rw.Write([]byte("<html>Log in</html>")) }
	away("the server answers with a page", url)
	p.configure(w)
	check(p, w.gitAll(p.Context(), w.path("platform"), []string{"tag", "voice-agent-0.1.0"}, []string{"push", "--quiet", "origin", "--tags"}))
	answer = func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = rw.Write([]byte("0008NAK\nPACKnonsense"))
			return
		}
		w.git.ServeHTTP(rw, r)
	}
	away("the server sends no pack", "url: "+server.URL+"/acme/platform.git")
	p.tellPlaces(w, away)
	p.tellSSH(w, away)
	p.configure(w, "sources:\n", "sources:\n  - {name: away, charts: [{path: charts/*}], url: http://127.0.0.1:1/acme/away.git}\n")
	p.shows("check goes on", "check")
}

// tellPlaces is for servers with a certificate, and for paths.
func (p *page) tellPlaces(w *world, away func(title, rest string)) {
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	secure.Config.ErrorLog = quietLog()
	p.Cleanup(secure.Close)
	p.call(secure.URL, "https://SECURE")
	away("the server's certificate is of an unknown authority", "url: "+secure.URL+"/a.git")
	away("the CA file is not there", "url: "+secure.URL+"/a.git, caFile: keys/gone")
	away("the CA file holds no certificate", "url: "+secure.URL+"/a.git, caFile: keys/git-text")
	check(p, os.MkdirAll(w.path("folder"), 0o755))
	away("a path is no repository", "url: ./folder")
	away("a path is not there", "url: ./nowhere")
	away("the App is for another kind of address", "url: ./folder, auth: {githubApp: true}")
}

// tellSSH is for git over SSH.
func (p *page) tellSSH(w *world, away func(title, rest string)) {
	server := gitdtest.ServeSSH(p, w.path("git"))
	p.call(server.Addr, "SSH")
	for name, file := range map[string]string{"id": server.KeyFile, "hosts": server.KnownHostsFile, "stranger": gitdtest.NewKeyFile(p)} {
		text, err := os.ReadFile(file)
		check(p, err)
		p.write("world/keys/"+name, string(text))
	}
	other := gitdtest.ServeSSH(p, w.path("git"))
	others, err := os.ReadFile(other.KnownHostsFile)
	check(p, err)
	p.write("world/keys/nobody", "")
	p.write("world/keys/odd", "# nothing\nx\n")
	p.write("world/keys/changed", strings.ReplaceAll(string(others), other.Addr[strings.LastIndex(other.Addr, ":")+1:], server.Addr[strings.LastIndex(server.Addr, ":")+1:]))
	url := "url: " + server.URL("acme/platform.git") + ", auth: {sshKeyFile: keys/%s, knownHostsFile: keys/%s}"
	with := func(key, known string) string {
		return strings.Replace(strings.Replace(url, "%s", key, 1), "%s", known, 1)
	}
	away("the SSH key is not there", with("gone", "hosts"))
	away("the SSH key is no key", with("git-text", "hosts"))
	closed, err := ssh.MarshalPrivateKeyWithPassphrase(ed25519.NewKeyFromSeed(make([]byte, 32)), "", []byte("x"))
	check(p, err)
	p.write("world/keys/closed", string(pem.EncodeToMemory(closed)))
	away("the SSH key has a passphrase", with("closed", "hosts"))
	away("the known hosts are not there", with("id", "gone"))
	away("the known hosts cannot be read", with("id", "odd"))
	away("the host is not among the known ones", with("id", "nobody"))
	away("the host has another key", with("id", "changed"))
	away("the host does not know our key", with("stranger", "hosts"))
	away("there is no such repository over SSH", strings.Replace(with("id", "hosts"), "platform.git", "nothing.git", 1))
}
