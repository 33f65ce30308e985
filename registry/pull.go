package registry

import (
	"context"
	"fmt"
)

// maxArchive is the largest archive that is fetched. Helm's own limit on a release's size lies far below.
const maxArchive = 32 << 20

// Pull fetches the archive of a version, by digest, and compares the digest. One request.
func (r *Registry) Pull(ctx context.Context, p Pushed) (archive []byte, err error) {
	ctx, cancel := r.within(ctx)
	defer cancel()
	h, err := r.chart(p.chart)
	if err != nil {
		return nil, err
	}
	if there := h.Reference.Registry + "/" + h.Reference.Repository; there != p.repository {
		return nil, fmt.Errorf("%s is not in this registry, which keeps the chart in %s", p.Reference(), there)
	}
	archive, err = h.blob(ctx, p.layer, maxArchive)
	return archive, Explain(err)
}
