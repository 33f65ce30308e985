// What is tested here has no concurrency of its own, and takes minutes under the race detector.
//go:build !race

package pipeline

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/internal/lab/rigs"
	"github.com/releaser/releaser/signing"
)

// The judges are the commands that users have: they know nothing of releaser.

func TestHelmPullsAndRendersWhatTheLineMade(t *testing.T) {
	t.Parallel()
	helm := rigs.Helm(t)
	onBoth(t, func(t *testing.T, store *door.Door) {
		w := newWorldWith(t, store)
		commit := w.push(small("voice", "0.1.0"), "voice-0.1.0")
		o := w.release("voice-0.1.0")
		rendered := judge(t, w.dir, helm, "template", "x", o.Reference, "--plain-http")
		w.says("helm template", rendered, `image: "registry.example.com/acme/voice:`+commit+`"`)
		judge(t, w.dir, helm, "pull", o.Reference, "--plain-http")
		pulled, err := os.ReadFile(filepath.Join(w.dir, "voice-0.1.0.tgz"))
		w.must(err)
		archive, err := w.registry.Pull(t.Context(), w.resolve("voice", "0.1.0"))
		w.must(err)
		if string(pulled) != string(archive) {
			t.Error("helm pulls other bytes")
		}
	})
}

func TestThePrintedCommandsVerifyWhatTheLineSignedInEachFormAndInBoth(t *testing.T) {
	t.Parallel()
	cosigns := map[string]func(testing.TB) string{"cosign v2": rigs.Cosign, "cosign v3": rigs.Cosign3}
	for _, formats := range []string{"[legacy]", "[bundle]", "[bundle, legacy]"} {
		t.Run(formats, func(t *testing.T) {
			t.Parallel()
			onBoth(t, func(t *testing.T, store *door.Door) {
				w := newWorldWith(t, store, "formats: [bundle, legacy]", "formats: "+formats)
				w.push(small("voice", "0.1.0"), "voice-0.1.0")
				if o := w.release("voice-0.1.0"); o.State != Released || len(o.Signatures) != strings.Count(formats, ",")+1 {
					t.Fatalf("got %+v", o)
				}
				signed, err := w.signer.Verify(t.Context(), w.resolve("voice", "0.1.0"))
				w.must(err)
				for name, cosign := range cosigns {
					t.Run(name, func(t *testing.T) { follow(t, cosign(t), signed, w.signer.PublicKeyPEM()) })
				}
			})
		})
	}
}

// follow types the printed commands, word for word.
func follow(t *testing.T, cosign string, signed signing.Signed, public []byte) {
	t.Helper()
	dir := t.TempDir()
	files := signing.Files{PublicKey: filepath.Join(dir, "cosign.pub"), TrustedRoot: filepath.Join(dir, "trusted-root.json")}
	if err := os.WriteFile(files.PublicKey, public, 0o600); err != nil {
		t.Fatal(err)
	}
	var out string
	for _, command := range signed.Commands(files) {
		out = judge(t, dir, append([]string{cosign}, command[1:]...)...)
	}
	if !strings.Contains(out, signed.Pushed().Digest()) {
		t.Errorf("cosign says nothing of %s:\n%s", signed.Pushed().Digest(), out)
	}
}

// judge runs a command in a folder. It can reach nothing but this machine, and finds no file of the user's.
func judge(t *testing.T, dir string, argv ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TUF_ROOT=" + filepath.Join(dir, "tuf"),
		"HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=127.0.0.1,localhost",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return string(out)
}
