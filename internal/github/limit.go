package github

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"time"
)

// limit is how long GitHub wants to be left alone. One that goes on asking is shut out for longer.
type limit struct {
	now func() time.Time

	mu    sync.Mutex
	until time.Time
}

// wait says how long it takes until something may be sent; nil when that is now.
func (l *limit) wait(repository string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if left := l.until.Sub(l.now()); left > 0 {
		return &RateLimited{Repository: repository, RetryAfter: left}
	}
	return nil
}

// heed reads in an answer whether we are to wait. Its body can be read again afterwards.
func (l *limit) heed(resp *http.Response) {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusForbidden {
		return
	}
	const most = 64 << 10 // a message is short
	text, err := io.ReadAll(io.LimitReader(resp.Body, most))
	rest := io.Reader(resp.Body)
	if err != nil {
		rest = failing{err}
	}
	resp.Body = &struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(text), rest), resp.Body}
	if wait, limited := limitOf(resp, string(text)); limited {
		l.mu.Lock()
		defer l.mu.Unlock()
		if until := l.now().Add(wait); until.After(l.until) {
			l.until = until
		}
	}
}

// failing is the rest of a body that broke off.
type failing struct{ err error }

// Read implements io.Reader.
func (f failing) Read([]byte) (int, error) { return 0, f.err }
