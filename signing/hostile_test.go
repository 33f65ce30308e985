package signing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/internal/lab/ocid/mem"
)

// liar is a registry that can be told to lie: whatever the lie answers, the registry does not.
type liar struct {
	shelf
	lie atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool]
}

func newLiar(t *testing.T) *liar {
	t.Helper()
	return newLiarOf(t, mem.Options{})
}

func newLiarOf(t *testing.T, o mem.Options) *liar {
	t.Helper()
	var l liar
	honest := mem.New(o)
	outer := door.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if lie := l.lie.Load(); lie == nil || !(*lie)(w, r) {
			honest.ServeHTTP(w, r)
		}
	}))
	if err := outer.Open("", nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { outer.Close() })
	l.shelf = open(t, outer)
	return &l
}

func (l *liar) tell(lie func(w http.ResponseWriter, r *http.Request) bool) { l.lie.Store(&lie) }

// F10
func TestATagThatWasMovedIsNotSigned(t *testing.T) {
	t.Parallel()
	keys := newPair(t)
	eachRegistry(t, func(t *testing.T, s shelf) {
		p, other := s.push(t, "voice", "1.0.0+a"), s.push(t, "voice", "2.0.0")
		repo, err := s.Repository("voice")
		check(t, err)
		check(t, repo.Tag(t.Context(), other.Descriptor(), "1.0.0_a"))
		before := s.contents(t, p)
		_, err = newSigner(t, s, keys, Options{}).Sign(t.Context(), p)
		refused(t, err, ErrAltered, p.Digest(), other.Digest(), "1.0.0_a")
		if after := s.contents(t, p); !reflect.DeepEqual(before, after) {
			t.Errorf("the registry changed from %+v to %+v", before, after)
		}
	})
}

// What the registry took and does not give is seen here first: a push that was answered with yes does not read it back.
// F10, F12
func TestWhatIsGivenOtherwiseAfterThePushIsNotSigned(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		give func(w http.ResponseWriter, body []byte)
		want []string
	}{
		"another layer": {func(w http.ResponseWriter, body []byte) {
			w.Write(bytes.Replace(body, []byte(`"layers":[{"`), []byte(`"layers":[{"urls":["http://evil"],"`), 1))
		}, []string{"the registry holds another manifest than was pushed", "before you release again"}},
		"another annotation": {func(w http.ResponseWriter, body []byte) {
			w.Write(bytes.Replace(body, []byte("voice-1.0.0@"), []byte("voice-6.6.6@"), 1))
		}, []string{"the registry holds another manifest than was pushed", "before you release again"}},
		"nothing": {func(w http.ResponseWriter, _ []byte) { w.WriteHeader(http.StatusNotFound) },
			[]string{"was pushed and cannot be read back", "run the release again"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLiar(t)
			p := l.upload(t)
			_, body, err := readTag(t, l.target(t, "voice", p.Descriptor()), "1.0.0")
			check(t, err)
			l.tell(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/manifests/1.0.0") {
					return false
				}
				w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
				c.give(w, body)
				return true
			})
			before := l.door.Tally()
			_, err = newSigner(t, l, newPair(t), Options{}).Sign(t.Context(), p)
			if altered := name != "nothing"; err == nil || errors.Is(err, ErrAltered) != altered {
				t.Fatal(err)
			}
			for _, text := range c.want {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("the error does not say %q: %v", text, err)
				}
			}
			if n := l.door.Tally().Since(before)[door.Request{Method: "PUT", Class: door.Manifest}]; n != 0 {
				t.Errorf("%d manifests were written", n)
			}
		})
	}
}

// F10
func TestOtherBytesUnderTheRightDigestAreNotSigned(t *testing.T) {
	t.Parallel()
	l := newLiar(t)
	p := l.push(t, "voice", "1.0.0")
	l.tell(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/manifests/1.0.0") {
			return false
		}
		w.Header().Set("Content-Type", ocispec.MediaTypeImageManifest)
		w.Header().Set("Docker-Content-Digest", p.Digest())
		fmt.Fprint(w, `{"schemaVersion":2}`)
		return true
	})
	writes := l.door.Tally().Writes()
	_, err := newSigner(t, l, newPair(t), Options{}).Sign(t.Context(), p)
	refused(t, err, ErrAltered)
	if l.door.Tally().Writes() != writes {
		t.Error("something was written")
	}
}

// F12
func TestAManifestThatIsGoneIsNotSigned(t *testing.T) {
	t.Parallel()
	keys := newPair(t)
	eachRegistry(t, func(t *testing.T, s shelf) {
		p := s.push(t, "voice", "1.0.0")
		repo, err := s.Repository("voice")
		check(t, err)
		check(t, repo.Delete(t.Context(), p.Descriptor()))
		if signed, err := newSigner(t, s, keys, Options{}).Sign(t.Context(), p); err == nil {
			t.Errorf("signed: %+v", signed.Signatures())
		}
	})
}

