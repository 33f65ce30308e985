package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/lab/forge"
	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/internal/lab/ocid/mem"
	"github.com/releaser/releaser/signing"
)

// world is everything around releaser that the demo needs, on this machine and below one folder: a git server, a
// GitHub-compatible forge over the same repositories, a registry, keys, and a configuration that names them.
type world struct {
	dir      string
	git      *gitd.Server
	forge    *forge.Server
	forgeURL string
	registry *door.Door
	hook     net.Listener // where the daemon takes webhooks
	secret   string       // of the webhooks
	ends     []func() error
}

const (
	demoPlatform     = "acme/platform"     // the repository with the charts
	demoEnvironments = "acme/environments" // the repository that says what runs where
	demoChart        = "voice-agent"
)

// newWorld starts everything. Close ends it.
func newWorld(ctx context.Context, dir string) (w *world, err error) {
	w = &world{dir: dir, secret: random()}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	for _, part := range []func(context.Context) error{
		w.startRegistry, w.startGit, w.startForge, w.openHook, w.fillPlatform, w.fillEnvironments, w.makeKeys, w.configure,
	} {
		if err := part(ctx); err != nil {
			return w, err
		}
	}
	return w, nil
}

// Close ends the servers, the last one first. The folder stays.
func (w *world) Close() error {
	var all error
	for i := len(w.ends) - 1; i >= 0; i-- {
		all = errors.Join(all, w.ends[i]())
	}
	w.ends = nil
	return all
}

// startRegistry starts the light one of the lab's two registries: each child of the sandbox initialises whatever the binary
// links. It has no referrers API here, as GHCR has none.
func (w *world) startRegistry(context.Context) (err error) {
	w.registry, err = mem.Start(mem.Options{NoReferrers: true})
	if err == nil {
		w.ends = append(w.ends, w.registry.Close)
	}
	return err
}

func (w *world) startGit(ctx context.Context) error {
	if err := os.MkdirAll(w.path("git"), 0o755); err != nil {
		return err
	}
	w.git = gitd.New(w.path("git"), gitd.Options{OnReceive: w.received})
	if err := w.git.Start(); err != nil {
		return err
	}
	w.ends = append(w.ends, w.git.Close)
	for _, name := range []string{demoPlatform, demoEnvironments} {
		if _, err := w.git.Create(ctx, name+".git", gitd.Features{}); err != nil {
			return err
		}
	}
	return nil
}

// received tells the forge what a push changed, as GitHub knows it: the webhooks follow from it.
func (w *world) received(repository string, updates []gitd.RefUpdate) {
	var all []forge.Update
	for _, u := range updates {
		all = append(all, forge.Update(u))
	}
	_ = w.forge.Pushed(strings.TrimSuffix(repository, ".git"), "demo", all)
}

func (w *world) startForge(context.Context) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w.forgeURL = "http://" + listener.Addr().String()
	w.forge, err = forge.New(forge.Options{URL: w.forgeURL, GitURL: w.git.URL(), File: w.path("forge.json"), Anonymous: true})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := &http.Server{Handler: w.forge, ReadHeaderTimeout: 5 * time.Second}
	go server.Serve(listener) //nolint:errcheck // it ends with Close
	w.ends = append(w.ends, func() error { w.forge.Close(); return nil }, server.Close)
	for _, name := range []string{demoPlatform, demoEnvironments} {
		err := w.forge.AddRepository(forge.Repository{FullName: name, Dir: w.path("git", name+".git")})
		if err != nil {
			return err
		}
	}
	token := random()
	w.forge.AddToken(forge.Token{Value: token, Login: "releaser-demo"})
	return w.write("keys/forge-token", token)
}

func (w *world) openHook(context.Context) (err error) {
	w.hook, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w.ends = append(w.ends, func() error {
		if err := w.hook.Close(); !errors.Is(err, net.ErrClosed) { // the daemon may have closed it
			return err
		}
		return nil
	})
	return w.write("keys/webhook-secret", w.secret)
}

// hooks turns the webhooks on, once there is somebody who takes them.
func (w *world) hooks() error {
	var all error
	for _, name := range []string{demoPlatform, demoEnvironments} {
		hook := forge.Hook{URL: "http://" + w.hook.Addr().String() + "/webhook/github", Secret: w.secret}
		all = errors.Join(all, w.forge.SetHook(name, hook))
	}
	return all
}

// fillPlatform commits the charts that the binary carries, in a working copy as a developer has it.
func (w *world) fillPlatform(ctx context.Context) error {
	work := w.path("platform")
	if err := w.gitRun(ctx, "", "clone", "--quiet", w.git.RepositoryURL(demoPlatform+".git"), work); err != nil {
		return err
	}
	err := fs.WalkDir(charts.Fleet(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path.Base(name) == "charts" { // dependencies that somebody built before the binary: git has none
				return fs.SkipDir
			}
			return nil
		}
		content, err := fs.ReadFile(charts.Fleet(), name)
		if err != nil {
			return err
		}
		return write(filepath.Join(work, "charts", filepath.FromSlash(name)), content)
	})
	if err != nil {
		return err
	}
	return w.gitAll(ctx, work, []string{"add", "--all"}, []string{"commit", "--quiet", "--message", "voice-agent and its library"},
		[]string{"push", "--quiet", "origin", "HEAD:refs/heads/main"})
}

