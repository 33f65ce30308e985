package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"oras.land/oras-go/v2/errdef"

	"github.com/releaser/releaser/charts"
)

// Get fetches the archive of a chart that another chart depends on: name at exactly version from repository, an
// oci://host/namespace. The place must be the registry's own, or the host one of DependencyHosts: our credentials may read
// more on the registry's host than who writes a chart, and a chart is given to all who read ours. Credentials are those
// of that host. It implements charts.Getter: what no retry will mend is a *charts.Unobtainable. A chart that is not yet in this
// very registry is ErrNotFound instead, since its own release may be on its way.
func (r *Registry) Get(ctx context.Context, repository, name, version string) ([]byte, error) {
	ctx, cancel := r.within(ctx)
	defer cancel()
	archive, err := r.get(ctx, repository, name, version)
	return archive, Explain(err)
}

func (r *Registry) get(ctx context.Context, repository, name, version string) ([]byte, error) {
	from, err := parsePlace(strings.TrimSuffix(repository, "/"))
	if err != nil {
		return nil, unobtainable("dependency-url", err.Error(), "correct the repository in Chart.yaml and run helm dependency update")
	}
	if err := r.mayFetch(from, name); err != nil {
		return nil, err
	}
	tag, err := tagOf(version)
	if err != nil {
		return nil, unobtainable("dependency-version", err.Error(), "correct it in Chart.yaml and run helm dependency update")
	}
	h, err := r.handle(from.host, from.repository(name))
	if err != nil {
		return nil, unobtainable("dependency-url", err.Error(), "correct the name in Chart.yaml and run helm dependency update")
	}
	there, err := h.read(ctx, tag)
	switch {
	case errors.Is(err, errdef.ErrNotFound) && from == r.place:
		return nil, absent(h.at(tag), "release that chart first; this one waits for it")
	case errors.Is(err, errdef.ErrNotFound):
		return nil, unobtainable("dependency-missing", h.at(tag)+" is not there", "run helm dependency update for a version that is")
	case err != nil:
		return nil, err
	}
	layer, ok := there.chart()
	if !ok {
		return nil, unobtainable("dependency-not-a-chart", h.at(tag)+" is no Helm chart", "correct the repository in Chart.yaml")
	}
	if layer.Size > maxArchive {
		return nil, unobtainable("dependency-size", fmt.Sprintf("%s has %d bytes, and %d are allowed", h.at(tag), layer.Size, maxArchive), "depend on a smaller chart")
	}
	return h.blob(ctx, layer, maxArchive)
}

// mayFetch returns nil for the registry's own place and for the hosts that are listed. A slash in a name would lead from
// the one place into another.
func (r *Registry) mayFetch(from place, name string) error {
	switch {
	case strings.Contains(name, "/"):
		return unobtainable("dependency-url", fmt.Sprintf("the name %q has a slash in it", name), "correct the name in Chart.yaml and run helm dependency update")
	case from == r.place || slices.Contains(r.options.DependencyHosts, from.host):
		return nil
	case from.host == r.place.host:
		return unobtainable("dependency-host", "the namespace "+scheme+from.host+"/"+from.namespace+" is not the one of releaser, and its host is not an allowed one",
			"list the host in the source's dependencies.hosts to allow all that releaser's credentials may read there, or keep the archive below charts/")
	}
	return unobtainable("dependency-host", "the host "+from.host+" is not an allowed one",
		"list it in the source's dependencies.hosts, or keep the archive below charts/")
}

func unobtainable(rule, message, fix string) error {
	return &charts.Unobtainable{Rule: rule, Message: message, Fix: fix}
}
