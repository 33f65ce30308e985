package registry

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/releaser/releaser/internal/lab/ocid"
	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/internal/lab/ocid/mem"
)

func TestAPrivateAuthorityIsTrustedThroughItsFile(t *testing.T) {
	t.Parallel()
	authority, err := door.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	server, err := ocid.Start(ocid.Options{TLS: authority})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	file := write(t, "ca.pem", authority.PEM())

	trusting := at(t, server.Host(), func(o *Options) { o.PlainHTTP, o.CAFile = false, file })
	mustPush(t, trusting, voice())
	if again := mustPush(t, trusting, voice()); again.New() {
		t.Error("the second push is new")
	}

	strange := at(t, server.Host(), func(o *Options) { o.PlainHTTP = false })
	_, err = push(t, strange, voice())
	says(t, err, "registry.caFile")
	if unknown := (x509.UnknownAuthorityError{}); !errors.As(err, &unknown) {
		t.Error(err)
	}
	if _, err := push(t, at(t, server.Host()), voice()); err == nil {
		t.Error("plain HTTP to a TLS port passes")
	}
}

func TestACAFileThatIsNoneIsRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		write(t, "ca.pem", []byte("-----BEGIN NOTHING-----")): "holds no certificate",
		t.TempDir() + "/none.pem":                             "name a PEM file",
	} {
		_, err := New(Options{URL: "oci://ghcr.io/acme", CAFile: file})
		says(t, err, "registry.caFile", want)
	}
}

func TestPlainHTTPIsRefusedUnlessConfigured(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host(), func(o *Options) { o.PlainHTTP = false })
		_, err := push(t, r, voice())
		says(t, err, "the registry speaks plain HTTP", "registry.plainHTTP: true")
		if n := server.Tally().Total(); n != 0 {
			t.Errorf("%d requests came through", n)
		}
	})
}

func TestNothingLeadsAwayFromTLS(t *testing.T) {
	t.Parallel()
	var heard atomic.Int64
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard.Add(1) }))
	defer plain.Close()
	authority, err := door.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	for name, lure := range map[string]http.HandlerFunc{
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, plain.URL+r.URL.Path, http.StatusTemporaryRedirect)
		},
		"a token realm": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token",service="lab"`, plain.URL))
			w.WriteHeader(http.StatusUnauthorized)
		},
	} {
		server := door.New(lure)
		if err := server.Open("", authority); err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		file := write(t, "ca.pem", authority.PEM())
		r := at(t, server.Host(), func(o *Options) { o.PlainHTTP, o.CAFile = false, file })
		if _, err := r.Resolve(t.Context(), "voice", "1.0.0"); err == nil || heard.Load() != 0 {
			t.Errorf("%s: heard %d times (%v)", name, heard.Load(), err)
		}
	}
}

func TestPlainHTTPIsForTheConfiguredHostAlone(t *testing.T) {
	t.Parallel()
	other := inMemory(t, mem.Options{})
	r := at(t, inMemory(t, mem.Options{}).Host(), func(o *Options) { o.DependencyHosts = []string{other.Host()} })
	_, err := r.Get(t.Context(), "oci://"+other.Host()+"/charts", "voice", "1.0.0")
	if err == nil || other.Tally().Total() != 0 {
		t.Errorf("%d requests (%v)", other.Tally().Total(), err)
	}
	lure := before(t, http.NotFoundHandler(), func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, other.URL()+r.URL.Path, http.StatusTemporaryRedirect)
		return true
	})
	_, err = at(t, lure).Resolve(t.Context(), "voice", "1.0.0")
	says(t, err, "is to be asked in the clear, and only https is allowed there")
}

// F7
func TestAPauseThatTheRegistryAsksForIsObeyed(t *testing.T) {
	t.Parallel()
	server := inMemory(t, mem.Options{})
	var busy atomic.Int64
	host := before(t, server, func(w http.ResponseWriter, r *http.Request) bool {
		if busy.Add(1) > 1 {
			return false
		}
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	start := time.Now()
	if _, err := at(t, host).Versions(t.Context(), "voice"); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < time.Second {
		t.Errorf("asked again after %s", took)
	}
}

// F7
func TestALongPauseIsLeftToTheCaller(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	host := before(t, http.NotFoundHandler(), func(w http.ResponseWriter, r *http.Request) bool {
		asked.Add(1)
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	_, err := at(t, host).Versions(t.Context(), "voice")
	says(t, err, "try again later")
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
}

func TestAPauseIsASpanOrADate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status      int
		after, date string
		want        time.Duration
	}{
		{429, "7", "", 7 * time.Second},
		{503, "7", "", 7 * time.Second},
		{429, "Mon, 06 May 2024 07:08:39 GMT", "Mon, 06 May 2024 07:08:09 GMT", 30 * time.Second},
		{429, "Mon, 06 May 2024 07:08:09 GMT", "Mon, 06 May 2024 07:08:39 GMT", 0},
		{429, "Mon, 06 May 2024 07:08:09 GMT", "", 0},
		{429, "-1", "", 0},
		{429, "99999999999999999999", "", 0},
		{429, "soon", "", 0},
		{429, "", "", 0},
		{200, "7", "", 0},
	} {
		resp := &http.Response{StatusCode: c.status, Header: http.Header{"Retry-After": {c.after}, "Date": {c.date}}}
		if got := pauseAsked(resp); got != c.want {
			t.Errorf("%d, %q at %q: %s, want %s", c.status, c.after, c.date, got, c.want)
		}
	}
}

// F8
func TestAFaultThatPassesIsNotNoticed(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		var n atomic.Int64
		host := before(t, server, func(w http.ResponseWriter, r *http.Request) bool {
			switch n.Add(1) % 5 {
			case 0:
				http.Error(w, "the gateway is away", http.StatusBadGateway)
				return true
			case 3:
				connection, _, err := w.(http.Hijacker).Hijack()
				if err == nil {
					connection.(*net.TCPConn).SetLinger(0)
					connection.Close()
				}
				return true
			}
			return false
		})
		r := at(t, host)
		first := mustPush(t, r, voice())
		if again := mustPush(t, r, voice()); again.Digest() != first.Digest() {
			t.Errorf("%s after %s", again.Digest(), first.Digest())
		}
	})
}

