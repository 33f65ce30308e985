package signing

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/releaser/releaser/registry"
)

// Sign makes sure that each configured form holds a signature of the signer's own key over a pushed chart.
//
// It looks before it acts: the manifest is read back by its tag, which Push leaves to it, and must have the digest that was
// pushed, else the error is ErrAltered and there is no signature; a form that holds a valid signature of the own key is
// left alone; and what was written is read from the registry and verified before there is a Signed. Called again it writes
// nothing. Callers in parallel wait for each other when they sign the same digest.
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
	looks, drafts, err := s.look(ctx, t, p)
	if err != nil {
		return Signed{}, fmt.Errorf("signing %s: %w", p.Reference(), registry.Explain(err))
	}
	signed := newSigned(p, t)
	signed.signatures = make([]Signature, len(s.forms))
	err = together(len(s.forms), func(i int) (err error) {
		signed.signatures[i], err = s.complete(ctx, t, s.forms[i], looks[i], drafts[i])
		return err
	})
	if err != nil {
		return Signed{}, fmt.Errorf("signing %s: %w", p.Reference(), registry.Explain(err))
	}
	return signed, nil
}

// look reads what is there: the manifest, which must be the one that was pushed, and the signatures in each form.
//
// A version that was uploaded a moment ago has none, in all likelihood: then the blobs of its signatures go up meanwhile.
// They are named by their content and nothing refers to them, so that they say nothing if the look does not let them be
// used. An upload that fails is left to complete, which tries again where it is needed.
func (s *Signer) look(ctx context.Context, t target, p registry.Pushed) ([]reading, []*draft, error) {
	n := len(s.forms)
	looks, drafts := make([]reading, n), make([]*draft, n)
	parts := 1 + n
	if p.New() && s.begun.first(t.String()) {
		parts += n
	}
	err := together(parts, func(i int) (err error) {
		switch {
		case i == 0:
			return unaltered(ctx, t, p)
		case i <= n:
			looks[i-1], err = find(ctx, t, s.forms[i-1], s.keys[:1])
			return err
		}
		if d, err := s.forms[i-1-n].upload(ctx, t, s.key, listing{}); err == nil {
			drafts[i-1-n] = &d
		}
		return nil
	})
	return looks, drafts, err
}

// begun remembers which targets this process has begun to sign: again, they are looked at before anything goes up. It is
// an economy, and no truth.
type begun struct {
	mu    sync.Mutex
	known map[string]bool
}

// maxBegun bounds what is remembered.
const maxBegun = 10_000

// first tells whether it is asked for a name for the first time.
func (b *begun) first(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known[name] {
		return false
	}
	if b.known == nil || len(b.known) >= maxBegun {
		b.known = map[string]bool{}
	}
	b.known[name] = true
	return true
}

// together does n things that need nothing of each other, all of them to their end. The error is that of the first in
// order, whichever failed first.
func together(n int, do func(i int) error) error {
	failed := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { failed[i] = do(i) })
	}
	all.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

// unaltered reads the manifest under the version's tag, the way that a user will.
func unaltered(ctx context.Context, t target, p registry.Pushed) error {
	tag := strings.ReplaceAll(p.Version(), "+", "_") // as Helm does: a tag cannot have a plus
	_, sum, err := fetchTag(ctx, t, tag)
	if err != nil {
		return fmt.Errorf("it was pushed and cannot be read back: %w; run the release again", err)
	}
	if sum != t.subject.Digest {
		return fmt.Errorf("%w: %s instead of %s; find out who wrote %s:%s before you release again",
			ErrAltered, sum, t.subject.Digest, t.name, tag)
	}
	return nil
}

// complete adds the signature in one form, unless the look found one. ahead is what went up beside the look, if anything.
func (s *Signer) complete(ctx context.Context, t target, f form, before reading, ahead *draft) (Signature, error) {
	if before.valid != nil {
		return *before.valid, nil
	}
	if before.seen >= maxSignatures || before.capped {
		return Signature{}, fmt.Errorf("%w; delete what is not yours, then run the same command again", errTooMany)
	}
	if ahead == nil {
		d, err := f.upload(ctx, t, s.key, before.listing)
		if err != nil {
			return Signature{}, err
		}
		ahead = &d
	}
	wrote, err := f.write(ctx, t, *ahead, before.listing)
	if err != nil {
		return Signature{}, err
	}
	after, err := readBack(ctx, t, f, wrote, s.keys[:1])
	if err != nil {
		return Signature{}, err
	}
	if after.valid == nil {
		return Signature{}, errors.New("the signature is not in the registry after its push; run the same command again")
	}
	after.valid.New = true
	return *after.valid, nil
}
