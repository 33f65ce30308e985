package ocid

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// Not parallel: it listens to what the whole process prints.
func TestARegistryPrintsNothing(t *testing.T) {
	var logged bytes.Buffer
	logrus.SetOutput(&logged)
	defer logrus.SetOutput(os.Stderr)
	printed := captured(t, func() {
		server := start(t, Options{HTPasswd: users(t)})
		repo := repository(t, server, "lab", "secret")
		push(t, repo, "1.0.0")
		http.Get(server.URL() + "/v2/charts/voice/manifests/1.0.0")
		http.Get(server.URL() + "/v2/UPPER/manifests/none")
		server.Close()
	})
	if logged.Len() > 0 || printed != "" {
		t.Errorf("it printed %q and logged %q", printed, logged.String())
	}
}

func TestWhatIsOnDiskIsThereAfterARestart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "registry")
	first := start(t, Options{Dir: dir})
	want := push(t, repository(t, first, "", ""), "1.0.0")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := start(t, Options{Dir: dir})
	got, err := repository(t, second, "", "").Resolve(t.Context(), "1.0.0")
	if err != nil || got.Digest.String() != want {
		t.Errorf("after the restart the tag is %s (%v), want %s", got.Digest, err, want)
	}
}

func TestAUserIsAskedForThePassword(t *testing.T) {
	t.Parallel()
	server := start(t, Options{HTPasswd: users(t)})
	push(t, repository(t, server, "lab", "secret"), "1.0.0")
	if _, err := repository(t, server, "lab", "guess").Resolve(t.Context(), "1.0.0"); err == nil {
		t.Error("a wrong password opened the registry")
	}
}

func TestAFolderThatCannotBeMadeIsAnError(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := Start(Options{Dir: filepath.Join(file, "registry")})
	if err != nil {
		return
	}
	// The disk is only asked at the first write.
	defer server.Close()
	if _, err := oras.TagBytes(t.Context(), repository(t, server, "", ""), "application/vnd.oci.image.manifest.v1+json", []byte("{}"), "x"); err == nil {
		t.Error("a registry below a file took a push")
	}
}

func start(t *testing.T, options Options) *Server {
	t.Helper()
	server, err := Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server
}

func users(t *testing.T) string {
	t.Helper()
	line, err := HTPasswdLine("lab", "secret")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "htpasswd")
	if err := os.WriteFile(file, line, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func repository(t *testing.T, server *Server, user, password string) *remote.Repository {
	t.Helper()
	repo, err := remote.NewRepository(server.Host() + "/charts/voice")
	if err != nil {
		t.Fatal(err)
	}
	repo.PlainHTTP = true
	repo.Client = &auth.Client{Credential: auth.StaticCredential(server.Host(), auth.Credential{Username: user, Password: password})}
	return repo
}

func push(t *testing.T, repo *remote.Repository, tag string) string {
	t.Helper()
	ctx := context.Background()
	desc, err := oras.PackManifest(ctx, repo, oras.PackManifestVersion1_1, "application/vnd.example", oras.PackManifestOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := repo.Tag(ctx, desc, tag); err != nil {
		t.Fatal(err)
	}
	return desc.Digest.String()
}

// captured is what do writes to standard output and standard error.
func captured(t *testing.T, do func()) string {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = writer, writer
	text := make(chan string)
	go func() {
		all, _ := io.ReadAll(reader)
		text <- string(all)
	}()
	func() {
		defer func() { os.Stdout, os.Stderr = stdout, stderr }()
		do()
	}()
	writer.Close()
	return strings.TrimSpace(<-text)
}
