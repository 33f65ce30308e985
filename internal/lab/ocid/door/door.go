// Package door puts a registry on a port of this machine and counts who passes.
//
// A Door is an http.Handler around another one. It keeps a tally of requests by method and by the class of thing that
// they ask for, so that a test can say "the second push uploads nothing" in numbers. Opened, it listens on the loopback
// address only, in the clear or with a certificate of a private Authority.
package door

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Door is a handler that counts, and the server that it may be opened as.
type Door struct {
	inner http.Handler

	mu     sync.Mutex
	tally  Tally
	server *http.Server
	scheme string
	host   string
}

// New stands before inner. It counts from the first request, opened or not.
func New(inner http.Handler) *Door {
	return &Door{inner: inner, tally: Tally{}}
}

// ServeHTTP counts the request and hands it on.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	d.tally[Request{r.Method, ClassOf(r.URL.Path)}]++
	d.mu.Unlock()
	d.inner.ServeHTTP(w, r)
}

// Open listens on address, which must be a loopback one ("127.0.0.1:0" when empty), until Close. With an authority the
// door speaks TLS only. A second Open is an error.
func (d *Door) Open(address string, authority *Authority) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server != nil {
		return fmt.Errorf("the registry already listens on %s", d.host)
	}
	listener, err := listen(address)
	if err != nil {
		return err
	}
	d.scheme, d.host = "http", listener.Addr().String()
	if authority != nil {
		config, err := authority.ServerConfig()
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		listener, d.scheme = tls.NewListener(listener, config), "https"
	}
	d.server = &http.Server{
		Handler:           d,
		ReadHeaderTimeout: 10 * time.Second,
		// A client that hangs up or distrusts our certificate is no news to whoever runs a demo or a test.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go d.server.Serve(listener) //nolint:errcheck // It always ends in ErrServerClosed or with the listener.
	return nil
}

// listen refuses every address that others could reach: these registries ask for no password unless told.
func listen(address string) (net.Listener, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen address %q: %w; write 127.0.0.1:5000", address, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("listen address %q is open to others; write 127.0.0.1 and a port", address)
	}
	return net.Listen("tcp", address)
}

// Host is "127.0.0.1:port" of an open door.
func (d *Door) Host() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.host
}

// URL is "http://127.0.0.1:port" of an open door, or https.
func (d *Door) URL() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.scheme + "://" + d.host
}

// Close lets the requests under way finish for a second and stops listening. Closing twice, or what was never open, is no error.
func (d *Door) Close() error {
	d.mu.Lock()
	server := d.server
	d.mu.Unlock()
	if server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return server.Close()
	}
	return nil
}

// Tally is a copy of what was counted until now.
func (d *Door) Tally() Tally {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tally.Since(nil)
}
