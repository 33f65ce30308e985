package registry

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/lab/chartlab"
	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/internal/lab/rigs"
)

// rich has everything in its Chart.yaml that helm push makes an annotation of.
const rich = `-- charts/rich/Chart.yaml --
apiVersion: v2
name: rich
description: "A chart with <markup> & more"
type: application
version: 1.2.3-rc.1+build.7
appVersion: "4.5"
home: https://example.com
icon: https://example.com/icon.svg
keywords: [voice]
sources: [https://elsewhere.example.com/rich]
maintainers:
  - {name: Ann, email: ann@example.com}
  - {name: Bob}
annotations:
  example.com/team: voice
  org.opencontainers.image.title: not this
  org.opencontainers.image.vendor: Acme
-- charts/rich/values.yaml --
greeting: hello
-- charts/rich/templates/configmap.yaml --
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-rich
data:
  greeting: {{ .Values.greeting | quote }}
`

// The judge is the helm command: what it pushes of the same archive, and whether it takes ours.
func TestHelmWouldHavePushedTheSame(t *testing.T) {
	t.Parallel()
	helm := judge(t)
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		for _, text := range []string{rich, chartlab.Small("small", "0.1.0"), chartlab.Library("library", "2.0.0")} {
			pkg := chartlab.Package(t, text, chartlab.Options{Pins: noPins()})
			pushed, err := r.Push(t.Context(), pkg, nil)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), pkg.Name()+"-"+pkg.Version()+".tgz")
			if err := os.WriteFile(file, pkg.Archive(), 0o600); err != nil {
				t.Fatal(err)
			}
			helm(t, "push", file, "oci://"+server.Host()+"/helm", "--plain-http")
			theirs := at(t, server.Host(), func(o *Options) { o.URL = "oci://" + server.Host() + "/helm" })
			compare(t, manifestOf(t, r, pushed), manifestOf(t, theirs, pushed), pkg)
		}
	})
}

func compare(t *testing.T, ours, theirs []byte, pkg charts.Package) {
	t.Helper()
	var our, their ocispec.Manifest
	if err := json.Unmarshal(ours, &our); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(theirs, &their); err != nil {
		t.Fatal(err)
	}
	for key, value := range their.Annotations {
		switch key {
		case ocispec.AnnotationCreated, ocispec.AnnotationSource:
			// Helm writes the time of the push and the first source of Chart.yaml; we, where it comes from.
			if our.Annotations[key] == "" {
				t.Errorf("%s: we leave %s out", pkg.Name(), key)
			}
		default:
			if our.Annotations[key] != value {
				t.Errorf("%s: %s is %q, helm writes %q", pkg.Name(), key, our.Annotations[key], value)
			}
		}
	}
	if a, b := stripped(t, ours), stripped(t, theirs); !bytes.Equal(a, b) {
		t.Errorf("%s: the manifest is\n%s\nhelm writes\n%s", pkg.Name(), a, b)
	}
	if len(our.Layers) != 1 || our.Layers[0].Digest.String() != pkg.Digest() {
		t.Errorf("%s: the layers are %v", pkg.Name(), our.Layers)
	}
}

// stripped is the manifest byte for byte as it was written, without its annotations, which come last.
func stripped(t *testing.T, manifest []byte) []byte {
	t.Helper()
	i := bytes.Index(manifest, []byte(`,"annotations":`))
	if i < 0 {
		t.Fatalf("no annotations in %s", manifest)
	}
	return manifest[:i]
}

func manifestOf(t *testing.T, r *Registry, p Pushed) []byte {
	t.Helper()
	repository, err := r.Repository(p.Chart())
	if err != nil {
		t.Fatal(err)
	}
	_, raw, err := oras.FetchBytes(t.Context(), repository, strings.ReplaceAll(p.Version(), "+", "_"), oras.DefaultFetchBytesOptions)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestHelmTakesWhatWePushed(t *testing.T) {
	t.Parallel()
	helm := judge(t)
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		plain := pushRich(t, r, "1.2.3")
		takes(t, helm, plain, plain.Reference())
		// Helm reads no "+" in a reference, neither as it is nor as "_": the version stands beside it.
		build := pushRich(t, r, "1.2.4-rc.1+build.7")
		takes(t, helm, build, "oci://"+build.Repository(), "--version", build.Version())
		takes(t, helm, build, "oci://"+build.Repository(), "--version", ">=1.2.4-0")
		takes(t, helm, build, "oci://"+build.Repository()+"@"+build.Digest())
	})
}

func pushRich(t *testing.T, r *Registry, version string) Pushed {
	t.Helper()
	text := strings.Replace(rich, "1.2.3-rc.1+build.7", version, 1)
	pushed, err := r.Push(t.Context(), chartlab.Package(t, text, chartlab.Options{Pins: noPins()}), nil)
	if err != nil {
		t.Fatal(err)
	}
	return pushed
}

// takes has helm pull, show and render the chart.
func takes(t *testing.T, helm func(*testing.T, ...string) string, pushed Pushed, reference ...string) {
	t.Helper()
	dir := t.TempDir()
	helm(t, slices.Concat([]string{"pull", "--plain-http", "--destination", dir}, reference)...)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%s: helm pull leaves %q (%v)", reference, files, err)
	}
	archive, err := os.ReadFile(files[0])
	if err != nil || digest.FromBytes(archive) != pushed.layer.Digest {
		t.Errorf("%s: helm pulls other bytes (%v)", reference, err)
	}
	if shown := helm(t, slices.Concat([]string{"show", "chart", "--plain-http"}, reference)...); !strings.Contains(shown, "version: "+pushed.Version()) {
		t.Errorf("%s: helm shows\n%s", reference, shown)
	}
	if rendered := helm(t, slices.Concat([]string{"template", "x", "--plain-http"}, reference)...); !strings.Contains(rendered, `greeting: "hello"`) {
		t.Errorf("%s: helm renders\n%s", reference, rendered)
	}
}

func TestADependencyThatHelmPushedIsFetched(t *testing.T) {
	t.Parallel()
	helm := judge(t)
	onBoth(t, func(t *testing.T, server *door.Door) {
		pkg := chartlab.Package(t, chartlab.Library("library", "2.0.0"), chartlab.Options{Pins: noPins()})
		file := filepath.Join(t.TempDir(), "library-2.0.0.tgz")
		if err := os.WriteFile(file, pkg.Archive(), 0o600); err != nil {
			t.Fatal(err)
		}
		helm(t, "push", file, "oci://"+server.Host()+"/third/party", "--plain-http")
		r := at(t, server.Host(), func(o *Options) { o.DependencyHosts = []string{server.Host()} })
		archive, err := r.Get(t.Context(), "oci://"+server.Host()+"/third/party", "library", "2.0.0")
		if err != nil || !bytes.Equal(archive, pkg.Archive()) {
			t.Errorf("%d bytes (%v)", len(archive), err)
		}
	})
}

// judge runs the helm command with a home of its own and returns what it prints.
func judge(t *testing.T) func(t *testing.T, arguments ...string) string {
	t.Helper()
	binary, home := rigs.Helm(t), t.TempDir()
	return func(t *testing.T, arguments ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), binary, arguments...)
		command.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("helm %s: %v\n%s", strings.Join(arguments, " "), err, out)
		}
		return string(out)
	}
}
