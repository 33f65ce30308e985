package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/Masterminds/semver/v3"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"
)

// Resolve reads a version by its tag. ErrNotFound: there is none. ErrForeign: releaser did not push it. Two requests, and one for what was
// resolved or pushed before.
func (r *Registry) Resolve(ctx context.Context, chart, version string) (Pushed, error) {
	if _, err := semver.StrictNewVersion(version); err != nil {
		return Pushed{}, fmt.Errorf("version %q is not SemVer; write it as 1.2.3", version)
	}
	tag, err := tagOf(version)
	if err != nil {
		return Pushed{}, err
	}
	pushed, err := r.resolve(ctx, chart, tag)
	if err == nil && pushed.version != version {
		err = fmt.Errorf("%s%s:%s holds version %s, so that version %s is %w; somebody moved the tag: look who, and release another version",
			scheme, pushed.repository, tag, pushed.version, version, ErrNotFound)
	}
	if err != nil {
		return Pushed{}, Explain(err)
	}
	return pushed, nil
}

// ResolveDigest reads the version with the digest of a manifest, whether or not a tag still points at it. The errors are
// those of Resolve.
func (r *Registry) ResolveDigest(ctx context.Context, chart, manifestDigest string) (Pushed, error) {
	d, err := digest.Parse(manifestDigest)
	if err != nil || d.Algorithm() != digest.SHA256 {
		return Pushed{}, fmt.Errorf("%q is no digest; write sha256: and 64 hex digits", manifestDigest)
	}
	pushed, err := r.resolve(ctx, chart, d.String())
	return pushed, Explain(err)
}

func (r *Registry) resolve(ctx context.Context, chart, reference string) (Pushed, error) {
	ctx, cancel := r.within(ctx)
	defer cancel()
	h, err := r.chart(chart)
	if err != nil {
		return Pushed{}, err
	}
	there, err := h.read(ctx, reference)
	if errors.Is(err, errdef.ErrNotFound) {
		return Pushed{}, absent(h.at(reference), "release it with: releaser release TAG, or look at the versions that are there")
	}
	if err != nil {
		return Pushed{}, err
	}
	pushed, err := h.pushed(there, chart, reference)
	if err != nil {
		return Pushed{}, err
	}
	pushed.library, err = h.library(ctx, there)
	return pushed, err
}

// pushed makes the noun of a manifest that releaser pushed.
func (h *handle) pushed(m manifest, chart, reference string) (Pushed, error) {
	layer, isChart := m.chart()
	o, ours := originOf(m.Annotations)
	version := m.Annotations[ocispec.AnnotationVersion]
	tag, err := tagOf(version)
	if !isChart || !ours || err != nil || m.Annotations[ocispec.AnnotationTitle] != chart {
		return Pushed{}, fmt.Errorf("%s: %w: it was not pushed by releaser; name a version that was", h.at(reference), ErrForeign)
	}
	return Pushed{
		chart: chart, version: version, tag: tag,
		repository: h.Reference.Registry + "/" + h.Reference.Repository,
		desc:       m.desc, layer: layer, config: m.Config,
		annotations: m.Annotations, origin: o,
	}, nil
}

// library reads the chart's type from its config, the only place that has it. A config's digest is its content, so each
// is read once in a process.
func (h *handle) library(ctx context.Context, m manifest) (bool, error) {
	if is, known := h.knownLibrary(m.Config.Digest); known {
		return is, nil
	}
	raw, err := h.blob(ctx, m.Config, maxConfig)
	if err != nil {
		return false, err
	}
	var config struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &config); err != nil {
		return false, fmt.Errorf("%s@%s: the config is no JSON (%v): releaser did not push it; look who did, and delete it there", h.name(), m.desc.Digest, err)
	}
	h.keepLibrary(m.Config.Digest, config.Type == "library")
	return config.Type == "library", nil
}

func (h *handle) knownLibrary(config digest.Digest) (is, known bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	is, known = h.libraries[config]
	return is, known
}

// maxLibraries bounds what is remembered of one repository.
const maxLibraries = 10_000

func (h *handle) keepLibrary(config digest.Digest, is bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.libraries) >= maxLibraries {
		clear(h.libraries)
	}
	h.libraries[config] = is
}

// at is the name with a tag or a digest behind it.
func (h *handle) at(reference string) string {
	if digest.Digest(reference).Validate() == nil {
		return h.name() + "@" + reference
	}
	return h.name() + ":" + reference
}
