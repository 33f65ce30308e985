package journal

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/releaser/releaser/internal/lab/postgres"
)

// TestMain also is the process that a test kills: see child_test.go.
func TestMain(m *testing.M) {
	if what := os.Getenv("JOURNAL_CHILD"); what != "" {
		os.Exit(child(what))
	}
	code := m.Run()
	if s := server.s; s != nil {
		s.Close()
	}
	os.Exit(code)
}

// server is the PostgreSQL of all tests here, started by the first that needs it.
var server struct {
	sync.Once
	s   *postgres.Server
	err error
}

func started(t *testing.T) *postgres.Server {
	t.Helper()
	postgres.Need(t)
	server.Do(func() { server.s, server.err = postgres.Start() })
	must(t, server.err)
	return server.s
}

// A store is a database that the suite runs over.
type store struct {
	open    func(t *testing.T, o Options) *Journal // a second one is a second replica
	options func(o *Options)                       // says where it is
	env     string                                 // says it to a child
	shared  bool                                   // several replicas may have it open
}

// onFile is SQLite in a folder of its own.
func onFile(t *testing.T) store {
	dir := t.TempDir()
	return storeAt("DIR="+dir, func(o *Options) { o.Dir = dir })
}

// onServer is an empty database of a real PostgreSQL.
func onServer(t *testing.T) store {
	url, err := started(t).Database(t.Context(), strings.ToLower(rand.Text()))
	must(t, err)
	s := storeAt("URL="+url, func(o *Options) { o.URL = func() (string, error) { return url, nil } })
	s.shared = true
	return s
}

func storeAt(env string, options func(*Options)) store {
	return store{options: options, env: env, open: func(t *testing.T, o Options) *Journal {
		t.Helper()
		options(&o)
		return opened(t, o)
	}}
}

func opened(t *testing.T, o Options) *Journal {
	t.Helper()
	j, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

// suite runs a test over each database.
func suite(t *testing.T, test func(t *testing.T, s store)) {
	t.Parallel()
	for name, on := range map[string]func(*testing.T) store{"SQLite": onFile, "PostgreSQL": onServer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, on(t))
		})
	}
}

// run lets a journal work until the test ends, or until stop is called.
func run(t *testing.T, j *Journal, h Hands) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx, h) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error("Run:", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// idle are hands that are done at once.
func idle() Hands {
	return Hands{
		Sweep:   func(context.Context, Sweep) Verdict { return Done() },
		Release: func(context.Context, Release) Verdict { return Done() },
		Propose: func(context.Context, Propose) Verdict { return Done() },
		Follow:  func(context.Context, Follow) Verdict { return Done() },
	}
}

// until waits for what must come true, however busy the machine is.
func until(t *testing.T, what string, true_ func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if true_() {
			return
		}
	}
	t.Fatalf("after a minute still not: %s", what)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// stands is the state of one job.
func stands(t *testing.T, j *Journal, job Job) Standing {
	t.Helper()
	owner, _, _ := job.place()
	all, err := j.Standings(t.Context(), job.Kind(), owner)
	must(t, err)
	for _, s := range all {
		if s.Job == job {
			return s
		}
	}
	return Standing{}
}