// F12
func TestAWriteThatTheRegistryOnlyPretendsMakesNoSigned(t *testing.T) {
	t.Parallel()
	for _, format := range []Format{Bundle, Legacy} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			l := newLiar(t)
			p := l.push(t, "voice", "1.0.0")
			l.tell(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "/manifests/") {
					return false
				}
				w.Header().Set("OCI-Subject", p.Digest())
				w.WriteHeader(http.StatusCreated)
				return true
			})
			_, err := newSigner(t, l, newPair(t), Options{Formats: []Format{format}}).Sign(t.Context(), p)
			if err == nil || !strings.Contains(err.Error(), "not in the registry after its push") {
				t.Error(err)
			}
		})
	}
}

// F13
func TestARegistryThatFailsIsNotTakenForAnUnsignedChart(t *testing.T) {
	t.Parallel()
	for name, part := range map[string]string{
		"the referrers": "/referrers/", "the signature's tag": ".sig", "a blob": "/blobs/", "a manifest": "/manifests/sha256",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLiar(t)
			p := l.push(t, "voice", "1.0.0")
			signer := newSigner(t, l, newPair(t), Options{})
			mustSign(t, signer, p)
			l.tell(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, part) {
					return false
				}
				http.Error(w, "broken", http.StatusForbidden) // 5xx would be tried again, for long
				return true
			})
			_, err := signer.Verify(t.Context(), p)
			var answer *errcode.ErrorResponse
			if !errors.As(err, &answer) || errors.Is(err, ErrUnsigned) || errors.Is(err, ErrUntrusted) {
				t.Errorf("%v", err)
			}
			writes := l.door.Tally().Writes()
			if _, err := signer.Sign(t.Context(), p); err == nil || l.door.Tally().Writes() != writes {
				t.Errorf("%v, and something was written", err)
			}
		})
	}
}

func TestSignaturesWhoseContentIsGoneOrSwappedDoNotCount(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(w http.ResponseWriter, size int){
		"gone": func(w http.ResponseWriter, _ int) {
			http.Error(w, `{"errors":[{"code":"BLOB_UNKNOWN"}]}`, http.StatusNotFound)
		},
		"swapped": func(w http.ResponseWriter, size int) { w.Write(bytes.Repeat([]byte("x"), size)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLiar(t)
			p := l.push(t, "voice", "1.0.0")
			signer := newSigner(t, l, newPair(t), Options{})
			mustSign(t, signer, p)
			at := l.target(t, "voice", p.Descriptor())
			bundle, err := makeBundle(t.Context(), at, signer.key)
			check(t, err)
			claim, _, err := makeClaim(at, signer.key)
			check(t, err)
			sizes := map[string]int{digest.FromBytes(bundle).String(): len(bundle), digest.FromBytes(claim).String(): len(claim)}
			l.tell(func(w http.ResponseWriter, r *http.Request) bool {
				size := sizes[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]]
				if size > 0 {
					answer(w, size)
				}
				return size > 0
			})
			_, err = signer.Verify(t.Context(), p)
			refused(t, err, ErrUntrusted, "among 2")
		})
	}
}

// B45
func TestEndlessReferrersAreReadUpToACap(t *testing.T) {
	t.Parallel()
	for name, full := range map[string]bool{"pages with entries": true, "empty pages": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLiar(t)
			p := l.push(t, "voice", "1.0.0")
			l.tell(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/referrers/") {
					return false
				}
				w.Header().Set("Link", "<"+r.URL.Path+">; rel=next")
				w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
				json.NewEncoder(w).Encode(page(full))
				return true
			})
			signer := newSigner(t, l, newPair(t), Options{Formats: []Format{Bundle}})
			for _, call := range []func() error{
				func() error { _, err := signer.Verify(t.Context(), p); return err },
				func() error { _, err := signer.Sign(t.Context(), p); return err },
			} {
				before := l.door.Tally()
				if err := call(); err == nil || errors.Is(err, ErrUnsigned) {
					t.Errorf("%v", err)
				}
				spent := l.door.Tally().Since(before)
				if spent.Total() > 1000 || spent.Writes() > 0 {
					t.Errorf("%v", spent)
				}
			}
		})
	}
}

// page is a page of ten referrers that are nowhere, or of none.
func page(full bool) ocispec.Index {
	index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
	for i := range 10 {
		if full {
			index.Manifests = append(index.Manifests, ocispec.Descriptor{
				MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(fmt.Sprint(i)), Size: 100,
			})
		}
	}
	return index
}

