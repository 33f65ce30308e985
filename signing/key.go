package signing

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
	"github.com/sigstore/cosign/v2/pkg/cosign"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore/pkg/cryptoutils/goodkey"
	"github.com/sigstore/sigstore/pkg/signature"
)

// GenerateKey makes a key pair as `cosign generate-key-pair` does: both files' contents, the private key encrypted. Each
// call makes another one.
func GenerateKey(password []byte) (private, public []byte, err error) {
	keys, err := cosign.GenerateKeyPair(func(bool) ([]byte, error) { return password, nil })
	if err != nil {
		return nil, nil, err
	}
	return keys.PrivateBytes, keys.PublicBytes, nil
}

// publicKey is one key that is accepted.
type publicKey struct {
	verifier signature.Verifier
	pem      []byte
	sum      [sha256.Size]byte // of its DER form
}

// KeyID names a public key as Signature.Key does.
func KeyID(publicPEM []byte) (string, error) {
	key, err := loadPublicKey(publicPEM)
	if err != nil {
		return "", err
	}
	return key.id(), nil
}

// id names the key in a Signature.
func (k publicKey) id() string { return "sha256:" + hex.EncodeToString(k.sum[:]) }

func loadPublicKey(text []byte) (publicKey, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return publicKey{}, errors.New("not a public key in PEM form; use the .pub file of cosign generate-key-pair")
	}
	if next, _ := pem.Decode(rest); next != nil {
		return publicKey{}, errors.New("more than one key in one file; give each its own")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return publicKey{}, errors.New("the public key cannot be read; use the .pub file of cosign generate-key-pair")
	}
	if err := goodkey.ValidatePubKey(key); err != nil {
		return publicKey{}, fmt.Errorf("the public key is too weak: %w; use the .pub file of cosign generate-key-pair", err)
	}
	return newPublicKey(key)
}

func newPublicKey(key crypto.PublicKey) (publicKey, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return publicKey{}, err
	}
	// SHA-256 whatever the key, as `cosign verify --key` does.
	verifier, err := signature.LoadVerifier(key, crypto.SHA256)
	if err != nil {
		return publicKey{}, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return publicKey{verifier: verifier, pem: text, sum: sha256.Sum256(der)}, nil
}

// keypair is the signer's own key. It is also what sigstore-go calls a Keypair.
type keypair struct {
	private *ecdsa.PrivateKey
	public  publicKey
}

// loadKey decrypts a key file. cosign's own loader hides the key behind a signer that draws random numbers, and we need
// the key itself to sign the same bytes twice with the same result.
func loadKey(text, password []byte) (*keypair, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("signing.key: not a key in PEM form; make one with: cosign generate-key-pair")
	}
	if block.Type != cosign.CosignPrivateKeyPemType && block.Type != cosign.SigstorePrivateKeyPemType {
		return nil, fmt.Errorf("signing.key: %q is not a private key encrypted by cosign; "+
			"encrypt one with: cosign import-key-pair --key FILE", block.Type)
	}
	der, err := encrypted.Decrypt(block.Bytes, password)
	if err != nil {
		// The cause is left out: it says no more, and nothing that touched the password should be printed.
		return nil, errors.New("signing.key: the password does not open it; check signing.passwordFile")
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("signing.key: what it encrypts is no private key; make one with: cosign generate-key-pair")
	}
	return newKeypair(key)
}

func newKeypair(key any) (*keypair, error) {
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok || private.Curve != elliptic.P256() {
		return nil, errors.New("signing.key: not an ECDSA P-256 key, which is what cosign verifies unless told otherwise; " +
			"make one with: cosign generate-key-pair")
	}
	public, err := newPublicKey(private.Public())
	if err != nil {
		return nil, fmt.Errorf("signing.key: %w", err)
	}
	return &keypair{private: private, public: public}, nil
}

// sign signs by RFC 6979, so that the same bytes get the same signature each time and a repeated write changes nothing.
func (k *keypair) sign(data []byte) (sig, sum []byte, err error) {
	hash := sha256.Sum256(data)
	sig, err = k.private.Sign(nil, hash[:], crypto.SHA256)
	return sig, hash[:], err
}

// SignData is sign for sigstore-go.
func (k *keypair) SignData(_ context.Context, data []byte) (sig, sum []byte, err error) {
	return k.sign(data)
}

// GetHint is the name of the key in a bundle: a hint to people, nothing is decided by it.
func (k *keypair) GetHint() []byte {
	return []byte(base64.StdEncoding.EncodeToString(k.public.sum[:]))
}

// GetPublicKeyPem is the public key as its file holds it.
func (k *keypair) GetPublicKeyPem() (string, error) { return string(k.public.pem), nil }

// GetPublicKey is the public key.
func (k *keypair) GetPublicKey() crypto.PublicKey { return k.private.Public() }

// GetKeyAlgorithm names the kind of key.
func (k *keypair) GetKeyAlgorithm() string { return "ECDSA" }

// GetHashAlgorithm is the hash that is signed.
func (k *keypair) GetHashAlgorithm() protocommon.HashAlgorithm {
	return protocommon.HashAlgorithm_SHA2_256
}

// GetSigningAlgorithm names the kind of key together with its hash.
func (k *keypair) GetSigningAlgorithm() protocommon.PublicKeyDetails {
	return protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256
}
