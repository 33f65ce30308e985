package signing

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"

	"github.com/releaser/releaser/internal/lab/rigs"
)

func TestAGeneratedKeyOpensAndGivesItsOwnPublicKey(t *testing.T) {
	t.Parallel()
	private, public, err := GenerateKey(password)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{KeyPEM: private, Password: password}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.PublicKeyPEM(), public) {
		t.Errorf("%s\ninstead of\n%s", s.PublicKeyPEM(), public)
	}
	if !bytes.HasPrefix(private, []byte("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----")) {
		t.Errorf("the private key begins with %.50q", private)
	}
}

func TestTheOlderHeaderOfCosignOpensToo(t *testing.T) {
	t.Parallel()
	private, _, err := GenerateKey(password)
	if err != nil {
		t.Fatal(err)
	}
	older := bytes.ReplaceAll(private, []byte("SIGSTORE"), []byte("COSIGN"))
	if _, err := loadKey(older, password); err != nil {
		t.Error(err)
	}
}

func TestAKeyOfTheCosignCommandsOpens(t *testing.T) {
	t.Parallel()
	judges(t, func(t *testing.T, cosign string) {
		dir := t.TempDir()
		mustRun(t, dir, cosign, "generate-key-pair")
		s, err := New(Options{KeyPEM: read(t, filepath.Join(dir, "cosign.key")), Password: password}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if public := read(t, filepath.Join(dir, "cosign.pub")); !bytes.Equal(s.PublicKeyPEM(), public) {
			t.Errorf("%s\ninstead of\n%s", s.PublicKeyPEM(), public)
		}
	})
}

func TestTheCosignCommandsSignWithAGeneratedKey(t *testing.T) {
	t.Parallel()
	keys := newFiles(t)
	dir := t.TempDir()
	key := write(t, filepath.Join(dir, "cosign.key"), keys.private)
	if public := mustRun(t, dir, rigs.Cosign(t), "public-key", "--key", key); public != string(keys.public) {
		t.Errorf("cosign reads another public key: %s", public)
	}
}

func TestAWrongPasswordNamesTheOptionAndNotThePassword(t *testing.T) {
	t.Parallel()
	private, _, err := GenerateKey(password)
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"hunter2-hunter2", "", string(password) + "\n"} {
		_, err := New(Options{KeyPEM: private, Password: []byte(wrong)}, nil)
		if err == nil {
			t.Fatalf("%q opens the key", wrong)
		}
		if text := err.Error(); !strings.Contains(text, "signing.passwordFile") || wrong != "" && strings.Contains(text, wrong) ||
			strings.Contains(text, string(password)) {
			t.Error(text)
		}
	}
}

func TestAKeyThatCannotBeUsedIsRefusedWithTheCommandThatMakesOne(t *testing.T) {
	t.Parallel()
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	check(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	plain, err := x509.MarshalPKCS8PrivateKey(p256)
	check(t, err)
	for name, c := range map[string]struct{ text, want string }{
		"nothing":               {"", "signing.key: not a key in PEM form; make one with: cosign generate-key-pair"},
		"an unencrypted key":    {block("PRIVATE KEY", plain), `"PRIVATE KEY" is not a private key encrypted by cosign; encrypt one with: cosign import-key-pair`},
		"a public key":          {block("PUBLIC KEY", nil), `"PUBLIC KEY" is not a private key`},
		"no envelope":           {block("ENCRYPTED SIGSTORE PRIVATE KEY", []byte("{}")), "signing.passwordFile"},
		"no key inside":         {locked(t, []byte("junk")), "no private key"},
		"ECDSA of another size": {sealed(t, p384), "not an ECDSA P-256 key"},
		"RSA":                   {sealed(t, rsaKey), "not an ECDSA P-256 key"},
		"Ed25519":               {sealed(t, ed), "not an ECDSA P-256 key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New(Options{KeyPEM: []byte(c.text), Password: password}, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, but it should say: %s", err, c.want)
			}
		})
	}
}

func TestATrustedKeyThatCannotBeUsedIsNamedByItsPlace(t *testing.T) {
	t.Parallel()
	good := newPair(t).public
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	check(t, err)
	short, err := x509.MarshalPKIXPublicKey(weak.Public())
	check(t, err)
	for name, c := range map[string]struct{ text, want string }{
		"nothing":       {"", "signing.trusted[1]: not a public key"},
		"a private key": {block("ENCRYPTED SIGSTORE PRIVATE KEY", nil), "signing.trusted[1]: not a public key"},
		"junk":          {block("PUBLIC KEY", []byte("junk")), "signing.trusted[1]: the public key cannot be read"},
		"two keys":      {string(good) + string(good), "signing.trusted[1]: more than one key"},
		"a weak key":    {block("PUBLIC KEY", short), "signing.trusted[1]: the public key is too weak"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewVerifier(Options{TrustedPEM: [][]byte{good, []byte(c.text)}}, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, but it should say: %s", err, c.want)
			}
		})
	}
}

func TestAnUnknownFormatIsRefused(t *testing.T) {
	t.Parallel()
	_, err := NewVerifier(Options{TrustedPEM: [][]byte{newPair(t).public}, Formats: []Format{"pgp"}}, nil)
	if err == nil || !strings.Contains(err.Error(), `signing.formats[0]: "pgp"`) {
		t.Error(err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// sealed encrypts any kind of key as `cosign import-key-pair` does.
func sealed(t *testing.T, key crypto.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	return locked(t, der)
}

func locked(t *testing.T, inside []byte) string {
	t.Helper()
	box, err := encrypted.Encrypt(inside, password)
	check(t, err)
	return block("ENCRYPTED SIGSTORE PRIVATE KEY", box)
}
