package registry

import (
	"context"
	"fmt"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"oras.land/oras-go/v2/content"

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
// another commit, or its tag stands for another version. What is there is believed by its bytes: its archive is fetched and
// compared unless its digest is ours. ErrForeign: the version was not pushed by releaser, or the repository belongs to
// another source. In each of these cases the registry stays as it is.
//
// A manifest that the registry took under our digest is not read back here: signing.Signer.Sign begins with that, and
// signs nothing else.
//
// look is what Registry.Look found for this version a moment ago; nil, or one that no longer holds, and Push looks itself.
//
// Two pushes in one process take turns. Two processes must not push the same repository at once (the journal's lock sees
// to that), unless the registry keeps tags immutable: the protocol has no "create only if absent".
func (r *Registry) Push(ctx context.Context, pkg charts.Package, look *Look) (Pushed, error) {
	pushed, err := r.push(ctx, newRelease(pkg), look)
	return pushed, Explain(err)
}

func newRelease(pkg charts.Package) release {
	return release{
		name: pkg.Name(), version: pkg.Version(), library: pkg.Library(),
		config: pkg.Config(), archive: pkg.Archive(), annotations: pkg.Annotations(),
	}
}

func (r *Registry) push(ctx context.Context, rel release, look *Look) (Pushed, error) {
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
	ctx = h.scoped(ctx)
	if !look.holds(h, tag) {
		if look, err = h.look(ctx, tag); err != nil {
			return Pushed{}, err
		}
	}
	if look.there != nil {
		return h.adopt(ctx, *look.there, tag, rel)
	}
	if err := h.belongs(ctx, look, rel); err != nil {
		return Pushed{}, err
	}
	return h.upload(ctx, tag, rel)
}

// upload writes config, layer and, last, the manifest, so that a tag never stands for less than all of it.
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
	desc, err := h.putManifest(ctx, raw, tag)
	h.wrote()
	if err != nil {
		return h.afterRefusal(ctx, tag, rel, desc, err)
	}
	wrote, err := parseManifest(h.at(tag), desc, raw)
	if err != nil {
		return Pushed{}, err
	}
	return h.uploaded(wrote, tag, rel)
}

// afterRefusal reads the tag when the answer to the manifest was no yes: it may be lost, or tell that another process was
// there first, or name a digest that is not ours. Whatever it was, the tag tells.
func (h *handle) afterRefusal(ctx context.Context, tag string, rel release, desc ocispec.Descriptor, refusal error) (Pushed, error) {
	there, err := h.read(ctx, tag)
	if err != nil {
		return Pushed{}, fmt.Errorf("%s: upload of the manifest: %w", h.at(tag), refusal)
	}
	if there.desc.Digest == desc.Digest {
		return h.uploaded(there, tag, rel)
	}
	return h.adopt(ctx, there, tag, rel)
}

// uploaded makes the noun of the manifest that this push wrote.
func (h *handle) uploaded(m manifest, tag string, rel release) (Pushed, error) {
	pushed, err := h.pushed(m, rel.name, tag)
	if err != nil {
		return Pushed{}, err
	}
	pushed.library, pushed.fresh = rel.library, true
	h.keepLibrary(pushed.config.Digest, rel.library)
	h.keepOwner(rel.origin.source)
	return pushed, nil
}

// chartfile is where the version is raised.
func (rel release) chartfile() string {
	if rel.origin.path == "." {
		return "Chart.yaml"
	}
	return rel.origin.path + "/Chart.yaml"
}
