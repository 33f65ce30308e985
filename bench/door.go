package main

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// asked is one request as a server saw it.
type asked struct {
	server, method, path string
	status               int
	began, ended         time.Time
}

// opened tells the request that opened a pull request.
func opened(a asked) bool {
	return a.server == "forge" && a.method == http.MethodPost && strings.HasSuffix(a.path, "/pulls") && a.status == http.StatusCreated
}

// book is where the doors of all servers write down who passed.
type book struct {
	mu  sync.Mutex
	all []asked
}

// door stands before a server and writes down every request, refused ones included.
func (b *book) door(server string, inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := asked{server: server, method: r.Method, path: r.URL.RequestURI(), began: time.Now()}
		seen := &status{ResponseWriter: w, code: http.StatusOK}
		defer func() {
			a.status, a.ended = seen.code, time.Now()
			b.mu.Lock()
			defer b.mu.Unlock()
			b.all = append(b.all, a)
		}()
		inner.ServeHTTP(seen, r)
	})
}

// take returns what was written down since the last call.
func (b *book) take() []asked {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.all
	b.all = nil
	return all
}

// len is how many requests are written down.
func (b *book) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.all)
}

// writes counts what the forge was asked to change.
func (b *book) writes() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.all {
		if a.server == "forge" && a.method != http.MethodGet {
			n++
		}
	}
	return n
}

// pull is the request that opened a pull request; ok false when there is none yet.
func (b *book) pull() (a asked, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.all {
		if opened(a) {
			return a, true
		}
	}
	return asked{}, false
}

// status remembers the code of an answer.
type status struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// Unwrap lets a handler flush.
func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }
