package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Bases are the images that a Dockerfile begins from, as its ARG lines name them.
type Bases struct{ Go, Final string }

// ReadBases finds the names in the text of a Dockerfile.
func ReadBases(dockerfile string) (Bases, error) {
	var b Bases
	for name, value := range map[string]*string{"GO_IMAGE": &b.Go, "BASE_IMAGE": &b.Final} {
		found := regexp.MustCompile(`(?m)^ARG ` + name + `=(\S+)$`).FindStringSubmatch(dockerfile)
		if found == nil {
			return b, fmt.Errorf("no line ARG %s=IMAGE in the Dockerfile", name)
		}
		*value = found[1]
	}
	return b, nil
}

// certificates is where Debian, and the Go image and distroless with it, keep the CAs.
const certificates = "/etc/ssl/certs/ca-certificates.crt"

// StandIns makes both bases under their own names: a shell, git and certificates for the one, and for the other as much
// of distroless as releaser meets. Go itself is mounted by Build.
func (b *Builder) StandIns(ctx context.Context, bases Bases) error {
	settings, err := goEnv(ctx, b.dir, "GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOINSECURE")
	if err != nil {
		return err
	}
	config := []string{"--env", "GOPATH=/go", "--env", "GOTOOLCHAIN=local", "--env", "PATH=/go/bin:/usr/local/go/bin:/usr/bin:/bin"}
	for name, value := range settings {
		if value != "" {
			config = append(config, "--env", name+"="+value)
		}
	}
	if err := b.commit(ctx, bases.Go, fillGo, config); err != nil {
		return err
	}
	return b.commit(ctx, bases.Final, fillFinal, []string{"--user", "65532", "--workingdir", "/home/nonroot",
		"--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "--env", "SSL_CERT_FILE=" + certificates})
}

// commit makes an image from nothing.
func (b *Builder) commit(ctx context.Context, name string, fill func(root string) error, config []string) error {
	container, err := b.buildah(ctx, "from", "scratch")
	if err != nil {
		return err
	}
	root, err := b.buildah(ctx, "mount", container)
	if err != nil {
		return err
	}
	if err := fill(root); err != nil {
		return fmt.Errorf("stand-in for %s: %w", name, err)
	}
	for _, step := range [][]string{{"umount", container}, append(append([]string{"config"}, config...), container), {"commit", "--quiet", "--rm", container, name}} {
		if _, err := b.buildah(ctx, step...); err != nil {
			return err
		}
	}
	return nil
}

func fillGo(root string) error {
	git, err := exec.LookPath("git")
	if err != nil {
		return err
	}
	files := map[string]string{"/bin/sh": "/bin/sh", git: "/usr/bin/git", certificates: certificates}
	// ldd names each library that a program is linked with by the path where the loader looks for it.
	out, err := exec.Command("ldd", "/bin/sh", git).Output()
	if err != nil {
		return fmt.Errorf("ldd: %w", err)
	}
	for _, library := range regexp.MustCompile(`/\S+ \(0x`).FindAllString(string(out), -1) {
		library = strings.TrimSuffix(library, " (0x")
		files[library] = library
	}
	for from, to := range files {
		if err := copyFile(from, filepath.Join(root, to)); err != nil {
			return err
		}
	}
	return errors.Join(
		writeFile(filepath.Join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n"), // root's home has Go's cache
		folders(root, map[string]fs.FileMode{"tmp": 0o777 | fs.ModeSticky, "root": 0o700}),
	)
}

func fillFinal(root string) error {
	return errors.Join(
		copyFile(certificates, filepath.Join(root, certificates)),
		writeFile(filepath.Join(root, "etc/passwd"), "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"),
		writeFile(filepath.Join(root, "etc/group"), "root:x:0:\nnonroot:x:65532:\n"),
		folders(root, map[string]fs.FileMode{"tmp": 0o777 | fs.ModeSticky, "root": 0o700, "home/nonroot": 0o700}),
		os.Chown(filepath.Join(root, "home/nonroot"), 65532, 65532),
	)
}

func folders(root string, modes map[string]fs.FileMode) error {
	for name, mode := range modes {
		dir := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, mode)); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(name, text string) error {
	return errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644))
}

// copyFile copies what a name leads to, with its permissions.
func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, content, info.Mode().Perm()))
}

// goEnv is what the go command says of itself in a folder.
func goEnv(ctx context.Context, dir string, names ...string) (map[string]string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"env", "-json"}, names...)...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	settings := map[string]string{}
	return settings, json.Unmarshal(out, &settings)
}
