package journal

import (
	"context"
	"syscall"
	"testing"
	"time"
)

// F25: the server ends a session that was silent for a minute; what the sleeper says when it wakes up counts for nothing.
func TestTheJobsOfAReplicaThatIsStoppedBeginElsewhereAfterAMinute(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a minute")
	}
	s := onServer(t)
	j := s.open(t, Options{})
	p := spawn(t, s, "stoppable")
	p.says(t, "open")
	job := Release{"web", "web-1.0.0", "c0ffee"}
	must(t, j.Ask(t.Context(), job))
	p.says(t, "began web-1.0.0")
	must(t, p.Process.Signal(syscall.SIGSTOP))
	began := make(chan bool, 10)
	h := idle()
	h.Release = func(context.Context, Release) Verdict { began <- true; return Done() }
	run(t, j, h)
	select {
	case <-began:
	case <-time.After(5 * time.Minute):
		t.Fatal("not begun elsewhere after five minutes")
	}
	until(t, "done", func() bool { return stands(t, j, job).State == Succeeded })
	must(t, p.Process.Signal(syscall.SIGCONT))
	must(t, p.in.Close())
	p.says(t, "left 0")
	if is := stands(t, j, job); is.State != Succeeded || len(began) > 0 {
		t.Errorf("%+v; begun %d times more", is, len(began))
	}
}
