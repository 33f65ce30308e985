package pipeline

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/releaser/releaser/config"
	"github.com/releaser/releaser/internal/journal"
	"github.com/releaser/releaser/internal/lab/chartlab"
	"github.com/releaser/releaser/internal/lab/forge"
	"github.com/releaser/releaser/pipeline/promotion"
)

// works is an engine at work in a world.
type works struct {
	*world
	*Engine
	stop func()

	mu    sync.Mutex
	told  []string // tag state, or environment chart state version
	looks atomic.Int32
}

// start lets an engine work over the journal in a folder, as a process of its own would.
func (w *world) start(dir string) *works {
	w.Helper()
	w.restart()
	w.line.Observe = nil
	j, err := journal.Open(w.Context(), journal.Options{Dir: filepath.Join(w.dir, dir), Log: w.sweeper.Log})
	w.must(err)
	at := &works{world: w}
	at.Engine = &Engine{
		Sweeper: w.sweeper, Journal: j, Sources: []*Source{w.source}, Promoter: w.promoter,
		Environments: map[string]time.Duration{environments: time.Hour},
		Swept:        func(*Source, time.Duration, Swept, error) { at.looks.Add(1) },
		Proposed: func(p promotion.Proposal) {
			if p.State != promotion.Nothing {
				at.tell(fmt.Sprintf("%s %s %s %s", p.Environment, p.Chart, p.State, p.To))
			}
		},
	}
	w.sweeper.Done = func(o Outcome) { at.tell(o.Tag + " " + string(o.State)) }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- at.Run(ctx) }()
	at.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.Error(err)
		}
		w.must(j.Close())
	})
	w.Cleanup(at.stop)
	return at
}

func (w *works) tell(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, what)
}

func (w *works) heard() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.told, "\n")
}

// rests waits until nothing runs and nothing is due.
func (w *works) rests() {
	w.Helper()
	<-w.Ready()
	for began, calm := time.Now(), 0; calm < 3; time.Sleep(20 * time.Millisecond) {
		if calm++; w.moves() {
			calm = 0
		}
		if time.Since(began) > 2*time.Minute {
			w.Fatalf("it does not come to rest:\n%s\n%+v", w.heard(), w.queue())
		}
	}
}

func (w *works) moves() bool {
	for _, kind := range []string{"release", "propose", "sweep", "follow"} {
		all, err := w.Journal.Standings(context.Background(), kind, "")
		w.must(err)
		for _, s := range all {
			gathers := s.State == journal.Waiting && s.Reason == errGathering.Error()
			if s.State == journal.Queued || s.State == journal.Running || gathers {
				return true
			}
		}
	}
	return false
}

func (w *works) queue() []Item {
	items, err := w.Queue(context.Background())
	w.must(err)
	return items
}

// wake is a hint, and waits until it was heard.
func (w *works) wake() {
	w.Helper()
	before := w.looks.Load()
	w.Wake([]string{w.world.source.Rules.URL})
	w.until("a look", func() bool { return w.looks.Load() > before })
}

func (w *works) until(what string, is func() bool) {
	w.Helper()
	for began := time.Now(); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			w.Fatalf("after a minute still not: %s\n%s\n%+v\n%s", what, w.heard(), w.queue(), w.logged.String())
		}
	}
}

// F27: the journal is a schedule and a history, and no truth.
func TestAnEngineWithAnEmptyJournalFindsEverythingDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(small("voice", "0.1.0"), "voice-0.1.0")
	w.push(small("bad", "not a version"), "bad-0.1.0")
	w.push("-- other/x --\nx\n", "other-0.1.0")
	first := w.start("one")
	first.rests()
	w.says("the first", first.heard(), "voice-0.1.0 released", "bad-0.1.0 rejected", "other-0.1.0 ignored")
	w.says("dev", w.environment("dev/voice/release.yaml"), "0.1.0")
	first.stop()
	w.writesNothing("an engine with the same journal", func() {
		again := w.start("one")
		again.rests()
		again.stop()
		if told := again.heard(); strings.Contains(told, "voice-0.1.0") || strings.Contains(told, "bad-0.1.0") {
			t.Errorf("it tells again: %s", told)
		}
	})
	w.writesNothing("an engine with an empty journal", func() {
		other := w.start("two")
		other.rests()
		other.stop()
		w.says("the other", other.heard(), "voice-0.1.0 released", "bad-0.1.0 rejected")
	})
	if prs := w.pullRequests("voice"); len(prs) != 1 {
		t.Errorf("%+v", prs)
	}
}

