package promotion

import (
	"strings"
	"testing"
)

// What GitHub is asked, in requests. A row that gets dearer needs a reason.
func TestPromotionCostsFewRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(ladder map[string]*Environment) {
		for _, env := range ladder { // one file, as the target is stated for
			env.Files = env.Files[1:]
		}
	})
	w.options.Environments = w.options.Environments[:1]
	w.restart()
	signed := w.release("0.1.0")
	count := func(what string, want int, do func()) {
		t.Helper()
		if n := w.requests(do); n != want {
			t.Errorf("%s: %d requests, want %d:\n%s", what, n, want, w.asked())
		}
	}
	propose := func() {
		_, err := w.Propose(w.Context(), signed, nil)
		w.must(err)
	}
	count("the first pull request of a new process", 10, propose) // one looks again where the branch is, just before
	count("nothing changed, the first look back", 3, propose)
	count("nothing changed", 2, propose)
	count("nothing changed, and a round of the same", 2, func() { w.round() })
	w.restart()
	count("nothing changed, a new process", 7, propose)
	signed = w.release("0.2.0")
	count("a newer release in the same pull request", 6, propose) // one asks whether people closed it before
	w.person("main", "on\n-- other --\n1\n")
	count("the environment's branch moved elsewhere", 5, propose)
	count("and once more", 3, propose)
	w.merge("dev")
	// What was just pushed is due in all likelihood: our branch is looked for at once, here in vain.
	count("after the merge", 4, propose)
	count("nothing changed, nothing open", 3, propose)
	count("nothing changed, nothing open, and a round", 2, func() { w.round() })
	signed = w.release("0.3.0")
	count("the next pull request, on the branch that is there", 9, propose)
}

// asked lists the requests since they were last forgotten.
func (w *world) asked() string {
	var b strings.Builder
	for _, r := range w.forge.RequestLog() {
		b.WriteString(r.Method + " " + r.Path + "\n")
	}
	return b.String()
}

// What people said to other releases is read from GitHub alone, however many there were.
func TestEarlierPullRequestsCostTheRegistryNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.options.Environments = w.options.Environments[:1]
	w.restart()
	var asked []int
	for _, version := range []string{"0.1.0", "0.2.0", "0.3.0", "0.4.0"} {
		signed := w.release(version)
		before := w.asks()
		_, err := w.Propose(w.Context(), signed, nil)
		w.must(err)
		asked = append(asked, w.asks()-before)
		w.merge("dev")
	}
	if asked[3] != asked[1] {
		t.Errorf("the registry is asked %v times: more with each pull request", asked)
	}
}
