package registry

import (
	"context"
	"errors"
	"fmt"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
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
// another commit, or its tag stands for another version. ErrForeign: the version was not pushed by releaser, or the
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
		return h.adopt(there, tag, rel)
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
	if err := h.put(ctx, config, rel.config); err != nil {
		return Pushed{}, fmt.Errorf("%s: upload of the config: %w", h.name(), err)
	}
	if err := h.put(ctx, layer, rel.archive); err != nil {
		return Pushed{}, fmt.Errorf("%s: upload of the archive: %w", h.name(), err)
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
	pushed, err := h.adopt(there, tag, rel)
	if err != nil {
		return Pushed{}, err
	}
	pushed.fresh = there.desc.Digest == desc.Digest
	return pushed, nil
}

// adopt takes what the tag holds for the release, if it is the same one. Other bytes of the same content are the same
// release: compression may differ from one build of releaser to the next, the files may not.
func (h *handle) adopt(there manifest, tag string, rel release) (Pushed, error) {
	if err := h.same(there, tag, rel); err != nil {
		return Pushed{}, err
	}
	pushed, err := h.pushed(there, rel.name, tag)
	if err != nil {
		return Pushed{}, err
	}
	pushed.library = rel.library
	return pushed, nil
}

// same returns nil when the tag holds this very release, and otherwise why not.
func (h *handle) same(there manifest, tag string, rel release) error {
	reference := h.at(tag)
	// Two versions that differ in "+" and "_" have one tag; the annotation, which helm writes too, tells them apart.
	if held := there.Annotations[ocispec.AnnotationVersion]; held != "" && held != rel.version {
		return fmt.Errorf("%s: %w: it holds version %s, and version %s would have the same tag; release a version that differs in more than its punctuation",
			reference, ErrConflict, held, rel.version)
	}
	o, ours := originOf(there.Annotations)
	if _, chart := there.chart(); !ours || !chart {
		return fmt.Errorf("%s: %w: it was not pushed by releaser; raise the version in %s and push a tag for that",
			reference, ErrForeign, rel.chartfile())
	}
	if o.source != rel.origin.source {
		return h.foreign(o, rel)
	}
	if o.commit != rel.origin.commit {
		return fmt.Errorf("%s: %w: it was released from %s, not from %s, and stays as it is; raise the version in %s and push a tag for that",
			reference, ErrConflict, o.revision(), rel.origin.revision(), rel.chartfile())
	}
	config := content.NewDescriptorFromBytes(configType, rel.config)
	if o.content != rel.origin.content || there.Config.Digest != config.Digest {
		return fmt.Errorf("%s: %w: it was released from %s in %s with content %s; now %s in %s gives %s "+
			"(pins, dependencies or releaser itself changed since); it stays as it is: raise the version in %s and push a tag for that",
			reference, ErrConflict, o.revision(), o.path, o.content, rel.origin.revision(), rel.origin.path, rel.origin.content, rel.chartfile())
	}
	return nil
}

// chartfile is where the version is raised.
func (rel release) chartfile() string {
	if rel.origin.path == "." {
		return "Chart.yaml"
	}
	return rel.origin.path + "/Chart.yaml"
}
