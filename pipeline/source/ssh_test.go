package source_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/gitd/gitdtest"
	"github.com/releaser/releaser/pipeline/source"
)

func TestAKeyThatTheServerDoesNotKnowIsRefusedByName(t *testing.T) {
	t.Parallel()
	server := gitdtest.ServeSSH(t, t.TempDir())
	stranger := gitdtest.NewKeyFile(t)
	r := open(t, source.Options{URL: server.URL("r.git"), Auth: source.Auth{SSHKeyFile: stranger, KnownHostsFile: server.KnownHostsFile}})
	if _, err := r.Refs(t.Context()); !errors.Is(err, source.ErrAuth) || !strings.Contains(err.Error(), stranger) {
		t.Errorf("%v", err)
	}
}

func TestAHostThatIsNotKnownIsNotTalkedTo(t *testing.T) {
	t.Parallel()
	server, other := gitdtest.ServeSSH(t, t.TempDir()), gitdtest.ServeSSH(t, t.TempDir())
	changed := filepath.Join(t.TempDir(), "changed")
	known, err := os.ReadFile(other.KnownHostsFile)
	if err != nil {
		t.Fatal(err)
	}
	_, otherPort, _ := net.SplitHostPort(other.Addr)
	_, port, _ := net.SplitHostPort(server.Addr)
	if err := os.WriteFile(changed, []byte(strings.ReplaceAll(string(known), otherPort, port)), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{other.KnownHostsFile: "is not in", changed: "another key"} {
		r := open(t, source.Options{URL: server.URL("r.git"), Auth: source.Auth{SSHKeyFile: server.KeyFile, KnownHostsFile: file}})
		if _, err := r.Refs(t.Context()); !errors.Is(err, source.ErrAuth) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestSSHFilesThatCannotBeUsedAreNamed(t *testing.T) {
	t.Parallel()
	server := gitdtest.ServeSSH(t, t.TempDir())
	garbage := filepath.Join(t.TempDir(), "garbage")
	if err := os.WriteFile(garbage, []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, auth := range []source.Auth{
		{SSHKeyFile: "/nowhere/id", KnownHostsFile: server.KnownHostsFile},
		{SSHKeyFile: garbage, KnownHostsFile: server.KnownHostsFile},
		{SSHKeyFile: server.KeyFile, KnownHostsFile: "/nowhere/hosts"},
		{SSHKeyFile: server.KeyFile, KnownHostsFile: garbage},
	} {
		_, err := open(t, source.Options{URL: server.URL("r.git"), Auth: auth}).Refs(t.Context())
		clean(t, err)
		if err != nil && !strings.Contains(err.Error(), "/nowhere/") && !strings.Contains(err.Error(), garbage) {
			t.Errorf("%v", err)
		}
	}
}

func TestWhatTheSSHServerSaysIsToldInOneCleanLine(t *testing.T) {
	t.Parallel()
	server := gitdtest.ServeSSH(t, t.TempDir())
	r := open(t, source.Options{URL: server.URL("none.git"), Auth: source.Auth{SSHKeyFile: server.KeyFile, KnownHostsFile: server.KnownHostsFile}})
	if _, err := r.Refs(t.Context()); err == nil || !strings.Contains(err.Error(), "not appear to be a git repository") {
		t.Errorf("%v", err)
	}
}

func TestAnSSHHostThatNeverGreetsEndsWithItsContext(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	known := gitdtest.ServeSSH(t, t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r := open(t, source.Options{URL: "ssh://" + listener.Addr().String() + "/r.git", Auth: source.Auth{SSHKeyFile: known.KeyFile, KnownHostsFile: known.KnownHostsFile}})
	begun := time.Now()
	if _, err := r.Refs(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestAPathIsOneWordForTheShellOnTheOtherSide(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	server := gitdtest.ServeSSH(t, root)
	repo := gitdtest.New(t, root, "a b; touch x.git", gitd.Features{})
	repo.Tag("v1", repo.Commit("main", platform))
	r := open(t, source.Options{
		URL:  "ssh://git@" + server.Addr + "/a%20b;%20touch%20x.git",
		Auth: source.Auth{SSHKeyFile: server.KeyFile, KnownHostsFile: server.KnownHostsFile},
	})
	if got := read(t, snapshot(t, r, "v1", "README.md"), "README.md"); got != "A platform.\n" {
		t.Errorf("%q", got)
	}
}
