package charts

import (
	"context"
	"strings"
)

// Getter fetches a dependency that lies in a registry or in a chart repository.
type Getter interface {
	// Get returns the archive of exactly that version. It goes to hosts that it is configured for and to no other,
	// and may be called again for the same chart. What no retry will mend is an *Unobtainable.
	Get(ctx context.Context, repository, name, version string) (archive []byte, err error)
}

// Unobtainable is the error of a Getter that trying again does not help: the host is not allowed, the version is not
// there, the bytes are not what the repository promises. Vendor rejects the chart for it.
type Unobtainable struct {
	// Rule is a short, stable name, as in Finding.
	Rule string
	// Message says what is wrong, Fix what to do.
	Message, Fix string
}

// Error is "message; fix".
func (u *Unobtainable) Error() string { return u.Message + "; " + u.Fix }

// ByScheme is a Getter that passes a dependency on by the scheme of its repository, "oci" or "https". A scheme
// without a Getter is *Unobtainable.
type ByScheme map[string]Getter

var _ Getter = ByScheme{}

// Get asks the Getter of the scheme.
func (b ByScheme) Get(ctx context.Context, repository, name, version string) ([]byte, error) {
	scheme, _, _ := strings.Cut(repository, "://")
	if get := b[scheme]; get != nil {
		return get.Get(ctx, repository, name, version)
	}
	return nil, &Unobtainable{Rule: "dependency-host", Message: "nothing is configured for its repository",
		Fix: "list its host in the source's dependencies.hosts, or put a copy under charts/: helm dependency build"}
}