func TestManyTagsOfOneChartMakeOnePullRequestForTheNewest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 9 {
		version := fmt.Sprintf("0.1.%d", n)
		w.push(small("voice", version), "voice-"+version)
	}
	at := w.start("journal")
	at.rests()
	at.stop()
	if n := w.forge.Writes(); n > 12 { // two tags may come to their end at once
		t.Errorf("%d writes to the forge", n)
	}
	prs := w.pullRequests("voice")
	if len(prs) != 1 || !strings.Contains(prs[0].Title, "0.1.8") {
		t.Errorf("%+v", prs)
	}
	w.says("dev", w.environment("dev/voice/release.yaml"), "0.1.8")
	if versions, err := w.registry.Versions(t.Context(), "voice"); err != nil || len(versions) != 9 {
		t.Error(versions, err)
	}
}

func TestATagThatWaitsForAMergeIsReleasedWhenABranchMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(small("mail", "0.1.0"), "mail-0.1.0")
	commit := w.git.Commit("feature", small("voice", "0.1.0"))
	w.git.Tag("voice-0.1.0", commit)
	at := w.start("journal")
	at.rests()
	w.says("it", at.heard(), "mail-0.1.0 released", "voice-0.1.0 waiting")
	item := at.queue()[0]
	if item.Name != "voice-0.1.0" || item.State != "waiting" || time.Until(item.Due) < lookLatest/2 {
		t.Errorf("%+v", item)
	}
	w.git.Git("update-ref", "refs/heads/main", commit)
	at.wake()
	at.until("released", func() bool { return strings.Contains(at.heard(), "voice-0.1.0 released") })
	at.rests()
	if n := strings.Count(at.heard(), "voice-0.1.0 waiting"); n != 1 {
		t.Errorf("told %d times that it waits", n)
	}
}

func TestAChartThatWaitsForAnotherIsReleasedRightAfterIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(dependent("voice", "0.1.0", "lib", "1.0.0", "oci://"+w.store.Host()+"/charts"), "voice-0.1.0")
	at := w.start("journal")
	at.rests()
	w.says("it", at.heard(), "voice-0.1.0 waiting")
	w.push(chartlab.Library("lib", "1.0.0"), "lib-1.0.0")
	at.wake()
	at.until("released", func() bool { return strings.Contains(at.heard(), "voice-0.1.0 released") })
}

// A pull request that could not be opened is tried again, although the version is in the registry by then.
func TestAProposalThatFailedIsMadeWhenTheForgeIsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(small("voice", "0.1.0"), "voice-0.1.0")
	var ill atomic.Bool
	ill.Store(true)
	w.forge.Fault(func(r *http.Request) forge.Failure {
		if ill.Load() && r.Method != http.MethodGet {
			return down(r)
		}
		return forge.Failure{}
	})
	at := w.start("journal")
	at.until("failed", func() bool { return strings.Contains(at.heard(), "voice-0.1.0 failed") })
	ill.Store(false)
	at.until("released", func() bool { return strings.Contains(at.heard(), "voice-0.1.0 released") })
	at.rests()
	w.says("dev", w.environment("dev/voice/release.yaml"), "0.1.0")
	if strings.Count(at.heard(), "voice-0.1.0 failed") != 1 {
		t.Errorf("it tells the same again and again:\n%s", at.heard())
	}
}

