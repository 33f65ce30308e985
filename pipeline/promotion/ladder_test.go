package promotion

import (
	"strings"
	"testing"
)

func TestChartsOfOneEnvironment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.person("main", "more\n-- dev/beluga-ai/values.yaml --\na: 1\n-- dev/beluga-ai/release.yaml --\nversion: \"\"\ndigest: \"\"\n")
	for env, want := range map[string]string{"": "beluga-ai voice-agent", "dev": "beluga-ai voice-agent", "prod": "voice-agent"} {
		charts, err := w.Charts(w.Context(), env)
		if got := strings.Join(charts, " "); err != nil || got != want {
			t.Errorf("%q: got %s, %v", env, got, err)
		}
	}
}

func TestHoldsTellsWhatOneEnvironmentHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(ladder map[string]*Environment) { ladder["prod"].Repository = "acme/absent" })
	signed := w.release("0.1.0")
	w.person("main", files("dev", "0.1.0", signed.Pushed().Digest()))
	if h, err := w.Holds(w.Context(), "dev", chart); err != nil || h.Release.Version != "0.1.0" || len(h.Problems()) != 0 {
		t.Errorf("dev: %+v, %v", h, err)
	}
	if h, err := w.Holds(w.Context(), "staging", chart); err != nil || !h.Empty {
		t.Errorf("staging: %+v, %v", h, err)
	}
}

func TestEnvironmentThatIsNotThereIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	none := New(Options{GitHub: w.options.GitHub, Registry: w.registry, Verifier: w.signer})
	for _, c := range []struct {
		p    *Promoter
		want string
	}{
		{w.Promoter, `no environment is named "qa": there are dev, staging, prod`},
		{none, "no environment is configured: write some under environments, as config/releaser.yaml shows"},
	} {
		_, charts := c.p.Charts(w.Context(), "qa")
		_, holds := c.p.Holds(w.Context(), "qa", chart)
		_, promote := c.p.Promote(w.Context(), Request{From: FromRelease, To: "qa", Chart: chart})
		_, from := c.p.newRound(chart).heldBy(w.Context(), "qa")
		for _, err := range []error{charts, holds, promote, from} {
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		}
	}
	if charts, err := none.Charts(w.Context(), ""); err != nil || len(charts) != 0 {
		t.Errorf("all of none: %v, %v", charts, err)
	}
}

func TestEnvironmentThatDoesNotSayWhatItHoldsVouchesForNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.release("0.1.0")
	w.person("main", files("dev", "9.9.9", ""))
	p, err := w.promote("dev", "staging", "0.1.0")
	if err == nil || !strings.HasPrefix(err.Error(), "dev does not say what it holds, so nothing tells whether it held voice-agent 0.1.0: dev/voice-agent/release.yaml:1: ") {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestDryRunClaimsNoMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(ladder map[string]*Environment) { ladder["dev"].Merge = Auto })
	w.must(w.forge.Protect(repository, "main", protection("ci")))
	w.release("0.1.0")
	w.round()
	w.must(w.forge.SetStatus(repository, w.pr("dev").HeadCommit, "ci", "success", ""))
	w.forge.ForgetRequests()
	proposals, err := w.dry().Round(w.Context(), chart)
	w.must(err)
	if got := told(proposals); got != "dev move 0.1.0, staging nothing, prod nothing" || proposals[0].PullRequest.State != "open" {
		t.Errorf("got %s: %+v", got, proposals[0])
	}
	if n := w.forge.Writes(); n != 0 {
		t.Errorf("%d writes", n)
	}
}
