package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed profile.go.txt
var profileSource []byte

// profiling writes an overlay for `go build` that lets the daemon write a CPU profile. The program that users have knows
// nothing of it.
func profiling(dir string) (overlay string, err error) {
	home, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/releaser/releaser/cmd/releaser").Output()
	if err != nil {
		return "", err
	}
	source := filepath.Join(dir, "profile.go")
	text, err := json.Marshal(map[string]map[string]string{
		"Replace": {filepath.Join(strings.TrimSpace(string(home)), "bench_profile.go"): source},
	})
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, errors.Join(err, os.WriteFile(source, profileSource, 0o644), os.WriteFile(overlay, text, 0o644))
}
