package github

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/releaser/releaser/internal/lab/forge"
)

func TestTokenFileIsReadAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(botToken + "\n")
	r := w.client(t, File(file)).Repository(environments)
	if _, err := r.Branch(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	w.forge.RevokeToken(botToken)
	w.forge.AddToken(forge.Token{Value: "ghp_next", Login: "releaser"})
	write("ghp_next")
	if _, err := r.Branch(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
}

func TestTokenThatIsNoneIsRefusedWithoutShowingIt(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"", "two words-secret", "line\nsecret", "ünicode-secret"} {
		_, err := Static(token).Token(t.Context(), environments)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", token, err)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v %s", Static(botToken), Static(botToken), Static(botToken), Static(botToken)); strings.Contains(text, botToken) {
		t.Errorf("printed: %s", text)
	}
}

func TestTokenGoesToNoOtherHost(t *testing.T) {
	t.Parallel()
	var heard string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		heard += "asked " + r.Header.Get("Authorization")
	}))
	t.Cleanup(other.Close)
	r := answering(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/elsewhere", http.StatusTemporaryRedirect)
	})
	if _, err := r.Branch(t.Context(), "main"); err == nil {
		t.Error("a redirect to another host was followed")
	}
	if err := r.CreateBranch(t.Context(), "b", "aa"); err == nil {
		t.Error("a write was sent to another host")
	}
	if heard != "" {
		t.Errorf("the other host: %s", heard)
	}
}

func TestAnswerIsCapped(t *testing.T) {
	t.Parallel()
	r := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"ref":"`))
		chunk := []byte(strings.Repeat("x", 1<<20))
		for range 40 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	if _, err := r.Branch(t.Context(), "main"); !errors.Is(err, errTooLong) {
		t.Errorf("got %v", err)
	}
}

// B59: a token has no fixed length, and a proxy may answer with what it was sent.
func TestNoErrorRepeatsTheToken(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"ghs_" + strings.Repeat("a1B2", 9), "ghs_" + strings.Repeat("a1B2", 130), "ghp_a.b-c_d/e+f"} {
		for _, code := range []int{400, 401, 403, 404, 409, 422, 429, 500, 502} {
			for name, body := range map[string]string{
				"JSON": `{"message":"what is %s?","errors":[{"message":"%[1]s"}]}`, "no JSON": "<p>%s</p>",
			} {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					sent := r.Header.Get("Authorization")
					w.Header().Set("X-Accepted-GitHub-Permissions", sent)
					w.WriteHeader(code)
					fmt.Fprintf(w, body, sent)
				}))
				c, err := New(Options{APIURL: server.URL, Token: Static(token), Unpaced: true})
				if err != nil {
					t.Fatal(err)
				}
				_, err = c.Repository(environments).Branch(t.Context(), "main")
				if err == nil || strings.Contains(err.Error(), token[4:15]) {
					t.Errorf("%d %s: %v", code, name, err)
				}
				server.Close()
			}
		}
	}
}

// B59
func TestAddressWithATokenIsRefused(t *testing.T) {
	t.Parallel()
	_, err := New(Options{APIURL: "https://user:hunter2@api.github.com", Token: Static(botToken)})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

// key makes a private key once for all tests: it takes a while.
var key = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func keyPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key())})
}

