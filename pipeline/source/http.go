package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

// httpDialer opens sessions over smart HTTP. All of them share one pool of connections.
type httpDialer struct {
	client transport.Transport
	http   *http.Client
	auth   Auth

	mu       sync.Mutex
	endpoint transport.Endpoint // moves when the server redirects on the same host
	modern   bool               // the server speaks protocol v2
}

func (d *httpDialer) isModern() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.modern
}

func (d *httpDialer) setModern(modern bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.modern = modern
}

func (d *httpDialer) moveTo(endpoint transport.Endpoint) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.endpoint = endpoint
}

func openHTTP(a address, o Options) (remote, error) {
	base := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		ForceAttemptHTTP2:     true,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   30 * time.Second,
		ResponseHeaderTimeout: 2 * time.Minute, // a server counts and packs before it answers
	}
	if o.CAFile != "" {
		pool, err := certificates(o.CAFile)
		if err != nil {
			return nil, err
		}
		base.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	client := &http.Client{Transport: &cappedTransport{base}, CheckRedirect: sameHost}
	return &wire{dialer: &httpDialer{client: githttp.NewClient(client), http: client, auth: o.Auth, endpoint: a.endpoint}}, nil
}

func certificates(file string) (*x509.CertPool, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("caFile: %w; name a PEM file with the certificate of the server's authority", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("caFile: %s holds no certificate; it must be PEM, with BEGIN CERTIFICATE", file)
	}
	return pool, nil
}

// sameHost lets a server move a repository about on its own host (to .git, to a new name, to https). Elsewhere is a
// matter of configuration: the credentials are for the host that stands there.
func sameHost(next *http.Request, before []*http.Request) error {
	from := before[0].URL
	upgrade := from.Scheme == "http" && next.URL.Scheme == "https" && from.Port() == "" && next.URL.Port() == ""
	if next.URL.Hostname() != from.Hostname() || next.URL.Host != from.Host && !upgrade {
		return fmt.Errorf("the server redirects to the host %q; if that is right, write it into the source's url", next.URL.Hostname())
	}
	return nil
}

// dial opens a session for either protocol: each request says which it speaks.
func (d *httpDialer) dial(ctx context.Context, _ bool) (session, error) {
	d.mu.Lock()
	endpoint := d.endpoint
	d.mu.Unlock()
	s := &httpSession{dialer: d, endpoint: &endpoint}
	var auth transport.AuthMethod // a typed nil would not do
	if d.auth.Token != nil {
		user, token, err := d.auth.Token(ctx)
		if err != nil {
			return nil, err
		}
		s.secrets = []string{token, base64.StdEncoding.EncodeToString([]byte(user + ":" + token)), url.QueryEscape(token), url.PathEscape(token)}
		s.auth = &githttp.BasicAuth{Username: user, Password: token}
		auth = s.auth
	}
	inner, err := d.client.NewUploadPackSession(s.endpoint, auth)
	if err != nil {
		return nil, err
	}
	s.UploadPackSession = inner
	return s, nil
}

// httpSession is go-git's session with errors of our own.
type httpSession struct {
	transport.UploadPackSession
	dialer   *httpDialer
	endpoint *transport.Endpoint // where the session went, redirects included
	auth     *githttp.BasicAuth  // nil reads as anybody
	secrets  []string
}

// AdvertisedReferencesContext keeps where a redirect led for the next session: only a listing is redirected.
func (s *httpSession) AdvertisedReferencesContext(ctx context.Context) (*packp.AdvRefs, error) {
	advertised, err := s.UploadPackSession.AdvertisedReferencesContext(ctx)
	if err == nil {
		s.dialer.moveTo(*s.endpoint)
	}
	return advertised, err
}

// UploadPack gives the limit back its name: go-git keeps no more of the errors of a body than their texts.
func (s *httpSession) UploadPack(ctx context.Context, r *packp.UploadPackRequest) (*packp.UploadPackResponse, error) {
	response, err := s.UploadPackSession.UploadPack(ctx, r)
	if limit := tooLarge("the answer with a pack", maxAnswer, "bytes"); err != nil && strings.Contains(err.Error(), limit.Error()) {
		return nil, limit
	}
	return response, err
}

func (s *httpSession) translate(err error) error {
	if unexpected := (*plumbing.UnexpectedError)(nil); errors.As(err, &unexpected) {
		err = unexpected.Err
	}
	if inURL := (*url.Error)(nil); errors.As(err, &inURL) {
		err = inURL.Err // without the URL, which a redirect may have chosen
	}
	status, unknown := (*githttp.Err)(nil), x509.UnknownAuthorityError{}
	switch {
	case errors.Is(err, transport.ErrEmptyRemoteRepository), errors.Is(err, ErrTooLarge):
		return err
	case errors.Is(err, transport.ErrAuthenticationRequired):
		return fmt.Errorf("%w (HTTP 401): %s", ErrAuth, s.advice())
	case errors.Is(err, transport.ErrAuthorizationFailed):
		return fmt.Errorf("%w (HTTP 403): %s", ErrAuth, s.advice())
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return fmt.Errorf("no such repository, or it is hidden from who asks (HTTP 404); check the url, and %s", s.advice())
	case errors.As(err, &status):
		return fmt.Errorf("the git server answers HTTP %d; try again, or ask who runs it", status.StatusCode())
	case errors.As(err, &unknown):
		return fmt.Errorf("%w; name the file of its CA in caFile", unknown)
	case strings.Contains(err.Error(), pktline.ErrInvalidPktLen.Error()):
		return errNotGit
	case failedOp(err) == "proxyconnect":
		return fmt.Errorf("%w; %s", foreign(err, s.secrets...), proxyless)
	case failedOp(err) == "dial":
		return fmt.Errorf("%w; %s", foreign(err, s.secrets...), unreachable)
	}
	return foreign(err, s.secrets...)
}

// unreachable is the next step when no connection to the server is made, or none to the proxy before it.
const (
	unreachable = "look whether the git server can be reached from here, and at the source's url"
	proxyless   = "look at HTTPS_PROXY, and whether that proxy runs; NO_PROXY names the hosts that need none"
)

// failedOp is what the network was asked to do when it failed, "" when it did not.
func failedOp(err error) string {
	failed := (*net.OpError)(nil)
	if !errors.As(err, &failed) {
		return ""
	}
	return failed.Op
}

func (s *httpSession) advice() string {
	switch {
	case s.dialer.auth.Token == nil:
		return "give the source credentials in auth"
	case s.dialer.auth.TokenOrigin == "":
		return "renew the source's token"
	}
	return "renew the token in " + s.dialer.auth.TokenOrigin + " or let it read this repository"
}

// cappedTransport bounds what a server can make us read.
type cappedTransport struct {
	base http.RoundTripper
}

// maxErrorBody is what is read of an answer that reports an error, in bytes. None of it is shown.
const maxErrorBody = 4096

func (t *cappedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	var body io.Reader
	switch {
	case response.StatusCode >= http.StatusMultipleChoices:
		body = io.LimitReader(response.Body, maxErrorBody)
	case r.Method == http.MethodGet:
		body = newCapped(response.Body, maxListing, "the list of references")
	default:
		body = newCapped(response.Body, maxAnswer, "the answer with a pack")
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{body, response.Body}
	return response, nil
}
