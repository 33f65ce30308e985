package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/distribution/reference"
	"oras.land/oras-go/v2/errdef"
	orasregistry "oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// Image is a container image that is in its registry.
type Image struct {
	// Reference is host/repository:tag, in full.
	Reference string `json:"reference"`
	// Digest is that of the manifest, of an index where the image is for several platforms; as the registry says it.
	Digest string `json:"digest"`
}

// Image looks whether the image with a name such as nginx:1.29 or ghcr.io/acme/app:v1 is there. The name is a stranger's: no
// host is asked but that of this registry and the hosts that are listed, each with its own credentials. What is no name of an
// image with a tag, or lies elsewhere, is a *charts.Unobtainable; what is not there yet is ErrNotFound, and the returned
// Image has the reference all the same. One request; it reads no manifest, so that it does not count as a pull.
func (r *Registry) Image(ctx context.Context, name string, hosts []string) (Image, error) {
	ctx, cancel := r.within(ctx)
	defer cancel()
	named, err := reference.ParseNormalizedNamed(name)
	tagged, ok := named.(reference.NamedTagged)
	if _, digested := named.(reference.Digested); err != nil || !ok || digested {
		return Image{}, unobtainable("image-name", "the image is no repository:tag", "write the repository as in a Dockerfile, such as ghcr.io/acme/app, without a tag or digest of its own")
	}
	image := Image{Reference: tagged.String()}
	host := reference.Domain(named)
	if !slices.ContainsFunc(append(slices.Clone(hosts), r.place.host), func(h string) bool { return server(h) == server(host) }) {
		return image, unobtainable("image-host", "the host "+host+" of the image is not an allowed one", "list it in image.hosts of releaser's configuration, or take the image from another registry")
	}
	h, err := r.handle(host, reference.Path(named))
	if err != nil {
		return image, Explain(err)
	}
	there, err := h.Resolve(ctx, tagged.Tag())
	if err != nil {
		return image, Explain(lacking(image.Reference, err))
	}
	image.Digest = there.Digest.String()
	return image, nil
}

// server is the host that answers for a name: Docker Hub has two.
func server(host string) string { return orasregistry.Reference{Registry: host}.Host() }

// lacking says what it means that an image could not be resolved.
func lacking(image string, err error) error {
	var answer *errcode.ErrorResponse
	switch {
	case errors.Is(err, errdef.ErrNotFound):
		return fmt.Errorf("%s: %w; push it", image, ErrNotFound)
	case errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden):
		return fmt.Errorf("image %s: %w (some registries say so of a repository that they do not have yet)", image, err)
	}
	return fmt.Errorf("image %s: %w", image, err)
}