// clock is a time that tests move, for the server and the client.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newApp is a world with an App and a repository seen through it.
func newApp(t *testing.T, repositories ...string) (*world, *App, *clock) {
	t.Helper()
	c := &clock{now: time.Now().Truncate(time.Second)}
	w := newWorld(t, forge.Options{Now: c.Now})
	w.forge.AddApp(forge.App{ID: 7, Slug: "releaser", Key: &key().PublicKey, Repositories: repositories})
	app, err := NewApp(AppOptions{ID: "7", KeyPEM: keyPEM(), APIURL: w.url, Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	w.api = w.client(t, app).Repository(environments)
	return w, app, c
}

func TestAppTokenIsKeptUntilFiveMinutesBeforeItsEnd(t *testing.T) {
	t.Parallel()
	w, app, clock := newApp(t, environments)
	first, err := app.Token(t.Context(), environments)
	if err != nil {
		t.Fatal(err)
	}
	clock.add(54 * time.Minute)
	if again, err := app.Token(t.Context(), environments); err != nil || again != first {
		t.Errorf("a token with 6 minutes left was not used: %v", err)
	}
	if n := w.requests(); n != 2 {
		t.Errorf("%d requests for one token", n)
	}
	clock.add(2 * time.Minute)
	if next, err := app.Token(t.Context(), environments); err != nil || next == first {
		t.Errorf("a token with 4 minutes left was used: %v", err)
	}
	if n := w.requests(); n != 1 {
		t.Errorf("%d requests for the next token", n)
	}
}

// F33
func TestAppTokenThatIsRefusedIsRenewedOnce(t *testing.T) {
	t.Parallel()
	w, app, _ := newApp(t, environments)
	token, err := app.Token(t.Context(), environments)
	if err != nil {
		t.Fatal(err)
	}
	w.forge.RevokeToken(token)
	if err := w.api.CreateBranch(t.Context(), "b", w.base); err != nil {
		t.Fatal(err) // the write was sent again with its body
	}
	w.forge.Fault(func(r *http.Request) forge.Failure {
		if strings.Contains(r.URL.Path, "/git/") {
			return forge.Failure{Status: http.StatusUnauthorized, Message: "Bad credentials"}
		}
		return forge.Failure{}
	})
	w.requests()
	var denied *Unauthorized
	if _, err := w.api.Branch(t.Context(), "main"); !errors.As(err, &denied) {
		t.Errorf("got %v", err)
	}
	if n := w.requests(); n != 4 { // two refused, an installation and a token between them
		t.Errorf("%d requests against a server that refuses all", n)
	}
}

func TestCommitOfAnAppIsSignedByGitHub(t *testing.T) {
	t.Parallel()
	w, _, _ := newApp(t, environments)
	commit := w.edit(t, w.base, "x: 1\n")
	made, _, err := w.api.api.Git.GetCommit(t.Context(), "acme", "environments", commit)
	if err != nil || !made.GetVerification().GetVerified() || made.GetAuthor().GetName() != "releaser[bot]" {
		t.Errorf("got %v, %v", made, err)
	}
}

func TestAppThatIsNotInstalledIsNamed(t *testing.T) {
	t.Parallel()
	w, _, _ := newApp(t, "acme/other")
	_, err := w.api.Branch(t.Context(), "main")
	var denied *Unauthorized
	if !errors.As(err, &denied) || !strings.Contains(err.Error(), "installed there") || !strings.Contains(err.Error(), environments) {
		t.Errorf("got %v", err)
	}
}

func TestAppWithAnotherKeyIsNamed(t *testing.T) {
	t.Parallel()
	w, _, clock := newApp(t, environments)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	w.forge.AddApp(forge.App{ID: 7, Slug: "releaser", Key: &other.PublicKey, Repositories: []string{environments}})
	app, err := NewApp(AppOptions{ID: "7", KeyPEM: keyPEM(), APIURL: w.url, Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	var denied *Unauthorized
	if _, err := app.Token(t.Context(), environments); !errors.As(err, &denied) || !strings.Contains(err.Error(), "key of the GitHub App 7") {
		t.Errorf("got %v", err)
	}
}

func TestKeyThatIsNoneIsRefusedWithoutShowingIt(t *testing.T) {
	t.Parallel()
	_, err := NewApp(AppOptions{ID: "9", KeyPEM: []byte("secret"), APIURL: "https://api.github.com"})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestManyAskersShareOneToken(t *testing.T) {
	t.Parallel()
	w, app, _ := newApp(t, environments)
	var wait sync.WaitGroup
	for range 10 {
		wait.Go(func() {
			if _, err := app.Token(t.Context(), environments); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := w.requests(); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestWritesAreSpaced(t *testing.T) {
	t.Parallel()
	p := newPace()
	now := time.Now()
	minute, hour := 0, 0
	for s := range 3600 {
		at := now.Add(time.Duration(s) * time.Second)
		for range 3 { // three writers that never rest
			if p.hour.AllowN(at, 1) && p.minute.AllowN(at, 1) {
				hour++
				if s < 60 {
					minute++
				}
			}
		}
	}
	if minute > 80 || hour > 500 {
		t.Errorf("%d writes in the first minute, %d in the first hour", minute, hour)
	}
}

// F14
func TestWriterThatHasHadItsShareIsToldToWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPace()
		start := time.Now()
		for range 20 {
			if err := p.wait(t.Context(), environments); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("a burst took %s", took)
		}
		if err := p.wait(t.Context(), environments); err != nil || time.Since(start) != time.Second {
			t.Errorf("the next took %s, %v", time.Since(start), err)
		}
		p.minute.ReserveN(time.Now(), 20)
		p.minute.ReserveN(time.Now(), 10)
		var limited *RateLimited
		if err := p.wait(t.Context(), environments); !errors.As(err, &limited) || limited.RetryAfter < 20*time.Second {
			t.Errorf("got %v", err)
		}
	})
}

// F14
func TestAppThatIsLimitedDoesNotGoOnAsking(t *testing.T) {
	t.Parallel()
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(server.Close)
	app, err := NewApp(AppOptions{ID: "7", KeyPEM: keyPEM(), APIURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	for _, repository := range []string{environments, "acme/other", environments} {
		var limited *RateLimited
		if _, err := app.Token(t.Context(), repository); !errors.As(err, &limited) || limited.RetryAfter < 50*time.Second {
			t.Errorf("got %v", err)
		}
	}
	if asked != 1 {
		t.Errorf("%d requests", asked)
	}
}
