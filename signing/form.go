package signing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
)

// What is read of a registry that may be hostile. A signature of ours has some 300 bytes and its bundle 1 KiB; a bundle
// with a certificate, timestamps and log entries stays below 20 KiB.
const (
	maxReferrers     = 1000     // listed; a chart may have many attestations
	maxSignatures    = 100      // read, per form and digest
	maxManifestBytes = 4 << 20  // a chart's manifest, or a signature's
	maxPayloadBytes  = 64 << 10 // what a legacy signature signs
	maxBundleBytes   = 1 << 20
)

// target is the manifest that is signed.
type target struct {
	repo    *remote.Repository
	name    string // host/namespace/chart
	subject ocispec.Descriptor
	there   *sync.Map // the names of the repositories that have the empty config
	// fetched is what fetch need not ask for: readBack read it from the registry a moment ago.
	fetched map[digest.Digest][]byte
}

// String names the target by its digest, so that it is good as a key.
func (t target) String() string { return t.name + "@" + t.subject.Digest.String() }

// form is how one Format lies in the registry.
type form interface {
	// list finds what may be signatures of the target. It changes nothing, and does not look into them.
	list(ctx context.Context, t target) (listing, error)
	// judge looks among them for a signature that one of the keys made over the target. It changes nothing.
	judge(ctx context.Context, t target, l listing, keys []publicKey) (reading, error)
	// upload signs, and brings the blobs of a signature beside those that were listed into the registry. Nothing there
	// refers to them before write. Uploaded twice, the registry keeps one.
	upload(ctx context.Context, t target, key *keypair, l listing) (draft, error)
	// write adds a signature beside those that were listed, and says which manifests and blobs vouch for it. Written twice
	// after one listing, the second replaces the first by the same bytes.
	write(ctx context.Context, t target, d draft, l listing) (wrote []ocispec.Descriptor, err error)
}

// draft is a signature whose blobs are in the registry, and which no manifest there names yet.
type draft struct {
	layer  ocispec.Descriptor // the signature
	config ocispec.Descriptor
}

// listing is where the signatures of one form are.
type listing struct {
	candidates []ocispec.Descriptor // manifests in the form Bundle, layers in the form Legacy
	capped     bool                 // there may be more
	image      *ocispec.Manifest    // of the form Legacy: what is under the tag, nil when nothing is
	sum        digest.Digest        // of the image
}

func formOf(f Format) (form, error) {
	switch f {
	case Bundle:
		return bundleForm{}, nil
	case Legacy:
		return legacyForm{}, nil
	}
	return nil, fmt.Errorf("%q is no format; use bundle or legacy", f)
}

// reading is what one look at one form found.
type reading struct {
	listing
	valid *Signature // the one whose key comes first in the list, nil when none is valid
	rank  int        // the place of that key in the list
	seen  int        // signatures there, valid or not, up to the cap
}

// find lists and judges.
func find(ctx context.Context, t target, f form, keys []publicKey) (reading, error) {
	l, err := f.list(ctx, t)
	if err != nil {
		return reading{}, err
	}
	return f.judge(ctx, t, l, keys)
}

// readBack is find after a write, in the time of one answer: what was written is asked for by its digest beside the
// listing. Only what is listed counts.
func readBack(ctx context.Context, t target, f form, wrote []ocispec.Descriptor, keys []publicKey) (reading, error) {
	var l listing
	fetched := make([][]byte, len(wrote))
	err := together(1+len(wrote), func(i int) (err error) {
		if i == 0 {
			l, err = f.list(ctx, t)
			return err
		}
		if fetched[i-1], err = fetch(ctx, t, wrote[i-1], maxManifestBytes); errors.Is(err, errUnreadable) {
			return nil // as is judged, if it is listed
		}
		return err
	})
	if err != nil {
		return reading{}, err
	}
	t.fetched = map[digest.Digest][]byte{}
	for i, raw := range fetched {
		if raw != nil {
			t.fetched[wrote[i].Digest] = raw
		}
	}
	return f.judge(ctx, t, l, keys)
}

// accept notes a valid signature and reports whether no other could be better.
func (r *reading) accept(s Signature, rank int) (best bool) {
	if r.valid == nil || rank < r.rank {
		r.valid, r.rank = &s, rank
	}
	return r.rank == 0
}

// fetchTag reads a manifest by its tag and computes its digest from the bytes, whatever the registry says it is.
func fetchTag(ctx context.Context, t target, tag string) (raw []byte, d digest.Digest, err error) {
	_, body, err := t.repo.Manifests().FetchReference(ctx, tag)
	if err != nil {
		return nil, "", err
	}
	defer body.Close()
	raw, err = io.ReadAll(io.LimitReader(body, maxManifestBytes+1))
	if err != nil {
		return nil, "", err
	}
	if len(raw) > maxManifestBytes {
		return nil, "", fmt.Errorf("%s:%s: the manifest has more than %d bytes; delete that tag", t.name, tag, maxManifestBytes)
	}
	return raw, digest.FromBytes(raw), nil
}

// fetch reads what a descriptor names, when it is not larger than limit, and checks its size and digest.
func fetch(ctx context.Context, t target, desc ocispec.Descriptor, limit int64) ([]byte, error) {
	if desc.Size < 0 || desc.Size > limit || desc.Digest.Validate() != nil {
		return nil, errUnreadable
	}
	if raw, ok := t.fetched[desc.Digest]; ok && int64(len(raw)) == desc.Size {
		return raw, nil
	}
	raw, err := content.FetchAll(ctx, t.repo, desc)
	if errors.Is(err, errdef.ErrNotFound) || errors.Is(err, content.ErrMismatchedDigest) {
		return nil, errUnreadable
	}
	return raw, err
}

// errUnreadable means that one signature is not what its descriptor says. It is then one that does not verify; any other
// error of a fetch is the registry's, and nothing can be said of the signatures.
var errUnreadable = errors.New("unreadable")

// push writes bytes under their digest. Written twice, the registry keeps one.
func push(ctx context.Context, t target, mediaType string, raw []byte) (ocispec.Descriptor, error) {
	desc := content.NewDescriptorFromBytes(mediaType, raw)
	err := t.repo.Push(ctx, desc, bytes.NewReader(raw))
	return desc, err
}

// pushEmpty is push for the empty config, which is the same for all signatures: it is asked for once in a process.
func pushEmpty(ctx context.Context, t target) (ocispec.Descriptor, error) {
	raw := []byte("{}")
	desc := content.NewDescriptorFromBytes(ocispec.MediaTypeEmptyJSON, raw)
	if _, known := t.there.Load(t.name); known {
		return desc, nil
	}
	there, err := t.repo.Blobs().Exists(ctx, desc)
	if err == nil && !there {
		_, err = push(ctx, t, ocispec.MediaTypeEmptyJSON, raw)
	}
	if err == nil {
		t.there.Store(t.name, true)
	}
	return desc, err
}

// pushManifest writes a manifest, under a tag or by its digest when the tag is empty.
func pushManifest(ctx context.Context, t target, m ocispec.Manifest, tag string) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	desc := content.NewDescriptorFromBytes(m.MediaType, raw)
	if tag == "" {
		return t.repo.Manifests().Push(ctx, desc, bytes.NewReader(raw))
	}
	return t.repo.Manifests().PushReference(ctx, desc, bytes.NewReader(raw), tag)
}
