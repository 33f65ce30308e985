package signing

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/internal/lab/ocid/mem"
)

// isIndex tells whether a request is about the list of referrers under the fallback tag.
func isIndex(r *http.Request) bool {
	return strings.Contains(r.URL.Path, "/manifests/sha256-") && !strings.HasSuffix(r.URL.Path, ".sig")
}

// isBundle tells whether a request writes the manifest of a signature.
func isBundle(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/sha256:")
}

func TestTheIndexIsReadWhileTheManifestIsOnItsWay(t *testing.T) {
	t.Parallel()
	l := newLiarOf(t, mem.Options{NoReferrers: true})
	p := l.push(t, "voice", "1.0.0")
	var looks atomic.Int64
	again := make(chan struct{})
	l.tell(func(_ http.ResponseWriter, r *http.Request) bool {
		switch {
		case isIndex(r) && r.Method == http.MethodGet:
			if looks.Add(1) == 2 { // the first is the look before anything is written
				close(again)
			}
		case isBundle(r):
			select {
			case <-again:
			case <-time.After(30 * time.Second):
				t.Error("the index waits for the manifest")
			}
		}
		return false
	})
	before := l.door.Tally()
	mustSign(t, newSigner(t, l, newPair(t), Options{Formats: []Format{Bundle}}), p)
	if n := l.door.Tally().Since(before)[door.Request{Method: "PUT", Class: door.Manifest}]; n != 2 {
		t.Errorf("%d manifests were written, not the signature's and the index", n)
	}
	if found := l.contents(t, p); len(found.Referrers) != 1 {
		t.Errorf("%+v", found)
	}
}

// While the manifest of ours was on its way, somebody listed something.
func TestAnIndexThatIsNotFreshIsReadAgainBeforeItIsWritten(t *testing.T) {
	t.Parallel()
	l := newLiarOf(t, mem.Options{NoReferrers: true})
	p := l.push(t, "voice", "1.0.0")
	others := open(t, l.door)
	others.contents(t, p) // so that it knows that there is no referrers API
	var looks, held atomic.Int64
	attached := make(chan struct{})
	l.tell(func(_ http.ResponseWriter, r *http.Request) bool {
		switch {
		case isIndex(r) && r.Method == http.MethodGet:
			looks.Add(1)
		case isBundle(r) && held.Add(1) == 1:
			<-attached
			time.Sleep(freshIndex + freshIndex/10)
		}
		return false
	})
	go func() {
		defer close(attached)
		for looks.Load() < 2 || held.Load() < 1 { // the first look is before anything is written
			time.Sleep(time.Millisecond)
		}
		others.attach(t, p, "application/vnd.example", []byte("of somebody else"), nil)
	}()
	mustSign(t, newSigner(t, l, newPair(t), Options{Formats: []Format{Bundle}}), p)
	if found := l.contents(t, p); len(found.Referrers) != 2 {
		t.Errorf("%+v", found)
	}
}

func TestAManifestThatIsRefusedIsNotListed(t *testing.T) {
	t.Parallel()
	l := newLiarOf(t, mem.Options{NoReferrers: true})
	p := l.push(t, "voice", "1.0.0")
	l.tell(func(w http.ResponseWriter, r *http.Request) bool {
		if isBundle(r) {
			http.Error(w, "no", http.StatusForbidden)
		}
		return isBundle(r)
	})
	if _, err := newSigner(t, l, newPair(t), Options{Formats: []Format{Bundle}}).Sign(t.Context(), p); err == nil {
		t.Error("it was signed")
	}
	l.tell(func(http.ResponseWriter, *http.Request) bool { return false })
	if found := l.contents(t, p); len(found.Referrers) != 0 || len(found.Tags) != 1 {
		t.Errorf("%+v", found)
	}
}
