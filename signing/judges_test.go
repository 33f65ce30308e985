package signing

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/internal/lab/ocid/mem"
	"github.com/releaser/releaser/internal/lab/rigs"
	"github.com/releaser/releaser/registry"
)

// judges are the cosign commands that users have.
func judges(t *testing.T, test func(t *testing.T, cosign string)) {
	t.Run("cosign v2", func(t *testing.T) {
		t.Parallel()
		test(t, rigs.Cosign(t))
	})
	t.Run("cosign v3", func(t *testing.T) {
		t.Parallel()
		test(t, rigs.Cosign3(t))
	})
}

// run runs a command where nothing but this machine can be reached, and no file of the user's is found.
func run(t *testing.T, dir string, argv ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{
		"HOME=" + dir, "TUF_ROOT=" + filepath.Join(dir, "tuf"), "COSIGN_PASSWORD=" + string(password),
		"HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=127.0.0.1,localhost",
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func mustRun(t *testing.T, dir string, argv ...string) string {
	t.Helper()
	out, err := run(t, dir, argv...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return out
}

// follow runs exactly the printed commands, word for word, and gives what the last one says.
func follow(t *testing.T, cosign, dir string, commands []Command) (string, error) {
	t.Helper()
	var out string
	for _, command := range commands {
		if command[0] != "cosign" {
			t.Fatalf("%s is no cosign command", command)
		}
		var err error
		if out, err = run(t, dir, append([]string{cosign}, command[1:]...)...); err != nil {
			return out, err
		}
	}
	return out, nil
}

func write(t *testing.T, file string, text []byte) string {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestThePrintedCommandsAcceptEachFormatAloneAndBothTogether(t *testing.T) {
	t.Parallel()
	keys, strange := newPair(t), newPair(t)
	for name, formats := range map[string][]Format{
		"bundle alone": {Bundle}, "legacy alone": {Legacy}, "both": {Bundle, Legacy}, "legacy first": {Legacy, Bundle},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachRegistry(t, func(t *testing.T, s shelf) {
				signed := mustSign(t, newSigner(t, s, keys, Options{Formats: formats}), s.push(t, "voice", "1.0.0"))
				judges(t, func(t *testing.T, cosign string) {
					dir := t.TempDir()
					files := Files{PublicKey: write(t, filepath.Join(dir, "a key.pub"), keys.public), TrustedRoot: filepath.Join(dir, "root.json")}
					if out, err := follow(t, cosign, dir, signed.Commands(files)); err != nil {
						t.Errorf("refused: %v\n%s", err, out)
					}
					files.PublicKey = write(t, filepath.Join(dir, "strange.pub"), strange.public)
					if out, err := follow(t, cosign, dir, signed.Commands(files)); err == nil {
						t.Errorf("another key is accepted: %s", out)
					}
				})
			})
		})
	}
}

func TestWhatTheCosignCommandsSignedNeedsNoSignatureOfOurs(t *testing.T) {
	t.Parallel()
	keys := newFiles(t)
	eachRegistry(t, func(t *testing.T, s shelf) {
		judges(t, func(t *testing.T, cosign string) {
			p := s.push(t, "voice", map[bool]string{true: "2.0.0", false: "3.0.0"}[cosign == rigs.Cosign(t)])
			format := signByCommand(t, cosign, keys, s, p)
			signer := newSigner(t, s, keys, Options{Formats: []Format{format}})
			if _, err := signer.Verify(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			before := s.contents(t, p)
			signed := mustSign(t, signer, p)
			if sig := signed.Signatures()[0]; sig.New {
				t.Errorf("%+v was added to %+v", sig, before)
			}
		})
	})
}

// signByCommand signs as a user without releaser does, and tells in which format that command writes.
func signByCommand(t *testing.T, cosign string, keys pair, s shelf, p registry.Pushed) Format {
	t.Helper()
	dir := t.TempDir()
	key := write(t, filepath.Join(dir, "cosign.key"), keys.private)
	image := s.host + "/charts/" + p.Chart() + "@" + p.Descriptor().Digest.String()
	if strings.Contains(cosign, "v2") {
		mustRun(t, dir, cosign, "sign", "--key", key, "--yes", "--tlog-upload=false", image)
		return Legacy
	}
	mustRun(t, dir, cosign, "signing-config", "create", "--out", "config.json")
	mustRun(t, dir, cosign, "trusted-root", "create", "--out", "root.json")
	mustRun(t, dir, cosign, "sign", "--key", key, "--yes", "--signing-config", "config.json", "--trusted-root", "root.json", image)
	return Bundle
}

func TestALegacySignatureWithAnnotationsOfTheUserCounts(t *testing.T) {
	t.Parallel()
	s, keys := withReferrers(t, mem.Options{}), newFiles(t)
	p, dir := s.push(t, "voice", "1.0.0"), t.TempDir()
	key := write(t, filepath.Join(dir, "cosign.key"), keys.private)
	mustRun(t, dir, rigs.Cosign(t), "sign", "--key", key, "--yes", "--tlog-upload=false", "-a", "team=voice",
		s.host+"/charts/voice@"+p.Descriptor().Digest.String())
	if _, err := newSigner(t, s, keys, Options{}).Verify(t.Context(), p); err != nil {
		t.Error(err)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestThePrintedCommandsReachARegistryWithAPrivateAuthority(t *testing.T) {
	t.Parallel()
	authority, err := door.NewAuthority()
	check(t, err)
	server, err := mem.Start(mem.Options{TLS: authority})
	check(t, err)
	t.Cleanup(func() { server.Close() })
	dir := t.TempDir()
	files := Files{
		PublicKey:   filepath.Join(dir, "cosign.pub"),
		TrustedRoot: filepath.Join(dir, "root.json"),
		CA:          write(t, filepath.Join(dir, "ca.pem"), authority.PEM()),
	}
	reg, err := registry.New(registry.Options{URL: "oci://" + server.Host() + "/charts", CAFile: files.CA})
	check(t, err)
	s, keys := shelf{Registry: reg, door: server, host: server.Host()}, newPair(t)
	write(t, files.PublicKey, keys.public)
	signed := mustSign(t, newSigner(t, s, keys, Options{}), s.push(t, "voice", "1.0.0"))
	judges(t, func(t *testing.T, cosign string) {
		if out, err := follow(t, cosign, dir, signed.Commands(files)); err != nil {
			t.Errorf("refused: %v\n%s", err, out)
		}
	})
}
