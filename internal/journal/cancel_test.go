package journal

import (
	"context"
	"testing"
	"time"
)

func TestACancelledJobIsNotBegunUntilRetry(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{})
		job, never := Release{"web", "web-1.0.0", "c0ffee"}, Release{"web", "web-2.0.0", "c0ffee"}
		must(t, j.Ask(t.Context(), job))
		must(t, j.Cancel(t.Context(), job, never))
		must(t, j.Cancel(t.Context(), job, never)) // the second time nothing happens
		began := make(chan Release, 10)
		h := idle()
		h.Release = func(_ context.Context, r Release) Verdict { began <- r; return Done() }
		run(t, j, h)
		must(t, j.Ask(t.Context(), Release{"web", "web-0.9.0", "c0ffee"}))
		if r := <-began; r.Tag != "web-0.9.0" {
			t.Errorf("%s began", r.Tag)
		}
		settled, err := j.Settled(t.Context(), "web")
		must(t, err)
		if settled[job.Tag] == "" || settled[never.Tag] == "" || stands(t, j, job).State != Cancelled {
			t.Errorf("settled are %v", settled)
		}
		must(t, j.Retry(t.Context(), job))
		until(t, "done", func() bool { return stands(t, j, job).State == Succeeded })
	})
}

// The replica that is told need not be the one that runs the job.
func TestARunningJobThatIsCancelledSeesItsContextEnd(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		runs := s.open(t, Options{})
		told := runs
		if s.shared {
			told = s.open(t, Options{})
		}
		job := Release{"web", "web-1.0.0", "c0ffee"}
		began := make(chan bool, 10)
		h := idle()
		h.Release = func(ctx context.Context, _ Release) Verdict {
			began <- true
			<-ctx.Done()
			return Again(ctx.Err(), 0)
		}
		run(t, runs, h)
		must(t, told.Ask(t.Context(), job))
		<-began
		must(t, told.Cancel(t.Context(), job))
		until(t, "off the schedule", func() bool { return stands(t, told, job).State == Cancelled })
		must(t, told.Retry(t.Context(), job))
		<-began
		if is := stands(t, told, job); is.State != Running || !is.Due.IsZero() {
			t.Errorf("%+v", is)
		}
		time.Sleep(20 * time.Millisecond)
		if len(began) > 0 {
			t.Error("began twice")
		}
	})
}

func TestACancellationThatItsHandHasNotHeardOfCounts(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{})
		began, goOn := make(chan bool), make(chan bool)
		h := idle()
		h.Propose = func(context.Context, Propose) Verdict { began <- true; <-goOn; return Again(errPasses, 0) }
		run(t, j, h)
		must(t, j.Ask(t.Context(), Propose{"web"}))
		<-began
		ids, err := column[int64](t.Context(), j.db, "SELECT id FROM river_job WHERE kind = 'propose'")
		must(t, err)
		_, err = j.rows.JobCancel(t.Context(), ids[0]) // on the file nobody is told by this alone
		must(t, err)
		goOn <- true
		until(t, "cancelled", func() bool { return stands(t, j, Propose{"web"}).State == Cancelled })
	})
}
