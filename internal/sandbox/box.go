package sandbox

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Box starts children and hands them work. The zero value is ready to use, with the limits named below; its
// fields are set before the first call and it is not copied afterwards. Its methods may be called at once.
type Box struct {
	// Time limits one piece of work by the wall clock, counted from the moment when it is handed to a child
	// that is ready. 0 means 20 seconds.
	Time time.Duration
	// CPU limits the processor time of one child, its start included, in whole seconds. 0 means 10 seconds.
	CPU time.Duration
	// Memory limits what a child may map above what it has mapped when it is ready, in bytes. 0 means 256 MiB.
	Memory int64
	// Parallel is how many pieces of work run at once; others wait. 0 means 2.
	Parallel int
	// Spare keeps one more child, idle and confined, ready for the next piece of work. It saves the time that
	// a child takes to start, and costs its memory.
	Spare bool
	// Dir is where the children's folders are made; "" is the system's folder for temporary files.
	Dir string

	once   sync.Once
	slots  chan struct{}
	mu     sync.Mutex
	spare  *process
	closed bool
	making sync.WaitGroup
}

// Run hands input to a child and returns its output. The error is a *Killed when the work met a limit or
// crashed, wraps ctx's error when ctx ended first, and is anything else when no child could do the work.
func (b *Box) Run(ctx context.Context, input []byte) ([]byte, error) {
	if len(input) > maxInput {
		return nil, &Killed{By: Input, Detail: fmt.Sprintf("%d bytes, %d are allowed", len(input), maxInput)}
	}
	release, err := b.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	p, err := b.ready(ctx)
	if err != nil {
		return nil, err
	}
	defer b.refill()
	return p.work(ctx, input, b.time())
}

// Protections starts a child, asks it what holds it, and ends it.
func (b *Box) Protections(ctx context.Context) (Protections, error) {
	release, err := b.acquire(ctx)
	if err != nil {
		return Protections{}, err
	}
	defer release()
	p, err := b.start(ctx)
	if err != nil {
		return Protections{}, err
	}
	p.end()
	return p.protections, nil
}

// Close ends the spare child, if there is one. Work under way is not touched; a Box may be used after it, without a spare.
func (b *Box) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.making.Wait()
	if p := b.takeSpare(); p != nil {
		p.end()
	}
	return nil
}

// acquire waits for one of the places for work.
func (b *Box) acquire(ctx context.Context) (release func(), err error) {
	b.once.Do(func() {
		n := b.Parallel
		if n <= 0 {
			n = 2
		}
		b.slots = make(chan struct{}, n)
	})
	select {
	case b.slots <- struct{}{}:
		return func() { <-b.slots }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for a sandbox: %w", context.Cause(ctx))
	}
}

// ready is a child that waits for input: the spare, if it is still alive, or a fresh one.
func (b *Box) ready(ctx context.Context) (*process, error) {
	if p := b.takeSpare(); p != nil {
		if p.alive() {
			return p, nil
		}
		p.end()
	}
	return b.start(ctx)
}

func (b *Box) takeSpare() *process {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.spare
	b.spare = nil
	return p
}

// refill starts a spare child in the background when one is wanted. That it fails is no concern: the next Run starts
// its own, and says why it cannot.
func (b *Box) refill() {
	if b.Spare {
		b.making.Go(func() { _ = b.Warm(context.Background()) })
	}
}

// Warm makes a child ready for the next Run, unless one waits already, and returns when it is. Whoever knows of work to come
// saves the time that a child takes to start. After Close it does nothing.
func (b *Box) Warm(ctx context.Context) error {
	if !b.wanting() {
		return nil
	}
	p, err := b.start(ctx)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spare != nil || b.closed {
		p.end()
		return nil
	}
	b.spare = p
	return nil
}

// wanting tells whether there is room for a spare child.
func (b *Box) wanting() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spare == nil && !b.closed
}

func (b *Box) time() time.Duration {
	if b.Time > 0 {
		return b.Time
	}
	return 20 * time.Second
}

func (b *Box) limits() limits {
	l := limits{CPU: 10, Memory: 256 << 20}
	if b.CPU > 0 {
		l.CPU = uint64((b.CPU + time.Second - 1) / time.Second)
	}
	if b.Memory > 0 {
		l.Memory = uint64(b.Memory)
	}
	return l
}
