package pipeline

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/releaser/releaser/internal/lab/chartlab"
	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/pipeline/promotion"
	"github.com/releaser/releaser/signing"
)

// odd is the text of values that a machine would not write: comments, four spaces, line ends of another system.
const odd = "# Ask the voice team.\r\nimage:\r\n    repository: 'ghcr.io/acme/voice'   # ours\r\n    tag:   \"\" # set at release\r\nlist: [ a,  b ]\r\n"

// oddChart is a chart with these values.
func oddChart(version string) string {
	_, template, _ := strings.Cut(small("voice", version), "-- charts/voice/templates/")
	return "voice " + version + "\n-- charts/voice/Chart.yaml --\napiVersion: v2\nname: voice\nversion: " + version + "\n" +
		"-- charts/voice/values.yaml --\n" + odd + "-- charts/voice/templates/" + template
}

func TestATagGoesDownTheLineToAMergedPullRequest(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, store *door.Door) {
		w := newWorldWith(t, store)
		w.sweepIs() // the first contact: nothing is there yet
		commit := w.push(oddChart("0.1.0"), "voice-0.1.0")
		o := w.release("voice-0.1.0")
		if o.State != Released || !o.Uploaded || o.Commit != commit || o.Chart != "voice" || o.Version != "0.1.0" {
			t.Fatalf("got %+v", o)
		}
		want := []string{"find", "checkout", "pin", "vendor", "lint", "package", "push", "sign", "propose"}
		if !slices.Equal(w.stages, want) || len(o.Stages) != len(want) {
			t.Errorf("stages %q", w.stages)
		}
		w.isInTheRegistry(o)
		w.isSignedInBothForms(o)
		w.isMerged(o)

		// Nothing is done twice: not in this process, not in a new one, not by a sweep that remembers nothing.
		w.writesNothing("the same release again", func() { w.isDone(w.release("voice-0.1.0"), o) })
		w.restart()
		w.writesNothing("the same release in a new process", func() { w.isDone(w.release("voice-0.1.0"), o) })
		w.writesNothing("a sweep", func() { w.sweepIs("voice-0.1.0 released") })
		w.isDone(w.outcome("voice-0.1.0"), o)
		w.isMerged(o)
	})
}

// isInTheRegistry checks what the registry holds of a release: where it comes from, and the values of the tag but for
// one scalar.
func (w *world) isInTheRegistry(o Outcome) {
	w.Helper()
	p := w.resolve("voice", o.Version)
	if p.Digest() != o.Digest || p.Reference() != o.Reference || o.Reference != "oci://"+w.store.Host()+"/charts/voice:"+o.Version {
		w.Errorf("the registry holds %s %s", p.Reference(), p.Digest())
	}
	if p.Source() != w.source.Rules.URL || p.Tag() != o.Tag || p.Commit() != o.Commit || p.Path() != "charts/voice" {
		w.Errorf("it comes from %s %s %s %s", p.Source(), p.Tag(), p.Commit(), p.Path())
	}
	want := strings.Replace(odd, `tag:   ""`, `tag:   "`+o.Commit+`"`, 1)
	if got := w.released("voice", o.Version, "values.yaml"); got != want {
		w.Errorf("values.yaml is\n%q\nwant\n%q", got, want)
	}
}

// isSignedInBothForms has a verifier read each form as if there were no other.
func (w *world) isSignedInBothForms(o Outcome) {
	w.Helper()
	if len(o.Signatures) != 2 || !o.Signatures[0].New || !o.Signatures[1].New {
		w.Errorf("signatures %+v", o.Signatures)
	}
	for _, form := range []signing.Format{signing.Bundle, signing.Legacy} {
		v, err := signing.NewVerifier(signing.Options{TrustedPEM: [][]byte{w.signer.PublicKeyPEM()}, Formats: []signing.Format{form}}, w.registry)
		w.must(err)
		if _, err := v.Verify(w.Context(), w.resolve("voice", o.Version)); err != nil {
			w.Errorf("%s: %v", form, err)
		}
	}
}

// isMerged checks that one pull request for dev was opened and merged, and what dev says since, to the byte.
func (w *world) isMerged(o Outcome) {
	w.Helper()
	prs := w.pullRequests("voice")
	if len(prs) != 1 || prs[0].State != "merged" || prs[0].Title != "promote voice "+o.Version+" to dev" {
		w.Errorf("pull requests %+v", prs)
	}
	if got, want := w.environment("dev/voice/values.yaml"), "# of dev\nimage:\n    tag: \""+o.Commit+"\" # set by releaser\n"; got != want {
		w.Errorf("dev has the values\n%s\nwant\n%s", got, want)
	}
	if got, want := w.environment("dev/voice/release.yaml"), fmt.Sprintf("version: %q\ndigest: %q\n", o.Version, o.Digest); got != want {
		w.Errorf("dev has the release\n%s\nwant\n%s", got, want)
	}
}

// isDone checks that a release found everything done by the first one.
func (w *world) isDone(again, first Outcome) {
	w.Helper()
	if again.State != Released || again.Uploaded || again.Digest != first.Digest || len(again.Signatures) != len(first.Signatures) {
		w.Errorf("again: %+v", again)
	}
	for _, s := range again.Signatures {
		if s.New {
			w.Errorf("signed again: %+v", s)
		}
	}
	for _, p := range again.Proposals {
		if p.State != promotion.Nothing {
			w.Errorf("proposed again: %+v", p)
		}
	}
}

