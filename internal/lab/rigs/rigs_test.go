package rigs

import (
	"debug/buildinfo"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestEachRigHasAVersionInItsFileName(t *testing.T) {
	t.Parallel()
	var files []string
	for _, name := range append(Names(), "yq") {
		rig, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(rig.Version, "v") || !strings.HasSuffix(rig.Path, "-"+rig.Version) {
			t.Errorf("%+v", rig)
		}
		files = append(files, rig.Path)
	}
	slices.Sort(files)
	if len(files) != 5 || len(slices.Compact(files)) != 5 {
		t.Errorf("%d rigs share files: %v", len(files), files)
	}
}

func TestABuiltRigIsOfTheVersionInGoMod(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			info, err := buildinfo.ReadFile(need(t, name))
			if err != nil {
				t.Fatal(err)
			}
			rig, err := Find(name)
			if err != nil {
				t.Fatal(err)
			}
			if info.Path != rig.Package || info.Main.Version != rig.Version {
				t.Errorf("%s is %s %s; delete it and run: make rigs", rig.Path, info.Path, info.Main.Version)
			}
		})
	}
}

func TestAnUnknownRigIsAnErrorThatListsTheRigs(t *testing.T) {
	t.Parallel()
	_, err := Find("cosign9")
	if err == nil || !strings.Contains(err.Error(), "helm") {
		t.Error(err)
	}
}

// Not parallel: it changes the environment.
func TestAMissingRigSkipsTheTestButFailsItInCI(t *testing.T) {
	t.Setenv("RELEASER_RIGS", t.TempDir())
	for ci, want := range map[string]string{"": "skip: ", "false": "skip: ", "true": "fatal: "} {
		t.Setenv("CI", ci)
		for name, ask := range map[string]func(testing.TB) string{
			"helm-v4": Helm, "cosign-v2": Cosign, "cosign-v3": Cosign3, "staticcheck-v0": Staticcheck,
		} {
			said := asked(t, ask)
			if !strings.HasPrefix(said, want+name) || !strings.Contains(said, "make rigs") {
				t.Errorf("CI=%s: %q", ci, said)
			}
		}
	}
}

// Not parallel: it changes the environment.
func TestABuiltRigIsFoundInTheConfiguredFolder(t *testing.T) {
	t.Setenv("RELEASER_RIGS", t.TempDir())
	rig, err := Find("helm")
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(rig.Path) != os.Getenv("RELEASER_RIGS") || rig.Built() {
		t.Errorf("%+v", rig)
	}
	if err := os.WriteFile(rig.Path, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if said := asked(t, Helm); said != rig.Path {
		t.Error(said)
	}
}

// asked is what a test that asks for a rig gets to hear.
func asked(t *testing.T, ask func(testing.TB) string) (said string) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		listener := &listener{TB: t, said: &said}
		said = ask(listener)
	}()
	<-done
	return said
}

// listener is a test that notes how it ended.
type listener struct {
	testing.TB
	said *string
}

func (l *listener) Skip(args ...any)  { l.end("skip: ", args) }
func (l *listener) Fatal(args ...any) { l.end("fatal: ", args) }

func (l *listener) end(how string, args []any) {
	*l.said = how + args[0].(string)
	runtime.Goexit()
}
