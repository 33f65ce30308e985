// Package mem is a second real registry inside this process: cuelabs' ociregistry, in memory, with a right referrers API.
// It is light enough to lie in the binary, for the demo.
//
// Where distribution (package ocid) has no referrers API, this one has; its knobs imitate what other registries do: no
// referrers API, tags that cannot be changed, answers without a digest. Whatever holds on both holds in the field.
package mem

import (
	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"

	"github.com/releaser/releaser/internal/lab/ocid/door"
)

// Options are the knobs. The zero value is an open, well-behaved registry.
type Options struct {
	// NoReferrers switches the referrers API off.
	NoReferrers bool
	// NoReferrersFilter makes the referrers API ignore the artifact type that it is asked for.
	NoReferrersFilter bool
	// ImmutableTags refuses a tag that is there with another digest, as ECR and Harbor can.
	ImmutableTags bool
	// MaxListPageSize refuses longer pages than that, as ECR does above 1000; no limit when 0.
	MaxListPageSize int
	// OmitDigest leaves Docker-Content-Digest out of the answer to a GET by tag, as ECR does.
	OmitDigest bool
	// Address is where Start listens; 127.0.0.1 and a free port when empty.
	Address string
	// TLS makes Start speak TLS with a certificate of this authority.
	TLS *door.Authority
}

// New makes a registry that is ready to serve as a handler, and does not listen yet.
func New(options Options) *door.Door {
	store := ocimem.NewWithConfig(&ocimem.Config{ImmutableTags: options.ImmutableTags})
	return door.New(ociserver.New(store, &ociserver.Options{
		DisableReferrersAPI:          options.NoReferrers,
		DisableReferrersFiltering:    options.NoReferrersFilter,
		MaxListPageSize:              options.MaxListPageSize,
		OmitDigestFromTagGetResponse: options.OmitDigest,
	}))
}

// Start makes a registry and listens until it is closed.
func Start(options Options) (*door.Door, error) {
	server := New(options)
	if err := server.Open(options.Address, options.TLS); err != nil {
		return nil, err
	}
	return server, nil
}
