// Package forge is a small GitHub on this machine: a stateful API over bare git repositories.
//
// Git objects and refs live in the repositories alone, so that a clone sees what the API wrote and the API sees
// what a push brought. Pull requests, commit statuses, check runs and branch protection live in memory, and in one
// JSON file where a folder has to keep them. The API answers under /api/v3, as a GitHub Enterprise server does,
// with GitHub's fields, errors, pages, ETags and rate limit headers; a plain page per pull request lies beside it
// at /owner/name/pull/1. Webhooks are signed and sent as GitHub sends them, with its gaps: none at all for tags
// when more than three come in one push.
//
// It serves the tests and the demo. It is no GitHub: no forks, no reviews, no teams, no issues other than pull requests.
package forge

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Prefix is where the API begins, after the server's URL.
const Prefix = "/api/v3"

// Options say how a Server behaves. The zero value is a server in memory that refuses strangers.
type Options struct {
	// URL is where the server is reached, without a slash at the end. Empty: the host that the last request named.
	URL string
	// GitURL is where git is served: a repository is cloned from GitURL/owner/name.git. Empty: URL.
	GitURL string
	// File keeps pull requests, statuses, checks and protection as JSON. Empty: they end with the server.
	// Tokens and secrets are never written.
	File string
	// Anonymous lets everybody read through the API without a token. Pages are always open.
	Anonymous bool
	// RateLimit is how many requests an identity may make in an hour; 0 means 5,000.
	RateLimit int
	// LazyMergeable answers the first question after a pull request changed with mergeable null and
	// mergeable_state unknown, as GitHub does while it computes. The answer to a creation is always so.
	LazyMergeable bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Server is the stand-in. It is an http.Handler and safe for concurrent use: one request at a time changes state.
type Server struct {
	opts  Options
	api   *http.ServeMux
	pages *http.ServeMux
	hooks *dispatcher

	mu     sync.Mutex
	seen   string // the URL that the last request used
	state  state
	repos  map[string]*repository
	tokens map[string]*identity
	apps   map[int64]*App
	used   map[string]*usage
	fault  Fault
	log    []Request
}

// New makes a server and reads Options.File when it exists.
func New(opts Options) (*Server, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.RateLimit == 0 {
		opts.RateLimit = 5000
	}
	s := &Server{
		opts:   opts,
		hooks:  newDispatcher(),
		seen:   opts.URL,
		repos:  map[string]*repository{},
		tokens: map[string]*identity{},
		apps:   map[int64]*App{},
		used:   map[string]*usage{},
	}
	if err := s.load(); err != nil {
		return nil, err
	}
	s.api = s.operations()
	s.pages = s.pageRoutes()
	return s, nil
}

// Close sends the webhooks that wait, then returns. The repositories stay. It may be called twice.
func (s *Server) Close() { s.hooks.close() }

// Repository says what AddRepository serves.
type Repository struct {
	// FullName is owner/name.
	FullName string
	// Dir is the bare repository on disk.
	Dir string
	// DefaultBranch is main when empty.
	DefaultBranch string
	// Private makes the repository invisible to strangers.
	Private bool
	// Description is shown on its page.
	Description string
	// DeleteBranchOnMerge removes the head branch of a merged pull request.
	DeleteBranchOnMerge bool
}

// AddRepository serves a bare repository. A repository of that name is replaced, its pull requests stay.
func (s *Server) AddRepository(r Repository) error {
	owner, name, ok := strings.Cut(r.FullName, "/")
	if !ok || !validName(owner) || !validName(name) {
		return fmt.Errorf("repository %q: must be owner/name", r.FullName)
	}
	dir, err := filepath.Abs(r.Dir)
	if err != nil {
		return err
	}
	if r.DefaultBranch == "" {
		r.DefaultBranch = "main"
	}
	if _, err := bare(dir).refs("refs/heads/"); err != nil {
		return fmt.Errorf("repository %s: %w", r.FullName, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repos[r.FullName] = &repository{Repository: r, owner: owner, name: name, git: bare(dir), record: s.record(r.FullName)}
	return s.save()
}

// record finds what is remembered of a repository, or begins it.
func (s *Server) record(fullName string) *record {
	rec := s.state.Repositories[fullName]
	if rec == nil {
		owner, _, _ := strings.Cut(fullName, "/")
		rec = &record{ID: s.state.next(), Created: s.now(), Protection: map[string]Protection{},
			Statuses: map[string][]*commitStatus{}, Checks: map[string][]*checkRun{}, Signed: map[string]bool{}}
		rec.OwnerID = s.account(owner).ID
		s.state.Repositories[fullName] = rec
	}
	return rec
}

// now is the clock in whole seconds, in which GitHub tells time.
func (s *Server) now() time.Time { return s.opts.Now().UTC().Truncate(time.Second) }

// find gives a repository for the methods that people and tests call.
func (s *Server) find(fullName string) (*repository, error) {
	repo := s.repos[fullName]
	if repo == nil {
		return nil, fmt.Errorf("repository %q is not served here: call AddRepository first", fullName)
	}
	return repo, nil
}

// site is the URL of the server for links in events, which belong to no request.
func (s *Server) site() site {
	url := s.opts.URL
	if url == "" {
		url = s.seen
	}
	if url == "" {
		url = "http://forge.invalid"
	}
	git := s.opts.GitURL
	if git == "" {
		git = url
	}
	return site{html: strings.TrimSuffix(url, "/"), git: strings.TrimSuffix(git, "/")}
}

// site makes links.
type site struct{ html, git string }

func (u site) api() string { return u.html + Prefix }
