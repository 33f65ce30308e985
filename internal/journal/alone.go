package journal

import (
	"context"
	"sync"
)

// Alone calls do while nobody else is in an Alone of that name, in this process and on every replica, and returns what do
// returns. It waits for its turn until ctx ends. On PostgreSQL the context that do gets ends when the lock is lost, because
// the connection to the database is; another replica may then be in while do still goes to its safe point, so what do
// writes must be such that a second writer is refused. Alone of another name may be called within; two that call each
// other's wait for ever.
func (j *Journal) Alone(ctx context.Context, name string, do func(context.Context) error) error {
	ctx, unlock, err := j.locks.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	return do(ctx)
}

// Shared tells whether other processes may work by the same journal.
func (j *Journal) Shared() bool { return j.shared }

// locks is the way to be alone.
type locks interface {
	// lock waits until the name is ours. The context that it gives ends when it is not any more.
	lock(ctx context.Context, name string) (held context.Context, unlock func(), err error)
}

// here is the lock of one process: one holder for each name, first come first served.
type here struct {
	mu    sync.Mutex
	names map[string]*turnstile
}

type turnstile struct {
	pass chan struct{}
	in   int // who holds it or waits
}

func newHere() *here { return &here{names: map[string]*turnstile{}} }

func (h *here) lock(ctx context.Context, name string) (context.Context, func(), error) {
	h.mu.Lock()
	t := h.names[name]
	if t == nil {
		t = &turnstile{pass: make(chan struct{}, 1)}
		h.names[name] = t
	}
	t.in++
	h.mu.Unlock()
	select {
	case t.pass <- struct{}{}:
		return ctx, func() { <-t.pass; h.leave(name, t) }, nil
	case <-ctx.Done():
		h.leave(name, t)
		return nil, nil, context.Cause(ctx)
	}
}

func (h *here) leave(name string, t *turnstile) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.in--; t.in == 0 {
		delete(h.names, name)
	}
}
