package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/releaser/releaser/internal/lab/forge"
	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/ocid"
	"github.com/releaser/releaser/signing"
)

// world is the servers that both sides work against, with a counting door before each, and the keys. They run in
// this process, so that no side pays for them.
type world struct {
	dir      string
	rtt      time.Duration
	book     book
	forge    *forge.Server
	git      string // URL
	api      string // URL of the forge, without a slash at the end
	registry string // host
	token    string // of the forge
	secret   string // of the webhooks
	password string // of the signing key
	ends     []func() error
}

// newWorld starts everything below dir; each answer takes rtt longer than it would. Close ends it.
func newWorld(dir string, rtt time.Duration) (*world, error) {
	w := &world{dir: dir, rtt: rtt, token: random(), secret: random(), password: random()}
	for _, part := range []func() error{w.makeFolders, w.startRegistry, w.startGit, w.startForge, w.makeKeys} {
		if err := part(); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	return w, nil
}

// Close ends the servers, the last one first.
func (w *world) Close() error {
	var all error
	for i := len(w.ends) - 1; i >= 0; i-- {
		all = errors.Join(all, w.ends[i]())
	}
	w.ends = nil
	return all
}

func (w *world) makeFolders() (err error) {
	for _, name := range []string{"bin", "git", "home", "tmp"} {
		err = errors.Join(err, os.MkdirAll(w.path(name), 0o755))
	}
	return err
}

func (w *world) startRegistry() error {
	s, err := ocid.New(ocid.Options{Dir: w.path("registry")})
	if err != nil {
		return err
	}
	w.ends = append(w.ends, s.Close)
	w.registry, err = w.serve("registry", s)
	return err
}

func (w *world) startGit() error {
	host, err := w.serve("git", gitd.New(w.path("git"), gitd.Options{OnReceive: w.received}))
	w.git = "http://" + host
	return err
}

// received tells the forge what a push changed, as GitHub knows it.
func (w *world) received(repository string, updates []gitd.RefUpdate) {
	var all []forge.Update
	for _, u := range updates {
		all = append(all, forge.Update(u))
	}
	_ = w.forge.Pushed(strings.TrimSuffix(repository, ".git"), "bench", all)
}

func (w *world) startForge() (err error) {
	if w.forge, err = forge.New(forge.Options{GitURL: w.git, RateLimit: 1 << 30}); err != nil {
		return err
	}
	w.ends = append(w.ends, func() error { w.forge.Close(); return nil })
	w.forge.AddToken(forge.Token{Value: w.token, Login: "bench"})
	host, err := w.serve("forge", w.forge)
	w.api = "http://" + host + forge.Prefix
	return err
}

// serve puts a server behind its door, and the door behind the added latency. It returns the host that clients use.
func (w *world) serve(name string, handler http.Handler) (host string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	host = listener.Addr().String()
	if w.rtt > 0 {
		listener = handshakes{listener, w.rtt}
	}
	server := &http.Server{Handler: w.book.door(name, handler), ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener) //nolint:errcheck // it ends with Close
	w.ends = append(w.ends, server.Close)
	if w.rtt == 0 {
		return host, nil
	}
	slow, err := newRoad(name, host, w.rtt)
	if err != nil {
		return "", err
	}
	w.ends = append(w.ends, slow.Close)
	return slow.host, nil
}

func (w *world) makeKeys() error {
	private, public, err := signing.GenerateKey([]byte(w.password))
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"cosign.key": private, "cosign.pub": public, "cosign.password": []byte(w.password),
		"forge-token": []byte(w.token), "webhook-secret": []byte(w.secret),
	} {
		err = errors.Join(err, write(w.path("keys", name), content, 0o600))
	}
	return err
}

// addRepository makes an empty repository that the git server and the forge serve.
func (w *world) addRepository(ctx context.Context, name string) error {
	dir := w.path("git", name+".git")
	if _, err := gitd.Init(ctx, dir, gitd.Features{}); err != nil {
		return err
	}
	return w.forge.AddRepository(forge.Repository{FullName: name, Dir: dir, DeleteBranchOnMerge: true})
}

func (w *world) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir}, parts...)...)
}
