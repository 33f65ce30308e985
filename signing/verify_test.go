package signing

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/releaser/releaser/internal/lab/ocid/mem"
	"github.com/releaser/releaser/registry"
)

func TestAChartWithoutSignaturesIsUnsigned(t *testing.T) {
	t.Parallel()
	keys := newPair(t)
	eachRegistry(t, func(t *testing.T, s shelf) {
		p := s.push(t, "voice", "1.0.0")
		_, err := newSigner(t, s, keys, Options{}).Verify(t.Context(), p)
		refused(t, err, ErrUnsigned, p.Reference(), "releaser release voice-1.0.0")
	})
}

func TestTheSignatureOfAnotherKeyIsUntrusted(t *testing.T) {
	t.Parallel()
	keys, strange := newPair(t), newPair(t)
	eachRegistry(t, func(t *testing.T, s shelf) {
		p := s.push(t, "voice", "1.0.0")
		mustSign(t, newSigner(t, s, strange, Options{}), p)
		_, err := newSigner(t, s, keys, Options{}).Verify(t.Context(), p)
		refused(t, err, ErrUntrusted, p.Reference(), "among 2", "signing.trusted", "releaser release voice-1.0.0")
	})
}

func TestAFormatThatIsNotConfiguredDoesNotCount(t *testing.T) {
	t.Parallel()
	keys := newPair(t)
	eachRegistry(t, func(t *testing.T, s shelf) {
		p := s.push(t, "voice", "1.0.0")
		mustSign(t, newSigner(t, s, keys, Options{Formats: []Format{Legacy}}), p)
		_, err := newSigner(t, s, keys, Options{Formats: []Format{Bundle}}).Verify(t.Context(), p)
		refused(t, err, ErrUnsigned)
		both, err := newSigner(t, s, keys, Options{}).Verify(t.Context(), p)
		if err != nil || len(both.Signatures()) != 1 || both.Signatures()[0].Format != Legacy {
			t.Errorf("the legacy one alone is enough where both are configured: %+v, %v", both.Signatures(), err)
		}
	})
}

