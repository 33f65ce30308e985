package signing

import (
	"bytes"
	"reflect"
	"sync"
	"testing"

	"github.com/releaser/releaser/internal/lab/ocid/mem"
)

// F4
func TestSigningTwiceAddsNothing(t *testing.T) {
	t.Parallel()
	keys := newPair(t)
	eachRegistry(t, func(t *testing.T, s shelf) {
		p := s.push(t, "voice", "1.0.0+build.7")
		signer := newSigner(t, s, keys, Options{})
		first := mustSign(t, signer, p)
		before := s.contents(t, p)
		if before.Layers != 1 || len(before.Referrers) != 1 {
			t.Fatalf("one signature of each format, but there is %+v", before)
		}
		second := mustSign(t, signer, p)
		// A new process knows nothing of the first, and finds the signatures just so.
		third := mustSign(t, newSigner(t, open(t, s.door), keys, Options{}), p)
		if after := s.contents(t, p); !reflect.DeepEqual(before, after) {
			t.Errorf("the registry changed from %+v to %+v", before, after)
		}
		for i, sig := range first.Signatures() {
			if !sig.New || second.Signatures()[i].New || third.Signatures()[i].New {
				t.Errorf("%s: new at the first signing only, but %+v", sig.Format, sig)
			}
		}
	})
}

func TestEightParallelCallsLeaveOneSignatureOfEachFormat(t *testing.T) {
	t.Parallel()
	keys := newPair(t)
	eachRegistry(t, func(t *testing.T, s shelf) {
		p := s.push(t, "voice", "1.0.0")
		signer := newSigner(t, s, keys, Options{})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := signer.Sign(t.Context(), p); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if found := s.contents(t, p); found.Layers != 1 || len(found.Referrers) != 1 {
			t.Errorf("one signature of each format, but there is %+v", found)
		}
	})
}

func TestParallelCallsForManyVersionsAllEndUpSigned(t *testing.T) {
	t.Parallel()
	keys := newPair(t)
	eachRegistry(t, func(t *testing.T, s shelf) {
		signer := newSigner(t, s, keys, Options{})
		var wg sync.WaitGroup
		for _, version := range []string{"1.0.0", "1.1.0", "1.2.0", "2.0.0"} {
			p := s.push(t, "voice", version)
			wg.Go(func() {
				if _, err := signer.Sign(t.Context(), p); err != nil {
					t.Error(err)
				}
				if _, err := signer.Verify(t.Context(), p); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

func TestTheSameKeyMakesTheSameBytesEachTime(t *testing.T) {
	t.Parallel()
	s, keys := withReferrers(t, mem.Options{}), newPair(t)
	at := s.target(t, "voice", s.push(t, "voice", "1.0.0").Descriptor())
	first, err := makeBundle(t.Context(), at, keys.key)
	check(t, err)
	claim, sig, err := makeClaim(at, keys.key)
	check(t, err)
	for range 20 { // protojson scatters spaces by chance
		bundle, err := makeBundle(t.Context(), at, keys.key)
		check(t, err)
		againClaim, againSig, err := makeClaim(at, keys.key)
		check(t, err)
		if !bytes.Equal(bundle, first) || !bytes.Equal(claim, againClaim) || sig != againSig {
			t.Fatalf("%s\n%s", first, bundle)
		}
	}
}

func TestSigningWorksOnEveryKindOfRegistry(t *testing.T) {
	t.Parallel()
	keys := newPair(t)
	for name, knobs := range map[string]mem.Options{
		"no referrers API": {NoReferrers: true}, "no filter": {NoReferrersFilter: true}, "immutable tags": {ImmutableTags: true},
		"short pages": {MaxListPageSize: 10}, "no digest in answers": {OmitDigest: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withReferrers(t, knobs)
			p := s.push(t, "voice", "1.0.0")
			signer := newSigner(t, s, keys, Options{})
			mustSign(t, signer, p)
			mustSign(t, signer, p)
			signed, err := signer.Verify(t.Context(), p)
			if err != nil || len(signed.Signatures()) != 2 {
				t.Errorf("%+v, %v", signed.Signatures(), err)
			}
		})
	}
}

// With tags that cannot be moved there is no second legacy signature, and that is said instead of half done.
func TestASecondKeyOnImmutableTagsIsAnError(t *testing.T) {
	t.Parallel()
	s := withReferrers(t, mem.Options{ImmutableTags: true})
	p := s.push(t, "voice", "1.0.0")
	mustSign(t, newSigner(t, s, newPair(t), Options{}), p)
	if _, err := newSigner(t, s, newPair(t), Options{Formats: []Format{Legacy}}).Sign(t.Context(), p); err == nil {
		t.Error("the tag was moved")
	}
	if _, err := newSigner(t, s, newPair(t), Options{Formats: []Format{Bundle}}).Sign(t.Context(), p); err != nil {
		t.Error(err)
	}
}
