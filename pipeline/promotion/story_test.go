package promotion

import (
	"strings"
	"testing"
)

func TestStoryOfAReleaseFromDevToProd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(ladder map[string]*Environment) { ladder["dev"].Merge = Auto })
	first := w.release("0.1.0").Pushed().Digest()

	// dev merges by itself, which lets staging be proposed in the same round; prod waits.
	w.roundIs("dev merged 0.1.0, staging opened 0.1.0, prod nothing")
	w.holds("dev", "0.1.0", first)
	w.holds("staging", "", "")

	w.merge("staging")
	w.roundIs("dev nothing, staging nothing, prod waiting 0.1.0")
	w.holds("staging", "0.1.0", first)

	p, err := w.promote("staging", "prod", "")
	w.must(err)
	if p.State != Opened || p.To != "0.1.0" || p.PullRequest.Number == 0 {
		t.Errorf("promote: %+v", p)
	}
	w.merge("prod")
	w.holds("prod", "0.1.0", first)
	w.roundIs("dev nothing, staging nothing, prod nothing")

	// The next release goes the same way, on branches that were used before.
	second := w.release("0.2.0")
	proposals, err := w.Propose(w.Context(), second, nil)
	w.must(err)
	if got := told(proposals); got != "dev merged 0.2.0" {
		t.Errorf("propose: %s", got)
	}
	w.roundIs("dev nothing, staging opened 0.2.0, prod nothing")
	w.holds("staging", "0.1.0", first)
	w.merge("staging")
	_, err = w.promote("staging", "prod", "0.2.0")
	w.must(err)
	w.merge("prod")
	for _, env := range []string{"dev", "staging", "prod"} {
		w.holds(env, "0.2.0", second.Pushed().Digest())
	}
	w.roundIs("dev nothing, staging nothing, prod nothing")
}

func TestProposalTellsWhatItDid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	signed := w.release("0.1.0")
	proposals, err := w.Propose(w.Context(), signed, nil)
	w.must(err)
	p := proposals[0]
	if p.State != Opened || p.Branch != "releaser/dev/voice-agent" || p.From != "" || p.To != "0.1.0" || p.PullRequest.State != "open" || p.PullRequest.URL == "" {
		t.Errorf("got %+v", p)
	}
	if want := "-version: \"\" # set by releaser\n-digest: \"\"\n+version: \"0.1.0\" # set by releaser\n+digest: \"" + signed.Pushed().Digest() + "\"\n"; !strings.Contains(p.Diff, want) {
		t.Errorf("diff:\n%s", p.Diff)
	}
	pr := w.pr("dev")
	if pr.Title != "promote voice-agent 0.1.0 to dev" {
		t.Errorf("title %q", pr.Title)
	}
	if got := w.git.Git("diff", "--name-only", "main", "releaser/dev/voice-agent"); got != "dev/voice-agent/release.yaml\ndev/voice-agent/values.yaml" {
		t.Errorf("changed %q", got)
	}
	again, err := w.Propose(w.Context(), signed, nil)
	w.must(err)
	if again[0].State != Unchanged || again[0].PullRequest != p.PullRequest || again[0].Diff != p.Diff {
		t.Errorf("again: %+v", again[0])
	}
}

func TestNewerReleaseSupersedesInTheSamePullRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.release("0.1.0")
	w.roundIs("dev opened 0.1.0, staging nothing, prod nothing")
	first := w.pr("dev")
	w.release("0.2.0")
	w.roundIs("dev updated 0.2.0, staging nothing, prod nothing")
	second := w.pr("dev")
	if second.Number != first.Number || !strings.Contains(second.Title, "0.2.0") || !strings.Contains(second.Body, "0.2.0") {
		t.Errorf("#%d became #%d %q", first.Number, second.Number, second.Title)
	}
	if got := w.git.Git("rev-parse", second.HeadCommit+"^"); got != first.HeadCommit {
		t.Errorf("the branch did not go on from %s", first.HeadCommit)
	}
	// One that comes late changes nothing: the pull request carries something newer.
	proposals, err := w.Propose(w.Context(), w.release("0.1.5"), nil)
	w.must(err)
	if got := told(proposals); got != "dev unchanged 0.2.0" {
		t.Errorf("a late release: %s", got)
	}
}

// F17
func TestNothingToChangeMakesNoBranchAndNoPullRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	signed := w.release("0.1.0")
	w.person("main", files("dev", "0.1.0", signed.Pushed().Digest()))
	w.roundIs("dev nothing, staging opened 0.1.0, prod nothing")
	p, err := w.promote(FromRelease, "dev", "0.1.0")
	w.must(err)
	if p.State != Nothing || p.Reason != "already promoted" || w.pr("dev").Number != 0 {
		t.Errorf("got %+v", p)
	}
	if got := w.git.Git("for-each-ref", "refs/heads/releaser/dev"); got != "" {
		t.Errorf("a branch: %s", got)
	}
}

