package signing

import (
	"context"
	"fmt"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/releaser/releaser/registry"
)

// Verify reads the signatures of a chart from the registry. It needs one valid signature, in any configured form, of the
// own key or a trusted one; the Signed lists the one found in each form. The error is ErrUnsigned when there are no
// signatures at all and ErrUntrusted when none of those that are there counts. It changes nothing.
func (v *Verifier) Verify(ctx context.Context, p registry.Pushed) (Signed, error) {
	t, err := v.target(p)
	if err != nil {
		return Signed{}, fmt.Errorf("verifying %s: %w", p.Reference(), registry.Explain(err))
	}
	signed := newSigned(p, t)
	looks := make([]reading, len(v.forms))
	err = together(len(v.forms), func(i int) (err error) {
		looks[i], err = find(ctx, t, v.forms[i], v.keys)
		return err
	})
	if err != nil {
		return Signed{}, fmt.Errorf("verifying %s: %w", p.Reference(), registry.Explain(err))
	}
	seen, capped := 0, false
	for _, r := range looks {
		seen, capped = seen+r.seen, capped || r.capped
		if r.valid != nil {
			signed.signatures = append(signed.signatures, *r.valid)
		}
	}
	if len(signed.signatures) == 0 {
		return Signed{}, refusal(p, t, seen, capped)
	}
	return signed, nil
}

// errTooMany means that not everything was read, so that there is no telling what the rest is.
var errTooMany = fmt.Errorf("more than %d signatures, or %d referrers, which is all that is read", maxSignatures, maxReferrers)

// refusal tells a user why nothing verifies, and what to do. It repeats nothing that the signatures say.
func refusal(p registry.Pushed, t target, seen int, capped bool) error {
	name := fmt.Sprintf("%s (%s)", p.Reference(), t.subject.Digest)
	switch {
	case capped:
		return fmt.Errorf("%s: %w: %w; delete what is not yours", name, ErrUntrusted, errTooMany)
	case seen == 0:
		return fmt.Errorf("%s: %w; sign it with: releaser release %s", name, ErrUnsigned, p.Tag())
	}
	return fmt.Errorf("%s: %w among %d; add the signer's public key to signing.trusted, or sign it with: releaser release %s",
		name, ErrUntrusted, seen, p.Tag())
}

// target is the manifest of a pushed chart.
func (v *Verifier) target(p registry.Pushed) (target, error) {
	subject := p.Descriptor()
	if err := subject.Digest.Validate(); err != nil {
		return target{}, err
	}
	if subject.Digest.Algorithm() != digest.SHA256 {
		return target{}, fmt.Errorf("digest %s: cosign signs sha256 only", subject.Digest)
	}
	repo, err := v.store.Repository(p.Chart())
	if err != nil {
		return target{}, err
	}
	// A subject is these three; annotations would make another signature manifest of the same signature.
	subject = ocispec.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size}
	return target{repo: repo, name: repo.Reference.Registry + "/" + repo.Reference.Repository, subject: subject, there: &v.there}, nil
}

// PublicKey is the PEM of an accepted key, by its name in Signature.Key.
func (v *Verifier) PublicKey(id string) (pem []byte, ok bool) {
	for _, k := range v.keys {
		if k.id() == id {
			return append([]byte(nil), k.pem...), true
		}
	}
	return nil, false
}
