// Package rigs finds the judges of the tests: real commands that are not ours (helm, cosign, staticcheck), built from the
// versions that go.mod names.
//
// The promise: a test that asks for a rig gets exactly the version in go.mod, or does not run. The binaries live outside
// the tree, in $RELEASER_RIGS or in releaser/rigs below the user's cache folder, under names that carry the version, so
// that a change of go.mod can never meet an old binary. This package builds nothing, because a build takes minutes and
// belongs before the tests; the program in build/ does. A test whose rig is not built is skipped, except under CI=true,
// where it fails: nothing may go untested there unseen.
package rigs

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/modfile"
)

// Helm is the path of the helm command of the very module that we link.
func Helm(t testing.TB) string { t.Helper(); return need(t, "helm") }

// Cosign is the path of the cosign v2 command of the very module that we link.
func Cosign(t testing.TB) string { t.Helper(); return need(t, "cosign") }

// Cosign3 is the path of the cosign v3 command. It comes from a module of its own, as it needs other versions than we do.
func Cosign3(t testing.TB) string { t.Helper(); return need(t, "cosign3") }

// Staticcheck is the path of the staticcheck command, from a module of its own.
func Staticcheck(t testing.TB) string { t.Helper(); return need(t, "staticcheck") }

// need skips the test when the rig is not built, or fails it where CI=true.
func need(t testing.TB, name string) string {
	t.Helper()
	rig, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	if rig.Built() {
		return rig.Path
	}
	missing := fmt.Sprintf("%s is not built; run: make rigs", filepath.Base(rig.Path))
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// Rig is one command: where it comes from, and where its binary is or will be.
type Rig struct {
	// Name is what Find and the build program call it: helm, cosign, cosign3, staticcheck, yq.
	Name string
	// Package is the import path of the command.
	Package string
	// Version is the version of its module, as go.mod requires it.
	Version string
	// Dir is the folder of the go.mod that names it.
	Dir string
	// Path is the file of the binary, whether it is there or not.
	Path string
}

// Built reports whether the binary is there.
func (r Rig) Built() bool {
	info, err := os.Stat(r.Path)
	return err == nil && info.Mode().IsRegular()
}

// source is what the table below knows of a rig; the rest is read from go.mod.
type source struct {
	name, file, module, command string
	nested                      string // the folder of its go.mod, from the top of the repository
	aside                       bool   // no test needs it: it is built when it is named
}

// sources are all rigs there are, those that the most tests wait for first.
func sources() []source {
	return []source{
		{"helm", "helm", "helm.sh/helm/v4", "/cmd/helm", "", false},
		{"cosign", "cosign", "github.com/sigstore/cosign/v2", "/cmd/cosign", "", false},
		{"staticcheck", "staticcheck", "honnef.co/go/tools", "/cmd/staticcheck", "internal/lab/rigs/staticcheck", false},
		{"cosign3", "cosign", "github.com/sigstore/cosign/v3", "/cmd/cosign", "internal/lab/rigs/cosign3", false},
		{"yq", "yq", "github.com/mikefarah/yq/v4", "", "internal/lab/rigs/yq", true},
	}
}

// Names lists the rigs that tests need, in the order in which they are built. Find knows one more: yq, for the bench.
func Names() []string {
	var names []string
	for _, s := range sources() {
		if !s.aside {
			names = append(names, s.name)
		}
	}
	return names
}

// Find describes one rig. It reads go.mod from the repository that the working directory is in, and looks for no binary.
func Find(name string) (Rig, error) {
	for _, s := range sources() {
		if s.name == name {
			return s.find()
		}
	}
	return Rig{}, fmt.Errorf("no rig is called %q; there are %v", name, Names())
}

func (s source) find() (Rig, error) {
	top, err := top()
	if err != nil {
		return Rig{}, err
	}
	cache, err := cache()
	if err != nil {
		return Rig{}, err
	}
	dir := filepath.Join(top, filepath.FromSlash(s.nested))
	version, err := required(filepath.Join(dir, "go.mod"), s.module)
	if err != nil {
		return Rig{}, err
	}
	return Rig{
		Name: s.name, Package: s.module + s.command, Version: version, Dir: dir,
		Path: filepath.Join(cache, s.file+"-"+version),
	}, nil
}

// top is the folder of our own go.mod, above the folder that a test or `go run` starts in.
func top() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for start := dir; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && modfile.ModulePath(text) == "github.com/releaser/releaser" {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside the repository; start there", start)
		}
	}
}

// cache is the folder of the binaries.
func cache() (string, error) {
	if dir := os.Getenv("RELEASER_RIGS"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the rigs: %w; set RELEASER_RIGS", err)
	}
	return filepath.Join(dir, "releaser", "rigs"), nil
}

// required is the version of module that the file requires.
func required(file, module string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	parsed, err := modfile.ParseLax(file, text, nil)
	if err != nil {
		return "", err
	}
	for _, r := range parsed.Require {
		if r.Mod.Path == module {
			return r.Mod.Version, nil
		}
	}
	return "", fmt.Errorf("%s does not require %s; run there: go get -tool", file, module)
}
