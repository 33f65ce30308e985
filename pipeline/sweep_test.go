package pipeline

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/chartlab"
	"github.com/releaser/releaser/internal/lab/forge"
)

// B5, F37
func TestASweepFindsEveryTagThatWasPushedAtOnceLowerVersionsFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(small("voice", "0.2.0"), "voice-0.2.0", "nightly", "v1", "voice-latest")
	w.push(small("mail", "0.10.0"), "mail-0.10.0", "mail-0.9.0") // 0.9.0 is on the wrong commit
	w.push(small("mail", "0.1.5"), "mail-0.1.5")
	want := []string{"mail-0.1.5 released", "voice-0.2.0 released", "mail-0.9.0 rejected", "mail-0.10.0 released"}
	w.sweepIs(want...)
	w.says("the rejection", w.outcome("mail-0.9.0").Reason,
		"charts/mail/Chart.yaml:5: error: version-tag: the chart is version 0.10.0, the tag mail-0.9.0 says 0.9.0", "tag this one with 0.10.0")
	if v, err := w.registry.Versions(t.Context(), "mail"); err != nil || fmt.Sprint(v) != "[0.10.0 0.1.5]" {
		t.Errorf("versions of mail: %v, %v", v, err)
	}

	// A second sweep asks git for one listing, and a new process looks again and writes nothing.
	w.writesNothing("the second sweep", func() {
		before := w.store.Tally()
		defer func() {
			if asked := w.store.Tally().Since(before); asked.Total() != 0 {
				t.Errorf("it asks the registry %s", asked)
			}
		}()
		if n := w.requests(func() { w.sweepIs() }); n != 1 {
			t.Errorf("it asks git %d times", n)
		}
		if n := len(w.forge.RequestLog()); n != 0 {
			t.Errorf("it asks the forge %d times", n)
		}
	})
	w.restart()
	w.writesNothing("a new process", func() { w.sweepIs(want...) })
}

func TestATagWithoutAChartReleasesEveryChartThatCarriesItsVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `"{chart}-{version}"`, `"{chart}-{version}", "v{version}"`)
	w.push(small("voice", "1.0.0") + small("mail", "2.0.0") + chartlab.Library("lib", "1.0.0") +
		strings.Replace(small("bad", "1.0.0"), "{{ .Release.Name }}-", "{{ .Nonsense", 1) +
		"-- charts/lib/README.md --\nhi\n-- other/voice/Chart.yaml --\napiVersion: v2\nname: other\nversion: 1.0.0\n")
	w.push("-- README.md --\nhi\n", "v1.0.0", "v3.0.0")
	want := []string{"v1.0.0 bad rejected", "v1.0.0 lib released", "v1.0.0 voice released", "v3.0.0 ignored"}
	w.sweepIs(want...)
	w.says("v3.0.0", w.outcome("v3.0.0").Reason, "no configured chart carries version 3.0.0")
	w.absent("bad")
	w.absent("mail")
	w.writesNothing("the next sweep", func() { w.sweepIs() })
	w.restart()
	w.writesNothing("a new process", func() { w.sweepIs(want...) })
}

func TestAChartThatCannotBeReadStopsNoOtherChartOfTheTag(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `"{chart}-{version}"`, `"v{version}"`)
	w.push(small("voice", "1.0.0")+"-- charts/bad/Chart.yaml --\nname: [\n-- charts/mail/Chart.yaml --\napiVersion: v2\nname: A_b\nversion: 1.0.0\n", "v1.0.0")
	want := []string{"v1.0.0 bad rejected", "v1.0.0 mail rejected", "v1.0.0 voice released"}
	w.sweepIs(want...)
	w.says("the reasons", w.reasons(), "charts/bad/Chart.yaml:1: error: syntax: ", "mend it until", "charts/mail/Chart.yaml:2: error: name: ", "use lower-case letters")
	w.restart()
	w.writesNothing("a new process", func() { w.sweepIs(want...) })
}

// B21
func TestTheTagsVersionWinsWhereThatIsConfigured(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "version: match", "version: set")
	w.push(small("voice", "0.0.0 # the tag tells"), "voice-1.2.3")
	w.sweepIs("voice-1.2.3 released")
	w.says("Chart.yaml", w.released("voice", "1.2.3", "Chart.yaml"), "\nversion: 1.2.3\n")
	w.restart()
	w.writesNothing("a new process", func() { w.sweepIs("voice-1.2.3 released") })
}

