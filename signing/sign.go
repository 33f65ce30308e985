package signing

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/releaser/releaser/registry"
)

// Sign makes sure that each configured form holds a signature of the signer's own key over a pushed chart.
//
// It looks before it acts: the manifest is read back by its tag and must have the digest that was pushed, else the error
// is ErrAltered and nothing is written; a form that holds a valid signature of the own key is left alone; and what was
// written is read from the registry and verified before there is a Signed. Called again it writes nothing. Callers in
// parallel wait for each other when they sign the same digest.
func (s *Signer) Sign(ctx context.Context, p registry.Pushed) (Signed, error) {
	t, err := s.target(p)
	if err != nil {
		return Signed{}, fmt.Errorf("signing %s: %w", p.Reference(), registry.Explain(err))
	}
	unlock, err := s.locks.lock(ctx, t.String())
	if err != nil {
		return Signed{}, err
	}
	defer unlock()
	if err := unaltered(ctx, t, p); err != nil {
		return Signed{}, fmt.Errorf("signing %s: %w", p.Reference(), registry.Explain(err))
	}
	signed := newSigned(p, t)
	for _, f := range s.forms {
		made, err := s.complete(ctx, t, f)
		if err != nil {
			return Signed{}, fmt.Errorf("signing %s: %w", p.Reference(), registry.Explain(err))
		}
		signed.signatures = append(signed.signatures, made)
	}
	return signed, nil
}

// unaltered reads the manifest under the version's tag, the way that a user will.
func unaltered(ctx context.Context, t target, p registry.Pushed) error {
	tag := strings.ReplaceAll(p.Version(), "+", "_") // as Helm does: a tag cannot have a plus
	_, sum, err := fetchTag(ctx, t, tag)
	if err != nil {
		return fmt.Errorf("reading back: %w", err)
	}
	if sum != t.subject.Digest {
		return fmt.Errorf("%w: %s instead of %s; find out who wrote %s:%s before you release again",
			ErrAltered, sum, t.subject.Digest, t.name, tag)
	}
	return nil
}

// complete finds or adds the signature in one form.
func (s *Signer) complete(ctx context.Context, t target, f form) (Signature, error) {
	own := s.keys[:1]
	before, err := f.read(ctx, t, own)
	if err != nil {
		return Signature{}, err
	}
	if before.valid != nil {
		return *before.valid, nil
	}
	if before.seen >= maxSignatures || before.capped {
		return Signature{}, fmt.Errorf("%w; delete what is not yours, then run the same command again", errTooMany)
	}
	if err := f.write(ctx, t, s.key, before); err != nil {
		return Signature{}, err
	}
	after, err := f.read(ctx, t, own)
	if err != nil {
		return Signature{}, err
	}
	if after.valid == nil {
		return Signature{}, errors.New("the signature is not in the registry after its push; run the same command again")
	}
	after.valid.New = true
	return *after.valid, nil
}
