package journal

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// errLost is why the context of Alone ends.
var errLost = errors.New("the lock is lost, as the connection to PostgreSQL is")

const (
	pingEvery = 15 * time.Second
	// The server ends a session that was silent for so long, and with it its locks: a replica that is stopped, or that lost
	// its network, must not hold up the others for ever.
	silence     = "60s"
	askPatience = 5 * time.Second
)

// session is the one connection on which a replica holds its locks: for each name that it is alone with, and for its own
// life.
type session struct {
	id      string
	connect func(context.Context) (*pgx.Conn, error)
	here    *here // the connection may take a lock twice: in this process the names are guarded first
	stop    chan struct{}
	stopped sync.WaitGroup

	mu    sync.Mutex // one question at a time
	conn  *pgx.Conn  // nil when there is none
	alive bool       // the lock for our own life is held
	gone  context.Context
	lose  context.CancelCauseFunc
}

func newSession(id string, connect func(context.Context) (*pgx.Conn, error)) *session {
	s := &session{id: id, connect: connect, here: newHere(), stop: make(chan struct{})}
	s.stopped.Go(s.keep)
	return s
}

// keep shows the server that we live, and learns from it that we were thought dead.
func (s *session) keep() {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
			s.ping() // an error is a lost session: whoever held a lock knows
		}
	}
}

// ping asks the server anything, over a new connection if the old one is lost.
func (s *session) ping() error {
	_, err := s.ask(context.Background(), "SELECT true")
	return err
}

func (s *session) close() error {
	close(s.stop)
	s.stopped.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
	return nil
}

// lock waits until no other goroutine and no other replica has the name.
func (s *session) lock(ctx context.Context, name string) (context.Context, func(), error) {
	_, leave, err := s.here.lock(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	gone, err := s.take(ctx, name)
	if err != nil {
		leave()
		return nil, nil, fmt.Errorf("locking %s: %w", name, err)
	}
	held, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(gone, func() { cancel(errLost) })
	return held, func() {
		stop()
		cancel(nil)
		s.give(gone, name)
		leave()
	}, nil
}

// take asks for the lock again and again: to wait for it on the server would keep the connection from all other names.
func (s *session) take(ctx context.Context, name string) (gone context.Context, err error) {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		var got bool
		gone, err = s.asks(ctx, &got, "SELECT pg_try_advisory_lock($1, hashtext($2))", lockName, name)
		if err != nil || got {
			return gone, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
}

// give gives the lock back, if it was not lost with its connection.
func (s *session) give(gone context.Context, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if gone.Err() == nil && s.conn != nil {
		var was bool
		s.query(context.Background(), &was, "SELECT pg_advisory_unlock($1, hashtext($2))", lockName, name)
	}
}

func (s *session) ask(ctx context.Context, query string, args ...any) (got bool, err error) {
	_, err = s.asks(ctx, &got, query, args...)
	return got, err
}

// asks asks one question, once more over a new connection if the old one turns out to be lost. gone ends with the
// connection that answered.
func (s *session) asks(ctx context.Context, got *bool, query string, args ...any) (gone context.Context, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		if err = s.query(ctx, got, query, args...); err == nil {
			return s.gone, s.live(ctx)
		}
	}
	if err = s.dial(ctx); err != nil {
		return nil, err
	}
	return s.gone, s.query(ctx, got, query, args...)
}

// dial opens the connection anew.
func (s *session) dial(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*askPatience)
	defer cancel()
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "SET idle_session_timeout = '"+silence+"'"); err != nil {
		conn.Close(ctx)
		return err
	}
	s.conn = conn
	s.gone, s.lose = context.WithCancelCause(context.Background())
	return s.live(ctx)
}

// live takes the lock for our own life, until we have it: the server may not have noticed yet that our last connection is
// lost.
func (s *session) live(ctx context.Context) error {
	if s.alive {
		return nil
	}
	return s.query(ctx, &s.alive, "SELECT pg_try_advisory_lock($1, hashtext($2))", lockReplica, s.id)
}

// query asks over the connection that is there; when it fails in any way, the connection is lost.
func (s *session) query(ctx context.Context, got *bool, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askPatience)
	defer cancel()
	err := s.conn.QueryRow(ctx, query, args...).Scan(got)
	if err != nil {
		s.drop()
	}
	return err
}

// drop loses the connection, and every lock on it.
func (s *session) drop() {
	if s.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), askPatience)
	defer cancel()
	s.conn.Close(ctx)
	s.lose(errLost)
	s.conn, s.alive = nil, false
}