// refused checks that an error is the right one and says what its reader needs.
func refused(t *testing.T, err, want error, words ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%v, but the error should be: %v", err, want)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}

func TestTheOldKeyIsAcceptedAsLongAsItIsTrusted(t *testing.T) {
	t.Parallel()
	old, young := newPair(t), newPair(t)
	eachRegistry(t, func(t *testing.T, s shelf) {
		p := s.push(t, "voice", "1.0.0")
		before := mustSign(t, newSigner(t, s, old, Options{}), p)
		rotated := newSigner(t, s, young, Options{TrustedPEM: [][]byte{old.public}})
		found, err := rotated.Verify(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := found.Signatures()[0].Key, before.Signatures()[0].Key; got != want {
			t.Errorf("the key is %s instead of %s", got, want)
		}
		_, err = newSigner(t, s, young, Options{}).Verify(t.Context(), p)
		refused(t, err, ErrUntrusted)

		// Signed again, users of either key are content.
		after := mustSign(t, rotated, p)
		found, err = rotated.Verify(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		for i, sig := range found.Signatures() {
			if sig.Key != after.Signatures()[i].Key || sig.Key == before.Signatures()[i].Key {
				t.Errorf("%s: the own key goes first, but it is %s", sig.Format, sig.Key)
			}
		}
		if now := s.contents(t, p); now.Layers != 2 || len(now.Referrers) != 2 {
			t.Errorf("two signatures of each format, but there is %+v", now)
		}
		if _, err := newSigner(t, s, old, Options{}).Verify(t.Context(), p); err != nil {
			t.Error(err)
		}
	})
}

func TestAVerifierNeedsNoPrivateKey(t *testing.T) {
	t.Parallel()
	s, keys := withReferrers(t, mem.Options{}), newPair(t)
	p := s.push(t, "voice", "1.0.0")
	mustSign(t, newSigner(t, s, keys, Options{}), p)
	v, err := NewVerifier(Options{TrustedPEM: [][]byte{keys.public}}, s)
	if err != nil {
		t.Fatal(err)
	}
	if signed, err := v.Verify(t.Context(), p); err != nil || signed.Pushed().Digest() != p.Digest() {
		t.Error(err)
	}
	if _, err := NewVerifier(Options{}, s); err == nil {
		t.Error("a verifier without any key")
	}
}

func TestASignatureOfAnotherDigestDoesNotCount(t *testing.T) {
	t.Parallel()
	keys := newPair(t)
	eachRegistry(t, func(t *testing.T, s shelf) {
		other, p := s.push(t, "voice", "1.0.0"), s.push(t, "voice", "2.0.0")
		signer := newSigner(t, s, keys, Options{})
		key := signer.key
		from := s.target(t, "voice", other.Descriptor())
		to := s.target(t, "voice", p.Descriptor())

		image := s.signatureImage(t, from, key)
		if err := pushManifest(t.Context(), to, image, legacyTag(to)); err != nil {
			t.Fatal(err)
		}
		raw, err := makeBundle(t.Context(), from, key)
		if err != nil {
			t.Fatal(err)
		}
		s.attach(t, p, bundleMediaType, raw, nil)
		_, err = signer.Verify(t.Context(), p)
		refused(t, err, ErrUntrusted, "among 2")
	})
}

// signatureImage is a legacy signature of a target, under no tag yet.
func (s shelf) signatureImage(t *testing.T, target target, key *keypair) ocispec.Manifest {
	t.Helper()
	d, err := legacyForm{}.upload(t.Context(), target, key, listing{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (legacyForm{}).write(t.Context(), target, d, listing{}); err != nil {
		t.Fatal(err)
	}
	_, raw, err := readTag(t, target, legacyTag(target))
	if err != nil {
		t.Fatal(err)
	}
	return manifest(t, raw)
}

func TestATamperedLegacySignatureDoesNotCount(t *testing.T) {
	t.Parallel()
	keys := newPair(t)
	signed := base64.StdEncoding.EncodeToString
	for name, change := range map[string]func(claim string, layer *ocispec.Descriptor) string{
		"a word of the payload": func(claim string, _ *ocispec.Descriptor) string {
			return strings.Replace(claim, `"optional":null`, `"optional":{"approved":"yes"}`, 1)
		},
		"the kind of payload": func(claim string, _ *ocispec.Descriptor) string {
			return strings.Replace(claim, "cosign container image signature", "something else", 1)
		},
		"the signature": func(claim string, layer *ocispec.Descriptor) string {
			layer.Annotations[signatureOfBlob] = signed([]byte("not one"))
			return claim
		},
		"no signature":      func(claim string, layer *ocispec.Descriptor) string { layer.Annotations = nil; return claim },
		"no JSON":           func(string, *ocispec.Descriptor) string { return "{" },
		"no payload at all": func(claim string, layer *ocispec.Descriptor) string { return "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withReferrers(t, mem.Options{})
			p := s.push(t, "voice", "1.0.0")
			signer := newSigner(t, s, keys, Options{})
			at := s.target(t, "voice", p.Descriptor())
			image := s.signatureImage(t, at, signer.key)
			claim, _, err := makeClaim(at, signer.key)
			if err != nil {
				t.Fatal(err)
			}
			layer := image.Layers[0]
			changed := change(string(claim), &layer)
			desc := mustPush(t, at, simpleSigning, []byte(changed))
			desc.Annotations = layer.Annotations
			image.Layers = []ocispec.Descriptor{desc}
			if err := pushManifest(t.Context(), at, image, legacyTag(at)); err != nil {
				t.Fatal(err)
			}
			_, err = signer.Verify(t.Context(), p)
			refused(t, err, ErrUntrusted, "among 1")

			// What is there is left alone, and the true signature beside it is enough.
			mustSign(t, signer, p)
			if found := s.contents(t, p); found.Layers != 2 {
				t.Errorf("%d layers", found.Layers)
			}
		})
	}
}

func TestATamperedBundleDoesNotCount(t *testing.T) {
	t.Parallel()
	keys := newPair(t)
	for name, change := range map[string]func(b map[string]any){
		"a word of the payload": func(b map[string]any) {
			e := b["dsseEnvelope"].(map[string]any)
			text, _ := base64.StdEncoding.DecodeString(e["payload"].(string))
			e["payload"] = base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(text), `"_type"`, `"x":1,"_type"`, 1)))
		},
		"the type of payload": func(b map[string]any) { b["dsseEnvelope"].(map[string]any)["payloadType"] = "text/plain" },
		"the signature": func(b map[string]any) {
			b["dsseEnvelope"].(map[string]any)["signatures"] = []any{map[string]any{"sig": "AAAA"}}
		},
		"no signature":       func(b map[string]any) { delete(b["dsseEnvelope"].(map[string]any), "signatures") },
		"no envelope":        func(b map[string]any) { delete(b, "dsseEnvelope") },
		"no material":        func(b map[string]any) { delete(b, "verificationMaterial") },
		"another media type": func(b map[string]any) { b["mediaType"] = "application/json" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withReferrers(t, mem.Options{})
			p := s.push(t, "voice", "1.0.0")
			signer := newSigner(t, s, keys, Options{})
			raw, err := makeBundle(t.Context(), s.target(t, "voice", p.Descriptor()), signer.key)
			if err != nil {
				t.Fatal(err)
			}
			var b map[string]any
			if err := json.Unmarshal(raw, &b); err != nil {
				t.Fatal(err)
			}
			change(b)
			raw, _ = json.Marshal(b)
			s.attach(t, p, bundleMediaType, raw, map[string]string{bundlePredicateType: cosignSign})
			_, err = signer.Verify(t.Context(), p)
			refused(t, err, ErrUntrusted, "among 1")
			mustSign(t, signer, p)
		})
	}
}

