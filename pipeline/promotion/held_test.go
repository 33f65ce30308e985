package promotion

import (
	"strings"
	"testing"
)

// What an environment holds is known from the look before; the end of a line asks the registry for the list of versions
// alone. Its files are still compared with it, and a round asks again.
func TestTheNextReleaseDoesNotAskForTheOneThatItFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.options.Environments = w.options.Environments[:1]
	w.restart()
	first := w.release("0.1.0")
	_, err := w.Propose(w.Context(), first, nil)
	w.must(err)
	w.merge("dev")
	w.round() // as the event of the merge causes
	signed := w.release("0.2.0")
	propose := func() (p []Proposal) {
		p, err := w.Propose(w.Context(), signed, nil)
		w.must(err)
		return p
	}
	asked := func(do func()) int {
		before := w.asks()
		do()
		return w.asks() - before
	}
	if n := asked(func() { propose() }); n != 1 {
		t.Errorf("the registry is asked %d times, not once", n)
	}
	if n := asked(func() { w.round() }); n < 3 {
		t.Errorf("a round asks the registry %d times: it promotes what it has not seen there", n)
	}
	w.person("main", strings.Replace(files("dev", "0.1.0", first.Pushed().Digest()), commitOf("0.1.0"), "hotfix", 1))
	if p := propose(); p[0].State != Blocked {
		t.Errorf("a hand edit is passed over: %+v", p[0])
	}
}
