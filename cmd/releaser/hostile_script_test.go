package main

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// hostileCommands are the commands of scripts in which somebody means harm:
//
//	canary                           a server that nobody may ask, at $CANARY
//	untouched                        it was not asked
//	watch                            looks at every process of this machine from now on, for the secrets of the world
//	secretless                       neither a process since then, nor a file in $WORK outside of world/keys and of the lab's servers, holds one
//	attack CODE SIGNATURE EVENT BODY a delivery is answered with the code. SIGNATURE is none, sha1, wrong or genuine; BODY may be
//	                                 26M or endless, of blanks, or deep, of open brackets
func hostileCommands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"canary": scriptCanary, "untouched": scriptUntouched, "watch": scriptWatch, "secretless": scriptSecretless, "attack": scriptAttack,
	}
}

// hostile is what these commands share.
type hostile struct {
	mu    sync.Mutex
	asked []string        // of the canary
	found map[string]bool // secrets in processes, by where
	stop  func()
}

func scriptCanary(ts *testscript.TestScript, _ bool, _ []string) {
	h := &sceneOf(ts).hostile
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv("CANARY", "http://"+l.Addr().String())
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			h.mu.Lock()
			h.asked = append(h.asked, conn.RemoteAddr().String())
			h.mu.Unlock()
			conn.Close()
		}
	}()
	ts.Defer(func() { l.Close() })
}

func scriptUntouched(ts *testscript.TestScript, _ bool, _ []string) {
	h := &sceneOf(ts).hostile
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.asked) > 0 {
		ts.Fatalf("the canary was asked by %q", h.asked)
	}
}

// attack writes past net/http's client, which gives up where a server answers before it was told all.
func scriptAttack(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 4 {
		ts.Fatalf("usage: attack CODE SIGNATURE EVENT BODY")
	}
	text, length := args[3], "Content-Length: "+fmt.Sprint(len(args[3]))
	body := io.Reader(strings.NewReader(text))
	switch text {
	case "26M":
		length, body = "Content-Length: "+fmt.Sprint(26<<20), io.LimitReader(blanks{}, 26<<20)
	case "endless":
		length, body = "Transfer-Encoding: chunked", blanks{chunked: true}
	case "deep":
		text = strings.Repeat("[", 1_000_000)
		length, body = "Content-Length: 1000000", strings.NewReader(text)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(ts.Getenv("HOOK"), "http://"))
	ts.Check(err)
	defer conn.Close()
	ts.Check(conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = fmt.Fprintf(conn, "POST /webhook/github HTTP/1.1\r\nHost: hook\r\nContent-Type: application/json\r\nX-GitHub-Event: %s\r\nX-GitHub-Delivery: 1\r\n%s%s\r\n\r\n",
		args[2], signatureHeader(sceneOf(ts).secret, args[1], text), length)
	ts.Check(err)
	go func() { _, _ = io.Copy(conn, body) }() // it ends with the connection
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	ts.Check(err)
	answer.Body.Close()
	if got := fmt.Sprint(answer.StatusCode); got != args[0] {
		ts.Fatalf("the webhook answers %s, want %s", got, args[0])
	}
}

func signatureHeader(secret, kind, body string) string {
	switch kind {
	case "none":
		return ""
	case "sha1":
		return "X-Hub-Signature: sha1=" + strings.Repeat("0", 40) + "\r\n"
	case "wrong":
		secret = "guess"
	}
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = io.WriteString(mac, body)
	return "X-Hub-Signature-256: sha256=" + hex.EncodeToString(mac.Sum(nil)) + "\r\n"
}

// blanks is a body without end.
type blanks struct{ chunked bool }

// Read implements io.Reader.
func (b blanks) Read(p []byte) (int, error) {
	const chunk = 1 << 10
	if !b.chunked || len(p) < chunk {
		for i := range p {
			p[i] = ' '
		}
		return len(p), nil
	}
	return copy(p, fmt.Sprintf("%x\r\n%s\r\n", chunk-7, strings.Repeat(" ", chunk-7))), nil
}

// secrets are those that the world gave to releaser, by their files.
func (w *world) secrets(ts *testscript.TestScript) map[string][]byte {
	all := map[string][]byte{}
	for _, name := range []string{"forge-token", "webhook-secret", "cosign.password", "cosign.key"} {
		text, err := os.ReadFile(w.path("keys", name))
		ts.Check(err)
		if lines := bytes.Split(bytes.TrimSpace(text), []byte("\n")); len(lines) > 1 {
			text = lines[1] // of a PEM block
		}
		all[name] = bytes.TrimSpace(text)
	}
	return all
}

func scriptWatch(ts *testscript.TestScript, _ bool, _ []string) {
	s := sceneOf(ts)
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		ts.Logf("no /proc: processes are not looked at")
		return
	}
	secrets, done, ended := s.secrets(ts), make(chan struct{}), make(chan struct{})
	s.hostile.found = map[string]bool{}
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(200 * time.Millisecond):
				s.hostile.look(secrets)
			}
		}
	}()
	s.hostile.stop = sync.OnceFunc(func() { close(done); <-ended })
	ts.Defer(s.hostile.stop)
}

// look reads arguments and environments of all processes.
func (h *hostile) look(secrets map[string][]byte) {
	for _, what := range []string{"cmdline", "environ"} {
		files, _ := filepath.Glob("/proc/[0-9]*/" + what)
		for _, file := range files {
			text, _ := os.ReadFile(file) // others' processes cannot be read, and some have ended
			for name, secret := range secrets {
				if bytes.Contains(text, secret) {
					h.found[name+" in "+what+" of a process"] = true
				}
			}
		}
	}
}

func scriptSecretless(ts *testscript.TestScript, _ bool, _ []string) {
	s := sceneOf(ts)
	found := map[string]bool{}
	if s.hostile.stop != nil {
		s.hostile.stop()
		found = s.hostile.found
	}
	secrets, seen := s.secrets(ts), 0
	ts.Check(filepath.WalkDir(ts.Getenv("WORK"), func(name string, d fs.DirEntry, err error) error {
		if name == s.path("keys") || name == s.path("forge.json") {
			return skip(d)
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(name)
		for of, secret := range secrets {
			if bytes.Contains(text, secret) {
				found[of+" in "+name] = true
			}
		}
		seen++
		return err
	}))
	if len(found) > 0 || seen == 0 {
		ts.Fatalf("%d files; secrets: %q", seen, slices.Sorted(maps.Keys(found)))
	}
}

func skip(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}
