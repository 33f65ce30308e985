package promotion

import (
	"context"
	"sync"

	"github.com/releaser/releaser/registry"
)

// holdings remember which release each environment was last found to hold, so that the next release of a chart does not
// ask the registry for the one that it follows. A digest is its content, which never changes. They save reads at the end
// of the line, where what is held is only compared with the files; a round, which promotes what is held, asks each time.
type holdings struct {
	mu    sync.Mutex
	known map[[2]string]registry.Pushed // by environment and chart
}

func (h *holdings) keep(environment, chart string, p registry.Pushed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil {
		h.known = map[[2]string]registry.Pushed{}
	}
	h.known[[2]string{environment, chart}] = p
}

func (h *holdings) recall(environment, chart string) (p registry.Pushed, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, ok = h.known[[2]string{environment, chart}]
	return p, ok
}

// named is the release that a sign names.
func (r *round) named(ctx context.Context, env Environment, lead sign) (registry.Pushed, error) {
	if p, ok := r.held.recall(env.Name, r.chart); ok && r.line && lead.names(releaseOf(p)) {
		return p, nil
	}
	if lead.version != "" {
		return r.resolve(ctx, lead.version, "")
	}
	return r.resolve(ctx, "", lead.digest)
}
