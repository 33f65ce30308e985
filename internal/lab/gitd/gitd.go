// Package gitd is a git server over smart HTTP, for tests and for the demo: Debian git's own http-backend behind
// net/http/cgi, on real bare repositories in one folder.
//
// The promise: what a client meets here is git itself. Nothing of the protocol is imitated, no configuration of the
// user or of the machine is read, and nothing is written outside the folder. The one need is a git binary.
package gitd

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/cgi"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxBody is the largest request body that is taken, in bytes. A push is held in memory (see buffer).
const maxBody = 256 << 20

// Options says how a Server behaves. The zero value serves everybody and tells nobody.
type Options struct {
	// Login decides who may read and write a repository, named as in its URL, by the user and the password of basic
	// auth; both are empty for a stranger. Who is refused is asked for credentials (401). nil lets everybody in. It is
	// called by several goroutines.
	Login func(repository, user, password string) bool
	// OnReceive is called after a push that changed references, before the client learns that it is done. It may call
	// the server again, and it is called by several goroutines when several push.
	OnReceive func(repository string, updates []RefUpdate)
	// Log takes what git prints on its standard error; nil drops it.
	Log io.Writer
}

// Server serves every bare repository below its root. It is an http.Handler; Start listens on a port of its own.
type Server struct {
	root     string
	options  Options
	backend  *cgi.Handler
	missing  error // the git binary was not found
	requests atomic.Int64
	pushes   sync.Map // repository name -> *sync.Mutex
	listener net.Listener
	server   *http.Server
}

// New returns a server for the bare repositories below root, a folder that exists.
func New(root string, options Options) *Server {
	if options.Log == nil {
		options.Log = io.Discard
	}
	git, err := findGit()
	// git runs in the root, from where a relative name would lead elsewhere.
	if absolute, wrong := filepath.Abs(root); wrong == nil {
		root = absolute
	}
	return &Server{root: root, options: options, missing: err, backend: &cgi.Handler{
		Path: git,
		Args: []string{"http-backend"},
		Dir:  root,
		Root: "/",
		// The last of two equal names wins, so PATH here replaces the one that the handler hands on.
		Env:    append(environment(git), "GIT_PROJECT_ROOT="+root, "GIT_HTTP_EXPORT_ALL=1"),
		Logger: log.New(options.Log, "", 0),
		Stderr: options.Log,
	}}
}

// Start listens on a free port of 127.0.0.1 and serves until Close.
func (s *Server) Start() error {
	if s.missing != nil {
		return s.missing
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("git server: %w", err)
	}
	s.listener = listener
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ErrorLog: s.backend.Logger}
	go s.server.Serve(listener) //nolint:errcheck // it ends with Close, which is no news
	return nil
}

// URL is where a started server answers, without a slash at the end.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// RepositoryURL is the clone URL of a repository on a started server. It never holds credentials.
func (s *Server) RepositoryURL(name string) string { return s.URL() + "/" + name }

// Close ends a started server and its connections. A server that was never started has nothing to end.
func (s *Server) Close() error {
	if s.server == nil {
		return nil
	}
	return s.server.Close()
}

// Requests is the number of HTTP requests so far, refused ones included.
func (s *Server) Requests() int { return int(s.requests.Load()) }

// ServeHTTP hands one request to git.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	if s.missing != nil {
		http.Error(w, s.missing.Error(), http.StatusInternalServerError)
		return
	}
	if !fs.ValidPath(strings.TrimPrefix(r.URL.Path, "/")) {
		http.NotFound(w, r)
		return
	}
	if !s.authorised(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "credentials are needed", http.StatusUnauthorized)
		return
	}
	// Every header reaches git as an environment variable; a password has no business there.
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	if err := buffer(w, r); err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	if repository, ok := strings.CutSuffix(r.URL.Path, "/git-receive-pack"); ok && r.Method == http.MethodPost {
		s.receive(w, r, strings.TrimPrefix(repository, "/"))
		return
	}
	s.backend.ServeHTTP(w, r)
}

func (s *Server) authorised(r *http.Request) bool {
	if s.options.Login == nil {
		return true
	}
	repository := strings.TrimPrefix(r.URL.Path, "/")
	for _, service := range []string{"/info/refs", "/git-upload-pack", "/git-receive-pack"} {
		repository = strings.TrimSuffix(repository, service)
	}
	user, password, _ := r.BasicAuth()
	return s.options.Login(repository, user, password)
}

// Only is a login for one user, to every repository.
func Only(user, password string) func(repository, user, password string) bool {
	return func(_, u, p string) bool {
		return subtle.ConstantTimeCompare([]byte(u), []byte(user)) == 1 && subtle.ConstantTimeCompare([]byte(p), []byte(password)) == 1
	}
}

// buffer gives a chunked body a length. git sends chunks for packs above 1 MiB, and CGI knows no chunks.
func buffer(w http.ResponseWriter, r *http.Request) error {
	body := http.MaxBytesReader(w, r.Body, maxBody)
	if r.ContentLength >= 0 {
		r.Body = body
		return nil
	}
	all, err := io.ReadAll(body)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return fmt.Errorf("body above %d bytes", tooLarge.Limit)
	}
	if err != nil {
		return err
	}
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(all)), int64(len(all)), nil
	return nil
}

// Create makes the bare repository name below the server's root. A repository that is there stays as it is, but for
// its features.
func (s *Server) Create(ctx context.Context, name string, features Features) (*Repository, error) {
	dir, err := s.directory(name)
	if err != nil {
		return nil, err
	}
	return Init(ctx, dir, features)
}
