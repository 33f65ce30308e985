package registry

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/releaser/releaser/charts"
)

// maxContent is the largest tar that is unpacked to compare it. It is above all that package charts makes.
const maxContent = 64 << 20

// adopt takes what the tag holds for the release, if it is the same one. Other bytes of the same content are the same
// release: compression may differ from one build of releaser to the next, the files may not.
func (h *handle) adopt(ctx context.Context, there manifest, tag string, rel release) (Pushed, error) {
	if err := h.same(ctx, there, tag, rel); err != nil {
		return Pushed{}, err
	}
	pushed, err := h.pushed(there, rel.name, tag)
	if err != nil {
		return Pushed{}, err
	}
	pushed.library = rel.library
	h.keepLibrary(pushed.config.Digest, rel.library)
	return pushed, nil
}

// same returns nil when the tag holds this very release, and otherwise why not. What it lets pass is signed. So the
// record in the annotations is compared, and then not believed: whoever may write to the registry, and reads the commit,
// can put the same record on any archive.
func (h *handle) same(ctx context.Context, there manifest, tag string, rel release) error {
	reference := h.at(tag)
	// Two versions that differ in "+" and "_" have one tag; the annotation, which helm writes too, tells them apart.
	if held := there.Annotations[ocispec.AnnotationVersion]; held != "" && held != rel.version {
		return fmt.Errorf("%s: %w: it holds version %s, not %s: somebody moved the tag, or the two differ in punctuation alone; release another version",
			reference, ErrConflict, held, rel.version)
	}
	o, ours := originOf(there.Annotations)
	layer, chart := there.chart()
	if !ours || !chart {
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
	if err := rel.wrote(there, o, config, layer); err != nil {
		return fmt.Errorf("%s: %w: %w; it stays as it is: raise the version in %s and push a tag for that", reference, ErrConflict, err, rel.chartfile())
	}
	return h.sameFiles(ctx, reference, layer, rel)
}

// wrote returns nil when the manifest is, to the byte, the one that a push of the release makes of this layer. Only the
// tag in it may be another, since a second tag on the same commit is the same release. Fields of no meaning to us could
// have one to the tools that read what we sign.
func (rel release) wrote(there manifest, o origin, config, layer ocispec.Descriptor) error {
	annotations := maps.Clone(rel.annotations)
	annotations[ocispec.AnnotationRevision] = charts.Revision(o.tag, rel.origin.commit)
	if !maps.Equal(there.Annotations, annotations) {
		return errors.New("its annotations are not those of this release (dependencies or releaser itself changed since, or somebody else wrote it)")
	}
	raw, err := newManifest(config, ocispec.Descriptor{MediaType: layerType, Digest: layer.Digest, Size: layer.Size}, annotations)
	if err != nil {
		return err
	}
	if digest.FromBytes(raw) != there.desc.Digest {
		return errors.New("its manifest has another form than releaser writes, with more than one layer or fields of its own")
	}
	return nil
}

// sameFiles compares the archive itself: by its digest, or, where it was compressed otherwise, by what it unpacks to.
func (h *handle) sameFiles(ctx context.Context, reference string, layer ocispec.Descriptor, rel release) error {
	if layer.Digest == digest.FromBytes(rel.archive) && layer.Size == int64(len(rel.archive)) {
		return nil
	}
	wrong := fmt.Errorf("%s: %w: its archive is not what its record says; find out who wrote it, then raise the version in %s and push a tag for that",
		reference, ErrConflict, rel.chartfile())
	if layer.Size < 0 || layer.Size > maxArchive {
		return wrong
	}
	archive, err := h.blob(ctx, layer, maxArchive)
	if err != nil {
		return err
	}
	if sum, ok := contentOf(archive); !ok || sum != rel.origin.content {
		return wrong
	}
	return nil
}

// contentOf is the digest of what an archive unpacks to; false when it is too large, or no gzip, or more than one: tools
// do not agree on what follows the first.
func contentOf(archive []byte) (string, bool) {
	packed := bytes.NewReader(archive)
	z, err := gzip.NewReader(packed)
	if err != nil {
		return "", false
	}
	z.Multistream(false)
	sum := digest.Canonical.Digester()
	n, err := io.Copy(sum.Hash(), io.LimitReader(z, maxContent+1))
	return sum.Digest().String(), err == nil && n <= maxContent && packed.Len() == 0
}
