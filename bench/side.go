package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/releaser/releaser/charts"
)

// chart is what both sides release, each time in a new version.
const chart = "voice-agent"

// side is one of the two ways to release, with repositories and a registry namespace of its own.
type side struct {
	*world
	name string
}

func (s side) String() string               { return s.name }
func (s side) take() []asked                { return s.book.take() }
func (s side) platform() string             { return s.name + "/platform" }     // has the charts
func (s side) environments() string         { return s.name + "/environments" } // says what runs where
func (s side) url(repository string) string { return s.git + "/" + repository + ".git" }
func (s side) work(part string) string      { return s.path("work", s.name, part) } // working copies

// newSide fills the repositories as they are before the first release.
func newSide(ctx context.Context, w *world, name string) (side, error) {
	s := side{world: w, name: name}
	files := map[string][]byte{}
	for _, env := range []string{"dev", "staging", "prod"} {
		files[path.Join(env, chart, "values.yaml")] = []byte(strings.ReplaceAll(environmentValues, "ENV", env))
		files[path.Join(env, chart, "release.yaml")] = []byte(strings.ReplaceAll(environmentRelease, "ENV", env))
	}
	if err := s.fill(ctx, s.environments(), "environments", files); err != nil {
		return s, err
	}
	fleet, err := fleetFiles()
	if err != nil {
		return s, err
	}
	return s, s.fill(ctx, s.platform(), "platform", fleet)
}

const environmentValues = `# ENV: our own settings; a release changes image.tag and nothing else
image:
    tag: ''   # set by the release

agent:
    env: {LOG_LEVEL: info}
`

const environmentRelease = `# what runs in ENV
version: ""
digest: ""
`

// fleetFiles are the charts that this repository ships, without dependencies that somebody built beside them.
func fleetFiles() (map[string][]byte, error) {
	files := map[string][]byte{}
	err := fs.WalkDir(charts.Fleet(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path.Base(name) == "charts":
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		files[path.Join("charts", name)], err = fs.ReadFile(charts.Fleet(), name)
		return err
	})
	return files, err
}

// fill makes a repository with one commit, and keeps the working copy.
func (s side) fill(ctx context.Context, repository, part string, files map[string][]byte) error {
	if err := s.addRepository(ctx, repository); err != nil {
		return err
	}
	if err := s.run(ctx, "", "clone", "--quiet", s.path("git", repository+".git"), s.work(part)); err != nil {
		return err
	}
	for name, content := range files {
		if err := write(filepath.Join(s.work(part), filepath.FromSlash(name)), content, 0o644); err != nil {
			return err
		}
	}
	return s.commit(ctx, part, "as it is before the first release")
}

// tag brings a new version of the chart to main and tags it, past the doors: no side pays for the developer's push.
func (s side) tag(ctx context.Context, version string) (tag string, err error) {
	tag = chart + "-" + version
	if err := s.version(ctx, version); err != nil {
		return "", err
	}
	return tag, s.run(ctx, s.work("platform"), "push", "--quiet", "origin", "HEAD:refs/heads/main", tag)
}

// version commits and tags a new version of the chart, in the working copy alone.
func (s side) version(ctx context.Context, version string) error {
	file := filepath.Join(s.work("platform"), "charts", chart, "Chart.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text = regexp.MustCompile(`(?m)^version: .*$`).ReplaceAll(text, []byte("version: "+version))
	if err := write(file, text, 0o644); err != nil {
		return err
	}
	// A version that is there already is no change.
	if err := s.run(ctx, s.work("platform"), "commit", "--quiet", "--all", "--allow-empty", "--message", chart+" "+version); err != nil {
		return err
	}
	return s.run(ctx, s.work("platform"), "tag", chart+"-"+version)
}

// commit commits all of a working copy and pushes main.
func (s side) commit(ctx context.Context, part, message string) error {
	for _, args := range [][]string{
		{"add", "--all"}, {"commit", "--quiet", "--message", message}, {"push", "--quiet", "origin", "HEAD:refs/heads/main"},
	} {
		if err := s.run(ctx, s.work(part), args...); err != nil {
			return err
		}
	}
	return nil
}

// merge merges the pull request that a release opened, as a person does, past the doors.
func (s side) merge(_ context.Context, number int) error {
	return s.forge.MergePullRequest(s.environments(), number, "bench")
}

// run runs git as a developer does, with none of the user's own settings.
func (s side) run(ctx context.Context, dir string, args ...string) error {
	return s.input(ctx, dir, "", args...)
}

// input is run with something to read.
func (s side) input(ctx context.Context, dir, input string, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, s.environment(), strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}

// environment is what programs of either side find around them: a path, a home, and nothing of the user's.
func (s side) environment() []string {
	return []string{
		"PATH=" + s.path("bin") + ":" + os.Getenv("PATH"), "HOME=" + s.path("home"), "TMPDIR=" + s.path("tmp"),
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=bench", "GIT_AUTHOR_EMAIL=bench@localhost", "GIT_COMMITTER_NAME=bench", "GIT_COMMITTER_EMAIL=bench@localhost",
	}
}

func write(name string, content []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, content, mode)
}

func random() string {
	var b [24]byte
	_, _ = rand.Read(b[:]) // it never fails: the program ends instead
	return hex.EncodeToString(b[:])
}