// F9
func TestATricklingAnswerEnds(t *testing.T) {
	t.Parallel()
	host := before(t, http.NotFoundHandler(), func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		for r.Context().Err() == nil {
			fmt.Fprint(w, " ")
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
		return true
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r := at(t, host, func(o *Options) { o.Timeout = 300 * time.Millisecond })
	start := time.Now()
	if _, err := r.Versions(ctx, "voice"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	// Whoever uses the handle is limited too.
	repository, _ := r.Repository("voice")
	if err := repository.Tags(ctx, "", func([]string) error { return nil }); err == nil {
		t.Error("no end")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

// F9
func TestACallOfManyShortRequestsEndsToo(t *testing.T) {
	t.Parallel()
	var pages atomic.Int64
	host := before(t, http.NotFoundHandler(), func(w http.ResponseWriter, r *http.Request) bool {
		time.Sleep(20 * time.Millisecond)
		w.Header().Set("Link", fmt.Sprintf(`</v2/charts/voice/tags/list?last=%d>; rel="next"`, pages.Add(1)))
		fmt.Fprint(w, `{"tags":[]}`)
		return true
	})
	r := at(t, host, func(o *Options) { o.Timeout = 300 * time.Millisecond })
	if _, err := r.Versions(t.Context(), "voice"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after %d pages: %v", pages.Load(), err)
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	server := inMemory(t, mem.Options{})
	r := at(t, server.Host())
	pkg := voice().pack(t)
	if _, err := r.Push(ctx, pkg, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if n := server.Tally().Total(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestTheRegistryIsToldWhoAsks(t *testing.T) {
	t.Parallel()
	var agents []string
	host := before(t, inMemory(t, mem.Options{}), func(w http.ResponseWriter, r *http.Request) bool {
		agents = append(agents, r.UserAgent())
		return false
	})
	at(t, host).Versions(t.Context(), "voice")
	at(t, host, func(o *Options) { o.UserAgent = "releaser/1.2.3" }).Versions(t.Context(), "voice")
	if got := strings.Join(agents, ", "); got != "releaser, releaser/1.2.3" {
		t.Errorf("the registry was told %s", got)
	}
}

func TestARegistryThatIsNotThereIsSaidToBe(t *testing.T) {
	t.Parallel()
	_, err := at(t, "127.0.0.1:1").Versions(t.Context(), "voice")
	says(t, err, "connection refused", "look whether the registry runs")
}

func TestAProxyThatIsNotThereIsSaidToBe(t *testing.T) {
	t.Parallel()
	r := at(t, "registry.example.com", func(o *Options) {
		o.PlainHTTP = false
		o.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "127.0.0.1:1"})
	})
	_, err := r.Versions(t.Context(), "voice")
	says(t, err, "proxyconnect", "connection refused", "look at HTTPS_PROXY")
}

func TestAnErrorIsOneCleanLine(t *testing.T) {
	t.Parallel()
	host := before(t, http.NotFoundHandler(), func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"errors":[{"code":"DENIED","message":"a\nb \u001b[31mred http://cdn.example.com/x?X-Amz-Signature=hunter2"}]}`)
		return true
	})
	_, err := at(t, host).Versions(t.Context(), "voice")
	says(t, err, "denied", "look at the credentials")
	if text := err.Error(); strings.ContainsAny(text, "\n\x1b") || strings.Contains(text, "hunter2") {
		t.Errorf("%q", text)
	}
}

func TestAnAnswerThatSaysNoKeepsItsConnection(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(mem.New(mem.Options{}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	r := at(t, strings.TrimPrefix(server.URL, "http://"))
	for range 3 {
		if _, err := r.Resolve(t.Context(), "voice", "1.0.0"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for three questions, one after the other", n)
	}
}
