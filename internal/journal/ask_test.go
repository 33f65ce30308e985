package journal

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

func TestWhatIsAskedForTwiceIsDoneOnce(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{})
		job := Release{"web", "web-1.0.0", "c0ffee"}
		must(t, j.Ask(t.Context(), job, job))
		must(t, j.Ask(t.Context(), job))
		var times atomic.Int32
		h := idle()
		h.Release = func(context.Context, Release) Verdict { times.Add(1); return Done() }
		stop := run(t, j, h)
		until(t, "done", func() bool { return stands(t, j, job).State == Succeeded })
		stop()
		if n := times.Load(); n != 1 {
			t.Errorf("done %d times", n)
		}
	})
}

func TestAHintDuringARunMakesItRunOnceMore(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{})
		began, goOn := make(chan bool), make(chan bool)
		h := idle()
		h.Sweep = func(context.Context, Sweep) Verdict { began <- true; <-goOn; return Done() }
		run(t, j, h)
		must(t, j.Ask(t.Context(), Sweep{"web"}))
		<-began
		for range 3 {
			must(t, j.Hint(t.Context(), Sweep{"web"}))
		}
		goOn <- true
		<-began
		goOn <- true
		until(t, "done", func() bool { return stands(t, j, Sweep{"web"}).State == Succeeded })
		select {
		case <-began:
			t.Error("run a third time")
		default:
		}
	})
}

func TestALaneIsFirstComeFirstServed(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{Limits: Limits{PerSource: 1}})
		var jobs []Job
		for i := range 1000 {
			jobs = append(jobs, Release{"web", fmt.Sprintf("web-%d", 1000-i), "c0ffee"})
		}
		must(t, j.Ask(t.Context(), jobs...))
		var mu sync.Mutex
		var order []Job
		h := idle()
		h.Release = func(_ context.Context, r Release) Verdict {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, r)
			return Done()
		}
		run(t, j, h)
		until(t, "all done", func() bool { mu.Lock(); defer mu.Unlock(); return len(order) == len(jobs) })
		if !slices.Equal(order, jobs) {
			t.Error("not in the order that they were asked for")
		}
	})
}

// A newer replica beside this one may ask for what this one cannot do.
func TestAJobOfAnUnknownKindStaysOnTheSchedule(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{})
		_, err := j.db.ExecContext(t.Context(), "INSERT INTO river_job (kind, args, queue, max_attempts) VALUES ('novel', '{}', 'sweep', 99)")
		must(t, err)
		stop := run(t, j, idle())
		must(t, j.Ask(t.Context(), Sweep{"web"}))
		until(t, "the known one is done", func() bool { return stands(t, j, Sweep{"web"}).State == Succeeded })
		stop()
		left, err := column[string](t.Context(), j.db, "SELECT kind FROM river_job WHERE finalized_at IS NULL")
		must(t, err)
		if !slices.Equal(left, []string{"novel"}) {
			t.Errorf("on the schedule is %v", left)
		}
	})
}
