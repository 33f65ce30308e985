package charts_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/releaser/releaser/charts"
)

// webRepository serves an index with one version of redis, at the URL and with the digest given, and the archive.
func webRepository(t *testing.T, archive []byte, at, digest string) (*httptest.Server, charts.HTTPS) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/charts/index.yaml", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "apiVersion: v1\nentries:\n  redis:\n  - name: redis\n    version: 1.2.4\n    urls: [no]\n  - name: redis\n    version: 1.2.3\n    digest: %q\n    urls: [%q]\n", digest, at)
	})
	mux.HandleFunc("/charts/redis-1.2.3.tgz", func(w http.ResponseWriter, _ *http.Request) { w.Write(archive) })
	mux.HandleFunc("/elsewhere", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://169.254.169.254/latest/meta-data", http.StatusFound)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/charts/redis-1.2.3.tgz", http.StatusFound)
	})
	mux.HandleFunc("/round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/round", http.StatusFound) })
	mux.HandleFunc("/busy", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	return server, charts.HTTPS{Hosts: []string{host(t, server.URL)}, Client: server.Client()}
}

func host(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func port(host string) string { return host[strings.LastIndex(host, ":")+1:] }

func hexDigest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func TestChartRepositoryGivesTheLockedVersion(t *testing.T) {
	t.Parallel()
	archive := redis(t, "1.2.3")
	for _, at := range []string{"redis-1.2.3.tgz", "/charts/redis-1.2.3.tgz", "/moved"} {
		for _, digest := range []string{hexDigest(archive), "sha256:" + hexDigest(archive), ""} {
			server, get := webRepository(t, archive, at, digest)
			pkg := pack(t, treeOf(remote(t, server.URL+"/charts"), "charts/x", "1.0.0"), get)
			if got := pkg.Annotations()["io.github.releaser.dependency.redis"]; got != "sha256:"+hexDigest(archive) {
				t.Errorf("%s %s: %s", at, digest, got)
			}
		}
	}
}

func unobtainable(t *testing.T, err error, rule string) {
	t.Helper()
	var u *charts.Unobtainable
	if !errors.As(err, &u) || u.Rule != rule || u.Fix == "" {
		t.Errorf("not %s: %v", rule, err)
	}
}

// B23: the metadata service of a cloud, whether Chart.yaml, the index or a redirect leads there.
func TestHostThatNobodyNamedIsNotAsked(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	stranger := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(stranger.Close)
	_, get := webRepository(t, nil, stranger.URL+"/x.tgz", "")
	for _, at := range []string{"https://169.254.169.254/", "http://169.254.169.254/", stranger.URL, "https://[::1]/", "file:///etc", "https://user:secret@" + get.Hosts[0], "https://evil." + get.Hosts[0], "https://localhost:" + port(get.Hosts[0])} {
		_, err := get.Get(t.Context(), at, "redis", "1.2.3")
		unobtainable(t, err, "dependency-host")
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Error(err)
		}
	}
	_, err := get.Get(t.Context(), "https://"+get.Hosts[0]+"/charts", "redis", "1.2.3")
	unobtainable(t, err, "dependency-host")
	_, get = webRepository(t, nil, "/elsewhere", "")
	_, err = get.Get(t.Context(), "https://"+get.Hosts[0]+"/charts", "redis", "1.2.3")
	unobtainable(t, err, "dependency-host")
	_, err = charts.HTTPS{}.Get(t.Context(), "https://"+get.Hosts[0]+"/charts", "redis", "1.2.3")
	unobtainable(t, err, "dependency-host")
	if asked.Load() > 0 {
		t.Error("the stranger was asked")
	}
}

func TestChartRepositoryThatLiesIsRefused(t *testing.T) {
	t.Parallel()
	archive := redis(t, "1.2.3")
	server, get := webRepository(t, archive, "redis-1.2.3.tgz", hexDigest([]byte("other")))
	repository := server.URL + "/charts"
	_, err := get.Get(t.Context(), repository, "redis", "1.2.3")
	unobtainable(t, err, "dependency-digest")
	_, err = get.Get(t.Context(), repository, "redis", "^1.2.0")
	unobtainable(t, err, "dependency-version")
	_, err = get.Get(t.Context(), repository, "nothing", "1.2.3")
	unobtainable(t, err, "dependency-version")
	_, err = get.Get(t.Context(), server.URL+"/none", "redis", "1.2.3")
	unobtainable(t, err, "dependency-missing")
	_, err = get.Get(t.Context(), server.URL+"/charts/redis-1.2.3.tgz/..", "redis", "1.2.4")
	if err == nil {
		t.Error("an archive that is not there")
	}
}

func TestChartRepositoryInTroubleIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"/busy", "/round", "/slow"} {
		server, get := webRepository(t, nil, at, "")
		get.Timeout = 300 * time.Millisecond
		_, err := get.Get(t.Context(), server.URL+"/charts", "redis", "1.2.3")
		var u *charts.Unobtainable
		if err == nil || errors.As(err, &u) {
			t.Errorf("%s: %v", at, err)
		}
	}
}

func TestEndlessArchiveIsCut(t *testing.T) {
	t.Parallel()
	server, get := webRepository(t, nil, "/endless", "")
	_, err := get.Get(t.Context(), server.URL+"/charts", "redis", "1.2.3")
	unobtainable(t, err, "dependency-size")
}
