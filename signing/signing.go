// Package signing puts cosign signatures on pushed charts and verifies them, from the registry alone.
//
// A Signed is a chart version whose signature was read from the registry and verified after the last write. Only this
// package makes one, so whatever takes a Signed cannot act on a digest that is not vouched for.
//
// A signature has one of two forms: a Sigstore bundle that refers to the chart's manifest (Bundle), or a layer of the
// image under the tag sha256-<hex>.sig (Legacy). Both are what the cosign commands write and read. Only the configured
// forms count. Sign is complete when each of them holds a signature of the signer's own key, since that is the key that
// its users are told to verify with. Verify is content with one valid signature, in any configured form, of any accepted
// key: the own one or a trusted one, so that a key can be rotated.
//
// What counts is a valid signature over this digest with the claim that cosign's sign command makes: the simple payload,
// or a statement whose signed predicateType is cosign's own. An attestation by the same key is no signature.
//
// Nothing here asks, prints, or talks to anything but the registry: no transparency log, no TUF, no password prompt.
package signing

import (
	"errors"
	"fmt"
	"sync"

	"oras.land/oras-go/v2/registry/remote"
)

// Format is the form in which a signature is kept in the registry.
type Format string

const (
	// Bundle is a Sigstore bundle v0.3 as an OCI 1.1 referrer. cosign v3 and Flux read it. Where the registry has no
	// referrers API it is listed in the index under the fallback tag.
	Bundle Format = "bundle"
	// Legacy is the tag sha256-<hex>.sig. cosign v2, Flux and Kyverno read it.
	Legacy Format = "legacy"
)

var (
	// ErrUnsigned means that the registry holds no signature in any configured form.
	ErrUnsigned = errors.New("no signature")
	// ErrUntrusted means that there are signatures, but none that an accepted key made over this digest.
	ErrUntrusted = errors.New("no valid signature of an accepted key")
	// ErrAltered means that the registry gives another manifest for the version than the one that was pushed. It needs
	// a person: either the tag was moved, or the registry lies.
	ErrAltered = errors.New("the registry holds another manifest than was pushed")
)

// Store gives the one handle of a chart's repository. It must give the same handle each time: that handle remembers
// whether there is a referrers API.
type Store interface {
	Repository(chart string) (*remote.Repository, error)
}

// Options are the keys and the forms. Files are read by the caller.
type Options struct {
	// KeyPEM is the private key as `cosign generate-key-pair` writes it: encrypted, ECDSA P-256.
	KeyPEM []byte
	// Password opens KeyPEM, byte for byte: the caller has cut the line end of a password file.
	Password []byte
	// TrustedPEM are further public keys that Verify accepts, one each.
	TrustedPEM [][]byte
	// Formats are the forms that count, in the order in which they are written. None means Bundle and Legacy.
	Formats []Format
}

// Verifier verifies the signatures of charts. It is safe for concurrent use.
type Verifier struct {
	store Store
	keys  []publicKey // the own one first
	forms []form
	there sync.Map // see target
}

// Signer signs charts and verifies them. It is safe for concurrent use; use one per process, because it puts the writers
// of one digest in order.
type Signer struct {
	*Verifier
	key   *keypair
	locks locks
	begun begun
}

// New reads the keys. It decrypts the private key once (some 200 ms), so that no signature pays for it.
func New(o Options, store Store) (*Signer, error) {
	key, err := loadKey(o.KeyPEM, o.Password)
	if err != nil {
		return nil, err
	}
	v, err := newVerifier(o, store, key.public)
	if err != nil {
		return nil, err
	}
	return &Signer{Verifier: v, key: key}, nil
}

// NewVerifier reads the trusted public keys alone, for a process that has no private key. KeyPEM is not looked at.
func NewVerifier(o Options, store Store) (*Verifier, error) {
	if len(o.TrustedPEM) == 0 {
		return nil, errors.New("signing.trusted: no public key; name the file of one")
	}
	return newVerifier(o, store)
}

// newVerifier adds the trusted keys to the own one, if there is one.
func newVerifier(o Options, store Store, own ...publicKey) (*Verifier, error) {
	v := &Verifier{store: store, keys: own}
	for i, text := range o.TrustedPEM {
		key, err := loadPublicKey(text)
		if err != nil {
			return nil, fmt.Errorf("signing.trusted[%d]: %w", i, err)
		}
		v.keys = append(v.keys, key)
	}
	formats := o.Formats
	if len(formats) == 0 {
		formats = []Format{Bundle, Legacy}
	}
	for i, f := range formats {
		form, err := formOf(f)
		if err != nil {
			return nil, fmt.Errorf("signing.formats[%d]: %w", i, err)
		}
		v.forms = append(v.forms, form)
	}
	return v, nil
}

// PublicKeyPEM is the signer's own public key, for the users who verify with the cosign command.
func (s *Signer) PublicKeyPEM() []byte { return s.key.public.pem }
