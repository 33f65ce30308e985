package door

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestARequestIsCountedByMethodAndByWhatItAsksFor(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]Class{
		"/v2/":                               Ping,
		"/v2/_catalog":                       Catalog,
		"/v2/charts/voice/tags/list":         Tags,
		"/v2/charts/voice/manifests/1.0.0":   Manifest,
		"/v2/voice/blobs/sha256:ab":          Blob,
		"/v2/voice/blobs/uploads/":           Upload,
		"/v2/voice/blobs/uploads/id-1":       Upload,
		"/v2/voice/referrers/sha256:ab":      Referrers,
		"/v2/voice":                          Other,
		"/token":                             Other,
		"/v2/manifests/blobs/manifests/blob": Manifest,
	} {
		if got := ClassOf(path); got != want {
			t.Errorf("%s is counted as %s, want %s", path, got, want)
		}
	}
}

func TestATallyTellsWhatCameSinceAnother(t *testing.T) {
	t.Parallel()
	d := New(http.NotFoundHandler())
	send := func(method, path string) {
		d.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, nil))
	}
	send("GET", "/v2/")
	before := d.Tally()
	send("PUT", "/v2/voice/manifests/1.0.0")
	send("GET", "/v2/voice/manifests/1.0.0")
	send("GET", "/v2/voice/manifests/1.0.0")
	since := d.Tally().Since(before)
	if got, want := since.String(), "GET manifest 2, PUT manifest 1"; got != want {
		t.Errorf("since: %s, want %s", got, want)
	}
	if since.Total() != 3 || since.Writes() != 1 || before.Total() != 1 {
		t.Errorf("%d requests, %d writes, %d before", since.Total(), since.Writes(), before.Total())
	}
}

func TestTLSIsTrustedThroughItsAuthorityAlone(t *testing.T) {
	t.Parallel()
	authority, err := NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	d := New(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "in") }))
	if err := d.Open("", authority); err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if !strings.HasPrefix(d.URL(), "https://127.0.0.1:") {
		t.Errorf("URL %s", d.URL())
	}
	if resp, err := http.Get(d.URL()); err == nil {
		resp.Body.Close()
		t.Error("a client that was not given the authority got in")
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority.PEM())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	resp, err := client.Get(d.URL())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

func TestADoorOpensOnTheLoopbackAddressOnly(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "example.com:0", "127.0.0.1"} {
		d := New(http.NotFoundHandler())
		if err := d.Open(address, nil); err == nil {
			d.Close()
			t.Errorf("it opened on %q", address)
		}
	}
}

func TestADoorOpensOnceAndClosesOften(t *testing.T) {
	t.Parallel()
	d := New(http.NotFoundHandler())
	if err := d.Close(); err != nil {
		t.Errorf("closing a door that was never open: %v", err)
	}
	if err := d.Open("", nil); err != nil {
		t.Fatal(err)
	}
	if err := d.Open("", nil); err == nil {
		t.Error("it opened a second time")
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := http.Get(d.URL()); err == nil {
		t.Error("it still listens")
	}
}
