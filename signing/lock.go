package signing

import (
	"context"
	"sync"
)

// locks lets one writer at a time work on a digest. A signature is added by reading what is there and writing it back
// with one more, and a registry guards neither the .sig tag nor the fallback tag against two who do so at once.
type locks struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed when the holder is done
}

// lock waits for its turn on a name, or for the context's end. The caller calls unlock once.
func (l *locks) lock(ctx context.Context, name string) (unlock func(), err error) {
	mine := make(chan struct{})
	for {
		other := l.take(name, mine)
		if other == nil {
			return func() { l.release(name, mine) }, nil
		}
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take makes mine the holder, or returns the one there is.
func (l *locks) take(name string, mine chan struct{}) (other chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other = l.held[name]; other != nil {
		return other
	}
	if l.held == nil {
		l.held = map[string]chan struct{}{}
	}
	l.held[name] = mine
	return nil
}

func (l *locks) release(name string, mine chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, name)
	close(mine)
}
