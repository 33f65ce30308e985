// Package image builds the container image with buildah, from the Dockerfile as it stands, and judges what came out.
//
// The promise: what is judged is what `docker build .` makes of a commit. The Dockerfile is not changed, its context is a
// clean clone, and only its two bases are stand-ins, made from this machine's own files under the names that the
// Dockerfile gives them; nothing is pulled. The machine's Go and its caches are mounted where the Go image has them, so
// that a second build costs seconds. It needs root, git, Go and buildah, and leaves nothing behind but the warmed caches.
package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Builder runs buildah on a store of its own.
type Builder struct {
	dir string
	log io.Writer
}

// NewBuilder makes a store in a new folder. Close removes it.
func NewBuilder(log io.Writer) (*Builder, error) {
	if _, err := exec.LookPath("buildah"); err != nil {
		return nil, errors.New("buildah is missing; run: apt-get install --no-install-recommends buildah")
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("buildah mounts and changes the root here; run this as root, as CI does")
	}
	dir, err := os.MkdirTemp("", "releaser-image-")
	if err != nil {
		return nil, err
	}
	return &Builder{dir: dir, log: log}, nil
}

// Close removes the store, unless something is still mounted in it: that could be a cache of this machine.
func (b *Builder) Close() error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	if strings.Contains(string(mounts), " "+b.dir+"/") {
		return fmt.Errorf("something is mounted below %s; unmount it and remove the folder", b.dir)
	}
	return os.RemoveAll(b.dir)
}

// path is a place in the builder's folder.
func (b *Builder) path(name string) string { return filepath.Join(b.dir, name) }

// buildah runs one command and gives its output without the line's end.
func (b *Builder) buildah(ctx context.Context, args ...string) (string, error) {
	var out, wrong bytes.Buffer
	cmd := b.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &out, &wrong
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("buildah %s: %w: %s", args[0], err, strings.TrimSpace(wrong.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

func (b *Builder) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "buildah", append([]string{
		"--root", b.path("store"), "--runroot", b.path("run"), "--storage-driver", "vfs"}, args...)...)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "BUILDAH_ISOLATION=chroot", "TMPDIR="+b.dir)
	return cmd
}

// Build runs the Dockerfile of a checkout and names the image.
func (b *Builder) Build(ctx context.Context, checkout string) (string, error) {
	const name = "localhost/releaser:checked"
	settings, err := goEnv(ctx, checkout, "GOROOT", "GOMODCACHE", "GOCACHE")
	if err != nil {
		return "", err
	}
	for _, dir := range settings {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
	}
	cmd := b.command(ctx, "build", "--pull=never", "--tag", name,
		"--volume", settings["GOROOT"]+":/usr/local/go:ro",
		"--volume", settings["GOMODCACHE"]+":/go/pkg/mod",
		"--volume", settings["GOCACHE"]+":/root/.cache/go-build",
		checkout)
	cmd.Stdout, cmd.Stderr = b.log, b.log
	return name, cmd.Run()
}

// Context gives the folder of all that a build of the checkout would copy with COPY . in its Dockerfile.
func (b *Builder) Context(ctx context.Context, checkout string) (string, error) {
	file := b.path("Context")
	if err := os.WriteFile(file, []byte("FROM scratch\nCOPY . /\n"), 0o644); err != nil {
		return "", err
	}
	if _, err := b.buildah(ctx, "build", "--quiet", "--file", file, "--tag", "localhost/context", checkout); err != nil {
		return "", err
	}
	return b.Files(ctx, "localhost/context")
}

// Files gives a folder with an image's files.
func (b *Builder) Files(ctx context.Context, image string) (string, error) {
	container, err := b.buildah(ctx, "from", "--pull=never", image)
	if err != nil {
		return "", err
	}
	return b.buildah(ctx, "mount", container)
}
