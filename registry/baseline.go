package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"

	orasregistry "oras.land/oras-go/v2/registry"
)

const (
	// baselineName is the repository of the baselines, beside the charts. No chart may have this name.
	baselineName = "releaser-baseline"
	baselineType = "application/vnd.releaser.baseline.v1+json"
)

// baseline is the content of the artifact.
type baseline struct {
	Source string            `json:"source"`
	Tags   map[string]string `json:"tags"` // tag to commit
}

// Baseline reads which tags of a source, with their commits, were there before releaser first saw it. found is false
// when that was never written. source is the name of the source in the configuration.
func (r *Registry) Baseline(ctx context.Context, source string) (tags map[string]string, found bool, err error) {
	ctx, cancel := r.within(ctx)
	defer cancel()
	h, err := r.baselines(source)
	if err != nil {
		return nil, false, err
	}
	tags, found, err = h.baseline(ctx, source)
	return tags, found, Explain(err)
}

// WriteBaseline records the tags that a source had on first contact. It is written once: the same tags again are no
// upload and no error, others are ErrConflict, because a baseline that could grow would swallow releases.
func (r *Registry) WriteBaseline(ctx context.Context, source string, tags map[string]string) error {
	ctx, cancel := r.within(ctx)
	defer cancel()
	h, err := r.baselines(source)
	if err != nil {
		return err
	}
	done, err := h.take(ctx)
	if err != nil {
		return err
	}
	defer done()
	found, err := h.agrees(ctx, source, tags)
	if err != nil || found {
		return Explain(err)
	}
	if err := h.writeBaseline(ctx, source, tags); err != nil {
		return Explain(err)
	}
	if found, err = h.agrees(ctx, source, tags); err == nil && !found {
		err = fmt.Errorf("%s:%s was written and cannot be read back; run it again", h.name(), source)
	}
	return Explain(err)
}

// baselines is the handle of the repository of baselines; the source's name is a tag in it.
func (r *Registry) baselines(source string) (*handle, error) {
	if err := (orasregistry.Reference{Reference: source}).ValidateReferenceAsTag(); err != nil || source == "" {
		return nil, fmt.Errorf("source name %q makes no tag of a registry; write letters, digits, dots and dashes, at most 128", source)
	}
	return r.handle(r.place.host, r.place.repository(baselineName))
}

// agrees tells whether the baseline is there; ErrConflict when it is another one.
func (h *handle) agrees(ctx context.Context, source string, tags map[string]string) (found bool, err error) {
	there, found, err := h.baseline(ctx, source)
	if err != nil || !found || maps.Equal(there, tags) {
		return found, err
	}
	return true, fmt.Errorf("%s:%s: %w: the baseline has %d tags and is never changed; to start this source anew, delete that tag in the registry",
		h.name(), source, ErrConflict, len(there))
}

func (h *handle) baseline(ctx context.Context, source string) (map[string]string, bool, error) {
	there, err := h.read(ctx, source)
	if errors.Is(err, errdef.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if there.ArtifactType != baselineType || len(there.Layers) != 1 {
		return nil, false, fmt.Errorf("%s:%s: %w: it is no baseline; delete that tag in the registry", h.name(), source, ErrForeign)
	}
	raw, err := h.blob(ctx, there.Layers[0], maxBaseline)
	if err != nil {
		return nil, false, err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	var b baseline
	if err := decoder.Decode(&b); err != nil || b.Source != source || b.Tags == nil {
		return nil, false, fmt.Errorf("%s:%s is no baseline of this source; delete that tag in the registry", h.name(), source)
	}
	return b.Tags, true, nil
}

func (h *handle) writeBaseline(ctx context.Context, source string, tags map[string]string) error {
	if tags == nil {
		tags = map[string]string{}
	}
	raw, err := json.Marshal(baseline{Source: source, Tags: tags})
	if err != nil {
		return err
	}
	if len(raw) > maxBaseline {
		return fmt.Errorf("the baseline of %s has %d bytes, more than the %d that we read; delete old tags", source, len(raw), maxBaseline)
	}
	layer := content.NewDescriptorFromBytes(baselineType, raw)
	if err := h.put(ctx, layer, raw); err != nil {
		return err
	}
	if err := h.put(ctx, ocispec.DescriptorEmptyJSON, ocispec.DescriptorEmptyJSON.Data); err != nil {
		return err
	}
	manifest, err := json.Marshal(ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: baselineType,
		Config:       ocispec.DescriptorEmptyJSON,
		Layers:       []ocispec.Descriptor{layer},
	})
	if err != nil {
		return err
	}
	_, err = h.putManifest(ctx, manifest, source)
	return err
}
