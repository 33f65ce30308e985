package signing

import (
	"testing"

	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/internal/lab/ocid/mem"
	"github.com/releaser/releaser/registry"
)

// What a signature costs in requests to the registry. The first of a chart also finds out whether there is a referrers
// API; a later version of the same chart does not. A row that gets dearer needs a reason.
func TestASignatureCostsAsFewRequestsAsItCan(t *testing.T) {
	t.Parallel()
	type cost struct{ first, later, again, verify int }
	for name, c := range map[string]struct {
		start   func(testing.TB) shelf
		formats []Format
		want    cost
	}{
		"legacy, no referrers API": {distribution, []Format{Legacy}, cost{9, 9, 3, 2}},
		"legacy, referrers API":    {cuelabs, []Format{Legacy}, cost{9, 9, 3, 2}},
		"bundle, no referrers API": {distribution, []Format{Bundle}, cost{14, 10, 4, 3}},
		"bundle, referrers API":    {cuelabs, []Format{Bundle}, cost{11, 8, 4, 3}},
		"both, no referrers API":   {distribution, nil, cost{22, 18, 6, 5}},
		"both, referrers API":      {cuelabs, nil, cost{19, 16, 6, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.start(t)
			p, q := s.push(t, "voice", "1.0.0"), s.push(t, "voice", "1.1.0")
			s = open(t, s.door) // which has asked nothing yet
			signer := newSigner(t, s, newPair(t), Options{Formats: c.formats})
			sign := func(p registry.Pushed) func() { return func() { mustSign(t, signer, p) } }
			var got cost
			got.first, _ = spent(s, sign(p))
			got.later, _ = spent(s, sign(q))
			again, tally := spent(s, sign(p))
			got.again = again
			if tally.Writes() > 0 {
				t.Errorf("signing again writes: %v", tally)
			}
			got.verify, _ = spent(s, func() {
				if _, err := signer.Verify(t.Context(), p); err != nil {
					t.Error(err)
				}
			})
			if got != c.want {
				t.Errorf("%+v instead of %+v", got, c.want)
			}
		})
	}
}

func cuelabs(t testing.TB) shelf { return withReferrers(t, mem.Options{}) }

// spent counts the requests of a call.
func spent(s shelf, call func()) (int, door.Tally) {
	before := s.door.Tally()
	call()
	tally := s.door.Tally().Since(before)
	return tally.Total(), tally
}

// BenchmarkVerifyBoth is what Verify adds to the requests: the parsing and the curve.
func BenchmarkVerifyBoth(b *testing.B) {
	s := withReferrers(b, mem.Options{})
	p := s.push(b, "voice", "1.0.0")
	signer := newSigner(b, s, newPair(b), Options{})
	mustSign(b, signer, p)
	for b.Loop() {
		if _, err := signer.Verify(b.Context(), p); err != nil {
			b.Fatal(err)
		}
	}
}
