package web_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/releaser/releaser/internal/web"
)

const secret = "It's a Secret to Everybody"

// face is a daemon's public face that notes what it was told to wake.
type face struct {
	http.Handler
	mu    sync.Mutex
	woken [][]string
	codes map[string]int
}

func newFace(t *testing.T, secrets ...string) *face {
	t.Helper()
	f := &face{codes: map[string]int{}}
	o := web.Options{
		Ready: func() error { return nil }, Alive: func() error { return nil },
		Wake: func(r []string) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.woken = append(f.woken, r)
		},
		Delivered: func(event string, code int) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.codes[fmt.Sprintf("%s %d", event, code)]++
		},
	}
	for _, s := range secrets {
		o.Secrets = append(o.Secrets, []byte(s))
	}
	h, err := web.Public(o)
	if err != nil {
		t.Fatal(err)
	}
	f.Handler = h
	return f
}

func sign(key, body string) string {
	mac := hmac.New(sha256.New, []byte(key))
	io.WriteString(mac, body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func deliver(f http.Handler, event, signature, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/webhook/github", strings.NewReader(body))
	r.Header.Set("X-GitHub-Event", event)
	r.Header.Set("Content-Type", "application/json")
	if signature != "" {
		r.Header.Set("X-Hub-Signature-256", signature)
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

const push = `{"ref":"refs/tags/v1","repository":{"full_name":"acme/platform","clone_url":"https://github.com/acme/platform.git"}}`

// The example is GitHub's own, from "Validating webhook deliveries" in its documentation.
func TestSignatureIsTheOneThatGitHubDocuments(t *testing.T) {
	t.Parallel()
	const want = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	if got := sign(secret, "Hello, World!"); got != want {
		t.Fatalf("sign = %s, want %s", got, want)
	}
}

func TestGenuinePushWakesItsRepositoryAndNothingElse(t *testing.T) {
	t.Parallel()
	f := newFace(t, secret)
	if w := deliver(f, "push", sign(secret, push), push); w.Code != http.StatusAccepted {
		t.Fatalf("code %d: %s", w.Code, w.Body)
	}
	if len(f.woken) != 1 || f.woken[0][0] != "acme/platform" {
		t.Fatalf("woken: %v", f.woken)
	}
}

func TestWhileASecretIsReplacedBothSign(t *testing.T) {
	t.Parallel()
	f := newFace(t, "old", "new")
	for _, key := range []string{"old", "new"} {
		if w := deliver(f, "push", sign(key, push), push); w.Code != http.StatusAccepted {
			t.Errorf("%s: code %d: %s", key, w.Code, w.Body)
		}
	}
}

// B46
func TestDeliveryWithoutGenuineSignatureIs401BeforeItIsParsed(t *testing.T) {
	t.Parallel()
	notJSON := "{"
	for name, signature := range map[string]string{
		"missing":           "",
		"sha1":              "sha1=" + strings.Repeat("0", 40),
		"another secret":    sign("guess", notJSON),
		"of another body":   sign(secret, push),
		"not hexadecimal":   "sha256=zz",
		"empty":             "sha256=",
		"of an empty key":   sign("", notJSON),
		"cut":               sign(secret, notJSON)[:70],
		"with text behind":  sign(secret, notJSON) + "00",
		"upper case prefix": strings.Replace(sign(secret, notJSON), "sha256", "SHA256", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFace(t, secret)
			if w := deliver(f, "push", signature, notJSON); w.Code != http.StatusUnauthorized {
				t.Errorf("code %d: %s", w.Code, w.Body)
			}
			if len(f.woken) != 0 {
				t.Errorf("woken: %v", f.woken)
			}
		})
	}
}

// B46
func TestEmptySecretIsRefusedAtStart(t *testing.T) {
	t.Parallel()
	_, err := web.Public(web.Options{Secrets: [][]byte{[]byte("good"), nil}, Ready: func() error { return nil }})
	if err == nil || !strings.Contains(err.Error(), "empty") {
		t.Fatalf("err = %v", err)
	}
}

// B47
func TestEndlessBodyIs413AtTheCap(t *testing.T) {
	t.Parallel()
	f := newFace(t, secret)
	s := httptest.NewServer(f)
	defer s.Close()
	for name, length := range map[string]int64{"declared": 26 << 20, "chunked": -1} {
		body := &endless{}
		r, err := http.NewRequest(http.MethodPost, s.URL+"/webhook/github", io.LimitReader(body, 1<<30))
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = length
		r.Header.Set("X-GitHub-Event", "push")
		r.Header.Set("X-Hub-Signature-256", sign(secret, push))
		// The server may hang up while the client still writes: then there is no answer, and no harm.
		if resp, err := s.Client().Do(r); err == nil {
			resp.Body.Close()
			if resp.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("%s: code %d", name, resp.StatusCode)
			}
		}
		if sent := body.sent(); sent > 64<<20 {
			t.Errorf("%s: the server took %d MiB", name, sent>>20)
		}
	}
	if len(f.woken) != 0 {
		t.Errorf("woken: %v", f.woken)
	}
}

type endless struct {
	mu sync.Mutex
	n  int
}

func (e *endless) Read(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.n += len(p)
	return len(p), nil
}

func (e *endless) sent() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.n
}

// B49
func TestOddBodiesAreAnsweredAndWakeNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		event, body string
		code        int
	}{
		"ping":                    {"ping", `{"zen":"Design for failure."}`, 200},
		"event of no use":         {"star", push, 202},
		"no event":                {"", push, 202},
		"not JSON":                {"push", "tag=v1", 400},
		"deep JSON":               {"push", strings.Repeat("[", 100_000), 400},
		"wrong types":             {"push", `{"repository":"acme/platform"}`, 400},
		"no repository":           {"push", `{"ref":"refs/tags/v1"}`, 400},
		"repository without name": {"push", `{"repository":{}}`, 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFace(t, secret)
			if w := deliver(f, c.event, sign(secret, c.body), c.body); w.Code != c.code {
				t.Errorf("code %d, want %d: %s", w.Code, c.code, w.Body)
			}
			if len(f.woken) != 0 {
				t.Errorf("woken: %v", f.woken)
			}
		})
	}
}

