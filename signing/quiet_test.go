package signing

import (
	"io"
	"os"
	"testing"

	"github.com/releaser/releaser/internal/lab/ocid/mem"
)

// Not parallel: it listens to what the whole process prints, and takes away what cosign might ask or reach.
func TestSigningPrintsNothingAsksNothingAndReachesNothingElse(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	home := t.TempDir()
	t.Setenv("HOME", home) // where TUF would keep its metadata
	t.Setenv("TUF_ROOT", home)
	s := withReferrers(t, mem.Options{})
	p := s.push(t, "voice", "1.0.0")
	printed := captured(t, func() {
		private, public, err := GenerateKey(password)
		check(t, err)
		signer, err := New(Options{KeyPEM: private, Password: password, TrustedPEM: [][]byte{public}}, s)
		check(t, err)
		mustSign(t, signer, p)
		mustSign(t, signer, p)
		_, err = signer.Verify(t.Context(), p)
		check(t, err)
		_, err = newSigner(t, s, newPair(t), Options{}).Verify(t.Context(), p)
		refused(t, err, ErrUntrusted)
		if _, err := New(Options{KeyPEM: private, Password: []byte("wrong")}, s); err == nil {
			t.Error("a wrong password opens the key")
		}
	})
	if printed != "" {
		t.Errorf("it printed %q", printed)
	}
	left, err := os.ReadDir(home)
	check(t, err)
	if len(left) > 0 {
		t.Errorf("it left %v at home", left)
	}
}

// captured is what a call writes to the process's own outputs, with nobody at its input.
func captured(t *testing.T, call func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	check(t, err)
	text := make(chan string)
	go func() {
		all, _ := io.ReadAll(r)
		text <- string(all)
	}()
	stdin, stdout, stderr := os.Stdin, os.Stdout, os.Stderr
	defer func() { os.Stdin, os.Stdout, os.Stderr = stdin, stdout, stderr }()
	os.Stdin, os.Stdout, os.Stderr = nil, w, w
	call()
	w.Close()
	return <-text
}
