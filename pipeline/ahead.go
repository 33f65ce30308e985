package pipeline

import (
	"context"
	"time"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/pipeline/promotion"
	"github.com/releaser/releaser/registry"
)

// ahead is a look that is under way while the stages before the one that it is for do their work. It only reads. No look,
// one that failed and one that is not fresh are the same: the stage looks itself. The methods of nil are those of none.
type ahead[T any] struct {
	until time.Time // it is fresh
	stop  context.CancelFunc
	done  chan struct{}
	found *T
}

// fresh is how long a look is believed, from its beginning. The stages between take a second or so; where they take long,
// as a slow lint may, the stage looks again.
const fresh = 10 * time.Second

// lookAhead begins a look. Whoever begins it ends it.
func lookAhead[T any](ctx context.Context, look func(context.Context) (*T, error)) *ahead[T] {
	a := &ahead[T]{until: time.Now().Add(fresh), done: make(chan struct{})}
	ctx, a.stop = context.WithDeadline(ctx, a.until)
	go func() {
		defer close(a.done)
		if found, err := look(ctx); err == nil {
			a.found = found
		}
	}()
	return a
}

// and goes on with what was found, as long as it is fresh.
func (a *ahead[T]) and(ctx context.Context, next func(context.Context, *T)) *ahead[T] {
	if a == nil {
		return nil
	}
	b := &ahead[T]{until: a.until, done: make(chan struct{})}
	ctx, b.stop = context.WithDeadline(ctx, b.until)
	go func() {
		defer close(b.done)
		if b.found = a.take(); b.found != nil {
			next(ctx, b.found)
		}
	}()
	return b
}

// take waits for what was found; nil when there is nothing to be believed.
func (a *ahead[T]) take() *T {
	if a == nil {
		return nil
	}
	<-a.done // at the deadline, if not before
	if time.Now().After(a.until) {
		return nil
	}
	return a.found
}

// end stops the look where nobody has waited for it, and returns once nothing of it is left.
func (a *ahead[T]) end() {
	if a == nil {
		return
	}
	a.stop()
	<-a.done
}

// lookForVersion asks what a push asks first.
func (l *Line) lookForVersion(ctx context.Context, chart, version string) *ahead[registry.Look] {
	return lookAhead(ctx, func(ctx context.Context) (*registry.Look, error) { return l.Registry.Look(ctx, chart, version) })
}

// lookForProposal asks what a proposal reads, while the package is pushed and signed. A library is proposed nowhere, and
// of a version that is there already the proposal is done, in all likelihood: neither is looked for.
func (l *Line) lookForProposal(ctx context.Context, r *run, pkg charts.Package, version *ahead[registry.Look]) *ahead[promotion.Look] {
	if r.err != nil || pkg.Library() || !version.take().Free() {
		return nil
	}
	return lookAhead(ctx, func(ctx context.Context) (*promotion.Look, error) { return l.Promoter.Look(ctx, pkg.Name()) })
}

// draftProposal makes the commits of the proposal while the version is signed.
func (l *Line) draftProposal(ctx context.Context, r *run, pushed registry.Pushed, look *ahead[promotion.Look]) *ahead[promotion.Look] {
	if r.err != nil {
		return nil
	}
	return look.and(ctx, func(ctx context.Context, found *promotion.Look) { l.Promoter.Draft(ctx, found, pushed) })
}
