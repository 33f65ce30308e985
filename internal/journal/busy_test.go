package journal

import (
	"context"
	"testing"
	"time"
)

func TestBusyCountsWhatRunsAndWhatIsDue(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		j := s.open(t, Options{Limits: Limits{PerSource: 1}})
		busy := func(source string) int {
			n, err := j.Busy(t.Context(), source)
			must(t, err)
			return n
		}
		later := Release{"web", "web-1.0.0", "a"}
		h := idle()
		release := make(chan struct{})
		h.Release = func(_ context.Context, r Release) Verdict {
			if r == later {
				return Waits(errPasses, time.Now(), time.Hour)
			}
			<-release
			return Done()
		}
		run(t, j, h)
		must(t, j.Ask(t.Context(), later))
		until(t, "later", func() bool { return stands(t, j, later).State == Waiting && busy("web") == 0 })
		must(t, j.Ask(t.Context(), Release{"web", "web-1.0.1", "b"}, Release{"web", "web-1.0.2", "c"}, Release{"mail", "mail-1.0.0", "d"}))
		until(t, "begun", func() bool { return busy("web") == 2 && busy("mail") == 1 && busy("") == 3 })
		close(release)
		until(t, "done", func() bool { return busy("") == 0 })
	})
}