func TestAnAttestationByTheSameKeyIsNoSignature(t *testing.T) {
	t.Parallel()
	keys := newPair(t)
	eachRegistry(t, func(t *testing.T, s shelf) {
		p := s.push(t, "voice", "1.0.0")
		signer := newSigner(t, s, keys, Options{})
		// Once as it is, once with a manifest that says that it is a signature.
		raw := provenance(t, p, signer.key)
		s.attach(t, p, bundleMediaType, raw, map[string]string{bundlePredicateType: "https://slsa.dev/provenance/v1"})
		s.attach(t, p, bundleMediaType, raw, map[string]string{bundlePredicateType: cosignSign})
		_, err := signer.Verify(t.Context(), p)
		refused(t, err, ErrUnsigned)
		for _, sig := range mustSign(t, signer, p).Signatures() {
			if !sig.New {
				t.Errorf("%+v was taken for a signature", sig)
			}
		}
	})
}

// provenance is a valid bundle of the key over the chart, with an SLSA statement.
func provenance(t *testing.T, p registry.Pushed, key *keypair) []byte {
	t.Helper()
	claim, err := json.Marshal(map[string]any{
		"_type": statementType, "predicateType": "https://slsa.dev/provenance/v1",
		"subject":   []subject{{Digest: map[string]string{"sha256": p.Descriptor().Digest.Encoded()}}},
		"predicate": map[string]any{"buildDefinition": map[string]any{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	made, err := sign.Bundle(&sign.DSSEData{Data: claim, PayloadType: statementMediaType}, key, sign.BundleOptions{Context: context.Background()})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := protojson.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestOtherReferrersAreNoSignatures(t *testing.T) {
	t.Parallel()
	keys := newPair(t)
	eachRegistry(t, func(t *testing.T, s shelf) {
		p := s.push(t, "voice", "1.0.0")
		s.attach(t, p, "application/spdx+json", []byte(`{"spdxVersion":"SPDX-2.3"}`), nil)
		signer := newSigner(t, s, keys, Options{Formats: []Format{Bundle}})
		_, err := signer.Verify(t.Context(), p)
		refused(t, err, ErrUnsigned)
		mustSign(t, signer, p)
	})
}
