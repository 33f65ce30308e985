package journal

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var errPasses = errors.New("429 Too Many Requests")

// The rules of what follows from a verdict, without waiting for a day to pass.
func TestWhatFollowsFromAVerdict(t *testing.T) {
	t.Parallel()
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	release, sweep := Release{"web", "web-1.0.0", "c0ffee"}, Sweep{"web"}
	for name, c := range map[string]struct {
		was        Standing
		v          Verdict
		state      State
		attempt    int
		ends       bool
		least, due time.Duration // from now
		since      time.Time
	}{
		"done":                                   {Standing{Job: release, Attempt: 3, State: Retrying}, Done(), Succeeded, 0, true, 0, 0, now},
		"done, and anew later":                   {Standing{Job: sweep}, Rest(time.Hour), Succeeded, 0, false, time.Hour, time.Hour, now},
		"a first failure":                        {Standing{Job: release}, Again(errPasses, 0), Retrying, 1, false, time.Second, 2 * time.Second, now},
		"a third failure":                        {Standing{Job: release, State: Retrying, Attempt: 2, Since: ago(time.Minute)}, Again(errPasses, 0), Retrying, 3, false, time.Second, 8 * time.Second, ago(time.Minute)},
		"a hundredth failure":                    {Standing{Job: release, State: Retrying, Attempt: 99, Since: ago(time.Hour)}, Again(errPasses, 0), Retrying, 100, false, time.Second, 10 * time.Minute, ago(time.Hour)},
		"Retry-After":                            {Standing{Job: release}, Again(errPasses, time.Hour), Retrying, 1, false, time.Hour, time.Hour + 2*time.Second, now},
		"a day of failures":                      {Standing{Job: release, State: Retrying, Attempt: 99, Since: ago(24 * time.Hour)}, Again(errPasses, 0), Stopped, 100, true, 0, 0, ago(24 * time.Hour)},
		"a day of failures of a sweep":           {Standing{Job: sweep, State: Retrying, Attempt: 99, Since: ago(48 * time.Hour)}, Again(errPasses, 0), Retrying, 100, false, time.Second, 10 * time.Minute, ago(48 * time.Hour)},
		"a failure after a day of waiting":       {Standing{Job: release, State: Waiting, Since: ago(48 * time.Hour)}, Again(errPasses, 0), Retrying, 1, false, time.Second, 2 * time.Second, now},
		"an image that is not there":             {Standing{Job: release}, Waits(errPasses, now, time.Minute), Waiting, 0, false, time.Minute, time.Minute, now},
		"an image that is still not there":       {Standing{Job: release, State: Waiting, Since: ago(time.Hour)}, Waits(errPasses, ago(time.Hour), time.Minute), Waiting, 0, false, time.Minute, time.Minute, ago(time.Hour)},
		"another image that is not there":        {Standing{Job: release, State: Waiting, Since: ago(time.Hour)}, Waits(errPasses, now, time.Minute), Waiting, 0, false, time.Minute, time.Minute, now},
		"rejected":                               {Standing{Job: release}, Rejected(errPasses), Refused, 0, true, 0, 0, now},
		"held":                                   {Standing{Job: release}, Held(errPasses), Stopped, 0, true, 0, 0, now},
		"stopped before there was any: no trace": {Standing{Job: release, State: Retrying, Attempt: 5}, putBack(), "", 0, false, 0, 0, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 100 { // of the jitter
				is := c.was.next(c.v, now)
				if is.State != c.state || is.Attempt != c.attempt || is.ends != c.ends || !is.Since.Equal(c.since) {
					t.Fatalf("%+v", is)
				}
				if !is.ends && (is.in < c.least || is.in > c.due) {
					t.Fatalf("due in %s, not between %s and %s", is.in, c.least, c.due)
				}
				if c.v.err != nil && !strings.Contains(is.Reason, errPasses.Error()) {
					t.Fatalf("the reason is lost: %q", is.Reason)
				}
			}
		})
	}
}

func TestBackoffGrowsToTenMinutesAndIsNeverTheSame(t *testing.T) {
	t.Parallel()
	for n := 1; n < 100; n++ {
		seen := map[time.Duration]bool{}
		for range 50 {
			d := backoff(n)
			if d < time.Second || d > 10*time.Minute {
				t.Fatalf("backoff(%d) is %s", n, d)
			}
			seen[d] = true
		}
		if len(seen) < 40 {
			t.Errorf("backoff(%d) hardly varies", n)
		}
	}
}

func TestATemporaryFailureIsTriedAgainByItself(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{})
		job := Release{"web", "web-1.0.0", "c0ffee"}
		var times atomic.Int32
		h := idle()
		h.Release = func(context.Context, Release) Verdict {
			if times.Add(1) < 3 {
				return Again(errPasses, 0)
			}
			return Done()
		}
		run(t, j, h)
		must(t, j.Ask(t.Context(), job))
		until(t, "said to be retried", func() bool {
			is := stands(t, j, job)
			return is.State == Retrying && is.Reason == errPasses.Error() && is.Attempt > 0
		})
		until(t, "done", func() bool { return stands(t, j, job).State == Succeeded })
		if n := times.Load(); n != 3 {
			t.Errorf("tried %d times", n)
		}
	})
}

func TestAHandThatPanicsHasFailedForAReasonThatPasses(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		var log bytes.Buffer
		j := s.open(t, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		h := idle()
		h.Propose = func(context.Context, Propose) Verdict { panic("nil map") }
		stop := run(t, j, h)
		must(t, j.Ask(t.Context(), Propose{"web"}))
		until(t, "retrying", func() bool {
			is := stands(t, j, Propose{"web"})
			return is.State == Retrying && is.Reason == "panic: nil map"
		})
		stop()
		if !strings.Contains(log.String(), "panic: nil map") || !strings.Contains(log.String(), "verdict_test.go") {
			t.Errorf("the log does not say where: %s", &log)
		}
	})
}

