// Command check builds the container image of a commit and judges it: `go run ./internal/lab/image/check`, or
// `make image-check`. What is not committed is left out, and said.
//
// It clones the repository it is in, gives the clone a tag and what lies about in a working tree, builds the clone's
// Dockerfile, looks at the result from outside, and runs it. It exits with 1 and lists everything that is not as it has to be.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/releaser/releaser/internal/lab/image"
)

// version is the tag that the clone gets, and that the program has to know.
const version = "v1.2.3"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	wrong, err := check(ctx)
	for _, w := range wrong {
		fmt.Fprintln(os.Stderr, "image:", w)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
	}
	if err != nil || len(wrong) > 0 {
		os.Exit(1)
	}
	fmt.Println("image: as it has to be")
}

func check(ctx context.Context) (wrong []string, err error) {
	b, err := image.NewBuilder(os.Stdout)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	c, done, err := newCheckout(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	dockerfile, err := os.ReadFile(filepath.Join(c.dir, "Dockerfile"))
	if err != nil {
		return nil, err
	}
	bases, err := image.ReadBases(string(dockerfile))
	if err != nil {
		return nil, err
	}
	if err := b.StandIns(ctx, bases); err != nil {
		return nil, err
	}
	for _, part := range []func(context.Context, *image.Builder, image.Bases) ([]string, error){c.judgeContext, c.judgeImage} {
		w, err := part(ctx, b, bases)
		if wrong = append(wrong, w...); err != nil {
			return wrong, err
		}
	}
	return wrong, nil
}

// checkout is a clone of the last commit, as a developer's may look.
type checkout struct{ dir, commit string }

func newCheckout(ctx context.Context) (c checkout, done func(), err error) {
	top, err := git(ctx, ".", "rev-parse", "--show-toplevel")
	if err != nil {
		return c, nil, err
	}
	if changed, err := git(ctx, top, "status", "--porcelain"); err == nil && changed != "" {
		fmt.Println("image: HEAD is built, without these:\n" + changed)
	}
	dir, err := os.MkdirTemp("", "releaser-checkout-")
	if err != nil {
		return c, nil, err
	}
	c.dir, done = dir, func() { _ = os.RemoveAll(dir) }
	for _, args := range [][]string{{"clone", "--quiet", "--no-tags", "file://" + top, "."}, {"tag", version}} {
		if _, err := git(ctx, dir, args...); err != nil {
			return c, done, err
		}
	}
	c.commit, err = git(ctx, dir, "rev-parse", "HEAD")
	return c, done, err
}

// judgeContext leaves behind what tools and people leave, each of which git ignores, and looks what reaches the build.
func (c checkout) judgeContext(ctx context.Context, b *image.Builder, _ image.Bases) ([]string, error) {
	for _, name := range []string{"bin/helm", "releaser", "charts/charts.test", "cpu.out", "charts/x/charts/y-1.0.0.tgz"} {
		name = filepath.Join(c.dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, nil, 0o644)); err != nil {
			return nil, err
		}
	}
	if left, err := git(ctx, c.dir, "status", "--porcelain"); err != nil || left != "" {
		return []string{"git does not ignore what tools leave: " + left}, err
	}
	files, err := b.Context(ctx, c.dir)
	if err != nil {
		return nil, err
	}
	tracked, err := git(ctx, c.dir, "ls-files")
	if err != nil {
		return nil, err
	}
	return image.JudgeContext(files, strings.Split(tracked, "\n"))
}

// judgeImage builds the image and looks at it from outside and from inside.
func (c checkout) judgeImage(ctx context.Context, b *image.Builder, bases image.Bases) ([]string, error) {
	name, err := b.Build(ctx, c.dir)
	if err != nil {
		return nil, err
	}
	config, err := b.Config(ctx, name)
	if err != nil {
		return nil, err
	}
	wrong := image.JudgeConfig(config)
	base, err := b.Files(ctx, bases.Final)
	if err != nil {
		return wrong, err
	}
	root, err := b.Files(ctx, name)
	if err != nil {
		return wrong, err
	}
	files, err := image.JudgeFiles(base, root)
	if wrong = append(wrong, files...); err != nil {
		return wrong, err
	}
	program := filepath.Join(root, image.Binary)
	inside, err := image.JudgeProgram(program, image.Stamp{Version: version, Commit: c.commit})
	if wrong = append(wrong, inside...); err != nil {
		return wrong, err
	}
	if info, err := os.Stat(program); err == nil {
		fmt.Printf("image: the program has %.1f MB\n", float64(info.Size())/1e6)
	}
	ran, err := c.judgeRuns(ctx, root, config)
	return append(wrong, ran...), err
}

// judgeRuns runs the program in its image: it knows its version, it lints a chart in its sandbox without a shell or git
// beside it, it reads only what everybody may read, and without arguments it says what a daemon needs.
func (c checkout) judgeRuns(ctx context.Context, root string, config image.Config) (wrong []string, err error) {
	if err := c.writeGiven(); err != nil {
		return nil, err
	}
	for _, run := range []struct {
		args string
		exit int
		says string
	}{
		{"version", 0, "releaser " + version + "\ncommit " + c.commit},
		{"lint /given/hello", 0, "hello (hello): ok"},
		{"lint /given/closed", 1, "permission denied"},
		{"", 2, "no configuration: give --config"},
	} {
		out, exit, err := image.Run(ctx, root, config, filepath.Join(c.dir, "given"), strings.Fields(run.args)...)
		if err != nil {
			return wrong, err
		}
		if exit != run.exit || !strings.Contains(out, run.says) {
			wrong = append(wrong, fmt.Sprintf("releaser %s exits with %d, want %d with %q:\n%s", run.args, exit, run.exit, run.says, out))
		}
	}
	return wrong, nil
}

// writeGiven writes what the program gets to see: a chart, and a folder of root's alone.
func (c checkout) writeGiven() error {
	given := filepath.Join(c.dir, "given")
	chart := "apiVersion: v2\nname: hello\nversion: 0.1.0\nicon: https://example.com/icon.svg\n"
	return errors.Join(
		os.MkdirAll(filepath.Join(given, "hello", "templates"), 0o755),
		os.MkdirAll(filepath.Join(given, "closed"), 0o700),
		os.WriteFile(filepath.Join(given, "hello", "Chart.yaml"), []byte(chart), 0o644),
		os.WriteFile(filepath.Join(given, "hello", "values.yaml"), []byte("image:\n  tag: \"\"\n"), 0o644),
		os.WriteFile(filepath.Join(given, "hello", "templates", "hello.yaml"),
			[]byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hello}\ndata: {tag: {{ .Values.image.tag | quote }}}\n"), 0o644),
	)
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return strings.TrimSpace(string(out)), nil
}