func TestAChartIsFoundByItsNameWhateverItsFolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := func(folder, text string) string {
		return strings.ReplaceAll(text, "-- charts/voice/", "-- charts/"+folder+"/")
	}
	w.push(in("phone", small("voice", "1.0.0")), "voice-1.0.0")
	w.sweepIs("voice-1.0.0 released")
	if path := w.resolve("voice", "1.0.0").Path(); path != "charts/phone" {
		t.Errorf("it comes from %s", path)
	}
	// A folder that bears the name and holds another chart is not the chart.
	w.push(in("phone", small("voice", "1.1.0"))+strings.ReplaceAll(small("mail", "1.1.0"), "-- charts/mail/", "-- charts/voice/"), "voice-1.1.0")
	w.sweepIs("voice-1.1.0 released")
	if path := w.resolve("voice", "1.1.0").Path(); path != "charts/phone" {
		t.Errorf("it comes from %s", path)
	}
	w.absent("mail")
	w.push("-- README.md --\nhi\n", "phone-1.1.0", "none-1.0.0")
	w.sweepIs("none-1.0.0 ignored", "phone-1.1.0 ignored")
	w.says("none", w.outcome("none-1.0.0").Reason, "no configured folder holds a chart named none", "look at sources[platform].charts")
	w.absent("phone")
}

func TestADependencyThatIsNotReleasedYetMakesAReleaseWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sweepIs()
	w.push(dependent("voice", "0.1.0", "lib", "1.0.0", "oci://"+w.store.Host()+"/charts"), "voice-0.1.0")
	w.writesNothing("what waits", func() { w.sweepIs("voice-0.1.0 waiting") })
	w.says("the reason", w.outcome("voice-0.1.0").Reason, "dependency lib 1.0.0: ", "/charts/lib:1.0.0", "release that chart first; this one waits for it")
	w.absent("voice")

	// It is looked at again though no branch moves, and both come in one more sweep and the next.
	w.push(chartlab.Library("lib", "1.0.0"), "lib-1.0.0")
	w.sweepIs("lib-1.0.0 released") // that the other still waits is no news
	w.sweepIs("voice-0.1.0 released")
	if got := w.released("voice", "0.1.0", "charts/lib/templates/_name.tpl"); !strings.Contains(got, "lib.name") {
		t.Errorf("the dependency is %q", got)
	}
	w.writesNothing("the next sweep", func() { w.sweepIs() })
	w.restart()
	w.writesNothing("a new process", func() { w.sweepIs("voice-0.1.0 released", "lib-1.0.0 released") })
}

// dependent is a small chart with one dependency and the lock that helm writes.
func dependent(name, version, on, at, repository string) string {
	entry := fmt.Sprintf(`{"name":%q,"version":%q,"repository":%q}`, on, at, repository)
	sum := sha256.Sum256([]byte("[[" + entry + "],[" + entry + "]]"))
	list := fmt.Sprintf("dependencies:\n- name: %s\n  version: %s\n  repository: %s\n", on, at, repository)
	text := strings.Replace(small(name, version), "version: "+version+"\n", "version: "+version+"\n"+list, 1)
	return text + fmt.Sprintf("-- charts/%s/Chart.lock --\n%sdigest: sha256:%x\ngenerated: \"2026-01-02T03:04:05Z\"\n", name, list, sum)
}

func TestACommitThatIsNotMergedWaitsAndIsReleasedAfterTheMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := w.push(small("mail", "1.0.0"))
	w.git.Git("branch", "feature", base)
	commit := w.git.Commit("feature", small("voice", "0.1.0"))
	w.git.Tag("voice-0.1.0", commit)
	w.sweepIs("voice-0.1.0 waiting")
	w.says("the reason", w.outcome("voice-0.1.0").Reason, "commit "+commit[:12]+" is not reachable from main", "merge it, or tag a commit that is merged")
	w.absent("voice")

	// While the branches stand, nothing is fetched and nothing is told again; when one moves, it is looked at.
	w.writesNothing("the next sweep", func() {
		if n := w.requests(func() { w.sweepIs() }); n != 1 {
			t.Errorf("it asks git %d times", n)
		}
	})
	w.push("-- README.md --\nhi\n")
	w.writesNothing("a sweep after some other commit", func() { w.sweepIs() })
	w.git.Git("branch", "merge", w.git.CommitTree(w.git.Git("rev-parse", "feature^{tree}"), w.git.Git("rev-parse", "main"), commit))
	w.git.Git("update-ref", "refs/heads/main", w.git.Git("rev-parse", "merge"))
	w.sweepIs("voice-0.1.0 released")
	w.writesNothing("the next sweep", func() { w.sweepIs() })
}

// F11, F22, F23
func TestAMovedTagOfAReleasedVersionIsRejectedAndNothingIsOverwritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.push(small("voice", "0.1.0"), "voice-0.1.0")
	w.sweepIs("voice-0.1.0 released")
	digest := w.outcome("voice-0.1.0").Digest
	second := w.push("-- charts/voice/values.yaml --\nimage: {repository: other, tag: \"\"}\n", "voice-0.1.0")
	for _, again := range []string{"a sweep", "a new process"} {
		w.writesNothing(again, func() { w.sweepIs("voice-0.1.0 rejected") })
		w.says(again, w.outcome("voice-0.1.0").Reason, "the version is taken", first, second, "raise the version in charts/voice/Chart.yaml and push a tag for that")
		w.restart()
	}
	// The other commit with the very same files is another commit all the same.
	w.git.Tag("voice-0.1.0", w.git.CommitTree(w.git.Git("rev-parse", first+"^{tree}"), second))
	w.git.Git("update-ref", "refs/heads/main", "voice-0.1.0")
	w.writesNothing("the same files in another commit", func() { w.sweepIs("voice-0.1.0 rejected") })
	if now := w.resolve("voice", "0.1.0"); now.Digest() != digest || now.Commit() != first {
		t.Errorf("the registry holds %s of %s", now.Digest(), now.Commit())
	}
	// Moved back, it is what it was.
	w.git.Tag("voice-0.1.0", first)
	w.writesNothing("the tag moved back", func() { w.sweepIs("voice-0.1.0 released") })
}

