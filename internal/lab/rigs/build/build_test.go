package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/releaser/releaser/internal/lab/rigs"
)

func TestABuiltRigRunsAndNothingElseIsLeft(t *testing.T) {
	t.Parallel()
	rig := rigs.Rig{Name: "hello", Package: ".", Dir: module(t, `package main; func main() { print("hello") }`), Path: filepath.Join(t.TempDir(), "cache", "hello-v1")}
	if err := compile(t.Context(), rig); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(rig.Path).CombinedOutput(); string(out) != "hello" {
		t.Errorf("%q, %v", out, err)
	}
	only(t, rig, "hello-v1")
}

func TestABuildThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	rig := rigs.Rig{Name: "hello", Package: "./missing", Dir: module(t, `package main`), Path: filepath.Join(t.TempDir(), "hello-v1")}
	if err := compile(t.Context(), rig); err == nil || rig.Built() {
		t.Errorf("built, %v", err)
	}
	only(t, rig)
}

// module is a folder with a program.
func module(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/hello\n", "main.go": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// only checks what is in the cache.
func only(t *testing.T, rig rigs.Rig, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(rig.Path))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if len(names) != len(want) || len(want) == 1 && names[0] != want[0] {
		t.Errorf("in the cache: %v", names)
	}
}