// B45
func TestAThousandLegacySignaturesAreReadUpToACap(t *testing.T) {
	t.Parallel()
	s := withReferrers(t, mem.Options{})
	p := s.push(t, "voice", "1.0.0")
	signer := newSigner(t, s, newPair(t), Options{Formats: []Format{Legacy}})
	at := s.target(t, "voice", p.Descriptor())
	image := s.signatureImage(t, at, signer.key)
	var layers []ocispec.Descriptor
	for i := range 1000 {
		layer := mustPush(t, at, simpleSigning, fmt.Appendf(nil, "junk %d", i))
		layer.Annotations = map[string]string{signatureOfBlob: "AAAA"}
		layers = append(layers, layer)
	}
	image.Layers = append(layers, image.Layers...)
	check(t, pushManifest(t.Context(), at, image, legacyTag(at)))
	before := s.door.Tally()
	_, err := signer.Verify(t.Context(), p)
	refused(t, err, ErrUntrusted, "more than 100 signatures", "delete what is not yours")
	if spent := s.door.Tally().Since(before); spent.Total() > 1+maxSignatures {
		t.Errorf("%v", spent)
	}
	if _, err := signer.Sign(t.Context(), p); err == nil || !strings.Contains(err.Error(), "more than 100 signatures") {
		t.Errorf("signed beyond what is read: %v", err)
	}
}

// B45
func TestAnEnormousSignatureIsNotRead(t *testing.T) {
	t.Parallel()
	s := withReferrers(t, mem.Options{})
	p := s.push(t, "voice", "1.0.0")
	signer := newSigner(t, s, newPair(t), Options{})
	s.attach(t, p, bundleMediaType, bytes.Repeat([]byte(" "), maxBundleBytes+1), nil)
	at := s.target(t, "voice", p.Descriptor())
	image := s.signatureImage(t, at, signer.key)
	layer := mustPush(t, at, simpleSigning, bytes.Repeat([]byte(" "), maxPayloadBytes+1))
	layer.Annotations = image.Layers[0].Annotations
	image.Layers = []ocispec.Descriptor{layer}
	check(t, pushManifest(t.Context(), at, image, legacyTag(at)))
	before := s.door.Tally()
	_, err := signer.Verify(t.Context(), p)
	refused(t, err, ErrUntrusted, "among 2")
	if blobs := s.door.Tally().Since(before)[door.Request{Method: "GET", Class: door.Blob}]; blobs > 0 {
		t.Errorf("%d blobs were read", blobs)
	}
	mustSign(t, signer, p)
}

func TestAnIndexUnderTheSignatureTagIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := withReferrers(t, mem.Options{})
	p := s.push(t, "voice", "1.0.0")
	at := s.target(t, "voice", p.Descriptor())
	check(t, pushManifest(t.Context(), at, ocispec.Manifest{MediaType: ocispec.MediaTypeImageIndex}, legacyTag(at)))
	before := s.contents(t, p)
	_, err := newSigner(t, s, newPair(t), Options{Formats: []Format{Legacy}}).Sign(t.Context(), p)
	if err == nil || !strings.Contains(err.Error(), "delete that tag") {
		t.Error(err)
	}
	if after := s.contents(t, p); !reflect.DeepEqual(before, after) {
		t.Errorf("the registry changed from %+v to %+v", before, after)
	}
}

func TestACertificateInALegacySignatureIsNotEvenRead(t *testing.T) {
	t.Parallel()
	s := withReferrers(t, mem.Options{})
	p := s.push(t, "voice", "1.0.0")
	signer := newSigner(t, s, newPair(t), Options{Formats: []Format{Legacy}})
	at := s.target(t, "voice", p.Descriptor())
	image := s.signatureImage(t, at, signer.key)
	image.Layers[0].Annotations["dev.sigstore.cosign/certificate"] = "junk"
	image.Layers[0].Annotations["dev.sigstore.cosign/bundle"] = "junk"
	check(t, pushManifest(t.Context(), at, image, legacyTag(at)))
	if _, err := signer.Verify(t.Context(), p); err != nil {
		t.Error(err)
	}
}

func TestWaitingForAnotherWriterEndsWithTheContext(t *testing.T) {
	t.Parallel()
	var l locks
	unlock, err := l.lock(t.Context(), "a")
	check(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := l.lock(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if other, err := l.lock(t.Context(), "b"); err != nil {
		t.Error(err)
	} else {
		other()
	}
	unlock()
	again, err := l.lock(t.Context(), "a")
	check(t, err)
	again()
	if len(l.held) != 0 {
		t.Errorf("%d locks are left", len(l.held))
	}
}
