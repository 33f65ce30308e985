package registry

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/lab/chartlab"
	"github.com/releaser/releaser/internal/lab/ocid"
	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/internal/lab/ocid/mem"
	"github.com/releaser/releaser/internal/scalar"
)

const (
	commitA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	commitB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// onBoth runs a test on each of the two real registries.
func onBoth(t *testing.T, test func(t *testing.T, server *door.Door)) {
	t.Helper()
	t.Run("distribution", func(t *testing.T) {
		t.Parallel()
		server, err := ocid.Start(ocid.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
		test(t, server.Door)
	})
	t.Run("ociregistry", func(t *testing.T) {
		t.Parallel()
		test(t, inMemory(t, mem.Options{}))
	})
}

func inMemory(t *testing.T, o mem.Options) *door.Door {
	t.Helper()
	server, err := mem.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server
}

// at is the registry of a server in the clear, or whatever else the options say.
func at(t *testing.T, host string, more ...func(*Options)) *Registry {
	t.Helper()
	o := Options{URL: "oci://" + host + "/charts", PlainHTTP: true}
	for _, change := range more {
		change(&o)
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// before stands in front of a registry and may answer in its place.
func before(t *testing.T, server http.Handler, first func(w http.ResponseWriter, r *http.Request) (answered bool)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !first(w, r) {
			server.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// voice is a chart to release; the functions change what it is made of. Nothing is pinned, so that two commits may
// hold the same content.
func voice(changes ...func(*sample)) sample {
	s := sample{name: "voice", version: "1.0.0", tag: "voice-1.0.0", commit: commitA, values: "replicas: 1\n"}
	for _, change := range changes {
		change(&s)
	}
	return s
}

type sample struct {
	name, version, source, tag, commit, values string
	library                                    bool
}

// pack takes the chart down the whole line of package charts.
func (s sample) pack(t *testing.T) charts.Package {
	t.Helper()
	text := chartlab.Small(s.name, s.version)
	if s.library {
		text = chartlab.Library(s.name, s.version)
	}
	text += "-- charts/" + s.name + "/values-extra.yaml --\n" + s.values
	return chartlab.Package(t, text, chartlab.Options{
		Source: s.source, Tag: s.tag, Commit: s.commit, Pins: noPins(),
	})
}

// noPins is not nil, which would be image.tag.
func noPins() []scalar.Edit { return []scalar.Edit{} }

func push(t *testing.T, r *Registry, s sample) (Pushed, error) {
	t.Helper()
	return r.Push(t.Context(), s.pack(t), nil)
}

func mustPush(t *testing.T, r *Registry, s sample) Pushed {
	t.Helper()
	pushed, err := push(t, r, s)
	if err != nil {
		t.Fatal(err)
	}
	return pushed
}

// stranger pushes a version of voice as helm push would, without our record; the annotations are added.
func stranger(t *testing.T, r *Registry, version, tag string, annotations map[string]string) string {
	t.Helper()
	rel := newRelease(voice().pack(t))
	h, err := r.chart(rel.name)
	if err != nil {
		t.Fatal(err)
	}
	config := content.NewDescriptorFromBytes(configType, rel.config)
	layer := content.NewDescriptorFromBytes(layerType, rel.archive)
	all := map[string]string{ocispec.AnnotationTitle: rel.name, ocispec.AnnotationVersion: version}
	maps.Copy(all, annotations)
	raw, err := newManifest(config, layer, all)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(h.put(t.Context(), config, rel.config), h.put(t.Context(), layer, rel.archive)); err != nil {
		t.Fatal(err)
	}
	desc, err := h.putManifest(t.Context(), raw, tag)
	if err != nil {
		t.Fatal(err)
	}
	return desc.Digest.String()
}

// digestOf is the digest that a tag has now, asked past the room.
func digestOf(t *testing.T, r *Registry, chart, tag string) string {
	t.Helper()
	repository, err := r.Repository(chart)
	if err != nil {
		t.Fatal(err)
	}
	desc, err := repository.Resolve(t.Context(), tag)
	if err != nil {
		t.Fatal(err)
	}
	return desc.Digest.String()
}

// says fails unless the error has each of the texts in it.
func says(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the error does not say %q: %v", text, err)
		}
	}
}

// write puts a file into a folder of its own.
func write(t *testing.T, name string, text []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
