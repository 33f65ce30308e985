package signing

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/releaser/releaser/internal/lab/chartlab"
	"github.com/releaser/releaser/internal/lab/ocid/mem"
	"github.com/releaser/releaser/internal/scalar"
	"github.com/releaser/releaser/registry"
)

// Who may write to the registry, but has no key, puts the coming version there first: our record, another archive.
func TestAnArchiveThatSomebodyElseBuiltIsNotSigned(t *testing.T) {
	t.Parallel()
	s := withReferrers(t, mem.Options{})
	pkg := chartlab.Package(t, chartlab.Small("voice", "1.0.0"), chartlab.Options{
		Tag: "voice-1.0.0", Commit: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Pins: []scalar.Edit{},
	})
	there := s.target(t, "voice", ocispec.Descriptor{})
	m := ocispec.Manifest{
		Versioned:   specs.Versioned{SchemaVersion: 2},
		Config:      mustPush(t, there, "application/vnd.cncf.helm.config.v1+json", pkg.Config()),
		Layers:      []ocispec.Descriptor{mustPush(t, there, "application/vnd.cncf.helm.chart.content.v1.tar+gzip", []byte("the evil chart"))},
		Annotations: pkg.Annotations(),
	}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	desc := content.NewDescriptorFromBytes(ocispec.MediaTypeImageManifest, raw)
	if err := there.repo.PushReference(t.Context(), desc, bytes.NewReader(raw), "1.0.0"); err != nil {
		t.Fatal(err)
	}
	signer := newSigner(t, s.Registry, newPair(t), Options{})
	for range 2 {
		pushed, err := s.Push(t.Context(), pkg, nil)
		if !errors.Is(err, registry.ErrConflict) {
			t.Errorf("pushed %s: %v", pushed.Digest(), err)
		}
		if _, err := signer.Sign(t.Context(), pushed); err == nil {
			t.Error("it was signed")
		}
	}
	resolved, err := s.Resolve(t.Context(), "voice", "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signer.Verify(t.Context(), resolved); !errors.Is(err, ErrUnsigned) {
		t.Errorf("verified: %v", err)
	}
}
