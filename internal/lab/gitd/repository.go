package gitd

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Features are what a repository's upload-pack can do. The zero value can do all.
type Features struct {
	// NoFilter switches partial fetches off (uploadpack.allowFilter).
	NoFilter bool
	// NoHashWants refuses to send an object that no reference names (uploadpack.allowAnySHA1InWant).
	NoHashWants bool
}

// Repository is a bare repository on disk. Its methods run git with no configuration but the repository's.
type Repository struct {
	dir string
}

// Init makes a bare repository at dir that takes pushes over HTTP, with the branch main. One that is there stays as it
// is, but for its features.
func Init(ctx context.Context, dir string, features Features) (*Repository, error) {
	r := &Repository{dir: dir}
	if _, err := run(ctx, "", nil, "init", "--quiet", "--bare", "--initial-branch=main", "--", dir); err != nil {
		return nil, err
	}
	for key, on := range map[string]bool{
		"http.receivepack":              true,
		"uploadpack.allowFilter":        !features.NoFilter,
		"uploadpack.allowAnySHA1InWant": !features.NoHashWants,
	} {
		if _, err := r.Git(ctx, "config", key, strconv.FormatBool(on)); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Dir is the folder of the repository.
func (r *Repository) Dir() string { return r.dir }

// Git runs one git command in the repository and returns what it printed, without white space around it.
func (r *Repository) Git(ctx context.Context, args ...string) (string, error) {
	return run(ctx, r.dir, nil, args...)
}

// GitInput is Git with an input.
func (r *Repository) GitInput(ctx context.Context, input []byte, args ...string) (string, error) {
	return run(ctx, r.dir, input, args...)
}

func run(ctx context.Context, dir string, input []byte, args ...string) (string, error) {
	git, err := findGit()
	if err != nil {
		return "", err
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, git, args...)
	cmd.Env = environment(git)
	if dir != "" {
		cmd.Env = append(cmd.Env, "GIT_DIR="+dir)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

func findGit() (string, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return "", fmt.Errorf("%w; install git, it is all that the git server needs", err)
	}
	return filepath.Abs(git)
}

// environment is all that git gets to know of this machine.
func environment(git string) []string {
	return []string{
		"PATH=" + filepath.Dir(git) + ":/usr/bin:/bin",
		"GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0",
		"LC_ALL=C",
		"TZ=UTC",
	}
}
