package registry

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"

	"github.com/releaser/releaser/internal/lab/chartlab"
	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/internal/lab/ocid/mem"
)

func TestWhatWasPushedIsWhatIsRead(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		chart := voice(func(s *sample) { s.version = "1.2.3-rc.1+build.7" })
		pushed := mustPush(t, r, chart)
		pkg := chart.pack(t)
		if !pushed.New() || pushed.Chart() != "voice" || pushed.Version() != chart.version || pushed.Library() {
			t.Errorf("new %v, %s %s, library %v", pushed.New(), pushed.Chart(), pushed.Version(), pushed.Library())
		}
		if got, want := pushed.Reference(), "oci://"+server.Host()+"/charts/voice:1.2.3-rc.1_build.7"; got != want {
			t.Errorf("reference %s, want %s", got, want)
		}
		if pushed.Source() != chartlab.Source || pushed.Tag() != "voice-1.0.0" || pushed.Commit() != commitA || pushed.Path() != "charts/voice" {
			t.Errorf("it comes from %s %s %s %s", pushed.Source(), pushed.Tag(), pushed.Commit(), pushed.Path())
		}
		if want := time.Date(2026, 11, 2, 14, 4, 5, 0, time.UTC); !pushed.Created().Equal(want) {
			t.Errorf("created %s, want %s", pushed.Created(), want)
		}
		byTag, err := r.Resolve(t.Context(), "voice", chart.version)
		if err != nil || byTag.Digest() != pushed.Digest() || byTag.New() {
			t.Errorf("by tag: %s, new %v (%v)", byTag.Digest(), byTag.New(), err)
		}
		byDigest, err := r.ResolveDigest(t.Context(), "voice", pushed.Digest())
		if err != nil || byDigest.Reference() != pushed.Reference() || byDigest.Content() != pushed.Content() {
			t.Errorf("by digest: %s (%v)", byDigest.Reference(), err)
		}
		archive, err := r.Pull(t.Context(), byTag)
		if err != nil || !bytes.Equal(archive, pkg.Archive()) {
			t.Errorf("the archive comes back as %d bytes (%v), want %d", len(archive), err, len(pkg.Archive()))
		}
	})
}

func TestTheManifestHasTheFieldsOfHelmAndNoOthers(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		rel := newRelease(voice().pack(t))
		pushed := mustPush(t, r, voice())
		repository, _ := r.Repository("voice")
		_, got, err := oras.FetchBytes(t.Context(), repository, "1.0.0", oras.DefaultFetchBytesOptions)
		if err != nil {
			t.Fatal(err)
		}
		want, err := newManifest(
			ocispec.Descriptor{MediaType: "application/vnd.cncf.helm.config.v1+json", Digest: pushed.config.Digest, Size: int64(len(rel.config))},
			ocispec.Descriptor{MediaType: "application/vnd.cncf.helm.chart.content.v1.tar+gzip", Digest: pushed.layer.Digest, Size: int64(len(rel.archive))},
			rel.annotations)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) || bytes.Contains(got, []byte(`image.manifest.v1`)) {
			t.Errorf("the manifest is\n%s\nwant\n%s", got, want)
		}
	})
}

func TestASecondPushUploadsNothing(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		first := mustPush(t, r, voice())
		if got, want := server.Tally().String(), "GET manifest 1, GET tags 1, POST upload 2, PUT manifest 1, PUT upload 2"; got != want {
			t.Errorf("the first push asks %s, want %s", got, want)
		}
		before := server.Tally()
		second := mustPush(t, r, voice())
		if got, want := server.Tally().Since(before).String(), "GET manifest 1"; got != want {
			t.Errorf("the second push asks %s, want %s", got, want)
		}
		if second.New() || second.Digest() != first.Digest() {
			t.Errorf("the second push is new: %v, %s after %s", second.New(), second.Digest(), first.Digest())
		}
	})
}

func TestANewProcessAsksOnceWhoOwnsTheRepository(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		mustPush(t, at(t, server.Host()), voice())
		r := at(t, server.Host())
		for _, c := range []struct{ version, want string }{
			{"1.1.0", "GET manifest 2, GET tags 1, POST upload 2, PUT manifest 1, PUT upload 2"},
			{"1.2.0", "GET manifest 1, POST upload 2, PUT manifest 1, PUT upload 2"},
		} {
			before := server.Tally()
			mustPush(t, r, voice(func(s *sample) { s.version, s.commit = c.version, commitB }))
			if got := server.Tally().Since(before).String(); got != c.want {
				t.Errorf("the push of %s asks %s, want %s", c.version, got, c.want)
			}
		}
	})
}