func TestAnEnvironmentThatPeopleMergeGetsOneOpenPullRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ", merge: auto", "")
	w.push(small("voice", "0.1.0"), "voice-0.1.0")
	first := w.release("voice-0.1.0")
	if len(first.Proposals) != 1 || first.Proposals[0].State != promotion.Opened {
		t.Fatalf("got %+v", first.Proposals)
	}
	w.restart()
	w.writesNothing("the same release again", func() {
		if p := w.release("voice-0.1.0").Proposals; len(p) != 1 || p[0].State != promotion.Unchanged || p[0].PullRequest != first.Proposals[0].PullRequest {
			t.Errorf("again: %+v", p)
		}
	})
	w.push(small("voice", "0.2.0"), "voice-0.2.0")
	if p := w.release("voice-0.2.0").Proposals; len(p) != 1 || p[0].State != promotion.Updated || p[0].PullRequest.Number != 1 {
		t.Errorf("a newer one: %+v", p)
	}
}

func TestALibraryEndsSignedAndIsProposedNowhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(chartlab.Library("voice", "1.0.0"), "voice-1.0.0")
	o := w.release("voice-1.0.0")
	if o.State != Released || len(o.Signatures) != 2 || len(o.Proposals) != 0 || w.stages[len(w.stages)-1] != "sign" {
		t.Errorf("stages %q, got %+v", w.stages, o)
	}
	if n := w.forge.Writes(); n != 0 {
		t.Errorf("%d writes to the forge", n)
	}
	w.writesNothing("the same release again", func() { w.isDone(w.release("voice-1.0.0"), o) })
}

// A release whose last stage failed is in the registry: the next sweep finds it there, and the round of promotions
// does what is left. F5, F6
func TestAReleaseThatCouldNotBeProposedIsProposedByTheNextRound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(small("voice", "0.1.0"), "voice-0.1.0")
	w.forge.Fault(down)
	w.sweepIs("voice-0.1.0 failed")
	w.forge.Fault(nil)
	w.restart()
	w.writesNothing("the next sweep", func() { w.sweepIs("voice-0.1.0 released") })
	w.roundIs("dev bad nothing", "dev mail nothing", "dev voice merged 0.1.0")
	w.writesNothing("another round", func() { w.roundIs("dev bad nothing", "dev mail nothing", "dev voice nothing") })
	w.says("dev", w.environment("dev/voice/release.yaml"), `version: "0.1.0"`)
}

// A crash between the signatures in two forms looks like a release of a time when only the first was asked for. F1, F4
func TestASignatureThatACrashKeptFromBeingWrittenIsAddedByTheNextSweep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(small("voice", "0.1.0"), "voice-0.1.0")
	both := w.config.Signing.Formats
	w.config.Signing.Formats = both[:1]
	w.restart()
	w.sweepIs("voice-0.1.0 released")
	digest := w.outcome("voice-0.1.0").Digest
	w.config.Signing.Formats = both
	w.restart()
	w.sweepIs("voice-0.1.0 released")
	if o := w.outcome("voice-0.1.0"); o.Digest != digest || o.Uploaded || len(o.Signatures) != 2 || o.Signatures[0].New || !o.Signatures[1].New {
		t.Errorf("got %+v", o)
	}
	w.restart()
	w.writesNothing("the next process", func() { w.sweepIs("voice-0.1.0 released") })
}

func TestAReleaseThatATrustedKeySignedIsNotSignedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(small("voice", "0.1.0"), "voice-0.1.0")
	w.sweepIs("voice-0.1.0 released")
	first := w.outcome("voice-0.1.0")
	private, _, err := signing.GenerateKey([]byte(password))
	w.must(err)
	w.must(os.WriteFile(w.config.Path("new.key"), private, 0o600))
	w.config.Signing.Key, w.config.Signing.Trusted = "new.key", []string{"cosign.pub"}
	w.restart()
	w.writesNothing("a process with another key", func() { w.sweepIs("voice-0.1.0 released") })
	w.isDone(w.outcome("voice-0.1.0"), first)

	// Once the old key is not trusted, the release goes down the line, and what the new key signs was made from git.
	w.config.Signing.Trusted = nil
	w.restart()
	w.sweepIs("voice-0.1.0 released")
	if o := w.outcome("voice-0.1.0"); o.Digest != first.Digest || o.Uploaded || len(o.Signatures) != 2 || !o.Signatures[0].New || o.Signatures[0].Key == first.Signatures[0].Key {
		t.Errorf("got %+v", o)
	}
}

// The daemon sweeps and does its rounds at the same time.
func TestASweepAndRoundsAtOnceOpenOnePullRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, version := range []string{"0.1.0", "0.2.0"} {
		w.push(small("voice", version), "voice-"+version)
		swept := make(chan struct{})
		var running sync.WaitGroup
		for range 2 {
			running.Go(func() { w.rounds(swept) })
		}
		w.sweep()
		close(swept)
		running.Wait()
		w.sweep()
		Promote(t.Context(), w.promoter, func(promotion.Proposal) {})
		if prs := w.pullRequests("voice"); len(prs) != i+1 || prs[0].State != "merged" {
			t.Errorf("%s: pull requests %+v", version, prs)
		}
		w.says("dev", w.environment("dev/voice/release.yaml"), version)
	}
	if strings.Contains(w.logged.String(), "ERROR") {
		t.Error(w.logged.String())
	}
}

// rounds does one round of promotions after the other until swept is closed.
func (w *world) rounds(swept <-chan struct{}) {
	for {
		Promote(w.Context(), w.promoter, func(promotion.Proposal) {})
		select {
		case <-swept:
			return
		default:
		}
	}
}