// F22, F23: the tag's standing goes with it.
func TestATagThatIsDeletedLeavesTheQueueAndIsNewWhenItComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	commit := w.push(small("bad", "not a version"), "bad-0.1.0")
	at := w.start("journal")
	at.rests()
	if items := at.queue(); len(items) != 1 || items[0].State != "rejected" {
		t.Fatalf("%+v", items)
	}
	w.git.Git("update-ref", "-d", "refs/tags/bad-0.1.0")
	at.wake()
	at.until("gone", func() bool { return len(at.queue()) == 0 })
	if err := at.Retry(t.Context(), "", "bad-0.1.0"); err == nil || !strings.Contains(err.Error(), "knows no such tag") {
		t.Error(err)
	}
	w.git.Tag("bad-0.1.0", commit)
	at.wake()
	at.until("back", func() bool { return len(at.queue()) == 1 })
}

// F38: a hundred hints make one look.
func TestAHintIsForAnyURLOfTheRepositoryAndForNoOther(t *testing.T) {
	t.Parallel()
	e := &Engine{
		Sources:      []*Source{{Rules: &config.Source{Name: "platform", URL: "https://github.com/acme/platform.git"}}},
		Environments: map[string]time.Duration{"acme/environments": time.Hour},
	}
	sweep, follow := journal.Job(journal.Sweep{Source: "platform"}), journal.Job(journal.Follow{Repository: "acme/environments"})
	for name, want := range map[string][]journal.Job{
		"https://github.com/acme/platform.git":      {sweep},
		"https://github.com/Acme/Platform":          {sweep},
		"https://github.com/acme/platform/":         {sweep},
		"ssh://git@github.com:22/acme/platform.git": {sweep},
		"git@github.com:acme/platform.git":          {sweep},
		"https://github.com:443/acme/platform.git":  {sweep},
		"Acme/Environments":                         {follow},
		"":                                          nil,
		"acme/platform":                             nil,
		"https://github.com/acme/platform2":         nil,
		"https://example.com/acme/platform.git":     nil,
	} {
		for range 2 {
			e.Wake([]string{name})
		}
		if got := e.knocked(); !slices.Equal(got, want) {
			t.Errorf("%q wakes %v", name, got)
		}
		if again := e.knocked(); len(again) != 0 {
			t.Errorf("%q wakes twice", name)
		}
	}
}

// What is waited for decides how soon it is looked for, and one clock how long.
func TestHowLongATagWaits(t *testing.T) {
	t.Parallel()
	now := time.Now()
	absent := func(image string) Outcome {
		return Outcome{}.failed(&Absent{Image: image, Tag: "voice-0.1.0", Wait: 30 * time.Minute})
	}
	waited := func(o Outcome, age time.Duration) journal.Standing {
		return journal.Standing{State: journal.Waiting, Reason: o.Timed(now.Add(-age), now.Add(-age)).Reason, Since: now.Add(-age)}
	}
	unmet := Outcome{}.failed(&Unmet{Reason: "not merged"})
	for name, c := range map[string]struct {
		was  journal.Standing
		o    Outcome
		want time.Duration
	}{
		"at first":                       {journal.Standing{}, absent("a"), 0},
		"still the same":                 {waited(absent("a"), time.Minute), absent("a"), time.Minute},
		"another image":                  {waited(absent("b"), time.Minute), absent("a"), 0},
		"an image, after a merge":        {waited(unmet, time.Hour), absent("a"), 0},
		"still not merged":               {waited(unmet, time.Hour), unmet, time.Hour},
		"after a failure between":        {journal.Standing{State: journal.Retrying, Reason: "502", Since: now.Add(-time.Hour)}, absent("a"), 0},
		"the same, and its time is over": {waited(absent("a"), time.Hour), absent("a"), time.Hour},
	} {
		if got := now.Sub(waitsSince(c.was, []Outcome{c.o}, now)); got != c.want {
			t.Errorf("%s: since %s", name, got)
		}
	}
	if o := absent("a").Timed(now.Add(-time.Hour), now); o.State != Rejected {
		t.Errorf("%+v", o)
	}
}
