package github

import (
	"errors"
	"testing"

	"github.com/releaser/releaser/internal/lab/forge"
)

func TestBranchThatIsNotThereIsNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	if _, err := w.api.Branch(t.Context(), "absent"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := w.client(t, Static(botToken)).Repository("acme/absent").Branch(t.Context(), "main"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if head, err := w.api.Branch(t.Context(), "main"); err != nil || head != w.base {
		t.Errorf("got %s, %v", head, err)
	}
}

func TestCreatingABranchTwiceAdoptsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	commit := w.edit(t, w.base, "x: 1\n")
	for range 2 {
		if err := w.api.CreateBranch(t.Context(), "releaser/dev/voice-agent", commit); err != nil {
			t.Fatal(err)
		}
	}
	other := w.edit(t, w.base, "x: 2\n")
	if err := w.api.CreateBranch(t.Context(), "releaser/dev/voice-agent", other); !errors.Is(err, ErrMoved) {
		t.Errorf("a branch that stands elsewhere: %v", err)
	}
	if got := w.git.Git("rev-parse", "releaser/dev/voice-agent"); got != commit {
		t.Errorf("the branch stands at %s", got)
	}
}

func TestBranchMovesByFastForwardAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	first := w.edit(t, w.base, "x: 1\n")
	second := w.edit(t, first, "x: 2\n")
	rival := w.edit(t, first, "x: 3\n")
	if err := w.api.CreateBranch(t.Context(), "b", first); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.api.Advance(t.Context(), "b", second); err != nil {
			t.Fatal(err)
		}
	}
	// A replica that slept comes with what was right before. // F25
	for _, late := range []string{rival, first} {
		if err := w.api.Advance(t.Context(), "b", late); !errors.Is(err, ErrMoved) {
			t.Errorf("moved back: %v", err)
		}
	}
	if err := w.api.Advance(t.Context(), "absent", second); !errors.Is(err, ErrMoved) {
		t.Errorf("a branch that was deleted: %v", err)
	}
}

func TestProtectedBranchIsARefusalNotARace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	if err := w.forge.Protect(environments, "main", forge.Protection{}); err != nil {
		t.Fatal(err)
	}
	var refused *Refused
	err := w.api.Advance(t.Context(), "main", w.edit(t, w.base, "x: 1\n"))
	if !errors.As(err, &refused) || errors.Is(err, ErrMoved) {
		t.Errorf("got %v", err)
	}
}

// F16
func TestLostAnswerOfABranchUpdateIsLookedFor(t *testing.T) {
	t.Parallel()
	for name, failure := range losses() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, forge.Options{})
			first := w.edit(t, w.base, "x: 1\n")
			w.lose("/git/refs", failure)
			if err := w.api.CreateBranch(t.Context(), "b", first); err != nil {
				t.Fatal(err)
			}
			second := w.edit(t, first, "x: 2\n")
			w.lose("/git/refs", failure)
			if err := w.api.Advance(t.Context(), "b", second); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAnswerThatNeverCameAndDidNothingIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	w.lose("/git/refs", forge.Failure{Drop: true})
	if err := w.api.CreateBranch(t.Context(), "b", w.base); err == nil || errors.Is(err, ErrMoved) {
		t.Errorf("got %v", err)
	}
}

// losses are the ways in which the answer of a write that was done goes missing.
func losses() map[string]forge.Failure {
	return map[string]forge.Failure{
		"dropped": {After: true, Drop: true},
		"502":     {After: true, Status: 502, Message: "Bad Gateway"},
	}
}

func TestComparisonIsAskedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	head := w.edit(t, w.base, "x: 1\n")
	moved := w.git.Commit("main", "on\n-- other --\n1\n")
	w.requests()
	for range 2 {
		c, err := w.api.Compare(t.Context(), moved, head)
		if err != nil || c != (Comparison{MergeBase: w.base, Ahead: 1, Behind: 1}) {
			t.Errorf("got %+v, %v", c, err)
		}
	}
	if n := w.requests(); n != 1 {
		t.Errorf("%d requests", n)
	}
}
