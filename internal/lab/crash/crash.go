// Package crash is where a daemon dies at a request of somebody's choice. Its noun is the Door, which stands before every server
// that the daemon talks to, counts what passes, and at one request has the daemon killed: before a server hears of it, or when
// it is done and nobody will ever hear the answer.
//
// The promise: the servers are not touched, and the daemon knows nothing of it. What it is told at its request is nothing, and
// then it is dead.
package crash

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"
)

// A Moment is when, at a request, the daemon dies.
type Moment string

const (
	// Before is when the request was sent, and no server has heard of it.
	Before Moment = "before"
	// After is when a server has done all that was asked, and the answer is lost.
	After Moment = "after"
)

// A Request is one that passed, or at which the daemon died.
type Request struct {
	Method, Host, Path string // the path with its query
	Body               []byte
	Status             int // 0 where no server heard of it, or none has answered yet
	Killed             Moment
}

// String is a line about the request.
func (r Request) String() string { return r.Method + " " + r.Host + r.Path }

// Door is an http.Handler, as a proxy and as the server itself. It is safe for concurrent use.
type Door struct {
	next http.Handler

	mu    sync.Mutex
	seen  []*Request
	left  int // requests until the one to die at; 0 never
	when  Moment
	kill  func()
	under int       // requests under way
	last  time.Time // when one came or went
}

// New stands before a handler that knows all servers by the names of their hosts.
func New(next http.Handler) *Door { return &Door{next: next} }

// KillAt has kill called at the n-th request from now, counted from 1, and never when n is 0. kill returns once the daemon is
// dead. The last call holds.
func (d *Door) KillAt(n int, when Moment, kill func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left, d.when, d.kill = n, when, kill
}

// Requests are those that came so far, in the order in which they came.
func (d *Door) Requests() []Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]Request, len(d.seen))
	for i, r := range d.seen {
		all[i] = *r
	}
	return all
}

// Quiet is for how long nobody has come and nobody was under way.
func (d *Door) Quiet() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.under > 0 {
		return 0
	}
	return time.Since(d.last)
}

// ServeHTTP hands a request on, but for the one at which the daemon dies.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // it died while it wrote
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	request := &Request{Method: r.Method, Host: r.Host, Path: r.URL.RequestURI(), Body: body}
	kill := d.enter(request)
	defer d.leave()
	if request.Killed == Before {
		kill()
		panic(http.ErrAbortHandler)
	}
	answer := httptest.NewRecorder()
	d.next.ServeHTTP(answer, r)
	d.mu.Lock()
	request.Status = answer.Code
	d.mu.Unlock()
	if request.Killed == After {
		kill()
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = slices.Clone(values)
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // whoever asked may be dead by now
}

// enter counts a request and tells whether it is the one.
func (d *Door) enter(r *Request) (kill func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen, d.last = append(d.seen, r), time.Now()
	d.under++
	if d.left == 0 {
		return nil
	}
	if d.left--; d.left > 0 {
		return nil
	}
	r.Killed = d.when
	return d.kill
}

func (d *Door) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.under--
	d.last = time.Now()
}
