package registry

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/internal/lab/ocid/mem"
)

// Whoever may write to the registry and reads the commit knows the record before we push. It must not vouch for an
// archive that we did not build, because what Push returns is signed.
func TestAnotherArchiveUnderOurRecordIsConflict(t *testing.T) {
	t.Parallel()
	rel := newRelease(voice().pack(t))
	other := newRelease(voice(func(s *sample) { s.values = "evil: true\n" }).pack(t))
	for name, archive := range map[string][]byte{
		"no archive":          []byte("the evil chart"),
		"another chart":       other.archive,
		"something behind it": append(bytes.Clone(rel.archive), "evil"...),
		"another behind it":   append(bytes.Clone(rel.archive), other.archive...),
		"an empty one behind": append(bytes.Clone(rel.archive), zipped(t, strings.NewReader(""))...),
		"half of it":          rel.archive[:len(rel.archive)/2],
		"a bomb":              zipped(t, io.LimitReader(zeros{}, maxContent+1)),
		"more than is read":   nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := inMemory(t, mem.Options{})
			r := at(t, server.Host())
			theirs := forge(t, r, rel, archive, func(m *ocispec.Manifest) {
				if archive == nil {
					m.Layers[0].Size = maxArchive + 1
				}
			})
			conflicts(t, server, r, theirs)
		})
	}
}

func TestAnotherManifestOfOurArchiveIsConflict(t *testing.T) {
	t.Parallel()
	rel := newRelease(voice().pack(t))
	for name, change := range map[string]func(m *ocispec.Manifest){
		"a second layer":          func(m *ocispec.Manifest) { m.Layers = append(m.Layers, m.Config) },
		"another kind of layer":   func(m *ocispec.Manifest) { m.Layers[0].MediaType = legacyLayerType },
		"a URL for the layer":     func(m *ocispec.Manifest) { m.Layers[0].URLs = []string{"https://example.com/evil.tgz"} },
		"a subject":               func(m *ocispec.Manifest) { m.Subject = &m.Config },
		"an annotation more":      func(m *ocispec.Manifest) { m.Annotations["evil"] = "true" },
		"an annotation less":      func(m *ocispec.Manifest) { delete(m.Annotations, ocispec.AnnotationTitle) },
		"a dependency more":       func(m *ocispec.Manifest) { m.Annotations[charts.AnnotationDependency+"x"] = "sha256:0" },
		"another folder":          func(m *ocispec.Manifest) { m.Annotations[charts.AnnotationPath] = "elsewhere" },
		"another time":            func(m *ocispec.Manifest) { m.Annotations[ocispec.AnnotationCreated] = "2001-01-01T00:00:00Z" },
		"another length":          func(m *ocispec.Manifest) { m.Config.Size++ },
		"a config in the listing": func(m *ocispec.Manifest) { m.Config.Data = rel.config },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := inMemory(t, mem.Options{})
			r := at(t, server.Host())
			conflicts(t, server, r, forge(t, r, rel, rel.archive, change))
		})
	}
}

// The same fields once more, in other letters: Go takes the last of them, other tools the first.
func TestAManifestOfTwoMeaningsIsConflict(t *testing.T) {
	t.Parallel()
	server := inMemory(t, mem.Options{})
	r := at(t, server.Host())
	pushed := mustPush(t, r, voice())
	lie := at(t, before(t, server, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || door.ClassOf(r.URL.Path) != door.Manifest {
			return false
		}
		body, typ := ask(server, r)
		body = append([]byte(`{"layers":[{"mediaType":"application/tar+gzip","digest":"sha256:0","size":1}],`), body[1:]...)
		answer(w, body, typ)
		return true
	}))
	if _, err := push(t, lie, voice()); !errors.Is(err, ErrConflict) {
		t.Errorf("%v, after %s", err, pushed.Digest())
	}
}

// Whoever compressed it, the files are those of the release; so says the archive itself.
func TestAnotherCompressionThatIsThereAlreadyIsTheSameRelease(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		rel := newRelease(voice().pack(t))
		theirs := forge(t, r, rel, stored(t, rel.archive), func(*ocispec.Manifest) {})
		before := server.Tally()
		pushed := mustPush(t, r, voice())
		if pushed.New() || pushed.Digest() != theirs {
			t.Errorf("new %v, %s, want %s", pushed.New(), pushed.Digest(), theirs)
		}
		if got, want := server.Tally().Since(before).String(), "GET blob 1, GET manifest 1"; got != want {
			t.Errorf("it asks %s, want %s", got, want)
		}
	})
}

// forge puts an archive of somebody's under the version of a release, with the record and the config of that.
func forge(t *testing.T, r *Registry, rel release, archive []byte, change func(*ocispec.Manifest)) (manifestDigest string) {
	t.Helper()
	h, err := r.chart(rel.name)
	if err != nil {
		t.Fatal(err)
	}
	config, layer := content.NewDescriptorFromBytes(configType, rel.config), content.NewDescriptorFromBytes(layerType, archive)
	if err := errors.Join(h.put(t.Context(), config, rel.config), h.put(t.Context(), layer, archive)); err != nil {
		t.Fatal(err)
	}
	raw, err := newManifest(config, layer, maps.Clone(rel.annotations))
	if err != nil {
		t.Fatal(err)
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	change(&m)
	if raw, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	desc, err := h.putManifest(t.Context(), raw, rel.version)
	if err != nil {
		t.Fatal(err)
	}
	return desc.Digest.String()
}

// conflicts pushes voice, twice, over what somebody forged.
func conflicts(t *testing.T, server *door.Door, r *Registry, theirs string) {
	t.Helper()
	before := server.Tally()
	for range 2 {
		pushed, err := push(t, r, voice())
		if !errors.Is(err, ErrConflict) || pushed.Digest() != "" {
			t.Errorf("%s (%v)", pushed.Digest(), err)
		}
		says(t, err, "raise the version in charts/voice/Chart.yaml")
	}
	if n := server.Tally().Since(before).Writes(); n != 0 {
		t.Errorf("%d writes", n)
	}
	if now := digestOf(t, r, "voice", "1.0.0"); now != theirs {
		t.Errorf("the tag has moved from %s to %s", theirs, now)
	}
}

func zipped(t *testing.T, from io.Reader) []byte {
	t.Helper()
	var packed bytes.Buffer
	to := gzip.NewWriter(&packed)
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// zeros has no end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
