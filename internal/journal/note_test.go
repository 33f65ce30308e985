package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestHistoryGivesWhatWasNotedTheLatestFirst(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{})
		at := time.UnixMilli(1_700_000_000_000)
		first := Entry{At: at, Source: "web", Tag: "web-1.0.0", Commit: "c0ffee", Chart: "web", Version: "1.0.0", Stage: "push", Attempt: 2,
			Took: 1500 * time.Millisecond, Digest: "sha256:00", URL: "https://forge.test/pull/1"}
		second := first
		second.At, second.Stage, second.Err, second.Tag = at.Add(time.Hour), "sign", "no key", "web-2.0.0"
		must(t, j.Note(t.Context(), first, second))
		must(t, j.Note(t.Context()))
		for _, c := range []struct {
			name string
			f    Filter
			want []Entry
		}{
			{"all", Filter{}, []Entry{second, first}},
			{"one", Filter{Limit: 1}, []Entry{second}},
			{"a tag", Filter{Source: "web", Tag: "web-1.0.0"}, []Entry{first}},
			{"a chart", Filter{Chart: "web", Since: at.Add(time.Minute)}, []Entry{second}},
			{"nobody's", Filter{Source: "api"}, nil},
		} {
			got, err := j.History(t.Context(), c.f)
			must(t, err)
			if !slices.Equal(got, c.want) {
				t.Errorf("%s: %+v", c.name, got)
			}
		}
	})
}

func TestWhatAHandNotesHasItsAttemptAndNow(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{})
		job := Release{"web", "web-1.0.0", "c0ffee"}
		h := idle()
		h.Release = func(ctx context.Context, r Release) Verdict {
			if err := j.Note(ctx, Entry{Source: r.Source, Tag: r.Tag, Stage: "push"}); err != nil {
				t.Error(err)
			}
			if Was(ctx).Attempt == 0 {
				return Again(errPasses, 0)
			}
			return Done()
		}
		run(t, j, h)
		must(t, j.Ask(t.Context(), job))
		until(t, "done", func() bool { return stands(t, j, job).State == Succeeded })
		got, err := j.History(t.Context(), Filter{})
		must(t, err)
		if len(got) != 2 || got[0].Attempt != 2 || got[1].Attempt != 1 || time.Since(got[0].At) > time.Minute {
			t.Errorf("%+v", got)
		}
	})
}

func TestOldHistoryIsTrimmed(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{Keep: time.Hour})
		old := Entry{At: time.Now().Add(-2 * time.Hour), Source: "web", Tag: "a"}
		must(t, j.Note(t.Context(), old, Entry{Source: "web", Tag: "a"}, Entry{Source: "web", Tag: "b"}))
		for range 2 {
			must(t, j.trim(t.Context()))
			if got, err := j.History(t.Context(), Filter{}); err != nil || len(got) != 2 {
				t.Error(got, err)
			}
		}
	})
}

func TestHowAGoneTagStoodIsForgottenUnlessItIsThereAgain(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{})
		gone, moved, now := Release{"web", "a", "c0ffee"}, Release{"web", "b", "c0ffee"}, Release{"web", "b", "decade"}
		must(t, j.Cancel(t.Context(), gone, moved, now))
		for range 2 {
			must(t, j.Forget(t.Context(), gone, moved))
			if stands(t, j, gone).State != "" || stands(t, j, now).State != Cancelled {
				t.Error(j.Settled(t.Context(), "web"))
			}
		}
	})
}

// Errors hold what servers sent.
func TestAnErrorOfAnyBytesCanBeWritten(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{})
		job := Release{"web ' \"ü", "web-1.0.0'; --", "c0ffee"}
		h := idle()
		h.Release = func(context.Context, Release) Verdict {
			return Rejected(errors.New("a\x00b\xff" + strings.Repeat("long ", 10_000)))
		}
		run(t, j, h)
		must(t, j.Ask(t.Context(), job))
		until(t, "rejected", func() bool { return stands(t, j, job).State == Refused })
		is := stands(t, j, job)
		if !strings.HasPrefix(is.Reason, "ab�long ") || len(is.Reason) > 5000 {
			t.Errorf("%.100q, %d bytes", is.Reason, len(is.Reason))
		}
	})
}

func TestStandingsShowTheScheduleAndWhatIsSettled(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{Limits: Limits{PerSource: 1}})
		began, goOn := make(chan bool), make(chan Verdict)
		h := idle()
		h.Release = func(_ context.Context, r Release) Verdict { began <- true; return <-goOn }
		stop := run(t, j, h)
		defer stop()
		defer close(goOn)
		var jobs []Job
		for i := range 5 {
			jobs = append(jobs, Release{"web", fmt.Sprint("v", i), "c0ffee"})
		}
		must(t, j.Ask(t.Context(), jobs...))
		for _, v := range []Verdict{Done(), Again(errPasses, time.Hour), Waits(errPasses, time.Now(), time.Hour)} {
			<-began
			goOn <- v
		}
		<-began
		want := []State{Succeeded, Retrying, Waiting, Running, Queued}
		all, err := j.Standings(t.Context(), "release", "web")
		must(t, err)
		for i, is := range all {
			if is.State != want[i] || is.Job != jobs[i] {
				t.Errorf("%+v, not %s", is, want[i])
			}
			if later := is.Due.After(time.Now().Add(59 * time.Minute)); later != (want[i] == Retrying || want[i] == Waiting) {
				t.Errorf("%s is due at %s", is.State, is.Due)
			}
		}
		if others, err := j.Standings(t.Context(), "release", "api"); err != nil || len(others) != 0 {
			t.Error(others, err)
		}
		if len(all) != len(want) {
			t.Errorf("%d stand, not %d", len(all), len(want))
		}
	})
}

func TestALaneHasANameForAnySource(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, source := range []string{"web", "web-2", "Web", "web--2", "x_web", "", "-", "a/b", "ü", strings.Repeat("a", 50), strings.Repeat("a", 51), strings.Repeat("a", 500), "x-web"} {
		lane := Release{Source: source}.lane()
		if len(lane) > 64 || seen[lane] != "" {
			t.Errorf("%q has the lane %q", source, lane)
		}
		seen[lane] = source
	}
}

// A source whose hands hang holds its own lane: its neighbour goes on.
func TestASlowSourceDoesNotDelayAnother(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{})
		h := idle()
		h.Release = func(ctx context.Context, r Release) Verdict {
			if r.Source == "slow" {
				<-ctx.Done()
			}
			return Done()
		}
		run(t, j, h)
		var jobs []Job
		for i := range 50 {
			jobs = append(jobs, Release{"slow", fmt.Sprint("v", i), "c0ffee"})
		}
		fast := Release{"fast", "v1", "c0ffee"}
		must(t, j.Ask(t.Context(), append(jobs, fast)...))
		until(t, "done beside it", func() bool { return stands(t, j, fast).State == Succeeded })
		all, err := j.Standings(t.Context(), "release", "slow")
		must(t, err)
		running := 0
		for _, is := range all {
			if is.State == Running {
				running++
			}
		}
		if running > 4 {
			t.Errorf("the slow one has %d hands", running)
		}
	})
}