func TestAJobThatIsGoneLeavesNoTraceAndIsDoneAgainWhenAskedFor(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{})
		job := Release{"web", "web-1.0.0", "c0ffee"}
		var times atomic.Int32
		h := idle()
		h.Release = func(context.Context, Release) Verdict { times.Add(1); return Gone() }
		run(t, j, h)
		for n := range int32(2) {
			must(t, j.Ask(t.Context(), job))
			until(t, "done", func() bool { return times.Load() == n+1 && stands(t, j, job).State == "" })
		}
		if settled, err := j.Settled(t.Context(), "web"); err != nil || len(settled) > 0 {
			t.Error(settled, err)
		}
	})
}

func TestAHandKnowsHowItsJobStood(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{})
		job := Release{"web", "web-1.0.0", "c0ffee"}
		since := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
		stood := make(chan Standing, 2)
		h := idle()
		h.Release = func(ctx context.Context, _ Release) Verdict {
			stood <- Was(ctx)
			if Was(ctx).State == Waiting {
				return Done()
			}
			return Waits(errPasses, since, 50*time.Millisecond)
		}
		run(t, j, h)
		if waiting, err := j.Waiting(t.Context(), "web"); err != nil || len(waiting) > 0 {
			t.Error(waiting, err)
		}
		must(t, j.Ask(t.Context(), job))
		if first := <-stood; first != (Standing{Job: job}) {
			t.Errorf("%+v", first)
		}
		until(t, "waiting", func() bool {
			waiting, err := j.Waiting(t.Context(), "web")
			return err == nil && slices.Equal(waiting, []Job{job}) || len(stood) > 0
		})
		if second := <-stood; second.State != Waiting || second.Reason != errPasses.Error() || !second.Since.Equal(since) {
			t.Errorf("%+v", second)
		}
	})
}

// F7: only a hint, never the clock, makes it sooner than the server asked for.
func TestAskLeavesAWaitingJobItsTimeAndAHintDoesNot(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{})
		job := Release{"web", "web-1.0.0", "c0ffee"}
		var times atomic.Int32
		h := idle()
		h.Release = func(context.Context, Release) Verdict {
			if times.Add(1) == 1 {
				return Again(errPasses, time.Hour)
			}
			return Done()
		}
		run(t, j, h)
		must(t, j.Ask(t.Context(), job))
		until(t, "retrying", func() bool { return stands(t, j, job).State == Retrying })
		must(t, j.Ask(t.Context(), job))
		time.Sleep(50 * time.Millisecond)
		is := stands(t, j, job)
		if times.Load() != 1 || is.State != Retrying || is.Due.Before(time.Now().Add(59*time.Minute)) {
			t.Errorf("brought forward by Ask: %+v", is)
		}
		must(t, j.Hint(t.Context(), job))
		until(t, "done", func() bool { return stands(t, j, job).State == Succeeded })
	})
}

func TestAHintDuringARunThatFailsOverridesTheBackoff(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{})
		began, goOn := make(chan bool), make(chan Verdict)
		h := idle()
		h.Follow = func(context.Context, Follow) Verdict { began <- true; return <-goOn }
		run(t, j, h)
		must(t, j.Ask(t.Context(), Follow{"envs"}))
		<-began
		must(t, j.Hint(t.Context(), Follow{"envs"}))
		goOn <- Again(errPasses, time.Hour)
		<-began
		goOn <- Done()
	})
}

func TestARestingSweepBeginsAnewByItself(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{})
		times := make(chan bool, 100)
		h := idle()
		h.Sweep = func(context.Context, Sweep) Verdict { times <- true; return Rest(30 * time.Millisecond) }
		stop := run(t, j, h)
		must(t, j.Ask(t.Context(), Sweep{"web"}))
		for range 5 {
			<-times
		}
		stop()
	})
}

func TestWhatIsSettledIsLeftAloneUntilRetry(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{})
		verdicts := map[string]Verdict{"a": Done(), "b": Rejected(errPasses), "c": Held(errPasses), "d": Again(errPasses, time.Hour)}
		var anew atomic.Bool
		h := idle()
		h.Release = func(_ context.Context, r Release) Verdict {
			if anew.Load() {
				return Done()
			}
			return verdicts[r.Tag]
		}
		run(t, j, h)
		var jobs []Job
		for tag := range verdicts {
			jobs = append(jobs, Release{"web", tag, "of " + tag})
		}
		must(t, j.Ask(t.Context(), jobs...))
		var settled map[string]string
		until(t, "three settled", func() (ok bool) {
			var err error
			settled, err = j.Settled(t.Context(), "web")
			must(t, err)
			return len(settled) == 3 && stands(t, j, Release{"web", "d", "of d"}).State == Retrying
		})
		for _, tag := range []string{"a", "b", "c"} {
			if settled[tag] != "of "+tag {
				t.Errorf("%s is settled at %q", tag, settled[tag])
			}
		}
		anew.Store(true)
		must(t, j.Retry(t.Context(), Release{"web", "c", "of c"}, Release{"web", "d", "of d"}))
		for _, tag := range []string{"c", "d"} {
			until(t, tag+" done", func() bool { return stands(t, j, Release{"web", tag, "of " + tag}).State == Succeeded })
		}
	})
}
