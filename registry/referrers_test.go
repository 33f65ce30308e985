package registry

import (
	"fmt"
	"sync"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"

	"github.com/releaser/releaser/internal/lab/ocid/door"
)

// Where there is no referrers API, the list of referrers is a tag that is read, changed and written. It stays whole
// because all writers share one handle.
func TestReferrersAttachedAtTheSameTimeAreAllListed(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		pushed := mustPush(t, r, voice())
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				repository, err := r.Repository("voice")
				if err != nil {
					t.Error(err)
					return
				}
				subject := pushed.Descriptor()
				_, err = oras.PackManifest(t.Context(), repository, oras.PackManifestVersion1_1, "application/vnd.example", oras.PackManifestOptions{
					Subject:             &subject,
					ManifestAnnotations: map[string]string{"number": fmt.Sprint(i), ocispec.AnnotationCreated: "2024-05-06T07:08:09Z"},
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		repository, err := at(t, server.Host()).Repository("voice")
		if err != nil {
			t.Fatal(err)
		}
		listed := 0
		err = repository.Referrers(t.Context(), pushed.Descriptor(), "", func(page []ocispec.Descriptor) error {
			listed += len(page)
			return nil
		})
		if err != nil || listed != 8 {
			t.Errorf("%d of 8 are listed (%v)", listed, err)
		}
		if versions, err := r.Versions(t.Context(), "voice"); err != nil || len(versions) != 1 {
			t.Errorf("the versions are %q (%v)", versions, err)
		}
	})
}
