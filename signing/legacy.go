package signing

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/sigstore/cosign/v2/pkg/cosign"
	ocisig "github.com/sigstore/cosign/v2/pkg/oci/signature"
	"github.com/sigstore/sigstore/pkg/signature/payload"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
)

const (
	simpleSigning   = "application/vnd.dev.cosign.simplesigning.v1+json"
	signatureOfBlob = "dev.cosignproject.cosign/signature"
)

// legacyForm is the form Legacy: an image under a tag made from the target's digest, with a layer for each signature.
// The layer is what is signed, its annotation is the signature.
type legacyForm struct{}

// legacyTag is the tag where cosign looks.
func legacyTag(t target) string {
	return strings.Replace(t.subject.Digest.String(), ":", "-", 1) + ".sig"
}

func (legacyForm) list(ctx context.Context, t target) (listing, error) {
	image, sum, err := signatureImage(ctx, t)
	if image == nil || err != nil {
		return listing{}, err
	}
	layers := image.Layers[:min(len(image.Layers), maxSignatures)]
	return listing{candidates: layers, capped: len(image.Layers) > maxSignatures, image: image, sum: sum}, nil
}

func (legacyForm) judge(ctx context.Context, t target, l listing, keys []publicKey) (reading, error) {
	r := reading{listing: l}
	claims := map[digest.Digest][]byte{} // many keys sign the same bytes
	for _, layer := range l.candidates {
		if layer.MediaType != simpleSigning {
			continue
		}
		r.seen++
		if _, known := claims[layer.Digest]; !known {
			claim, err := fetch(ctx, t, layer, maxPayloadBytes)
			if err != nil && !errors.Is(err, errUnreadable) {
				return r, err
			}
			claims[layer.Digest] = claim
		}
		rank := verifyClaim(ctx, t, claims[layer.Digest], layer.Annotations[signatureOfBlob], keys)
		if rank < 0 {
			continue
		}
		s := Signature{Format: Legacy, Reference: t.name + ":" + legacyTag(t), Digest: l.sum.String(), Key: keys[rank].id()}
		if r.accept(s, rank) {
			break
		}
	}
	return r, nil
}

// signatureImage reads what is under the tag, nil when nothing is. Something else than an image is an error: to add a
// signature would destroy it.
func signatureImage(ctx context.Context, t target) (*ocispec.Manifest, digest.Digest, error) {
	raw, sum, err := fetchTag(ctx, t, legacyTag(t))
	if errors.Is(err, errdef.ErrNotFound) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	var image ocispec.Manifest
	if err := json.Unmarshal(raw, &image); err != nil || image.Config.Digest == "" {
		return nil, "", fmt.Errorf("%s:%s is no signature; delete that tag", t.name, legacyTag(t))
	}
	return &image, sum, nil
}

// verifyClaim finds the first key that signed the claim, if the claim is about the target; -1 when none did.
func verifyClaim(ctx context.Context, t target, claim []byte, sig string, keys []publicKey) int {
	hash, err := v1.NewHash(t.subject.Digest.String())
	if err != nil {
		return -1
	}
	// cosign compares the digest alone; that it is a cosign signature at all is checked here.
	if json.Unmarshal(claim, &payload.Cosign{}) != nil {
		return -1
	}
	layer := static.NewLayer(claim, types.MediaType(simpleSigning))
	// Of the annotations only the signature goes to cosign: the others are certificates, which it reads even when a key
	// is given.
	signed := ocisig.New(layer, v1.Descriptor{Annotations: map[string]string{signatureOfBlob: sig}})
	return slices.IndexFunc(keys, func(key publicKey) bool {
		_, err := cosign.VerifyImageSignature(ctx, signed, hash, &cosign.CheckOpts{
			SigVerifier:   key.verifier,
			ClaimVerifier: cosign.SimpleClaimVerifier,
			IgnoreTlog:    true,
			IgnoreSCT:     true,
			Offline:       true,
		})
		return err == nil
	})
}

func (legacyForm) upload(ctx context.Context, t target, key *keypair, l listing) (draft, error) {
	claim, sig, err := makeClaim(t, key)
	if err != nil {
		return draft{}, err
	}
	d := draft{layer: content.NewDescriptorFromBytes(simpleSigning, claim)}
	d.layer.Annotations = map[string]string{signatureOfBlob: sig}
	err = together(2, func(i int) (err error) {
		if i == 0 {
			_, err = push(ctx, t, simpleSigning, claim)
			return err
		}
		d.config, err = push(ctx, t, ocispec.MediaTypeImageConfig, imageConfig(l.with(d.layer).Layers))
		return err
	})
	return d, err
}

func (legacyForm) write(ctx context.Context, t target, d draft, l listing) ([]ocispec.Descriptor, error) {
	image := l.with(d.layer)
	image.Config = d.config
	// The draft may be older than the listing, and know of fewer layers.
	if config := imageConfig(image.Layers); digest.FromBytes(config) != d.config.Digest {
		var err error
		if image.Config, err = push(ctx, t, ocispec.MediaTypeImageConfig, config); err != nil {
			return nil, err
		}
	}
	return []ocispec.Descriptor{d.layer}, pushManifest(ctx, t, image, legacyTag(t))
}

// with is the image that was listed, with one more layer.
func (l listing) with(layer ocispec.Descriptor) ocispec.Manifest {
	var image ocispec.Manifest
	if l.image != nil {
		image = *l.image
	}
	image.Versioned, image.MediaType = specs.Versioned{SchemaVersion: 2}, ocispec.MediaTypeImageManifest
	image.Layers = append(slices.Clone(image.Layers), layer)
	return image
}

// makeClaim signs the target. The same key gives the same claim and signature each time.
func makeClaim(t target, key *keypair) (claim []byte, sig string, err error) {
	image, err := name.NewDigest(t.String())
	if err != nil {
		return nil, "", err
	}
	claim, err = payload.Cosign{Image: image}.MarshalJSON()
	if err != nil {
		return nil, "", err
	}
	raw, _, err := key.sign(claim)
	return claim, base64.StdEncoding.EncodeToString(raw), err
}

// imageConfig is the configuration of an image that holds nothing to run: tools want to see one entry for each layer.
func imageConfig(layers []ocispec.Descriptor) []byte {
	image := ocispec.Image{RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{}}}
	for _, layer := range layers {
		image.RootFS.DiffIDs = append(image.RootFS.DiffIDs, layer.Digest) // not compressed
	}
	raw, _ := json.Marshal(image) // strings and lists always marshal
	return raw
}