// F11
func TestPushOfOtherBytesIsConflict(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		first := mustPush(t, r, voice())
		for name, change := range map[string]func(*sample){
			"other values of the same commit": func(s *sample) { s.values = "replicas: 2\n" },
			"another type of the same commit": func(s *sample) { s.library = true },
			"another commit":                  func(s *sample) { s.commit = commitB },
			"another commit, other values":    func(s *sample) { s.commit, s.values = commitB, "replicas: 2\n" },
		} {
			other := voice(change)
			before := server.Tally()
			_, err := push(t, r, other)
			if !errors.Is(err, ErrConflict) {
				t.Errorf("%s: %v", name, err)
				continue
			}
			says(t, err, "voice-1.0.0@sha1:"+commitA, "voice-1.0.0@sha1:"+other.commit, "raise the version in charts/voice/Chart.yaml")
			if n := server.Tally().Since(before).Writes(); n != 0 {
				t.Errorf("%s: %d writes", name, n)
			}
		}
		if now := digestOf(t, r, "voice", "1.0.0"); now != first.Digest() {
			t.Errorf("the tag has moved from %s to %s", first.Digest(), now)
		}
	})
}

func TestAnotherConfigOfTheSameContentIsConflict(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		mustPush(t, r, voice())
		rel := newRelease(voice().pack(t))
		rel.config = append(rel.config, ' ')
		if _, err := r.push(t.Context(), rel, nil); !errors.Is(err, ErrConflict) {
			t.Error(err)
		}
	})
}

func TestOtherCompressionOfTheSameContentIsTheSameRelease(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		first := mustPush(t, r, voice())
		rel := newRelease(voice().pack(t))
		rel.archive = stored(t, rel.archive)
		second, err := r.push(t.Context(), rel, nil)
		if err != nil {
			t.Fatal(err)
		}
		if second.New() || second.Digest() != first.Digest() {
			t.Errorf("new %v, %s after %s", second.New(), second.Digest(), first.Digest())
		}
	})
}

// stored is the same tar without compression.
func stored(t *testing.T, archive []byte) []byte {
	t.Helper()
	from, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	var plain bytes.Buffer
	to, err := gzip.NewWriterLevel(&plain, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return plain.Bytes()
}

func TestASecondTagOnTheSameCommitIsTheSameRelease(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		mustPush(t, r, voice())
		again := mustPush(t, r, voice(func(s *sample) { s.tag = "v1.0.0" }))
		if again.New() || again.Tag() != "voice-1.0.0" {
			t.Errorf("new %v, released from %s", again.New(), again.Tag())
		}
	})
}

func TestAVersionThatHelmPushedIsLeftAlone(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		theirs := stranger(t, r, "1.0.0", "1.0.0", map[string]string{ocispec.AnnotationSource: chartlab.Source})
		_, err := push(t, r, voice())
		if !errors.Is(err, ErrForeign) {
			t.Fatal(err)
		}
		says(t, err, "was not pushed by releaser", "raise the version in charts/voice/Chart.yaml")
		if now := digestOf(t, r, "voice", "1.0.0"); now != theirs {
			t.Errorf("the tag has moved from %s to %s", theirs, now)
		}
		if _, err := r.Resolve(t.Context(), "voice", "1.0.0"); !errors.Is(err, ErrForeign) {
			t.Errorf("Resolve: %v", err)
		}
	})
}

func TestARepositoryOfAnotherSourceIsRefused(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		mustPush(t, r, voice(func(s *sample) { s.source = "https://git.example.com/other/repo.git" }))
		stranger(t, r, "9.0.0", "9.0.0", nil)
		before := server.Tally()
		for _, version := range []string{"1.0.0", "0.9.0", "2.0.0"} {
			_, err := push(t, r, voice(func(s *sample) { s.version = version }))
			if !errors.Is(err, ErrForeign) {
				t.Fatalf("%s: %v", version, err)
			}
			says(t, err, "it belongs to https://git.example.com/other/repo.git", "comes from "+chartlab.Source, "rename the chart")
		}
		if n := server.Tally().Since(before).Writes(); n != 0 {
			t.Errorf("%d writes", n)
		}
	})
}

