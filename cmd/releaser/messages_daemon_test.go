package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/releaser/releaser/internal/journal"
	"github.com/releaser/releaser/internal/web"
	"github.com/releaser/releaser/pipeline"
)

// tellDaemon is for the daemon: its folder, its socket, and what a person may ask of it.
func tellDaemon(p *page) {
	w := p.world()
	p.types("nobody is there to begin a tag anew", "retry", "voice-agent-0.1.0")
	p.types("nor to say what waits", "status", "--data-dir", p.dir)
	p.tellFolders(w)

	p.tags(w, "0.1.1")
	_, err := w.git.Create(p.Context(), "acme/twin.git", gitFeatures)
	check(p, err)
	twin := w.git.RepositoryURL("acme/twin.git")
	check(p, w.gitRun(p.Context(), w.path("platform"), "push", "--quiet", twin, "main", "--tags"))
	p.configure(w, "sources:\n", "sources:\n  - {name: twin, url: \""+twin+"\", existing: all, charts: [{path: charts/*}]}\n")
	ctx, stop := context.WithCancel(p.Context())
	ended := make(chan int, 1)
	quiet := p.streams(io.Discard)
	go func() { ended <- run(ctx, []string{"serve"}, quiet) }()
	defer func() { stop(); <-ended }()
	p.awaits("0.1.1")
	p.call(strconv.Itoa(os.Getpid()), "PID")
	p.types("a daemon has the folder already", "serve")
	p.types("a tag that the daemon has not seen", "cancel", "voice-agent-9.9.9")
	p.types("a tag of which nothing is known", "status", "--tag", "voice-agent-9.9.9")
	p.types("a tag that two sources have", "retry", "voice-agent-0.1.1")
}

// tellFolders is for folders that are no good.
func (p *page) tellFolders(w *world) {
	long := filepath.Join(p.dir, strings.Repeat("long", 30))
	p.types("the socket's path is too long", "serve", "--data-dir", long)
	check(p, os.MkdirAll(filepath.Join(p.dir, "taken", socketName, "by"), 0o755))
	p.types("something else has the socket's name", "serve", "--data-dir", filepath.Join(p.dir, "taken"))
	check(p, os.Mkdir(filepath.Join(p.dir, "mute"), 0o755))
	mute, err := net.Listen("unix", filepath.Join(p.dir, "mute", socketName))
	check(p, err)
	defer mute.Close()
	go func() {
		for c, err := mute.Accept(); err == nil; c, err = mute.Accept() {
			_ = c.Close()
		}
	}()
	p.types("the daemon hangs up", "cancel", "voice-agent-0.1.0", "--data-dir", filepath.Join(p.dir, "mute"))
	j, err := journal.Open(p.Context(), journal.Options{Dir: filepath.Join(p.dir, "still")})
	check(p, err)
	defer j.Close()
	p.says("the journal does not answer, and /readyz and /healthz say", (&daemon{engine: &pipeline.Engine{Journal: j}}).still(-time.Second))
	_, err = listenControl(filepath.Join(p.dir, "mute"))
	p.says("another daemon has the folder, and its journal is not there", err)
	var r refusal
	r.set("releaser.yaml:3: charts: unknown field")
	p.says("the configuration was changed for a bad one, and /readyz says below its ok", errors.New(r.note()))
	p.says("another user has the folder", noDaemon{socket: filepath.Join(p.dir, "mute", socketName), closed: true})
}

// awaits waits until the daemon knows a version's tag from both sources.
func (p *page) awaits(version string) {
	p.Helper()
	daemon := newDaemonIn(filepath.Join(p.dir, "world", dataName))
	var last error
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(50 * time.Millisecond) {
		err := daemon.ask(p.Context(), http.MethodPost, "/retry", web.Order{Tag: "voice-agent-" + version}, nil)
		if err != nil && strings.Contains(err.Error(), "several") {
			return
		}
		last = err
	}
	p.Fatalf("the daemon does not know %s twice: %v", version, last)
}
