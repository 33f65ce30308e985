package registry

import (
	"errors"
	"testing"

	"github.com/releaser/releaser/internal/lab/ocid/door"
)

func mustLook(t *testing.T, r *Registry, version string) *Look {
	t.Helper()
	look, err := r.Look(t.Context(), "voice", version)
	if err != nil {
		t.Fatal(err)
	}
	return look
}

// A push that was looked for asks nothing but what it writes, and both together ask what a push alone does.
func TestAPushThatWasLookedForOnlyWrites(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		for _, version := range []string{"1.0.0", "1.1.0"} { // the second finds a repository that has an owner
			r := at(t, server.Host())
			look := mustLook(t, r, version)
			before := server.Tally()
			pushed, err := r.Push(t.Context(), voice(func(s *sample) { s.version = version }).pack(t), look)
			if err != nil || !pushed.New() || !look.Free() {
				t.Errorf("new %v, free %v (%v)", pushed.New(), look.Free(), err)
			}
			if got, want := server.Tally().Since(before).String(), "POST upload 2, PUT manifest 1, PUT upload 2"; got != want {
				t.Errorf("it asks %s, want %s", got, want)
			}
		}
	})
}

func TestALookAtWhatIsThereSavesThePushItsOwn(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		first := mustPush(t, r, voice())
		look := mustLook(t, r, "1.0.0")
		before := server.Tally()
		again, err := r.Push(t.Context(), voice().pack(t), look)
		if err != nil || again.New() || again.Digest() != first.Digest() || look.Free() {
			t.Errorf("new %v, %s (%v)", again.New(), again.Digest(), err)
		}
		if n := server.Tally().Since(before).Total(); n != 0 {
			t.Errorf("it asks %d times", n)
		}
	})
}

// Two releases look, and find nothing; then one of them pushes. What the other saw no longer holds.
func TestALookFromBeforeAPushIsNotBelieved(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r := at(t, server.Host())
		one, two, three := mustLook(t, r, "1.0.0"), mustLook(t, r, "1.0.0"), mustLook(t, r, "1.1.0")
		first, err := r.Push(t.Context(), voice().pack(t), one)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Push(t.Context(), voice(func(s *sample) { s.commit = commitB }).pack(t), two); !errors.Is(err, ErrConflict) {
			t.Errorf("other content of the version: %v", err)
		}
		stranger := voice(func(s *sample) { s.version, s.source = "1.1.0", "https://example.com/other.git" })
		if _, err := r.Push(t.Context(), stranger.pack(t), three); !errors.Is(err, ErrForeign) {
			t.Errorf("a repository that has an owner now: %v", err)
		}
		if now := digestOf(t, r, "voice", "1.0.0"); now != first.Digest() {
			t.Errorf("the tag has moved from %s to %s", first.Digest(), now)
		}
	})
}

func TestALookAtSomethingElseIsNotUsed(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, server *door.Door) {
		r, other := at(t, server.Host()), at(t, server.Host())
		mustPush(t, r, voice())
		for name, look := range map[string]*Look{
			"another version": mustLook(t, r, "2.0.0"), "another process": mustLook(t, other, "1.0.0"), "none": nil,
		} {
			if again, err := r.Push(t.Context(), voice().pack(t), look); err != nil || again.New() {
				t.Errorf("%s: new %v (%v)", name, again.New(), err)
			}
		}
	})
}