func TestVersionsOfStrangersDoNotOwnARepository(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		stranger(t, r, "0.9.0", "0.9.0", map[string]string{ocispec.AnnotationSource: "https://git.example.com/before.git"})
		if pushed := mustPush(t, r, voice()); !pushed.New() {
			t.Error("it was there already")
		}
	})
}

func TestStrangersDoNotHideTheOwnerOfARepository(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		mustPush(t, r, voice())
		for i := range 12 {
			version := fmt.Sprintf("2.0.%d", i)
			stranger(t, r, version, version, nil)
		}
		before := server.Tally()
		_, err := push(t, r, voice(func(s *sample) { s.version, s.source = "3.0.0", "https://git.example.com/other/repo.git" }))
		if !errors.Is(err, ErrForeign) || server.Tally().Since(before).Writes() != 0 {
			t.Errorf("%v, after %s", err, server.Tally().Since(before))
		}
		mustPush(t, r, voice(func(s *sample) { s.version = "3.0.0" }))
	})
}

// B6
func TestTwoVersionsWithOneTagAreConflict(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		stranger(t, r, "1.0.0_a", "1.0.0_a", nil)
		_, err := push(t, r, voice(func(s *sample) { s.version = "1.0.0+a" }))
		if !errors.Is(err, ErrConflict) {
			t.Fatal(err)
		}
		says(t, err, "holds version 1.0.0_a", "not 1.0.0+a: somebody moved the tag")
	})
}

func TestPushesOfOneProcessTakeTurns(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = push(t, r, voice(func(s *sample) { s.values = fmt.Sprint("replicas: ", i) }))
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, ErrConflict) {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d of 8 different pushes of one version went in", won)
		}
	})
}

func TestTheQuirksOfOtherRegistriesAreNoObstacle(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]mem.Options{
		"immutable tags":                {ImmutableTags: true},
		"no digest in answers by tag":   {OmitDigest: true},
		"no long pages, as ECR":         {MaxListPageSize: 1},
		"no referrers API":              {NoReferrers: true},
		"all that ECR is known to have": {ImmutableTags: true, OmitDigest: true, MaxListPageSize: 1000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := inMemory(t, o)
			r := at(t, server.Host())
			first := mustPush(t, r, voice())
			if again := mustPush(t, r, voice()); again.New() || again.Digest() != first.Digest() {
				t.Errorf("new %v, %s", again.New(), again.Digest())
			}
			if _, err := push(t, r, voice(func(s *sample) { s.values = "other: true\n" })); !errors.Is(err, ErrConflict) {
				t.Error(err)
			}
			mustPush(t, r, voice(func(s *sample) { s.version = "1.1.0" }))
		})
	}
}

// A registry that keeps tags immutable settles what two processes do at the same time.
func TestATagThatAppearsDuringThePushIsNotOverwrittenWhereTagsAreImmutable(t *testing.T) {
	t.Parallel()
	server := inMemory(t, mem.Options{ImmutableTags: true})
	other := at(t, server.Host())
	first := voice(func(s *sample) { s.values = "other: true\n" })
	var once sync.Once
	host := before(t, server, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && door.ClassOf(r.URL.Path) == door.Manifest {
			once.Do(func() { mustPush(t, other, first) })
		}
		return false
	})
	// The host is another one, but the source and the version are the same: what is there is compared.
	if _, err := push(t, at(t, host), voice()); !errors.Is(err, ErrConflict) {
		t.Error(err)
	}
	pushed, err := other.Resolve(t.Context(), "voice", "1.0.0")
	if want := first.pack(t).Content(); err != nil || pushed.Content() != want {
		t.Errorf("the tag holds %s (%v), want %s", pushed.Content(), err, want)
	}
}

func TestAPackageWithoutARecordIsNotPushed(t *testing.T) {
	t.Parallel()
	r := at(t, "127.0.0.1:1")
	rel := newRelease(voice().pack(t))
	delete(rel.annotations, ocispec.AnnotationRevision)
	_, err := r.push(t.Context(), rel, nil)
	says(t, err, "does not say which tag and commit")
}
