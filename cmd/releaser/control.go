package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/releaser/releaser/internal/web"
	"github.com/releaser/releaser/pipeline"
)

// socketName is the daemon's socket in its data directory. Whoever may open it may give orders.
const socketName = "releaser.sock"

// listenControl opens the socket. A socket at which nobody answers is of a daemon that is dead.
func listenControl(dir string) (net.Listener, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("%w; give another folder by --data-dir", err)
	}
	name := filepath.Join(dir, socketName)
	if c, err := net.Dial("unix", name); err == nil {
		return nil, errors.Join(fmt.Errorf("%s: another daemon answers there: give each its own folder by --data-dir", name), c.Close())
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; give another folder by --data-dir", err)
	}
	l, err := net.Listen("unix", name)
	if err != nil {
		return nil, fmt.Errorf("%w; give a folder with a shorter name, where releaser may write, by --data-dir", err)
	}
	if err := os.Chmod(name, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// control is what the socket offers.
func (d *daemon) control() http.Handler {
	return web.Control{
		Queue:   func(ctx context.Context) (any, error) { return d.engine.Queue(ctx) },
		History: func(ctx context.Context, source, tag string) (any, error) { return d.engine.History(ctx, source, tag) },
		Retry:   d.engine.Retry,
		Cancel:  d.engine.Cancel,
	}.Handler()
}

// noDaemon says that nobody answers at the socket, or nobody answers us.
type noDaemon struct {
	socket string
	closed bool // to this user
}

func (e noDaemon) Error() string {
	if e.closed {
		return fmt.Sprintf("this user may not speak with the daemon at %s: be the user that it runs as", e.socket)
	}
	return fmt.Sprintf("no daemon answers at %s: start it with releaser serve, or name its folder by --data-dir", e.socket)
}

// daemonIn speaks with the daemon that has a data directory.
type daemonIn struct {
	dir    string
	client *http.Client
}

func newDaemonIn(dir string) daemonIn {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, socketName))
	}
	return daemonIn{dir: dir, client: &http.Client{Transport: &http.Transport{DialContext: dial}, Timeout: 30 * time.Second}}
}

// ask sends a request and reads its answer into out, if out is not nil.
func (d daemonIn) ask(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://daemon"+path, body)
	if err != nil {
		return err
	}
	resp, err := d.client.Do(req)
	closed := errors.Is(err, fs.ErrPermission)
	if closed || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return noDaemon{filepath.Join(d.dir, socketName), closed}
	}
	if err != nil {
		return fmt.Errorf("%w: look at the log of the daemon in %s", err, d.dir)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		return errors.New(strings.TrimSpace(string(text)))
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

func (d daemonIn) queue(ctx context.Context) (items []pipeline.Item, err error) {
	err = d.ask(ctx, http.MethodGet, "/queue", nil, &items)
	return items, err
}

func (d daemonIn) history(ctx context.Context, source, tag string) (steps []pipeline.Step, err error) {
	err = d.ask(ctx, http.MethodGet, "/history?"+url.Values{"source": {source}, "tag": {tag}}.Encode(), nil, &steps)
	return steps, err
}

func (a *app) retryCommand() *cobra.Command {
	return a.order(&cobra.Command{
		Use:   "retry TAG",
		Short: "Begin a tag anew that was rejected, is held, or waits",
		Long: `retry tells the daemon to begin a tag anew, now, whatever became of it. It looks before it acts, as always: what is released
stays as it is. It speaks with the daemon on this machine (in its container: kubectl exec) over the socket in --data-dir.`,
		Example: "  releaser retry voice-agent-0.1.0",
	})
}

func (a *app) cancelCommand() *cobra.Command {
	return a.order(&cobra.Command{
		Use:   "cancel TAG",
		Short: "Call off a tag that is not released yet",
		Long: `cancel tells the daemon to leave a tag alone, until retry. What was pushed, signed or proposed already stays. It speaks with the
daemon on this machine (in its container: kubectl exec) over the socket in --data-dir.`,
		Example: "  releaser cancel voice-agent-0.1.0",
	})
}

// order makes a command tell the daemon what to do with a tag.
func (a *app) order(c *cobra.Command) *cobra.Command {
	var from, dir string
	c.Args = exactly("TAG")
	c.RunE = func(c *cobra.Command, args []string) error {
		dir, err := a.dataDir(dir)
		if err != nil {
			return err
		}
		tag := strings.TrimPrefix(args[0], "refs/tags/")
		return newDaemonIn(dir).ask(c.Context(), http.MethodPost, "/"+c.Name(), web.Order{Source: from, Tag: tag}, nil)
	}
	c.Flags().StringVar(&from, "source", "", "the source that has the tag, when several have it")
	a.dataDirFlag(c, &dir)
	return c
}

// dataDirFlag is where the daemon keeps its journal and its socket.
func (a *app) dataDirFlag(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "data-dir", "", "the daemon's folder (default $RELEASER_DATA_DIR, or .releaser beside the configuration)")
}

// dataDir is the daemon's folder: as given, or as the environment or the configuration says.
func (a *app) dataDir(given string) (string, error) {
	if given == "" {
		given = a.env("RELEASER_DATA_DIR")
	}
	if given != "" {
		return given, nil
	}
	c, err := a.load()
	if err != nil {
		return "", err
	}
	return c.Path(dataName), nil
}

// dataName is the daemon's folder beside the configuration.
const dataName = ".releaser"
