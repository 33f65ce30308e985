package registry

import (
	"context"
	"errors"
	"fmt"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/releaser/releaser/charts"
)

// release is what Push needs of a package.
type release struct {
	name, version   string
	library         bool
	config, archive []byte
	annotations     map[string]string
	origin          origin
}

// Push brings a package into the registry, once. The key is repository and tag. Called again with the same package it
// uploads nothing and returns what is there, with New false. ErrConflict: the version is there with other content or from
// another commit, or its tag stands for another version, or the registry gives back another manifest than it was given.
// What is there is believed by its bytes: its archive is fetched and compared unless its digest is ours. ErrForeign: the version was not pushed by releaser, or the
// repository belongs to another source. In each of these cases the registry stays as it is.
//
// Two pushes in one process take turns. Two processes must not push the same repository at once (the journal's lock sees
// to that), unless the registry keeps tags immutable: the protocol has no "create only if absent".
func (r *Registry) Push(ctx context.Context, pkg charts.Package) (Pushed, error) {
	pushed, err := r.push(ctx, newRelease(pkg))
	return pushed, Explain(err)
}

func newRelease(pkg charts.Package) release {
	return release{
		name: pkg.Name(), version: pkg.Version(), library: pkg.Library(),
		config: pkg.Config(), archive: pkg.Archive(), annotations: pkg.Annotations(),
	}
}

func (r *Registry) push(ctx context.Context, rel release) (Pushed, error) {
	ctx, cancel := r.within(ctx)
	defer cancel()
	var ok bool
	if rel.origin, ok = originOf(rel.annotations); !ok {
		return Pushed{}, fmt.Errorf("chart %s %s does not say which tag and commit it comes from", rel.name, rel.version)
	}
	h, err := r.chart(rel.name)
	if err != nil {
		return Pushed{}, err
	}
	tag, err := tagOf(rel.version)
	if err != nil {
		return Pushed{}, err
	}
	done, err := h.take(ctx)
	if err != nil {
		return Pushed{}, err
	}
	defer done()
	// One token for all of it, where the registry gives tokens by what they are for.
	ctx = auth.AppendRepositoryScope(ctx, h.Reference, auth.ActionPull, auth.ActionPush)
	there, err := h.read(ctx, tag)
	switch {
	case err == nil:
		return h.adopt(ctx, there, tag, rel)
	case !errors.Is(err, errdef.ErrNotFound):
		return Pushed{}, err
	}
	if err := h.belongs(ctx, rel); err != nil {
		return Pushed{}, err
	}
	return h.upload(ctx, tag, rel)
}

// upload writes config, layer and, last, the manifest, so that a tag never stands for less than all of it; then it reads
// the manifest back by its tag, as whoever pulls it will.
func (h *handle) upload(ctx context.Context, tag string, rel release) (Pushed, error) {
	config := content.NewDescriptorFromBytes(configType, rel.config)
	layer := content.NewDescriptorFromBytes(layerType, rel.archive)
	raw, err := newManifest(config, layer, rel.annotations)
	if err != nil {
		return Pushed{}, err
	}
	both, uploading := errgroup.WithContext(ctx)
	put := func(what string, desc ocispec.Descriptor, raw []byte) {
		both.Go(func() error {
			if err := h.put(uploading, desc, raw); err != nil {
				return fmt.Errorf("%s: upload of the %s: %w", h.name(), what, err)
			}
			return nil
		})
	}
	put("config", config, rel.config)
	put("archive", layer, rel.archive)
	if err := both.Wait(); err != nil {
		return Pushed{}, err
	}
	// Whatever becomes of the answer, the tag tells: it may be lost, or tell that another process was there first.
	desc, refusal := h.putManifest(ctx, raw, tag)
	there, err := h.read(ctx, tag)
	if refusal != nil && err != nil {
		return Pushed{}, fmt.Errorf("%s: upload of the manifest: %w", h.at(tag), refusal)
	}
	if err != nil {
		return Pushed{}, fmt.Errorf("%s was pushed and cannot be read back: %w; run the release again", h.at(tag), err)
	}
	// F10: what a registry took it must give. Anything else is not looked into, whatever it holds.
	if refusal == nil && there.desc.Digest != desc.Digest {
		return Pushed{}, fmt.Errorf("%s: %w: the registry gives another manifest than was pushed, %s instead of %s; find out who else writes there before you release again",
			h.at(tag), ErrConflict, there.desc.Digest, desc.Digest)
	}
	pushed, err := h.adopt(ctx, there, tag, rel)
	if err != nil {
		return Pushed{}, err
	}
	pushed.fresh = there.desc.Digest == desc.Digest
	h.owner = rel.origin.source
	return pushed, nil
}

// chartfile is where the version is raised.
func (rel release) chartfile() string {
	if rel.origin.path == "." {
		return "Chart.yaml"
	}
	return rel.origin.path + "/Chart.yaml"
}
