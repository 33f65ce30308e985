package signing

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote"
)

// refer writes a manifest that refers to the target, and says which it is. Where the registry has no referrers API, it is
// listed in the index under the fallback tag, beside all that was listed there; written again, it is listed once.
//
// oras would do the same, one after the other: manifest, read the index, write it. Here the index is read while the
// manifest is on its way. The time between its reading and its writing, in which another process may lose what it
// lists, is no longer for that: an index that is not fresh when the manifest is there is read again.
func refer(ctx context.Context, t target, m ocispec.Manifest) (ocispec.Descriptor, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc := content.NewDescriptorFromBytes(m.MediaType, raw)
	if hasReferrers(t.repo) {
		return desc, t.repo.Manifests().Push(ctx, desc, bytes.NewReader(raw))
	}
	plain, err := unindexed(t.repo)
	if err != nil {
		return desc, err
	}
	var index referrers
	err = together(2, func(i int) (err error) {
		if i == 0 {
			return plain.Manifests().Push(ctx, desc, bytes.NewReader(raw))
		}
		index, err = readIndex(ctx, t)
		return err
	})
	if err == nil && time.Since(index.read) > freshIndex {
		index, err = readIndex(ctx, t)
	}
	if err != nil {
		return desc, err
	}
	entry := desc
	entry.ArtifactType, entry.Annotations = m.ArtifactType, m.Annotations
	return desc, index.add(ctx, t, plain, entry)
}

// hasReferrers tells whether the registry has a referrers API, once a listing has found out: then the handle has been told
// already, and lets nobody tell it otherwise.
func hasReferrers(repo *remote.Repository) bool { return repo.SetReferrersCapability(false) != nil }

// unindexed is a handle that writes a manifest with a subject as it is, and leaves the index alone, as it believes that
// the registry sees to that.
func unindexed(repo *remote.Repository) (*remote.Repository, error) {
	r, err := remote.NewRepository(repo.Reference.Registry + "/" + repo.Reference.Repository)
	if err != nil {
		return nil, err
	}
	r.Client, r.PlainHTTP, r.MaxMetadataBytes = repo.Client, repo.PlainHTTP, repo.MaxMetadataBytes
	return r, r.SetReferrersCapability(true)
}

// freshIndex is how old an index may be when it is written again.
const freshIndex = time.Second

// referrers is the list under the fallback tag.
type referrers struct {
	all  []ocispec.Descriptor
	read time.Time // when it was there
}

func readIndex(ctx context.Context, t target) (referrers, error) {
	var r referrers
	err := t.repo.Referrers(ctx, t.subject, "", func(page []ocispec.Descriptor) error {
		r.all = append(r.all, page...)
		return nil
	})
	r.read = time.Now()
	return r, err
}

// add writes the list with one more entry, unless it has it.
func (r referrers) add(ctx context.Context, t target, plain *remote.Repository, entry ocispec.Descriptor) error {
	if slices.ContainsFunc(r.all, func(d ocispec.Descriptor) bool { return d.Digest == entry.Digest }) {
		return nil
	}
	raw, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: append(slices.Clone(r.all), entry),
	})
	if err != nil {
		return err
	}
	tag := strings.Replace(t.subject.Digest.String(), ":", "-", 1)
	return plain.Manifests().PushReference(ctx, content.NewDescriptorFromBytes(ocispec.MediaTypeImageIndex, raw), bytes.NewReader(raw), tag)
}
