package signing

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"

	"github.com/releaser/releaser/internal/lab/ocid"
	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/internal/lab/ocid/mem"
	"github.com/releaser/releaser/registry"
)

// shelf is one real registry and our handle on it.
type shelf struct {
	*registry.Registry
	door *door.Door
	host string
}

// eachRegistry runs a test on both kinds: without a referrers API and with one.
func eachRegistry(t *testing.T, test func(t *testing.T, s shelf)) {
	t.Run("no referrers API", func(t *testing.T) {
		t.Parallel()
		test(t, distribution(t))
	})
	t.Run("referrers API", func(t *testing.T) {
		t.Parallel()
		test(t, withReferrers(t, mem.Options{}))
	})
}

// distribution is CNCF's registry, in memory.
func distribution(t testing.TB) shelf {
	server, err := ocid.Start(ocid.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return open(t, server.Door)
}

// withReferrers is cuelabs' registry, in memory.
func withReferrers(t testing.TB, o mem.Options) shelf {
	server, err := mem.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return open(t, server)
}

// open gives a new handle on a registry, as another process would have it.
func open(t testing.TB, d *door.Door) shelf {
	reg, err := registry.New(registry.Options{URL: "oci://" + d.Host() + "/charts", PlainHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	return shelf{Registry: reg, door: d, host: d.Host()}
}

// push puts a chart on the shelf as Helm does.
func (s shelf) push(t testing.TB, chart, version string) registry.Pushed {
	t.Helper()
	target := s.target(t, chart, ocispec.Descriptor{})
	config := mustPush(t, target, "application/vnd.cncf.helm.config.v1+json", fmt.Appendf(nil, `{"name":%q,"version":%q}`, chart, version))
	layer := mustPush(t, target, "application/vnd.cncf.helm.chart.content.v1.tar+gzip", []byte("the archive of "+chart+version))
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{layer},
		Annotations: map[string]string{
			ocispec.AnnotationTitle: chart, ocispec.AnnotationVersion: version,
			ocispec.AnnotationCreated:    "2026-11-03T09:00:00Z",
			ocispec.AnnotationSource:     "https://github.com/acme/platform.git",
			ocispec.AnnotationRevision:   chart + "-" + version + "@sha1:" + strings.Repeat("a", 40),
			"io.github.releaser.path":    "charts/" + chart,
			"io.github.releaser.content": "sha256:" + strings.Repeat("b", 64),
		},
	}
	if err := pushManifest(t.Context(), target, m, strings.ReplaceAll(version, "+", "_")); err != nil {
		t.Fatal(err)
	}
	p, err := s.Resolve(t.Context(), chart, version)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// target is what the package signs, for tests that write to the registry behind its back.
func (s shelf) target(t testing.TB, chart string, subject ocispec.Descriptor) target {
	t.Helper()
	repo, err := s.Repository(chart)
	if err != nil {
		t.Fatal(err)
	}
	return target{repo: repo, name: s.host + "/charts/" + chart, subject: subject}
}

func mustPush(t testing.TB, target target, mediaType string, raw []byte) ocispec.Descriptor {
	t.Helper()
	desc, err := push(t.Context(), target, mediaType, raw)
	if err != nil {
		t.Fatal(err)
	}
	return desc
}

// pair is a key, and its two files where a command needs them.
type pair struct {
	key             *keypair
	private, public []byte
}

var password = []byte("correct horse")

// newPair makes a key without a private file: to encrypt one and to open it takes half a second.
func newPair(t testing.TB) pair {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := newKeypair(private)
	if err != nil {
		t.Fatal(err)
	}
	return pair{key: key, public: key.public.pem}
}

// newFiles makes a key with both files.
func newFiles(t testing.TB) pair {
	t.Helper()
	private, public, err := GenerateKey(password)
	if err != nil {
		t.Fatal(err)
	}
	key, err := loadKey(private, password)
	if err != nil {
		t.Fatal(err)
	}
	return pair{key, private, public}
}

// newSigner is New without the time that it takes to open the file.
func newSigner(t testing.TB, store Store, keys pair, o Options) *Signer {
	t.Helper()
	v, err := newVerifier(o, store, keys.key.public)
	if err != nil {
		t.Fatal(err)
	}
	return &Signer{Verifier: v, key: keys.key}
}

func mustSign(t testing.TB, s *Signer, p registry.Pushed) Signed {
	t.Helper()
	signed, err := s.Sign(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// contents is what a registry holds for one chart: its tags with their digests, the legacy signatures of a digest and
// what refers to it.
type contents struct {
	Tags      map[string]string
	Layers    int
	Referrers []string
}

func (s shelf) contents(t testing.TB, p registry.Pushed) contents {
	t.Helper()
	repo, err := s.Repository(p.Chart())
	if err != nil {
		t.Fatal(err)
	}
	found := contents{Tags: map[string]string{}}
	err = repo.Tags(t.Context(), "", func(tags []string) error {
		for _, tag := range tags {
			desc, raw, err := readTag(t, s.target(t, p.Chart(), p.Descriptor()), tag)
			if err != nil {
				return err
			}
			found.Tags[tag] = desc
			if strings.HasSuffix(tag, ".sig") {
				found.Layers = len(manifest(t, raw).Layers)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = repo.Referrers(t.Context(), p.Descriptor(), "", func(page []ocispec.Descriptor) error {
		for _, desc := range page {
			found.Referrers = append(found.Referrers, desc.Digest.String())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func readTag(t testing.TB, target target, tag string) (string, []byte, error) {
	raw, sum, err := fetchTag(t.Context(), target, tag)
	return sum.String(), raw, err
}

func manifest(t testing.TB, raw []byte) ocispec.Manifest {
	t.Helper()
	var m ocispec.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// attach makes a referrer of a pushed chart, as any other writer would.
func (s shelf) attach(t testing.TB, p registry.Pushed, mediaType string, raw []byte, annotations map[string]string) {
	t.Helper()
	target := s.target(t, p.Chart(), p.Descriptor())
	layer := mustPush(t, target, mediaType, raw)
	config := mustPush(t, target, ocispec.MediaTypeEmptyJSON, []byte("{}"))
	subject := content.NewDescriptorFromBytes(p.Descriptor().MediaType, nil)
	subject.Digest, subject.Size = p.Descriptor().Digest, p.Descriptor().Size
	err := pushManifest(t.Context(), target, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: mediaType,
		Config: config, Layers: []ocispec.Descriptor{layer}, Subject: &subject, Annotations: annotations,
	}, "")
	if err != nil {
		t.Fatal(err)
	}
}
