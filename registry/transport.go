package registry

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"oras.land/oras-go/v2/registry/remote/retry"
)

const (
	// retries follow a first attempt; with the doubling pause they take eight seconds in all.
	retries = 5
	// longestPause is the longest Retry-After that is obeyed here. A registry that asks for more gets it from the
	// caller, which has other work meanwhile.
	longestPause = time.Minute
	// maxErrorBody is how much of a refusal is read; oras looks at no more.
	maxErrorBody = 8 << 10
	// maxForm is how much of a form of our own is searched for secrets, which is more than a token server takes.
	maxForm = 1 << 20
)

// newHTTPClient is the one place where requests are made, retried and limited in time. Every request of the room, and of
// whoever uses its repositories, goes through it.
func newHTTPClient(o Options, host string) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pool, err := trusted(o.CAFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = pool
	}
	wire := guard{next: &http.Transport{
		Proxy:                 o.Proxy,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       config,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 2 * time.Minute,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   8,
		ForceAttemptHTTP2:     true,
	}}
	if o.PlainHTTP {
		wire.plainHost = host
	}
	return &http.Client{
		Transport: &retry.Transport{Base: wire, Policy: policy},
		// It covers the pauses between retries and the reading of the body: a trickling answer ends too.
		Timeout: o.Timeout,
	}, nil
}

// trusted is what the system trusts and the certificates of the file.
func trusted(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("registry.caFile: %w; name a PEM file with the certificate of the registry's authority", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("registry.caFile: %s holds no certificate; it must be PEM, with BEGIN CERTIFICATE", file)
	}
	return pool, nil
}

// guard lets no request leave in the clear, except to the one host that is configured so. As it stands below redirects,
// token realms and upload locations, none of them can lead around it.
type guard struct {
	next      http.RoundTripper
	plainHost string
}

// RoundTrip implements http.RoundTripper.
func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && (g.plainHost == "" || req.URL.Host != g.plainHost) {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, fmt.Errorf("%s is to be asked in the clear, and only https is allowed there; have it answer by https, or see registry.plainHTTP", req.URL.Host)
	}
	resp, err := g.next.RoundTrip(req)
	if err != nil || resp.StatusCode < http.StatusBadRequest {
		return resp, err
	}
	return withoutEcho(resp, secretsOf(req)), nil
}

// withoutEcho removes the secrets of the request from the body of a refusal: some servers and proxies repeat the header
// or the form that they did not like, and the body ends up in an error. It reads the body whole, even where there is no
// secret: oras does not read that of a 404, and a connection with an unread answer is closed.
func withoutEcho(resp *http.Response, secrets []string) *http.Response {
	if resp.Body == nil || resp.Body == http.NoBody {
		return resp
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	resp.Body.Close()
	for _, secret := range secrets {
		for _, form := range writings(secret) {
			body = bytes.ReplaceAll(body, []byte(form), []byte("***"))
		}
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return resp
}

// writings are the forms in which a secret may stand in the text of an error, which mostly is JSON.
func writings(secret string) []string {
	var all []string
	for _, text := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
		raw, err := json.Marshal(text)
		if err != nil {
			continue // which no text gives
		}
		quoted := string(raw[1 : len(raw)-1])
		all = append(all, text, quoted, strings.ReplaceAll(text, "/", `\/`), strings.ReplaceAll(quoted, "/", `\/`))
	}
	return all
}

// secretsOf are the credentials in a request: those of its header, and the refresh token or the password that is sent to
// a token server in a form.
func secretsOf(req *http.Request) []string {
	var secrets []string
	kind, secret, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	if secret != "" {
		secrets = append(secrets, secret)
	}
	if decoded, err := base64.StdEncoding.DecodeString(secret); err == nil && strings.EqualFold(kind, "basic") {
		if _, password, ok := strings.Cut(string(decoded), ":"); ok && password != "" {
			secrets = append(secrets, password)
		}
	}
	if req.GetBody == nil || req.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		return secrets
	}
	body, err := req.GetBody()
	if err != nil {
		return secrets
	}
	defer body.Close()
	text, _ := io.ReadAll(io.LimitReader(body, maxForm))
	form, _ := url.ParseQuery(string(text))
	for _, field := range []string{"refresh_token", "password"} {
		if secret := form.Get(field); secret != "" {
			secrets = append(secrets, secret)
		}
	}
	return secrets
}

// policy retries what a second attempt may cure: refusals for load (408, 429), faults of the server (5xx), timeouts and
// connections that broke. All that we send may be sent twice.
func policy() retry.Policy {
	return &retry.GenericPolicy{
		Retryable: func(resp *http.Response, err error) (bool, error) {
			if pauseAsked(resp) > longestPause {
				return false, nil
			}
			if errors.Is(err, io.EOF) {
				return true, nil
			}
			return retry.DefaultPredicate(resp, err)
		},
		Backoff:  pause,
		MinWait:  100 * time.Millisecond,
		MaxWait:  longestPause,
		MaxRetry: retries,
	}
}

// pause is what the server asked for, or doubles from a quarter of a second.
func pause(attempt int, resp *http.Response) time.Duration {
	if asked := pauseAsked(resp); asked > 0 {
		return asked
	}
	return retry.ExponentialBackoff(250*time.Millisecond, 2, 0.1)(attempt, resp)
}

// pauseAsked reads Retry-After (RFC 9110, 10.2.3): seconds, or a date, which is measured by the server's own clock.
func pauseAsked(resp *http.Response) time.Duration {
	if resp == nil || resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	text := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return 0
	}
	return max(0, until.Sub(now))
}
