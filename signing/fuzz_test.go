package signing

import (
	"bytes"
	"encoding/base64"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// fuzzed is a target, the key that signs it and one that does not.
func fuzzed(f *testing.F) (t target, signer, stranger pair) {
	subject := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("a chart"), Size: 7}
	return target{name: "127.0.0.1:5000/charts/voice", subject: subject}, newPair(f), newPair(f)
}

// Whatever a registry sends, it is no signature of a key that did not sign, it is a signature of a key only over the claim
// that this key signed, and nothing panics.
func FuzzNoBundleIsASignatureThatItsKeyDidNotMake(f *testing.F) {
	target, signer, stranger := fuzzed(f)
	good, err := makeBundle(f.Context(), target, signer.key)
	if err != nil {
		f.Fatal(err)
	}
	other := target
	other.subject.Digest = digest.FromString("another chart")
	f.Add(good)
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"certificate":{"rawBytes":""}},"dsseEnvelope":{}}`))
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{}},"messageSignature":{}}`))
	f.Add([]byte(`{"dsseEnvelope":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		isSignature(raw)
		if verifyBundle(t.Context(), target, raw, []publicKey{stranger.key.public}) >= 0 {
			t.Errorf("a key that signed nothing: %s", raw)
		}
		if verifyBundle(t.Context(), other, raw, []publicKey{signer.key.public}) >= 0 {
			t.Errorf("a digest that nobody signed: %s", raw)
		}
		if verifyBundle(t.Context(), target, raw, []publicKey{signer.key.public}) >= 0 && !isSignature(raw) {
			t.Errorf("verified, but not even counted: %s", raw)
		}
	})
}

func FuzzNoClaimIsASignatureThatItsKeyDidNotMake(f *testing.F) {
	target, signer, stranger := fuzzed(f)
	claim, sig, err := makeClaim(target, signer.key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(claim, sig)
	f.Add([]byte("null"), sig)
	f.Add([]byte(`{"critical":{}}`), base64.StdEncoding.EncodeToString([]byte{0x30, 0}))
	f.Fuzz(func(t *testing.T, raw []byte, text string) {
		if verifyClaim(t.Context(), target, raw, text, []publicKey{stranger.key.public}) >= 0 {
			t.Errorf("a key that signed nothing: %q %q", raw, text)
		}
		if verifyClaim(t.Context(), target, raw, text, []publicKey{signer.key.public}) >= 0 && !bytes.Equal(raw, claim) {
			t.Errorf("other bytes than were signed: %q", raw)
		}
	})
}