func TestWithoutSecretsThereIsNoWebhook(t *testing.T) {
	t.Parallel()
	if w := deliver(newFace(t), "push", sign("", push), push); w.Code != http.StatusNotFound {
		t.Fatalf("code %d", w.Code)
	}
}

func TestProbesSayWhyTheDaemonIsNotReady(t *testing.T) {
	t.Parallel()
	var reason error = errors.New("the first sweep has not begun")
	var stuck error
	h := web.Internal(web.Options{Ready: func() error { return reason }, Alive: func() error { return stuck }, Metrics: http.NotFoundHandler()})
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	if w := get("/healthz"); w.Code != 200 {
		t.Errorf("healthz: %d", w.Code)
	}
	if w := get("/readyz"); w.Code != 503 || !strings.Contains(w.Body.String(), "first sweep") {
		t.Errorf("readyz: %d %s", w.Code, w.Body)
	}
	reason, stuck = nil, errors.New("nothing has moved")
	if w := get("/readyz"); w.Code != 200 {
		t.Errorf("readyz: %d", w.Code)
	}
	if w := get("/healthz"); w.Code != 503 || !strings.Contains(w.Body.String(), "nothing has moved") {
		t.Errorf("healthz: %d %s", w.Code, w.Body)
	}
}

func TestServeLetsRequestsUnderWayFinish(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	began := make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(began)
		time.Sleep(100 * time.Millisecond)
		io.WriteString(w, "done")
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(ctx, l, slow, 5*time.Second) }()
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		var b bytes.Buffer
		b.ReadFrom(resp.Body)
		answer <- b.String()
	}()
	<-began
	stop()
	if got := <-answer; got != "done" {
		t.Errorf("answer: %s", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// B48. The payloads are GitHub's own examples; see the ORIGIN.md beside them.
func TestGitHubsOwnPayloadsWakeTheirRepositoryAlone(t *testing.T) {
	t.Parallel()
	const folder = "../lab/forge/testdata/webhooks"
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d payloads in %s: %v", len(files), folder, err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			event, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(name), ".json"), "-")
			var payload struct {
				Repository struct {
					FullName string `json:"full_name"`
				} `json:"repository"`
			}
			if err := json.Unmarshal(body, &payload); err != nil {
				t.Fatal(err)
			}
			f := newFace(t, secret)
			for range 2 { // a delivery may come again, with its old ID
				w := deliver(f, event, sign(secret, string(body)), string(body))
				if w.Code >= 300 {
					t.Fatalf("%s: %d %s", event, w.Code, w.Body)
				}
			}
			if event == "ping" {
				if len(f.woken) != 0 {
					t.Errorf("a ping woke %v", f.woken)
				}
				return
			}
			if len(f.woken) != 2 || f.woken[0][0] != payload.Repository.FullName {
				t.Errorf("woken: %v, want %s", f.woken, payload.Repository.FullName)
			}
		})
	}
}

func TestServeCutsOffWhoeverIsSlowerThanTheGrace(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	began := make(chan struct{})
	reading := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		_, _ = io.ReadAll(r.Body)
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(ctx, l, reading, 50*time.Millisecond) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
	<-began
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("Serve: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("one slow client holds the server")
	}
}
