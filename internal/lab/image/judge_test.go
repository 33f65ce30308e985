package image_test

import (
	"go/version"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/image"
)

func TestTheDockerfileNamesBasesOfTheGoThatGoModWants(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	bases, err := image.ReadBases(string(text))
	if err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(string(module), "\ngo ")
	want, _, _ = strings.Cut(want, "\n")
	got, found := strings.CutPrefix(bases.Go, "docker.io/library/golang:")
	got, _, _ = strings.Cut(got, "-")
	if !found || version.Compare("go"+got, "go"+want) < 0 {
		t.Errorf("the Dockerfile builds with %s, and go.mod wants Go %s", bases.Go, want)
	}
	if !strings.HasPrefix(bases.Final, "gcr.io/distroless/static-") || !strings.HasSuffix(bases.Final, ":nonroot") {
		t.Errorf("the image begins from %s", bases.Final)
	}
	if _, err := image.ReadBases("FROM scratch\n"); err == nil || !strings.Contains(err.Error(), "no line ARG") {
		t.Errorf("a Dockerfile without names: %v", err)
	}
}

func TestAConfigurationThatDiffersIsTold(t *testing.T) {
	t.Parallel()
	good := func() image.Config {
		return image.Config{User: "65532:65532", Env: []string{"PATH=/bin"}, Entrypoint: []string{"/usr/local/bin/releaser"}, Cmd: []string{"serve"},
			ExposedPorts: map[string]struct{}{"8080/tcp": {}, "9090/tcp": {}},
			Labels:       map[string]string{"org.opencontainers.image.title": "releaser", "org.opencontainers.image.source": "https://github.com/releaser/releaser"}}
	}
	told(t, image.JudgeConfig(good()))
	for want, change := range map[string]func(*image.Config){
		`USER is ""`:             func(c *image.Config) { c.User = "" },
		`ENTRYPOINT is "/bin/sh`: func(c *image.Config) { c.Entrypoint = []string{"/bin/sh", "-c"} },
		`CMD is ""`:              func(c *image.Config) { c.Cmd = nil },
		`EXPOSE is "8080/tcp"`:   func(c *image.Config) { delete(c.ExposedPorts, "9090/tcp") },
		`the title is ""`: func(c *image.Config) {
			c.Labels = map[string]string{"org.opencontainers.image.source": "https://github.com/releaser/releaser"}
		},
		`GOPROXY of the build is`:  func(c *image.Config) { c.Env = append(c.Env, "GOPROXY=x") },
		`https_proxy of the build`: func(c *image.Config) { c.Env = append(c.Env, "https_proxy=x") },
	} {
		c := good()
		change(&c)
		told(t, image.JudgeConfig(c), want)
	}
}

func TestAFileTooManyIsTold(t *testing.T) {
	t.Parallel()
	base := map[string]fs.FileMode{"etc/passwd": 0o644, "home/": 0o700}
	for name, row := range map[string]struct {
		image map[string]fs.FileMode
		want  []string
	}{
		"as it has to be": {map[string]fs.FileMode{"etc/passwd": 0o644, "home/": 0o700, image.Binary: 0o755}, nil},
		"no program":      {base, []string{image.Binary + " is not there"}},
		"a shell": {map[string]fs.FileMode{"etc/passwd": 0o644, "home/": 0o700, image.Binary: 0o755, "bin/sh": 0o755},
			[]string{"bin is there", "bin/sh is there"}},
		"a key beside it": {map[string]fs.FileMode{"etc/passwd": 0o644, "home/": 0o700, image.Binary: 0o755, "usr/local/bin/key": 0o644},
			[]string{"usr/local/bin/key is there"}},
		"the base changed": {map[string]fs.FileMode{"etc/passwd": 0o666, image.Binary: 0o700},
			[]string{"etc/passwd has mode -rw-rw-rw-", "home of the base is gone", "usr/local/bin/releaser has mode -rwx------"}},
	} {
		wrong, err := image.JudgeFiles(tree(t, base), tree(t, row.image))
		if err != nil {
			t.Fatal(name, err)
		}
		told(t, wrong, row.want...)
	}
	with := map[string]fs.FileMode{"bin/busybox": 0o755}
	both := map[string]fs.FileMode{"bin/busybox": 0o755, image.Binary: 0o755}
	wrong, err := image.JudgeFiles(tree(t, with), tree(t, both))
	if err != nil {
		t.Fatal(err)
	}
	told(t, wrong, "bin/busybox is a program too")
}

func TestAProgramThatIsLinkedDynamicallyIsTold(t *testing.T) {
	t.Parallel()
	wrong, err := image.JudgeProgram("/bin/sh", image.Stamp{})
	if err != nil {
		t.Fatal(err)
	}
	told(t, wrong, "PT_DYNAMIC", "PT_INTERP", "not a Go executable")
	if wrong, err = image.JudgeProgram("judge_test.go", image.Stamp{}); err != nil {
		t.Fatal(err)
	}
	told(t, wrong, "bad magic")
}

func TestAProgramWithoutAStampIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/hello\n", "main.go": "package main; func main() {}"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", "hello", ".")
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wrong, err := image.JudgeProgram(filepath.Join(dir, "hello"), image.Stamp{Version: "v1.2.3", Commit: "c0ffee"})
	if err != nil {
		t.Fatal(err)
	}
	told(t, wrong, `vcs.modified is ""`, `vcs.revision is "", want "c0ffee"`, `version is "(devel)", want "v1.2.3"`)
}

func TestAContextIsACloneAndNothingElse(t *testing.T) {
	t.Parallel()
	context := tree(t, map[string]fs.FileMode{".git/HEAD": 0o644, ".git/config": 0o644, "go.mod": 0o644, "bin/helm": 0o755})
	for _, row := range []struct{ tracked, want []string }{
		{[]string{"go.mod", "bin/helm"}, nil},
		{[]string{"go.mod"}, []string{"bin/helm is in the context: name it in .dockerignore"}},
		{[]string{"go.mod", "bin/helm", "go.sum"}, []string{"go.sum is not in the context"}},
	} {
		wrong, err := image.JudgeContext(context, row.tracked)
		if err != nil {
			t.Fatal(err)
		}
		told(t, wrong, row.want...)
	}
}

// told wants exactly these faults, each by a part of its text, in order.
func told(t *testing.T, wrong []string, want ...string) {
	t.Helper()
	if !slices.EqualFunc(wrong, want, strings.Contains) {
		t.Errorf("told:\n%s\nwant:\n%s", strings.Join(wrong, "\n"), strings.Join(want, "\n"))
	}
}

// tree makes files, and folders where the name ends with a slash.
func tree(t *testing.T, modes map[string]fs.FileMode) string {
	t.Helper()
	root := t.TempDir()
	for name, mode := range modes {
		path := filepath.Join(root, name)
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, mode); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
