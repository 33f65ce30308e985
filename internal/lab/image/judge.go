package image

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Binary is where the image has its one program, and MaxSize how large that may be, in bytes.
const (
	Binary  = "usr/local/bin/releaser"
	MaxSize = 150 << 20
)

// Config is what an image says of itself.
type Config struct {
	User         string
	Env          []string
	Entrypoint   []string
	Cmd          []string
	ExposedPorts map[string]struct{}
	Labels       map[string]string
}

// Config reads an image's configuration.
func (b *Builder) Config(ctx context.Context, image string) (Config, error) {
	out, err := b.buildah(ctx, "inspect", "--type", "image", image)
	if err != nil {
		return Config{}, err
	}
	var found struct {
		OCIv1 struct {
			Config Config `json:"config"`
		}
	}
	return found.OCIv1.Config, json.Unmarshal([]byte(out), &found)
}

// JudgeConfig says what is wrong with the configuration of the image.
func JudgeConfig(c Config) (wrong []string) {
	for what, is := range map[string][2]string{
		"USER":       {c.User, "65532:65532"},
		"ENTRYPOINT": {strings.Join(c.Entrypoint, " "), "/" + Binary},
		"CMD":        {strings.Join(c.Cmd, " "), "serve"},
		"EXPOSE":     {strings.Join(slices.Sorted(maps.Keys(c.ExposedPorts)), " "), "8080/tcp 9090/tcp"},
		"the title":  {c.Labels["org.opencontainers.image.title"], "releaser"},
		"the source": {c.Labels["org.opencontainers.image.source"], "https://github.com/releaser/releaser"},
	} {
		if is[0] != is[1] {
			wrong = append(wrong, fmt.Sprintf("%s is %q, want %q", what, is[0], is[1]))
		}
	}
	for _, v := range c.Env {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "GO") || strings.HasSuffix(strings.ToUpper(name), "_PROXY") {
			wrong = append(wrong, name+" of the build is in the image's environment")
		}
	}
	slices.Sort(wrong)
	return wrong
}

// JudgeFiles says what is wrong with the files of an image, beside those of its base: one program is there, nothing else
// is new, nothing of the base changed, and nothing else in it can be run.
func JudgeFiles(base, image string) ([]string, error) {
	before, err := snapshot(base)
	if err != nil {
		return nil, err
	}
	after, err := snapshot(image)
	if err != nil {
		return nil, err
	}
	var wrong []string
	for name, mode := range after {
		old, there := before[name]
		switch {
		case name == Binary && mode != 0o755:
			wrong = append(wrong, fmt.Sprintf("%s has mode %v, want 0755", name, mode))
		case name == Binary:
		case !there && !(mode.IsDir() && strings.HasPrefix(Binary, name+"/")):
			wrong = append(wrong, name+" is there, and is not of the base")
		case there && old != mode:
			wrong = append(wrong, fmt.Sprintf("%s has mode %v, and %v in the base", name, mode, old))
		case mode.IsRegular() && mode&0o111 != 0:
			wrong = append(wrong, name+" is a program too")
		}
	}
	for name := range before {
		if _, there := after[name]; !there {
			wrong = append(wrong, name+" of the base is gone")
		}
	}
	if _, there := after[Binary]; !there {
		wrong = append(wrong, Binary+" is not there")
	}
	slices.Sort(wrong)
	return wrong, nil
}

// snapshot is the mode of everything below a folder.
func snapshot(root string) (map[string]fs.FileMode, error) {
	modes := map[string]fs.FileMode{}
	return modes, filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == root {
			return err
		}
		info, err := d.Info()
		if err == nil {
			modes[strings.TrimPrefix(name, root+"/")] = info.Mode()
		}
		return err
	})
}

// Stamp is what the Go toolchain has to have written into the program.
type Stamp struct{ Version, Commit string }

// JudgeProgram says what is wrong with the program itself: it is static, small enough, knows its version, and tells
// nothing of where it was built.
func JudgeProgram(file string, want Stamp) ([]string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	program, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return []string{err.Error()}, nil
	}
	var wrong []string
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			wrong = append(wrong, "it is linked dynamically: it has a segment "+p.Type.String())
		}
	}
	if len(content) > MaxSize {
		wrong = append(wrong, fmt.Sprintf("it has %d bytes, want at most %d", len(content), MaxSize))
	}
	for _, place := range []string{"/go/pkg/mod/", "/usr/local/go/src/"} {
		if bytes.Contains(content, []byte(place)) {
			wrong = append(wrong, "it names a path of the build: "+place)
		}
	}
	wrong = append(wrong, judgeStamp(content, want)...)
	slices.Sort(wrong)
	return wrong, nil
}

func judgeStamp(program []byte, want Stamp) (wrong []string) {
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return []string{err.Error()}
	}
	got := map[string]string{"version": info.Main.Version}
	for _, s := range info.Settings {
		got[s.Key] = s.Value
	}
	for key, value := range map[string]string{
		"version": want.Version, "vcs.revision": want.Commit, "vcs.modified": "false", "CGO_ENABLED": "0", "-trimpath": "true",
	} {
		if got[key] != value {
			wrong = append(wrong, fmt.Sprintf("%s is %q, want %q", key, got[key], value))
		}
	}
	return wrong
}

// JudgeContext says which files of the context a clone would not have. The repository itself is among them: the version
// is read from it.
func JudgeContext(context string, tracked []string) ([]string, error) {
	found, err := snapshot(context)
	if err != nil {
		return nil, err
	}
	var wrong []string
	for name, mode := range found {
		if !mode.IsDir() && !strings.HasPrefix(name, ".git/") && !slices.Contains(tracked, name) {
			wrong = append(wrong, name+" is in the context: name it in .dockerignore")
		}
	}
	for _, name := range append([]string{".git/HEAD"}, tracked...) {
		if _, there := found[name]; !there {
			wrong = append(wrong, name+" is not in the context, and the program would call itself modified")
		}
	}
	slices.Sort(wrong)
	return wrong, nil
}
