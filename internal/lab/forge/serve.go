package forge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Request is one API request that was answered.
type Request struct {
	Time   time.Time
	Method string
	// Path is below Prefix, with its query.
	Path string
	// Login is who asked; empty for a stranger.
	Login  string
	Status int
}

// Write reports a request that wanted to change something.
func (r Request) Write() bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// Failure is what goes wrong with one request. The zero value lets it pass.
type Failure struct {
	// Status answers with this code; 0 leaves the answer as it is.
	Status int
	// Header is added to the answer, such as Retry-After.
	Header http.Header
	// Message is the message of the error.
	Message string
	// After lets the operation take its effect first, so that only the answer is lost.
	After bool
	// Drop closes the connection without an answer.
	Drop bool
	// Delay waits before the answer.
	Delay time.Duration
}

// Fault looks at a request and says what goes wrong with it.
type Fault func(r *http.Request) Failure

// Fault injects failures into the API until it is called with nil.
func (s *Server) Fault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// RequestLog lists the API requests answered so far, oldest first. The last 1,000 at least are kept.
func (s *Server) RequestLog() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// ForgetRequests empties the log, so that a second run can be counted alone.
func (s *Server) ForgetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

// Writes counts the requests in the log that changed something and succeeded.
func (s *Server) Writes() int {
	n := 0
	for _, r := range s.RequestLog() {
		if r.Write() && r.Status < 300 {
			n++
		}
	}
	return n
}

// reply keeps an answer until it is whole, for its ETag and for faults.
type reply struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *reply) Header() http.Header         { return w.header }
func (w *reply) Write(p []byte) (int, error) { return w.body.Write(p) }
func (w *reply) WriteHeader(status int)      { w.status = status }

// copyTo sends the answer.
func (w *reply) copyTo(out http.ResponseWriter) {
	for name, values := range w.header {
		out.Header()[name] = values
	}
	out.WriteHeader(w.status)
	_, _ = out.Write(w.body.Bytes())
}

// ServeHTTP answers the API and the pages.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, Prefix+"/") {
		s.pages.ServeHTTP(w, r)
		return
	}
	fail := s.failure(r)
	out := &reply{header: http.Header{}, status: http.StatusOK}
	if fail.Status == 0 && !fail.Drop || fail.After {
		s.serveAPI(out, r)
	} else {
		s.note(r, fail.Status)
	}
	wait(r.Context(), fail.Delay)
	if fail.Drop {
		panic(http.ErrAbortHandler)
	}
	if fail.Status != 0 {
		out = &reply{header: http.Header{}}
		writeProblem(out, &problem{Status: fail.Status, Message: fail.Message})
	}
	for name, values := range fail.Header {
		out.header[http.CanonicalHeaderKey(name)] = values
	}
	out.copyTo(w)
}

// wait delays an answer, unless nobody waits for it any more.
func wait(ctx context.Context, delay time.Duration) {
	if delay <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(delay):
	}
}

func (s *Server) failure(r *http.Request) Failure {
	s.mu.Lock()
	f := s.fault
	s.mu.Unlock()
	if f == nil {
		return Failure{}
	}
	return f(r) // outside the lock: a fault may look at the server, or wait
}

// note logs a request that a fault answered.
func (s *Server) note(r *http.Request, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logRequest(r, "", status)
}

func (s *Server) logRequest(r *http.Request, login string, status int) {
	path := strings.TrimPrefix(r.URL.RequestURI(), Prefix)
	s.log = keepLast(s.log, Request{s.opts.Now(), r.Method, path, login, status})
}

// kept is how much is remembered of what went by: a demo may stay up for days.
const kept = 1000

// keepLast adds to a list and forgets its beginning.
func keepLast[T any](list []T, next T) []T {
	if len(list) >= 2*kept {
		list = slices.Clone(list[kept:])
	}
	return append(list, next)
}

// serveAPI authenticates, counts, runs the operation and remembers what changed.
func (s *Server) serveAPI(w *reply, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opts.URL == "" {
		s.seen = "http://" + r.Host
	}
	who, err := s.authenticate(r)
	login := ""
	if who != nil {
		login = who.Login
	}
	defer func() { s.logRequest(r, login, w.status) }()
	if err != nil {
		writeAnswer(w, answer{}, err)
		return
	}
	use := s.usageOf(who)
	if r.URL.Path != Prefix+"/rate_limit" && use.left == 0 {
		use.headers(w.header, s.opts.RateLimit)
		writeProblem(w, &problem{Status: http.StatusForbidden, Message: "API rate limit exceeded for " + login + "."})
		return
	}
	s.api.ServeHTTP(w, r.WithContext(withIdentity(r.Context(), who)))
	conditional(w, r)
	if w.status != http.StatusNotModified && r.URL.Path != Prefix+"/rate_limit" {
		use.left--
	}
	use.headers(w.header, s.opts.RateLimit)
	w.header.Set("X-GitHub-Media-Type", "github.v3; format=json")
}

// conditional gives a read its ETag and answers 304 when the caller has it already.
func conditional(w *reply, r *http.Request) {
	if r.Method != http.MethodGet || w.status != http.StatusOK {
		return
	}
	sum := sha256.Sum256(w.body.Bytes())
	tag := `W/"` + hex.EncodeToString(sum[:]) + `"`
	w.header.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.status = http.StatusNotModified
		w.body.Reset()
		w.header.Del("Content-Type")
	}
}

// usage is what an identity has left of its hour.
type usage struct {
	left  int
	reset time.Time
}

func (s *Server) usageOf(who *identity) *usage {
	key := ""
	if who != nil {
		key = who.Login
	}
	use := s.used[key]
	if use == nil || !s.now().Before(use.reset) {
		use = &usage{s.opts.RateLimit, s.now().Add(time.Hour)}
		s.used[key] = use
	}
	return use
}

func (u *usage) headers(h http.Header, limit int) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(u.left))
	h.Set("X-RateLimit-Used", strconv.Itoa(limit-u.left))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(u.reset.Unix(), 10))
	h.Set("X-RateLimit-Resource", "core")
}
