package promotion

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/forge"
)

// auto lets environments merge by themselves.
func auto(names ...string) func(map[string]*Environment) {
	return func(ladder map[string]*Environment) {
		for _, name := range names {
			ladder[name].Merge = Auto
		}
	}
}

func (w *world) green(env string) {
	w.Helper()
	w.must(w.forge.SetStatus(repository, w.pr(env).HeadCommit, "ci", "success", ""))
}

func (w *world) reason(i int) string {
	w.Helper()
	proposals, err := w.Round(w.Context(), chart)
	w.must(err)
	return proposals[i].Reason
}

func TestGoingBackInARungKeepsTheNextOneFromMerging(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		back         func(w *world, one, two string) string
		want, reason string
	}{
		"reverted": {func(_ *world, one, _ string) string { return files("dev", "0.1.0", one) },
			"dev waiting 0.2.0, staging waiting 0.2.0, prod waiting 0.1.0",
			"dev does not hold 0.2.0 any more: close the pull request, or promote it there again"},
		"edited by hand": {func(_ *world, _, two string) string {
			return strings.Replace(files("dev", "0.2.0", two), commitOf("0.2.0"), "hotfix", 1)
		}, "dev blocked, staging waiting 0.2.0, prod waiting 0.1.0", "dev is blocked"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, auto("staging"))
			one := w.release("0.1.0").Pushed().Digest()
			w.person("main", files("dev", "0.1.0", one)+files("staging", "0.1.0", one))
			two := w.release("0.2.0").Pushed().Digest()
			w.round()
			w.merge("dev")
			w.must(w.forge.Protect(repository, "main", protection("ci")))
			w.round()
			w.person("main", "back\n"+c.back(w, one, two))
			w.green("staging")
			w.roundIs(c.want)
			if got := w.reason(1); got != c.reason {
				t.Errorf("reason: %s", got)
			}
			w.holds("staging", "0.1.0", one)
			// Taken back, it goes on by itself.
			w.person("main", "on again\n"+files("dev", "0.2.0", two))
			w.round()
			w.holds("staging", "0.2.0", two)
		})
	}
}

func TestRollbackByARevertStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, auto("dev"))
	one := w.release("0.1.0").Pushed().Digest()
	w.round()
	w.release("0.2.0")
	w.round()
	w.person("main", "Revert\n"+files("dev", "0.1.0", one))
	w.restart()
	w.roundIs("dev waiting 0.2.0, staging waiting 0.2.0, prod nothing")
	if got := w.reason(0); got != "pull request #3 for 0.2.0 was merged, and somebody went back: to go there again, run releaser promote release dev --chart voice-agent --version 0.2.0" {
		t.Errorf("reason: %s", got)
	}
	w.holds("dev", "0.1.0", one)
	if p, err := w.promote(FromRelease, "dev", "0.2.0"); err != nil || p.State != Opened && p.State != Merged {
		t.Errorf("by hand: %+v, %v", p, err)
	}
	three := w.release("0.3.0").Pushed().Digest()
	w.round()
	w.holds("dev", "0.3.0", three)
}

// F18
func TestVersionThatWasRejectedDoesNotComeBackInAnotherPullRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, auto("dev"))
	w.must(w.forge.Protect(repository, "main", protection("ci")))
	lower := w.release("0.1.5").Pushed().Digest()
	w.release("0.2.0")
	w.round()
	w.must(w.forge.ClosePullRequest(repository, w.pr("dev").Number, "person"))
	w.roundIs("dev waiting 0.2.0, staging nothing, prod nothing")
	if p, err := w.promote(FromRelease, "dev", "0.1.5"); err != nil || p.State != Opened {
		t.Fatalf("by hand: %+v, %v", p, err)
	}
	w.roundIs("dev waiting 0.1.5, staging nothing, prod nothing")
	w.green("dev")
	w.round()
	w.holds("dev", "0.1.5", lower)
}

// F18
func TestARejectionIsRememberedHoweverManyPullRequestsFollow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.release("0.2.0")
	w.round()
	w.must(w.forge.ClosePullRequest(repository, w.pr("dev").Number, "person"))
	for i := range maxEnded + 1 {
		version := fmt.Sprintf("0.1.%d", i)
		w.release(version)
		if p, err := w.promote(FromRelease, "dev", version); err != nil || p.State != Opened {
			t.Fatalf("%s by hand: %+v, %v", version, p, err)
		}
		w.merge("dev")
	}
	w.restart()
	w.roundIs("dev waiting 0.2.0, staging opened 0.1.5, prod nothing")
}

func TestHistoryThatCannotBeReadKeepsNoOtherEnvironmentFromGoingOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	signed := w.release("0.1.0")
	w.person("main", files("staging", "0.1.0", signed.Pushed().Digest()))
	w.forge.Fault(func(r *http.Request) forge.Failure {
		if r.URL.Query().Get("state") == "closed" && strings.HasSuffix(r.URL.Query().Get("head"), "/dev/voice-agent") {
			return forge.Failure{Status: http.StatusBadGateway}
		}
		return forge.Failure{}
	})
	proposals, err := w.Round(w.Context(), chart)
	if err == nil || told(proposals) != "staging waiting, prod waiting 0.1.0" {
		t.Errorf("got %s, %v", told(proposals), err)
	}
}

func TestVersionsThatDoNotVerifyAreSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, version := range []string{"1.0.0", "1.0.1", "1.0.2"} {
		w.push(version)
	}
	const want = "none of the newest 3 verifies: 1.0.2: "
	if got := w.reason(0); !strings.HasPrefix(got, "no verified release to move to; "+want) {
		t.Errorf("reason: %s", got)
	}
	if p, err := w.promote(FromRelease, "dev", ""); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("by hand: %+v, %v", p, err)
	}
	one := w.release("0.1.0").Pushed().Digest()
	if got := w.round(); got != "dev opened 0.1.0, staging nothing, prod nothing" {
		t.Errorf("got %s", got)
	}
	w.person("main", files("dev", "0.1.0", one))
	if got := w.reason(0); !strings.HasPrefix(got, "already promoted; "+want) {
		t.Errorf("reason: %s", got)
	}
}
