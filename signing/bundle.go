package signing

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/sigstore/cosign/v2/pkg/cosign"
	sgbundle "github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"google.golang.org/protobuf/encoding/protojson"
)

const (
	cosignSign            = "https://sigstore.dev/cosign/sign/v1" // the predicateType of a signature
	bundleMediaTypes      = "application/vnd.dev.sigstore.bundle" // what they all begin with
	bundleMediaType       = "application/vnd.dev.sigstore.bundle.v0.3+json"
	bundlePredicateType   = "dev.sigstore.bundle.predicateType"
	bundleContent         = "dev.sigstore.bundle.content"
	statementMediaType    = "application/vnd.in-toto+json"
	statementType         = "https://in-toto.io/Statement/v1"
	bundleContentEnvelope = "dsse-envelope"
)

// bundleForm is the form Bundle: a manifest that refers to the target and has the bundle as its only layer.
type bundleForm struct{}

// statement is the in-toto statement of a signature. It has no predicate: that cosign signed is all that it says.
type statement struct {
	Type          string    `json:"_type"`
	Subject       []subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
}

type subject struct {
	Digest map[string]string `json:"digest"`
}

func (bundleForm) judge(ctx context.Context, t target, l listing, keys []publicKey) (reading, error) {
	r := reading{listing: l}
	for _, desc := range l.candidates {
		raw, err := fetchBundle(ctx, t, desc)
		if errors.Is(err, errUnreadable) {
			r.seen++
			continue
		}
		if err != nil {
			return r, err
		}
		if raw == nil || !isSignature(raw) {
			continue
		}
		r.seen++
		rank := verifyBundle(ctx, t, raw, keys)
		if rank < 0 {
			continue
		}
		s := Signature{Format: Bundle, Reference: t.name + "@" + desc.Digest.String(), Digest: desc.Digest.String(), Key: keys[rank].id()}
		if r.accept(s, rank) {
			break
		}
	}
	return r, nil
}

// errEnough ends a listing of referrers.
var errEnough = errors.New("enough")

// list finds what refers to the target and may be a signature, up to the caps. It asks for all types: cosign v2
// writes a wrong one into the index of a registry without a referrers API. A chart may have many attestations: what its
// writer calls something else than a signature is left out, and what is called a signature comes first. No more than that
// is believed of what a manifest says of itself.
func (bundleForm) list(ctx context.Context, t target) (listing, error) {
	listed := 0
	var list []ocispec.Descriptor
	err := t.repo.Referrers(ctx, t.subject, "", func(page []ocispec.Descriptor) error {
		for _, desc := range page {
			if predicate := desc.Annotations[bundlePredicateType]; predicate == "" || predicate == cosignSign {
				list = append(list, desc)
			}
		}
		if listed += len(page); listed > maxReferrers {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return listing{}, err
	}
	slices.SortStableFunc(list, func(a, b ocispec.Descriptor) int {
		return cmp.Compare(b.Annotations[bundlePredicateType], a.Annotations[bundlePredicateType])
	})
	capped := listed > maxReferrers || len(list) > maxSignatures
	return listing{candidates: list[:min(len(list), maxSignatures)], capped: capped}, nil
}

// fetchBundle reads the bundle of one referrer, nil when the referrer is none.
func fetchBundle(ctx context.Context, t target, desc ocispec.Descriptor) ([]byte, error) {
	if desc.MediaType != ocispec.MediaTypeImageManifest {
		return nil, nil
	}
	raw, err := fetch(ctx, t, desc, maxManifestBytes)
	if err != nil {
		return nil, err
	}
	var m ocispec.Manifest
	if json.Unmarshal(raw, &m) != nil || len(m.Layers) != 1 || !strings.HasPrefix(m.Layers[0].MediaType, bundleMediaTypes) {
		return nil, nil
	}
	return fetch(ctx, t, m.Layers[0], maxBundleBytes)
}

// isSignature tells signatures from attestations by what is signed, not by what the manifest says. What cannot be
// read is one: it does not verify, and somebody should know.
func isSignature(raw []byte) bool {
	var b struct {
		Envelope struct {
			Payload []byte `json:"payload"`
		} `json:"dsseEnvelope"`
	}
	var s statement
	if json.Unmarshal(raw, &b) != nil || json.Unmarshal(b.Envelope.Payload, &s) != nil {
		return true
	}
	return s.PredicateType == cosignSign
}

// verifyBundle finds the first key that made the bundle as a signature of the target, -1 when none did.
func verifyBundle(ctx context.Context, t target, raw []byte, keys []publicKey) int {
	var b sgbundle.Bundle
	if b.UnmarshalJSON(raw) != nil {
		return -1
	}
	sum, err := hex.DecodeString(t.subject.Digest.Encoded())
	if err != nil {
		return -1
	}
	return slices.IndexFunc(keys, func(key publicKey) bool {
		result, err := cosign.VerifyNewBundle(ctx, &cosign.CheckOpts{
			SigVerifier:     key.verifier,
			TrustedMaterial: &root.BaseTrustedMaterial{}, // knows no log and no authority; nil would be refused
			IgnoreTlog:      true,
			NewBundleFormat: true,
		}, verify.WithArtifactDigest("sha256", sum), &b)
		return err == nil && result.Statement != nil && result.Statement.GetPredicateType() == cosignSign
	})
}

func (bundleForm) upload(ctx context.Context, t target, key *keypair, _ listing) (draft, error) {
	raw, err := makeBundle(ctx, t, key)
	if err != nil {
		return draft{}, err
	}
	var d draft
	err = together(2, func(i int) (err error) {
		if i == 0 {
			d.layer, err = push(ctx, t, bundleMediaType, raw)
			return err
		}
		d.config, err = pushEmpty(ctx, t)
		return err
	})
	return d, err
}

func (bundleForm) write(ctx context.Context, t target, d draft, _ listing) ([]ocispec.Descriptor, error) {
	// No time of creation, so that the same signature is the same manifest.
	manifest, err := refer(ctx, t, ocispec.Manifest{
		Versioned:    specs.Versioned{SchemaVersion: 2},
		MediaType:    ocispec.MediaTypeImageManifest,
		ArtifactType: bundleMediaType,
		Config:       d.config,
		Layers:       []ocispec.Descriptor{d.layer},
		Subject:      &t.subject,
		Annotations:  map[string]string{bundleContent: bundleContentEnvelope, bundlePredicateType: cosignSign},
	})
	if err != nil {
		t.there.Delete(t.name) // it may have been wrong
		return nil, err
	}
	return []ocispec.Descriptor{manifest, d.layer}, nil
}

// makeBundle signs the target. The same key gives the same bytes each time: encoding/json and RFC 6979 do, and protojson,
// which scatters spaces on purpose, does once they are taken out.
func makeBundle(ctx context.Context, t target, key *keypair) ([]byte, error) {
	claim, err := json.Marshal(statement{
		Type:          statementType,
		Subject:       []subject{{Digest: map[string]string{"sha256": t.subject.Digest.Encoded()}}},
		PredicateType: cosignSign,
	})
	if err != nil {
		return nil, err
	}
	data := &sign.DSSEData{Data: claim, PayloadType: statementMediaType}
	made, err := sign.Bundle(data, key, sign.BundleOptions{Context: ctx})
	if err != nil {
		return nil, err
	}
	spaced, err := protojson.Marshal(made)
	if err != nil {
		return nil, err
	}
	var raw bytes.Buffer
	err = json.Compact(&raw, spaced)
	return raw.Bytes(), err
}
