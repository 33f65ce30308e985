package registry

import (
	"context"
	"errors"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// Look is what a push asks first: what is there under the version's tag and, where nothing is, whose the repository is. It
// holds until this process writes to the repository; how long it may be believed beside other processes is for its
// caller to say.
type Look struct {
	at     *handle
	tag    string
	writes int       // to the repository, before it
	there  *manifest // nil when nothing is under the tag
	asked  bool      // whose the repository is
	owner  *origin   // nil when it is nobody's
}

// Free tells that nothing was there under the version's tag; false when nobody looked.
func (l *Look) Free() bool { return l != nil && l.there == nil }

// Look asks for a version of a chart what Push asks first, so that it can be asked while the package is made. It changes
// nothing and waits for no turn.
func (r *Registry) Look(ctx context.Context, chart, version string) (*Look, error) {
	ctx, cancel := r.within(ctx)
	defer cancel()
	h, err := r.chart(chart)
	if err != nil {
		return nil, err
	}
	tag, err := tagOf(version)
	if err != nil {
		return nil, err
	}
	look, err := h.look(h.scoped(ctx), tag)
	return look, Explain(err)
}

func (h *handle) look(ctx context.Context, tag string) (*Look, error) {
	l := &Look{at: h, tag: tag, writes: h.written()}
	there, err := h.read(ctx, tag)
	switch {
	case err == nil:
		l.there = &there
		return l, nil
	case !errors.Is(err, errdef.ErrNotFound):
		return nil, err
	}
	if h.knownOwner() != "" {
		return l, nil
	}
	l.asked = true
	l.owner, err = h.findOwner(ctx)
	return l, err
}

// holds tells whether the look is of this tag, and nothing was written to the repository since it began.
func (l *Look) holds(h *handle, tag string) bool {
	return l != nil && l.at == h && l.tag == tag && l.writes == h.written()
}

// scoped asks for one token for all of a push, where the registry gives tokens by what they are for.
func (h *handle) scoped(ctx context.Context) context.Context {
	return auth.AppendRepositoryScope(ctx, h.Reference, auth.ActionPull, auth.ActionPush)
}

// written counts the writes to the repository that have ended; wrote adds one. A look that began before that may have
// missed it.
func (h *handle) written() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.writes
}

func (h *handle) wrote() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes++
}

func (h *handle) knownOwner() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.owner
}

func (h *handle) keepOwner(source string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.owner = source
}
