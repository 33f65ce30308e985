package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/releaser/releaser/internal/lab/forge"
	"github.com/releaser/releaser/internal/lab/gitd"
)

// scriptApp makes the world's repositories private and releaser a GitHub App that is installed on them. A second git
// server, $PRIVATE, asks the forge whom it lets in; the first stays the developer's own way in.
func scriptApp(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: app LIFE-OF-A-TOKEN")
	}
	s := sceneOf(ts)
	life, err := time.ParseDuration(args[0])
	ts.Check(err)
	repositories := []string{demoPlatform, demoEnvironments}
	for _, name := range repositories {
		ts.Check(s.forge.AddRepository(forge.Repository{FullName: name, Dir: s.path("git", name+".git"), Private: true}))
	}
	public, err := s.writeKey("keys/app.pem")
	ts.Check(err)
	_, err = s.writeKey("keys/another.pem")
	ts.Check(err)
	s.forge.AddApp(forge.App{ID: 7, Slug: "releaser", Key: public, Repositories: repositories, TokenTime: life})
	s.gate = &gate{Handler: gitd.New(s.path("git"), gitd.Options{Login: s.forge.Login}), tokens: map[string]bool{}}
	server := httptest.NewServer(s.gate)
	ts.Defer(server.Close)
	ts.Setenv("PRIVATE", server.URL)
	config, err := os.ReadFile(s.configFile())
	ts.Check(err)
	text := strings.NewReplacer(
		"tokenFile: keys/forge-token", "githubApp: {id: 7, keyFile: keys/app.pem}",
		"url: "+s.git.RepositoryURL(demoPlatform+".git"), "url: "+server.URL+"/"+demoPlatform+".git\n    auth: {githubApp: true}",
	).Replace(string(config))
	ts.Check(os.WriteFile(s.configFile(), []byte(text), 0o644))
}

// writeKey writes a new private key as GitHub hands them out.
func (w *world) writeKey(name string) (*rsa.PublicKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	return &key.PublicKey, w.write(name, string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})))
}

// gate stands before a git server and remembers what came by.
type gate struct {
	http.Handler

	mu     sync.Mutex
	tokens map[string]bool // every one that was shown
	urls   []string        // of the requests
	argv   []string        // of the processes that ran meanwhile and named a token
}

// ServeHTTP implements http.Handler.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	if _, token, ok := r.BasicAuth(); ok {
		g.tokens[token] = true
		g.argv = append(g.argv, processesNaming(token)...)
	}
	g.urls = append(g.urls, r.URL.String())
	g.mu.Unlock()
	g.Handler.ServeHTTP(w, r)
}

// seen gives the tokens that were shown, the URLs of all requests, and the processes that gave a token away.
func (g *gate) seen() (tokens, urls, argv []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(maps.Keys(g.tokens)), slices.Clone(g.urls), slices.Clone(g.argv)
}

// processesNaming lists the processes of this machine, right now, whose arguments hold the text.
func processesNaming(text string) (found []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range all {
		if argv, err := os.ReadFile(name); err == nil && strings.Contains(string(argv), text) { // it may be gone by now
			found = append(found, name)
		}
	}
	return found
}

// scriptTokens wants that many different tokens to have been shown so far; N+ is N or more.
func scriptTokens(ts *testscript.TestScript, _ bool, args []string) {
	least, more := strings.CutSuffix(args[0], "+")
	want, err := strconv.Atoi(least)
	ts.Check(err)
	tokens, _, _ := sceneOf(ts).gate.seen()
	if got := len(tokens); got < want || got > want && !more {
		ts.Fatalf("the git server has seen %d tokens, want %s", got, args[0])
	}
}

// scriptExpired waits until git lets nobody in with the tokens shown so far.
func scriptExpired(ts *testscript.TestScript, _ bool, _ []string) {
	s := sceneOf(ts)
	tokens, _, _ := s.gate.seen()
	for range 600 {
		if !slices.ContainsFunc(tokens, func(token string) bool { return s.forge.Login(demoPlatform+".git", "", token) }) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("a token is good after a minute")
}

// scriptKept wants no token to stand in the last output, a URL, the arguments of a process or a file.
func scriptKept(ts *testscript.TestScript, _ bool, _ []string) {
	s := sceneOf(ts)
	tokens, urls, argv := s.gate.seen()
	if len(tokens) == 0 || len(argv) > 0 {
		ts.Fatalf("%d tokens were shown; among the arguments of %v", len(tokens), argv)
	}
	for _, r := range s.forge.RequestLog() {
		urls = append(urls, r.Path)
	}
	places := map[string]string{"stdout": ts.ReadFile("stdout"), "stderr": ts.ReadFile("stderr"), "a URL": strings.Join(urls, "\n")}
	ts.Check(filepath.WalkDir(ts.Getenv("WORK"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(name)
		places[name] = string(text)
		return err
	}))
	for _, token := range tokens {
		basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))
		for place, text := range places {
			if strings.Contains(text, token) || strings.Contains(text, basic) {
				ts.Fatalf("a token is in %s", place)
			}
		}
	}
}
