package registry

import (
	"context"
	"errors"
	"fmt"

	"oras.land/oras-go/v2/errdef"
)

// belongs returns ErrForeign when the repository has versions of another source. Whose a repository is does not change, so
// it is asked once in a process. The caller has the turn to push.
func (h *handle) belongs(ctx context.Context, look *Look, rel release) error {
	if h.knownOwner() == rel.origin.source {
		return nil
	}
	owner := look.owner
	if !look.asked {
		var err error
		if owner, err = h.findOwner(ctx); err != nil {
			return err
		}
	}
	switch {
	case owner == nil:
		return nil
	case owner.source != rel.origin.source:
		return h.foreign(*owner, rel)
	}
	h.keepOwner(owner.source)
	return nil
}

// findOwner finds the origin of a version that names the source that the repository belongs to; nil when it is nobody's.
//
// It asks one version, the highest that releaser pushed. One is enough: each version was let in by this very question,
// so all of ours in a repository name the same source. Versions that others pushed (helm push, before releaser came) own
// nothing and are passed over, all of them, so that nobody hides the owner behind a few: only a repository where none is
// ours is nobody's. The limits on a list of tags, and the time of a call, bound the search.
func (h *handle) findOwner(ctx context.Context) (*origin, error) {
	versions, err := h.versions(ctx)
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		there, err := h.read(ctx, v.tag)
		if errors.Is(err, errdef.ErrNotFound) {
			continue // deleted since the list was made
		}
		if err != nil {
			return nil, err
		}
		if o, ours := originOf(there.Annotations); ours {
			return &o, nil
		}
	}
	return nil, nil
}

func (h *handle) foreign(o origin, rel release) error {
	return fmt.Errorf("%s: %w: it belongs to %s (released from %s), and this chart comes from %s; "+
		"rename the chart in %s, or give one of the sources another registry namespace",
		h.name(), ErrForeign, o.source, o.revision(), rel.origin.source, rel.chartfile())
}
