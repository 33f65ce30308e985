package mem

import (
	"net/http"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/registry/remote"
)

func TestThereIsAReferrersAPIUnlessItIsSwitchedOff(t *testing.T) {
	t.Parallel()
	for _, off := range []bool{false, true} {
		server, err := Start(Options{NoReferrers: off})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		repo := repository(t, server.Host())
		subject := push(t, repo, "a")
		resp, err := http.Get(server.URL() + "/v2/charts/voice/referrers/" + subject.Digest.String())
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if answered := resp.StatusCode == http.StatusOK; answered == off {
			t.Errorf("switched off: %v, but it answers %s", off, resp.Status)
		}
	}
}

func TestAnImmutableTagKeepsItsDigest(t *testing.T) {
	t.Parallel()
	server, err := Start(Options{ImmutableTags: true})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	repo := repository(t, server.Host())
	first := push(t, repo, "a")
	if err := repo.Tag(t.Context(), first, "1.0.0"); err != nil {
		t.Fatal(err)
	}
	if err := repo.Tag(t.Context(), push(t, repo, "b"), "1.0.0"); err == nil {
		t.Error("the tag was moved")
	}
	if err := repo.Tag(t.Context(), first, "1.0.0"); err != nil {
		t.Errorf("the same digest again: %v", err)
	}
}

func TestAnAnswerWithoutADigestStillHasTheContent(t *testing.T) {
	t.Parallel()
	server, err := Start(Options{OmitDigest: true})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	repo := repository(t, server.Host())
	want := push(t, repo, "a")
	if err := repo.Tag(t.Context(), want, "1.0.0"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(server.URL() + "/v2/charts/voice/manifests/1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if digest := resp.Header.Get("Docker-Content-Digest"); digest != "" {
		t.Errorf("the answer names %s", digest)
	}
	got, _, err := oras.FetchBytes(t.Context(), repo, "1.0.0", oras.DefaultFetchBytesOptions)
	if err != nil || got.Digest != want.Digest {
		t.Errorf("got %s (%v), want %s", got.Digest, err, want.Digest)
	}
}

func repository(t *testing.T, host string) *remote.Repository {
	t.Helper()
	repo, err := remote.NewRepository(host + "/charts/voice")
	if err != nil {
		t.Fatal(err)
	}
	repo.PlainHTTP = true
	return repo
}

func push(t *testing.T, repo *remote.Repository, text string) ocispec.Descriptor {
	t.Helper()
	desc, err := oras.PackManifest(t.Context(), repo, oras.PackManifestVersion1_1, "application/vnd.example", oras.PackManifestOptions{
		ManifestAnnotations: map[string]string{"text": text, ocispec.AnnotationCreated: "2024-01-01T00:00:00Z"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return desc
}