// I2
func TestWhatDoesNotVerifyIsNotProposed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.release("0.1.0")
	unsigned := w.push("0.2.0")
	w.roundIs("dev opened 0.1.0, staging nothing, prod nothing")
	if p, err := w.promote(FromRelease, "dev", "0.2.0"); err == nil {
		t.Errorf("by hand: %+v", p)
	}
	if _, err := w.promote(FromRelease, "dev", "0.9.0"); err == nil {
		t.Error("a version that is not there was proposed")
	}
	// Somebody wrote it into dev by hand: it goes no further.
	w.person("main", files("dev", "0.2.0", unsigned.Digest()))
	if got := w.round(); got != "dev nothing, staging blocked 0.2.0, prod nothing" {
		t.Errorf("got %s", got)
	}
	if p, err := w.promote("dev", "staging", ""); err == nil {
		t.Errorf("by hand: %+v", p)
	}
}

func TestPromoteSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	old := w.release("0.1.0")
	newer := w.release("0.2.0")
	w.person("main", files("dev", "0.1.0", old.Pushed().Digest())+files("staging", "0.2.0", newer.Pushed().Digest()))
	for _, c := range []struct{ from, to, want string }{
		{"dev", "nowhere", `no environment is named "nowhere": there are dev, staging, prod`},
		{"dev", "prod", "prod is promoted from staging, not from dev: run releaser promote staging prod --chart voice-agent"},
		{"dev", "staging", "staging holds voice-agent 0.2.0, which is newer than 0.1.0"},
	} {
		if _, err := w.promote(c.from, c.to, ""); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s %s: %v", c.from, c.to, err)
		}
	}
	w.person("main", files("staging", "", ""))
	if _, err := w.promote("dev", "staging", "0.2.0"); err == nil || err.Error() != "dev has not held voice-agent 0.2.0 yet: promote it there first" {
		t.Errorf("a rung left out: %v", err)
	}
	if p, err := w.promote("dev", "staging", "0.1.0"); err != nil || p.State != Opened {
		t.Errorf("a version by name: %+v, %v", p, err)
	}
	w.person("main", files("dev", "", ""))
	if _, err := w.promote("dev", "staging", ""); err == nil || !strings.Contains(err.Error(), "dev holds no release of voice-agent yet") {
		t.Errorf("from an empty one: %v", err)
	}
	if _, err := w.Promote(w.Context(), Request{From: "dev", To: "staging", Chart: "../x"}); err == nil {
		t.Error("a chart that is no name")
	}
}

func TestLibraryIsPromotedNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	n := w.requests(func() {
		if got, err := w.Propose(w.Context(), w.library("voice-lib", "1.0.0"), nil); err != nil || got != nil {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	if n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestPrereleaseIsForPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	signed := w.release("0.1.0-rc.1")
	proposals, err := w.Propose(w.Context(), signed, nil)
	w.must(err)
	if got := told(proposals); got != "dev nothing" {
		t.Errorf("got %s", got)
	}
	if p, err := w.promote(FromRelease, "dev", "0.1.0-rc.1"); err != nil || p.State != Opened {
		t.Errorf("by hand: %+v, %v", p, err)
	}
	w.roundIs("dev unchanged 0.1.0-rc.1, staging nothing, prod nothing")
}

func TestDryRunShowsEverythingAndWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(ladder map[string]*Environment) { ladder["dev"].Merge = Auto })
	signed := w.release("0.1.0")
	w.forge.ForgetRequests()
	proposals, err := w.dry().Propose(w.Context(), signed, nil)
	w.must(err)
	if p := proposals[0]; p.State != Move || !strings.Contains(p.Diff, "0.1.0") {
		t.Errorf("got %+v", p)
	}
	if n := w.forge.Writes(); n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestChartsAreThoseThatHaveFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.library("released", "1.0.0")
	w.person("main", `more
-- dev/beluga-ai/release.yaml --
version: ""
-- prod/released/values.yaml --
a: 1
-- prod/of-others/values.yaml --
a: 1
-- dev/of-others/release.yaml --
a: 1
-- prod/old.chart/release.yaml --
version: ""
-- other/x/release.yaml --
version: ""
-- dev/README --
a
`)
	charts, err := w.Charts(w.Context(), "")
	if got := strings.Join(charts, " "); err != nil || got != "beluga-ai released voice-agent" {
		t.Errorf("got %s, %v", got, err)
	}
}
