package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// patience is how long a test waits for any one thing. Nothing is concluded from how long it takes.
const patience = 2 * time.Minute

// daemon is one life of the real releaser.
type daemon struct {
	*exec.Cmd
	w       *world
	log     string // the file
	listens string // where it takes hooks
	started chan struct{}
	ended   chan struct{}
	exit    error
}

func (w *world) data() string { return filepath.Join(w.own, "data") }

// start begins a life. armed, which may be nil, is called before anything is asked, with what kills the daemon.
func (w *world) start(binary string, armed func(kill func())) *daemon {
	w.Helper()
	log, err := os.CreateTemp(w.own, "log-*")
	must(w.T, err)
	defer log.Close()
	d := &daemon{w: w, log: log.Name(), started: make(chan struct{}), ended: make(chan struct{})}
	d.Cmd = exec.Command(binary, "serve", "--log-format", "json", "--config", filepath.Join(w.own, "releaser.yaml"), "--data-dir", w.data())
	d.Env = []string{"HOME=" + w.own, "TMPDIR=" + w.own, "HTTP_PROXY=http://" + w.address}
	d.Stdout, d.Stderr = log, log
	if armed != nil {
		armed(d.kill)
	}
	must(w.T, d.Start())
	close(d.started)
	go func() { d.exit = d.Wait(); close(d.ended) }()
	w.Cleanup(d.kill)
	w.await("the daemon to serve", func() bool { return d.gone() || d.serves() })
	w.hooked(d)
	return d
}

// hooked is the daemon that gets the events from now on.
func (w *world) hooked(d *daemon) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.daemon = d
}

// serves reads from the log where the daemon listens.
func (d *daemon) serves() bool {
	for _, l := range d.lines() {
		if l.Msg == "serving" {
			d.listens = l.Listen
		}
	}
	return d.listens != ""
}

// kill is SIGKILL. It returns when there is no such process any more.
func (d *daemon) kill() {
	<-d.started
	_ = d.Process.Kill()
	<-d.ended
}

func (d *daemon) gone() bool {
	select {
	case <-d.ended:
		return true
	default:
		return false
	}
}

// stop is SIGTERM, on which a daemon ends well.
func (d *daemon) stop() {
	d.w.Helper()
	d.w.hooked(nil)
	if d.gone() {
		d.w.Fatalf("the daemon ended by itself, %v:\n%s", d.exit, d.said())
	}
	must(d.w.T, d.Process.Signal(syscall.SIGTERM))
	d.w.await("the daemon to stop", d.gone)
	if d.exit != nil {
		d.w.Errorf("after SIGTERM the daemon ends with %v:\n%s", d.exit, d.said())
	}
}

// line is a line of the log.
type line struct{ Level, Msg, Listen, Err string }

func (d *daemon) lines() (all []line) {
	text, err := os.ReadFile(d.log)
	must(d.w.T, err)
	for text := range bytes.Lines(text) {
		var l line
		if json.Unmarshal(text, &l) == nil { // the last one may be cut short
			all = append(all, l)
		}
	}
	return all
}

func (d *daemon) said() string {
	text, _ := os.ReadFile(d.log)
	return string(text)
}

// idle tells whether nothing has been asked for a while, and the daemon has nothing to do that it has not done: no tag and no
// round waits, is tried again or is held for a person.
func (d *daemon) idle() bool {
	const quiet = 300 * time.Millisecond
	if d.w.door.Quiet() < quiet {
		return false
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(d.w.data(), "releaser.sock"))
	}}}
	resp, err := client.Get("http://daemon/queue")
	if err != nil {
		return false // it may be dead
	}
	defer resp.Body.Close()
	var undone []json.RawMessage
	return json.NewDecoder(resp.Body).Decode(&undone) == nil && len(undone) == 0
}

// await looks again and again.
func (w *world) await(what string, there func() bool) {
	w.Helper()
	for deadline := time.Now().Add(patience); !there(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("waited in vain for %s", what)
		}
	}
}
