package promotion

import (
	"strings"
	"testing"
)

// A proposal that was looked for reads one thing more, the environment's branch, just before a pull request opens; both
// together ask what a proposal alone does.
func TestAProposalThatWasLookedForReadsNothingElse(t *testing.T) {
	t.Parallel()
	w, alone := newWorld(t, nil), newWorld(t, nil)
	for _, version := range []string{"0.1.0", "0.2.0", "0.3.0"} {
		signed, again := w.release(version), alone.release(version)
		var look *Look
		asked := w.requests(func() {
			var err error
			look, err = w.Look(w.Context(), chart)
			w.must(err)
			if n := w.forge.Writes(); n != 0 {
				t.Errorf("%s: the look wrote %d times", version, n)
			}
		})
		var reads int
		asked += w.requests(func() {
			got, err := w.Propose(w.Context(), signed, look)
			w.must(err)
			if told(got) != "dev opened "+version && told(got) != "dev updated "+version {
				t.Errorf("got %s", told(got))
			}
			reads = strings.Count(w.asked(), "GET ")
		})
		if reads > 1 {
			t.Errorf("%s: it reads %d times:\n%s", version, reads, w.asked())
		}
		if n := alone.requests(func() { _, err := alone.Propose(alone.Context(), again, nil); alone.must(err) }); asked > n {
			t.Errorf("%s: %d requests with a look, %d without", version, asked, n)
		}
		if version == "0.2.0" {
			w.merge("dev")
			alone.merge("dev")
		}
	}
}

// After the look, people merge what another process has proposed.
func TestAProposalDoesNotActOnAnOldLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	signed := w.release("0.1.0")
	look, err := w.Look(w.Context(), chart)
	w.must(err)
	if _, err := New(w.options).Propose(w.Context(), signed, nil); err != nil {
		t.Fatal(err)
	}
	w.call("PUT", "/pulls/1/merge", `{"merge_method":"squash"}`)
	w.call("DELETE", "/git/refs/heads/releaser/dev/voice-agent", "")
	got, err := w.Propose(w.Context(), signed, look)
	if err != nil || told(got) != "dev nothing" {
		t.Errorf("%s (%v)", told(got), err)
	}
	if got := w.all("dev"); got != "#1 merged to main" {
		t.Errorf("pull requests: %s", got)
	}
}

// After the look, a person pushes to our branch, or merges it.
func TestAProposalLooksAgainWhereSomebodyWasFaster(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(w *world) string{
		"our branch was merged and deleted": func(w *world) string {
			w.merge("dev")
			w.call("DELETE", "/git/refs/heads/releaser/dev/voice-agent", "")
			return "dev opened 0.2.0"
		},
		"somebody works on our branch": func(w *world) string {
			w.person(branchName("dev", chart), "by hand\n-- other --\n1\n")
			return "dev blocked 0.2.0"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			_, err := w.Propose(w.Context(), w.release("0.1.0"), nil)
			w.must(err)
			signed := w.release("0.2.0")
			look, err := w.Look(w.Context(), chart)
			w.must(err)
			want := meanwhile(w)
			got, err := w.Propose(w.Context(), signed, look)
			if err != nil || told(got) != want {
				t.Errorf("got %s, want %s (%v)", told(got), want, err)
			}
		})
	}
}

func TestALookForAnotherChartIsNotUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	signed := w.release("0.1.0")
	look := newLook("other")
	look.heads[[2]string{repository, "main"}] = strings.Repeat("0", 40)
	if got, err := w.Propose(w.Context(), signed, look); err != nil || told(got) != "dev opened 0.1.0" {
		t.Errorf("%s (%v)", told(got), err)
	}
}

// What is drafted beside the signature is what the proposal needs: the same requests, made earlier.
func TestADraftIsTheCommitOfTheProposal(t *testing.T) {
	t.Parallel()
	w, alone := newWorld(t, nil), newWorld(t, nil)
	for _, version := range []string{"0.1.0", "0.2.0", "0.3.0"} { // the first opens, the others update
		signed, again := w.release(version), alone.release(version)
		look, err := w.Look(w.Context(), chart)
		w.must(err)
		drafted := w.requests(func() {
			w.Draft(w.Context(), look, signed.Pushed())
			w.Draft(w.Context(), look, signed.Pushed()) // the second finds it done
		})
		if n := strings.Count(w.asked(), "POST "); n != 2 || drafted != 2 {
			t.Errorf("%s: a tree and a commit are drafted, once; got\n%s", version, w.asked())
		}
		var got []Proposal
		w.requests(func() { got, err = w.Propose(w.Context(), signed, look); w.must(err) })
		if strings.Contains(w.asked(), "/git/trees") || strings.Contains(w.asked(), "/git/commits") {
			t.Errorf("%s: the draft is not taken:\n%s", version, w.asked())
		}
		want, err := alone.Propose(alone.Context(), again, nil)
		alone.must(err)
		if told(got) != told(want) || got[0].Diff != want[0].Diff {
			t.Errorf("%s: with a draft %s, without %s", version, told(got), told(want))
		}
	}
	if got := w.git.Git("log", "--format=%s", "releaser/dev/"+chart); got != alone.git.Git("log", "--format=%s", "releaser/dev/"+chart) {
		t.Errorf("our branch has\n%s", got)
	}
}

// A draft moves nothing that anybody sees, and one for a base that moved is left behind.
func TestADraftIsNoProposal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	signed := w.release("0.1.0")
	look, err := w.Look(w.Context(), chart)
	w.must(err)
	refs := w.git.Git("for-each-ref")
	w.Draft(w.Context(), look, signed.Pushed())
	if now := w.git.Git("for-each-ref"); now != refs || w.all("dev") != "" {
		t.Errorf("a draft moved something:\n%s\n%s", now, w.all("dev"))
	}
	w.person("main", "a person was here\n-- dev/voice-agent/README.md --\n1\n")
	got, err := w.Propose(w.Context(), signed, nil)
	if err != nil || told(got) != "dev opened 0.1.0" {
		t.Fatalf("%s (%v)", told(got), err)
	}
	if base, now := w.git.Git("rev-parse", branchName("dev", chart)+"^"), w.git.Git("rev-parse", "main"); base != now {
		t.Errorf("it starts at %s, and main is at %s", base, now)
	}
}
