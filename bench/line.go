package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// patience is how long the bench waits for any one thing.
const patience = time.Minute

// line is the side of the daemon: the real binary, started once and warm.
type line struct {
	side
	daemon  *exec.Cmd
	address string // where it takes webhooks
	profile string // the file that it writes when it is told to
	spent   int    // writes to the forge since the last pause
	wrote   int    // to the forge, in the last round
	ended   chan error
}

// newLine starts `releaser serve` and waits until it has done all that it finds at the start. profile names the file of a
// CPU profile; none when empty.
func newLine(ctx context.Context, s side, binary, formats, profile string) (*line, error) {
	return newLineWith(ctx, s, binary, lineConfig, formats, profile)
}

// newLineWith is newLine with another configuration.
func newLineWith(ctx context.Context, s side, binary, text, formats, profile string) (*line, error) {
	address, err := freePort()
	if err != nil {
		return nil, err
	}
	config := strings.NewReplacer("HOOK", address, "FORGE", s.api, "GIT", s.url(s.platform()), "REGISTRY", s.registry+"/"+s.name,
		"FORMATS", formats, "ENVIRONMENTS", s.environments()).Replace(text)
	if err := write(s.path("releaser.yaml"), []byte(config), 0o644); err != nil {
		return nil, err
	}
	log, err := os.Create(s.path("releaser.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	l := &line{side: s, address: address, profile: profile, ended: make(chan error, 1)}
	l.daemon = exec.Command(binary, "serve", "--log-format", "json", "--config", s.path("releaser.yaml"))
	l.daemon.Env, l.daemon.Stdout, l.daemon.Stderr = append(s.environment(), "BENCH_PROFILE="+profile), log, log
	if err := l.daemon.Start(); err != nil {
		return nil, err
	}
	go func() { l.ended <- l.daemon.Wait() }()
	if err := errors.Join(l.await(ctx, "the daemon to listen", l.listens), l.rest(ctx)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

const lineConfig = `version: 1
server: {listen: "HOOK", metrics: "127.0.0.1:0", webhook: {secretFiles: [keys/webhook-secret]}}
github: {apiURL: FORGE, auth: {tokenFile: keys/forge-token}}
sources:
  - name: platform
    url: GIT
    existing: all
    poll: 1h   # webhooks wake it
    tags: ["{chart}-{version}"]
    charts:
      - {path: charts/voice-lib}
      - path: charts/*
        pins: [{key: image.tag, value: "{commit}"}]
        lint: {values: ["values-*.yaml"], strict: true, schema: required}
registry: {url: "oci://REGISTRY", plainHTTP: true}
signing: {key: keys/cosign.key, passwordFile: keys/cosign.password, formats: FORMATS}
environmentDefaults:
  repository: ENVIRONMENTS
  poll: 1h   # as above
  files:
    - {path: "{environment}/{chart}/values.yaml", pins: true}
    - {path: "{environment}/{chart}/release.yaml", set: {version: "{version}", digest: "{digest}"}}
environments:
  - {name: dev, from: release}
  - {name: staging, from: dev}
  - {name: prod, from: staging}
`

// Close ends the daemon.
func (l *line) Close() error {
	if l.profile != "" {
		_ = l.daemon.Process.Signal(syscall.SIGUSR1)
		time.Sleep(time.Second) // it writes the profile
	}
	_ = l.daemon.Process.Signal(syscall.SIGTERM)
	err := <-l.ended
	l.ended <- err
	return err
}

// release sends the webhook of the tag's push and waits until the pull request is open and the daemon has come to rest:
// what it does after the pull request is its cost too.
func (l *line) release(ctx context.Context, tag, _ string) (cost, error) {
	own, children, err := spent(l.daemon.Process.Pid)
	if err != nil {
		return cost{}, err
	}
	watch := newWatch(l.daemon.Process.Pid)
	c, err := l.timed(ctx, tag)
	c.peak = watch.stop()
	if err != nil {
		return c, err
	}
	ownAfter, childrenAfter, err := spent(l.daemon.Process.Pid)
	c.child = childrenAfter - children
	c.cpu = ownAfter - own + c.child
	l.wrote = l.book.writes()
	return c, err
}

func (l *line) timed(ctx context.Context, tag string) (c cost, err error) {
	began := time.Now()
	if err := l.tell(ctx, l.platform()); err != nil {
		return c, err
	}
	if err := l.await(ctx, "the pull request for "+tag, func() bool { _, ok := l.book.pull(); return ok }); err != nil {
		return c, err
	}
	pull, _ := l.book.pull()
	c.wall = pull.ended.Sub(began)
	return c, l.rest(ctx)
}

// merge tells the daemon of the merge, as GitHub does, so that it is as warm as in real life.
func (l *line) merge(ctx context.Context, number int) error {
	if err := l.side.merge(ctx, number); err != nil {
		return err
	}
	if err := l.tell(ctx, l.environments()); err != nil {
		return err
	}
	err := l.rest(ctx)
	l.wrote += l.book.writes()
	return err
}

// The daemon writes to GitHub as it asks for: burst times at once, and then once in writeEvery (internal/github). That is
// five releases in a row, and not ten.
const (
	burst      = 20
	writeEvery = time.Second
)

// pause waits, where the daemon could not write the next release at once, until it may write as much as at the beginning.
func (l *line) pause(ctx context.Context) (rested bool, err error) {
	if l.spent += l.wrote; l.spent+l.wrote <= burst {
		return false, nil
	}
	select {
	case <-time.After(time.Duration(l.spent) * writeEvery):
		l.spent = 0
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// tell sends a signed webhook, as GitHub does after a push or a merge.
func (l *line) tell(ctx context.Context, repository string) error {
	body := fmt.Appendf(nil, `{"repository": {"full_name": %q, "clone_url": %q}}`, repository, l.url(repository))
	mac := hmac.New(sha256.New, []byte(l.secret))
	mac.Write(body)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.address+"/webhook/github", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", "push")
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("the webhook was answered %s", resp.Status)
	}
	return nil
}

func (l *line) listens() bool {
	conn, err := net.Dial("tcp", l.address)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

// rest waits until the daemon has asked nothing for a while, and used no more CPU time than its look at the journal takes, once
// a second.
func (l *line) rest(ctx context.Context) error {
	const quiet, idle = 300 * time.Millisecond, 10 * time.Millisecond
	var asked int
	var used time.Duration
	since := time.Now()
	return l.await(ctx, "the daemon to rest", func() bool {
		own, children, _ := spent(l.daemon.Process.Pid)
		if n := l.book.len(); n != asked || own+children-used > idle {
			asked, used, since = n, own+children, time.Now()
		}
		return time.Since(since) > quiet
	})
}

// await looks again and again, not so often that the looking costs.
func (l *line) await(ctx context.Context, what string, there func() bool) error {
	deadline := time.Now().Add(patience)
	for !there() {
		select {
		case err := <-l.ended:
			l.ended <- err
			return fmt.Errorf("the daemon ended: %w:\n%s", err, l.said())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited in vain for %s:\n%s", what, l.said())
		}
	}
	return nil
}

// said is the end of the daemon's log.
func (l *line) said() string {
	const most = 2000
	text, _ := os.ReadFile(l.path("releaser.log"))
	return string(text[max(0, len(text)-most):])
}

// freePort is an address that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
