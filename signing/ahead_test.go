package signing

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/releaser/releaser/internal/lab/chartlab"
	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/internal/lab/ocid/mem"
	"github.com/releaser/releaser/internal/scalar"
	"github.com/releaser/releaser/registry"
)

// upload pushes voice 1.0.0 by the line's own hand, so that it is new.
func (s shelf) upload(t *testing.T) registry.Pushed {
	t.Helper()
	p, err := s.Push(t.Context(), chartlab.Package(t, chartlab.Small("voice", "1.0.0"), chartlab.Options{
		Tag: "voice-1.0.0", Commit: strings.Repeat("a", 40), Pins: []scalar.Edit{},
	}), nil)
	check(t, err)
	if !p.New() {
		t.Fatal("it is not new")
	}
	return p
}

// The look has no answer before the blobs of both signatures are in the registry, and no manifest comes before its answer.
func TestWhatWasJustPushedIsLookedAtWhileTheBlobsOfItsSignaturesGoUp(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]mem.Options{"no referrers API": {NoReferrers: true}, "referrers API": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLiarOf(t, options)
			p := l.upload(t)
			var blobs, manifests atomic.Int64
			all := make(chan struct{})
			l.tell(func(_ http.ResponseWriter, r *http.Request) bool {
				class := door.ClassOf(r.URL.Path)
				switch {
				case r.Method == http.MethodPut && class == door.Upload:
					if blobs.Add(1) == 4 { // a bundle, the empty config, a claim and its config
						close(all)
					}
				case r.Method == http.MethodPut && class == door.Manifest:
					manifests.Add(1)
				case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/manifests/1.0.0"):
					select {
					case <-all:
					case <-time.After(30 * time.Second):
						t.Error("the blobs wait for the look")
					}
					if n := manifests.Load(); n != 0 {
						t.Errorf("%d manifests were written before the look had an answer", n)
					}
				}
				return false
			})
			signed := mustSign(t, newSigner(t, l, newPair(t), Options{}), p)
			if n := blobs.Load(); n != 4 || len(signed.Signatures()) != 2 {
				t.Errorf("%d blobs, %+v", n, signed.Signatures())
			}
		})
	}
}

// The same value may be signed again, as after a crash of what comes next.
func TestSigningWhatWasJustPushedTwiceWritesNothing(t *testing.T) {
	t.Parallel()
	keys := newPair(t)
	eachRegistry(t, func(t *testing.T, s shelf) {
		p := s.upload(t)
		signer := newSigner(t, s, keys, Options{})
		mustSign(t, signer, p)
		if _, tally := spent(s, func() { mustSign(t, signer, p) }); tally.Writes() != 0 {
			t.Errorf("signing again writes: %v", tally)
		}
	})
}

// What goes up beside the look is made for a version without signatures. Where the look finds one of somebody else's,
// ours stands beside it, and the configuration of the image names both.
func TestASignatureThatWasThereFirstKeepsItsPlaceBesideOurs(t *testing.T) {
	t.Parallel()
	keys, others := newPair(t), newPair(t)
	eachRegistry(t, func(t *testing.T, s shelf) {
		p := s.upload(t)
		mustSign(t, newSigner(t, s, others, Options{}), p)
		mustSign(t, newSigner(t, s, keys, Options{}), p)
		for _, k := range []pair{keys, others} {
			signed, err := newSigner(t, s, k, Options{}).Verify(t.Context(), p)
			if err != nil || len(signed.Signatures()) != 2 {
				t.Errorf("%+v (%v)", signed.Signatures(), err)
			}
		}
		at := s.target(t, "voice", p.Descriptor())
		_, raw, err := readTag(t, at, legacyTag(at))
		check(t, err)
		image := manifest(t, raw)
		config, err := fetch(t.Context(), at, image.Config, maxManifestBytes)
		check(t, err)
		if got, want := string(config), string(imageConfig(image.Layers)); got != want || len(image.Layers) != 2 {
			t.Errorf("%d layers, and the configuration is\n%s\nwant\n%s", len(image.Layers), got, want)
		}
		if found := s.contents(t, p); len(found.Referrers) != 2 {
			t.Errorf("%+v", found)
		}
	})
}

// A blob that the registry does not take beside the look is tried again after it.
func TestAnUploadThatFailsBesideTheLookIsTriedAgain(t *testing.T) {
	t.Parallel()
	l := newLiar(t)
	p := l.upload(t)
	var refused atomic.Int64
	l.tell(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || refused.Add(1) > 1 {
			return false
		}
		http.Error(w, "not now", http.StatusForbidden)
		return true
	})
	if signed := mustSign(t, newSigner(t, l, newPair(t), Options{}), p); len(signed.Signatures()) != 2 {
		t.Errorf("%+v", signed.Signatures())
	}
}
