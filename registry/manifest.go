package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
)

// Helm's media types, from its HIP-0006. The last is what helm wrote before it had a name of its own.
const (
	configType      = "application/vnd.cncf.helm.config.v1+json"
	layerType       = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
	legacyLayerType = "application/tar+gzip"
)

// manifest is a manifest as the registry gave or took it: its descriptor carries the digest and size of the very bytes.
type manifest struct {
	ocispec.Manifest
	desc ocispec.Descriptor
}

// read gets the manifest with a tag or digest. Whatever the registry says of it, the digest is computed here, and at most
// maxManifest bytes are read. What is not there is errdef.ErrNotFound.
func (h *handle) read(ctx context.Context, reference string) (manifest, error) {
	desc, body, err := h.FetchReference(ctx, reference)
	if err != nil {
		return manifest{}, err
	}
	defer body.Close()
	if desc.Size > maxManifest || desc.Digest.Algorithm() != digest.SHA256 {
		return manifest{}, fmt.Errorf("%s: a manifest of %d bytes under %s is more than we read", h.at(reference), desc.Size, desc.Digest.Algorithm())
	}
	raw, err := content.ReadAll(body, desc)
	if err != nil {
		return manifest{}, fmt.Errorf("%s: the registry sent something else than %s: %w", h.at(reference), desc.Digest, err)
	}
	return parseManifest(h.at(reference), desc, raw)
}

// parseManifest makes sense of bytes that have the digest of desc.
func parseManifest(at string, desc ocispec.Descriptor, raw []byte) (manifest, error) {
	m := manifest{desc: ocispec.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size}}
	if desc.MediaType != ocispec.MediaTypeImageManifest {
		return m, nil // an index or another artifact: not a chart, and nothing that we would read
	}
	if err := json.Unmarshal(raw, &m.Manifest); err != nil {
		return manifest{}, fmt.Errorf("%s: the manifest is no JSON (%v): releaser did not push it; look who did, and delete it there", at, err)
	}
	return m, nil
}

// chart is the layer with a chart's archive; false when the manifest is none of a chart.
func (m manifest) chart() (layer ocispec.Descriptor, ok bool) {
	if m.desc.MediaType != ocispec.MediaTypeImageManifest || m.Config.MediaType != configType {
		return layer, false
	}
	for _, l := range m.Layers {
		if l.MediaType == layerType || l.MediaType == legacyLayerType {
			if ok {
				return layer, false // two charts in one version: no tool agrees which
			}
			layer, ok = l, true
		}
	}
	return layer, ok
}

// blob reads a blob of at most limit bytes and compares its digest.
func (h *handle) blob(ctx context.Context, desc ocispec.Descriptor, limit int64) ([]byte, error) {
	if desc.Size < 0 || desc.Size > limit || desc.Digest.Validate() != nil {
		return nil, fmt.Errorf("%s: blob %s of %d bytes is more than the %d that we read", h.name(), desc.Digest, desc.Size, limit)
	}
	body, err := h.Blobs().Fetch(ctx, desc)
	if errors.Is(err, errdef.ErrNotFound) {
		return nil, absent(h.name()+"@"+desc.Digest.String(), "the manifest names a blob that is gone; look at the registry's clean-up rules")
	}
	if err != nil {
		return nil, err
	}
	defer body.Close()
	raw, err := content.ReadAll(body, desc)
	if err != nil {
		return nil, fmt.Errorf("%s: the registry sent something else than %s: %w", h.name(), desc.Digest, err)
	}
	return raw, nil
}

// put uploads a blob. It does not ask first: the tag was not there, so that most of what it names is new, and the
// registry keeps one of two.
func (h *handle) put(ctx context.Context, desc ocispec.Descriptor, raw []byte) error {
	return h.Blobs().Push(ctx, desc, bytes.NewReader(raw))
}

// putManifest writes the manifest under a tag.
func (h *handle) putManifest(ctx context.Context, raw []byte, tag string) (ocispec.Descriptor, error) {
	if len(raw) > maxManifest {
		return ocispec.Descriptor{}, fmt.Errorf("%s:%s: the manifest has %d bytes, and a registry takes %d; write shorter annotations into Chart.yaml",
			h.name(), tag, len(raw), maxManifest)
	}
	desc := content.NewDescriptorFromBytes(ocispec.MediaTypeImageManifest, raw)
	return desc, h.PushReference(ctx, desc, io.Reader(bytes.NewReader(raw)), tag)
}

// newManifest has the fields that helm push writes, and no others: no mediaType inside the manifest, bare descriptors.
func newManifest(config, layer ocispec.Descriptor, annotations map[string]string) ([]byte, error) {
	return json.Marshal(ocispec.Manifest{
		Versioned:   specs.Versioned{SchemaVersion: 2},
		Config:      config,
		Layers:      []ocispec.Descriptor{layer},
		Annotations: annotations,
	})
}
