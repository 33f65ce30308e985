package github

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/time/rate"
)

// maxResponse bounds one answer. GitHub's largest, a recursive tree, is 7 MB.
const maxResponse = 32 << 20

// errTooLong is what reading beyond maxResponse gives.
var errTooLong = errors.New("the answer is longer than 32 MiB")

// transport adds the token to requests for the API's host, spaces the writes, bounds the answers, and
// asks once more with a new token when the first was refused.
type transport struct {
	next       http.RoundTripper
	api        *url.URL
	pace       *pace
	limit      *limit
	repository string
	tokens     TokenSource
	invalid    error // the repository's name is not owner/name: nothing is sent
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.invalid != nil {
		return nil, t.invalid
	}
	if err := t.limit.wait(t.repository); err != nil {
		return nil, err
	}
	if req.Method != http.MethodGet {
		if err := t.pace.wait(req.Context(), t.repository); err != nil {
			return nil, err
		}
	}
	token, err := t.tokens.Token(req.Context(), t.repository)
	if err != nil {
		return nil, &noToken{err}
	}
	resp, err := t.send(req, token)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	fresh, err := t.tokens.Renew(req.Context(), t.repository, token)
	if err != nil || fresh == token {
		return resp, nil // GitHub's 401 is the better answer
	}
	resp.Body.Close()
	return t.send(req, fresh)
}

func (t *transport) send(req *http.Request, token string) (*http.Response, error) {
	out := req.Clone(req.Context())
	if req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, err
		}
		out.Body = body
	}
	if out.URL.Host == t.api.Host && out.URL.Scheme == t.api.Scheme {
		out.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := t.next.RoundTrip(out)
	if err == nil {
		resp.Body = &bounded{ReadCloser: resp.Body, left: maxResponse}
		if resp.StatusCode/100 != 2 { // an odd proxy answers 099 too
			withoutEcho(resp, token)
		}
		t.limit.heed(resp)
	}
	return resp, err
}

// bounded fails when more than left bytes are read.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}

// carrier is the transport that was asked for, or one with a limit on each phase of a request.
func carrier(t http.RoundTripper) http.RoundTripper {
	if t != nil {
		return t
	}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   8,
		ForceAttemptHTTP2:     true,
	}
}

// pace spaces writes as GitHub asks: one a second with a burst of 20, so at most 80 in any minute, and at
// most 500 in any hour.
type pace struct{ minute, hour *rate.Limiter }

func newPace() *pace {
	return &pace{
		minute: rate.NewLimiter(rate.Every(time.Second), 20),
		hour:   rate.NewLimiter(rate.Every(9*time.Second), 100),
	}
}

// patience is how long a write waits for its turn within its own time limit.
const patience = 20 * time.Second

// wait returns when a write may be sent, or says how long that takes. A nil pace never waits.
func (p *pace) wait(ctx context.Context, repository string) error {
	if p == nil {
		return nil
	}
	for _, limiter := range []*rate.Limiter{p.hour, p.minute} {
		turn := limiter.Reserve()
		if turn.Delay() > patience {
			defer turn.Cancel()
			return &RateLimited{Repository: repository, RetryAfter: turn.Delay()}
		}
		select {
		case <-time.After(turn.Delay()):
		case <-ctx.Done():
			turn.Cancel()
			return ctx.Err()
		}
	}
	return nil
}