// fillEnvironments commits what a team has before it uses releaser: a folder an environment, with comments and habits
// of its own that have to stay.
func (w *world) fillEnvironments(ctx context.Context) error {
	work := w.path("environments")
	if err := w.gitRun(ctx, "", "clone", "--quiet", w.git.RepositoryURL(demoEnvironments+".git"), work); err != nil {
		return err
	}
	for _, env := range []string{"dev", "staging", "prod"} {
		dir := filepath.Join(work, env, demoChart)
		for name, text := range map[string]string{"values.yaml": demoValues, "release.yaml": demoRelease} {
			if err := write(filepath.Join(dir, name), []byte(strings.ReplaceAll(text, "ENV", env))); err != nil {
				return err
			}
		}
	}
	return w.gitAll(ctx, work, []string{"add", "--all"}, []string{"commit", "--quiet", "--message", "three environments, nothing released yet"},
		[]string{"push", "--quiet", "origin", "HEAD:refs/heads/main"})
}

const demoValues = `# ENV: our own settings; releaser changes image.tag and nothing else
image:
    tag: ''   # set by releaser

agent:
    env: {LOG_LEVEL: info}   # flow style, four spaces, comments: all of it stays
`

const demoRelease = `# what runs in ENV; a pull request of releaser changes these two
version: ""
digest: ""
`

func (w *world) makeKeys(context.Context) error {
	password := random()
	private, public, err := signing.GenerateKey([]byte(password))
	if err != nil {
		return err
	}
	return errors.Join(
		w.write("keys/cosign.password", password),
		w.write("keys/cosign.key", string(private)),
		os.WriteFile(w.path("keys/cosign.pub"), public, 0o644),
	)
}

// configure writes the configuration: a real one, that every command takes.
func (w *world) configure(context.Context) error {
	text := strings.NewReplacer(
		"HOOK", w.hook.Addr().String(), "FORGE", w.forgeURL, "GIT", w.git.URL(), "REGISTRY", w.registryHost(),
	).Replace(demoConfig)
	return os.WriteFile(w.configFile(), []byte(text), 0o644)
}

const demoConfig = `version: 1
server: {listen: "HOOK", metrics: "127.0.0.1:0", webhook: {secretFiles: [keys/webhook-secret]}}
github: {apiURL: FORGE/api/v3, auth: {tokenFile: keys/forge-token}}
sources:
  - name: platform
    url: GIT/acme/platform.git
    existing: all
    poll: 1h   # the webhook wakes it
    tags: ["{chart}-{version}"]
    charts:
      - {path: charts/voice-lib}
      - path: charts/*
        pins: [{key: image.tag, value: "{commit}"}]
        lint: {values: ["values-*.yaml"], strict: true, schema: required}
registry: {url: "oci://REGISTRY/charts", plainHTTP: true}
signing: {key: keys/cosign.key, passwordFile: keys/cosign.password, formats: [bundle, legacy]}
environmentDefaults:
  repository: acme/environments
  files:
    - {path: "{environment}/{chart}/values.yaml", pins: true}
    - {path: "{environment}/{chart}/release.yaml", set: {version: "{version}", digest: "{digest}"}}
environments:
  - {name: dev, from: release, merge: auto}
  - {name: staging, from: dev}
  - {name: prod, from: staging}
`

func (w *world) configFile() string { return w.path("releaser.yaml") }
func (w *world) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir}, parts...)...)
}
func (w *world) registryHost() string          { return w.registry.Host() }
func (w *world) write(name, text string) error { return writeMode(w.path(name), []byte(text), 0o600) }

func write(name string, content []byte) error { return writeMode(name, content, 0o644) }

func writeMode(name string, content []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, content, mode)
}

// gitAll runs git commands in a working copy, one after the other.
func (w *world) gitAll(ctx context.Context, work string, commands ...[]string) error {
	for _, args := range commands {
		if err := w.gitRun(ctx, work, args...); err != nil {
			return err
		}
	}
	return nil
}

// gitRun runs git as a developer would, with none of the user's own settings.
func (w *world) gitRun(ctx context.Context, work string, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = work
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=demo", "GIT_AUTHOR_EMAIL=demo@localhost", "GIT_COMMITTER_NAME=demo", "GIT_COMMITTER_EMAIL=demo@localhost",
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}

func random() string {
	var b [24]byte
	_, _ = rand.Read(b[:]) // it never fails: the program ends instead
	return hex.EncodeToString(b[:])
}