// F23
func TestATagThatWasDeletedAndMadeAgainAtItsCommitChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	commit := w.push(small("voice", "0.1.0"), "voice-0.1.0")
	w.sweepIs("voice-0.1.0 released")
	w.writesNothing("all of it", func() {
		w.git.Git("tag", "--delete", "voice-0.1.0")
		w.sweepIs()
		w.git.Annotate("voice-0.1.0", commit) // another kind of tag, the same commit
		w.sweepIs()
		w.restart()
		w.sweepIs("voice-0.1.0 released")
	})
}

func TestTheTagsOfTheFirstContactAreLeftAloneAsConfigured(t *testing.T) {
	t.Parallel()
	for existing, c := range map[string]struct {
		first    []string
		baseline int
	}{
		"ignore": {nil, 4},
		"latest": {[]string{"voice-0.2.0 released", "mail-1.0.0 released"}, 2},
		"all":    {[]string{"voice-0.1.0 released", "voice-0.2.0 released", "mail-1.0.0 released"}, 0},
	} {
		t.Run(existing, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "existing: all", "existing: "+existing)
			w.push(small("voice", "0.1.0"), "voice-0.1.0", "nightly")
			old := w.push(small("voice", "0.2.0"), "voice-0.2.0")
			w.push(small("mail", "1.0.0"), "mail-1.0.0")
			if existing != "all" { // what is no version is never anybody's newest
				w.git.Tag("mail-01.5.0", old)
			}
			w.sweepIs(c.first...)
			baseline, found, err := w.registry.Baseline(t.Context(), "platform")
			if err != nil || !found || len(baseline) != c.baseline {
				t.Errorf("the baseline is %v, %v, %v", baseline, found, err)
			}
			if existing == "ignore" && baseline["voice-0.2.0"] != old {
				t.Errorf("the baseline is %v", baseline)
			}
			// What is there is remembered by the registry: a new process leaves the same tags alone.
			w.restart()
			w.writesNothing("a new process", func() { w.sweepIs(c.first...) })
			w.push(small("voice", "0.3.0"), "voice-0.3.0", "voice-0.0.1")
			w.sweepIs("voice-0.0.1 rejected", "voice-0.3.0 released")
			// A tag of before that moves is new.
			if existing == "ignore" {
				w.push("-- README.md --\nhi\n", "mail-1.0.0")
				w.sweepIs("mail-1.0.0 released")
			}
		})
	}
}

// F35
func TestASourceThatCannotBeReadIsReadByTheNextSweep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(small("voice", "0.1.0"), "voice-0.1.0")
	w.must(os.Rename(w.git.Dir(), w.git.Dir()+".away"))
	if _, err := w.sweeper.Sweep(t.Context(), w.source); err == nil || !strings.HasPrefix(err.Error(), "source platform: ") || len(w.outcomes) > 0 {
		t.Errorf("got %v, %+v", err, w.outcomes)
	}
	w.must(os.Rename(w.git.Dir()+".away", w.git.Dir()))
	w.sweepIs("voice-0.1.0 released")
}

func TestASweepThatIsCutOffTellsNothingAndForgetsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(small("voice", "0.1.0"), "voice-0.1.0")
	w.push(small("mail", "0.2.0"), "mail-0.2.0")
	ctx, cancel := context.WithCancel(t.Context())
	w.line.Observe = func(e Event) {
		if e.Stage.Name == "lint" {
			cancel()
		}
	}
	if _, err := w.sweeper.Sweep(ctx, w.source); !errors.Is(err, context.Canceled) || len(w.outcomes) != 0 {
		t.Errorf("got %v, %+v", err, w.outcomes)
	}
	w.absent("voice")
	w.sweepIs("voice-0.1.0 released", "mail-0.2.0 released")
}

func TestAnEnvironmentThatCannotBeReadKeepsNoOtherFromItsPromotions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "environments:\n", "environments:\n  - {name: prod, from: release, repository: acme/elsewhere}\n")
	w.push(small("voice", "0.1.0"), "voice-0.1.0")
	w.forge.Fault(down)
	w.sweepIs("voice-0.1.0 failed")
	w.forge.Fault(func(r *http.Request) (f forge.Failure) {
		if strings.Contains(r.URL.Path, "/acme/elsewhere/") {
			f = down(r)
		}
		return f
	})
	w.roundIs("dev bad nothing", "dev mail nothing", "dev voice merged 0.1.0")
	w.says("the error", fmt.Sprint(w.failure), "prod: ")
}
