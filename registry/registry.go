// Package registry keeps the charts that were released: a repository per chart in an OCI registry, a tag per version.
//
// Its noun is Pushed: a version as the registry holds it, from a manifest that was read or written, hashed here, with the
// source, tag and commit that it was made from. Its promise is one digest per chart and version, forever. Push looks
// before it writes, uploads nothing that is there and overwrites nothing. That the registry keeps what it took is for
// signing to see, which reads the version back by its tag before anything vouches for it. A repository belongs to the
// source that its versions name; what releaser did not push is left alone.
//
// A version is what helm push would have made of the same archive: the same media types, the same config, the same
// layer. The record of where it comes from is in the annotations of its manifest, so that a registry alone tells the
// whole story.
package registry

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// Limits on what a registry may make us read.
const (
	maxManifest = 4 << 20  // bytes of a manifest; registries themselves take no more
	maxConfig   = 4 << 20  // bytes of a chart's config
	maxPages    = 500      // pages of a list
	maxTags     = 100_000  // tags of a repository
	maxBaseline = 32 << 20 // bytes of a list of tags that are left alone
)

// Options say which registry, and how it is reached. URL is required; the zero value of the rest is safe.
type Options struct {
	// URL is oci://host[:port][/namespace]. Charts are kept in host/namespace/<chart>.
	URL string
	// DockerConfigFile holds the credentials, or names the credential helpers, of each host. None when empty: the file
	// in the user's home is not looked at.
	DockerConfigFile string
	// CAFile is a PEM file with authorities that are trusted beside those of the system.
	CAFile string
	// PlainHTTP makes requests to the host of URL, and to it alone, without TLS.
	PlainHTTP bool
	// DependencyHosts are the hosts (host or host:port) that Get may fetch from beside the place that URL names. The host
	// of URL among them means all of its namespaces.
	DependencyHosts []string
	// UserAgent names us to the registry; "releaser" when empty.
	UserAgent string
	// Proxy chooses a proxy for a request, as http.ProxyFromEnvironment does; none when nil.
	Proxy func(*http.Request) (*url.URL, error)
	// Timeout limits each call of this package, and each single request of who uses Repository; five minutes when zero.
	Timeout time.Duration
}

// Registry is one namespace of one registry. It is safe for concurrent use.
type Registry struct {
	place   place
	options Options
	client  *auth.Client

	mu      sync.Mutex
	handles map[string]*handle
}

// handle is the one object for a repository in this process. oras keeps in it whether there is a referrers API, and
// serialises the updates of fallback tags through it: two objects would lose updates.
type handle struct {
	*remote.Repository
	turn chan struct{} // holds the right to push

	mu        sync.Mutex
	owner     string                 // the source that the repository belongs to, once known
	writes    int                    // that have ended
	libraries map[digest.Digest]bool // whether a config is a library's
}

// New reads the files that the options name and asks no network.
func New(o Options) (*Registry, error) {
	p, err := parsePlace(o.URL)
	if err != nil {
		return nil, err
	}
	for _, host := range o.DependencyHosts {
		if !validHost(host) {
			return nil, fmt.Errorf("dependency host %q is no host; write it as in a URL, lower case, such as ghcr.io or registry.example.com:5000", host)
		}
	}
	o.DependencyHosts = slices.Clone(o.DependencyHosts)
	o.Timeout = cmp.Or(o.Timeout, 5*time.Minute)
	transport, err := newHTTPClient(o, p.host)
	if err != nil {
		return nil, err
	}
	credential, err := credentialsOf(o.DockerConfigFile)
	if err != nil {
		return nil, err
	}
	client := &auth.Client{Client: transport, Credential: credential, Cache: auth.NewCache()}
	client.SetUserAgent(cmp.Or(o.UserAgent, "releaser"))
	return &Registry{place: p, options: o, client: client, handles: map[string]*handle{}}, nil
}

// Repository is the handle of a chart's repository: always the same one for the same chart. Signatures are written and
// read with it. It asks no network.
func (r *Registry) Repository(chart string) (*remote.Repository, error) {
	h, err := r.chart(chart)
	if err != nil {
		return nil, err
	}
	return h.Repository, nil
}

func (r *Registry) chart(name string) (*handle, error) {
	if name == "" || strings.Contains(name, "/") || name == baselineName {
		return nil, fmt.Errorf("%q is no name for a chart's repository; write lower-case letters, digits and dashes", name)
	}
	return r.handle(r.place.host, r.place.repository(name))
}

// handle finds or makes the handle of any repository.
func (r *Registry) handle(host, path string) (*handle, error) {
	if err := validRepository(path); err != nil {
		return nil, fmt.Errorf("%s/%.60s: %w; write at most 255 lower-case letters, digits and dashes", host, path, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := host + "/" + path
	if h := r.handles[key]; h != nil {
		return h, nil
	}
	repository, err := remote.NewRepository(key)
	if err != nil {
		return nil, err
	}
	repository.Client = r.client
	repository.PlainHTTP = r.options.PlainHTTP && host == r.place.host
	repository.SkipReferrersGC = true
	repository.TagListMaxPages = maxPages
	repository.ReferrerListMaxPages = maxPages
	repository.MaxMetadataBytes = maxManifest
	h := &handle{Repository: repository, turn: make(chan struct{}, 1), libraries: map[digest.Digest]bool{}}
	r.handles[key] = h
	return h, nil
}

// within limits a call in time.
func (r *Registry) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, r.options.Timeout)
}

// name is how users write the repository: oci://host/namespace/chart.
func (h *handle) name() string { return scheme + h.Reference.Registry + "/" + h.Reference.Repository }

// take waits for the turn to push to this repository; the function gives it back.
func (h *handle) take(ctx context.Context) (release func(), err error) {
	select {
	case h.turn <- struct{}{}:
		return func() { <-h.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
