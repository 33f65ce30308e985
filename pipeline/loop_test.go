package pipeline

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestATaskRunsAtTheStartAndOnItsInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute-time.Second)
		defer stop()
		NewLoop(Task{Every: time.Minute, Do: func(context.Context) { runs.Add(1) }}).Run(ctx)
		if got := runs.Load(); got != 10 {
			t.Fatalf("%d runs in ten minutes", got)
		}
	})
}

func TestAHintDuringARunMakesOneMoreRunHoweverOftenItComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		ctx, stop := context.WithTimeout(t.Context(), 30*time.Minute)
		defer stop()
		l := NewLoop(Task{Names: []string{"https://github.com/acme/platform.git"}, Every: time.Hour, Do: func(context.Context) {
			runs.Add(1)
			time.Sleep(time.Minute)
		}})
		go func() {
			time.Sleep(time.Second)
			for range 100 {
				l.Wake([]string{"https://github.com/Acme/platform"})
			}
		}()
		l.Run(ctx)
		if got := runs.Load(); got != 2 {
			t.Fatalf("%d runs", got)
		}
	})
}

func TestASlowTaskDelaysNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		NewLoop(
			Task{Every: time.Minute, Do: func(ctx context.Context) { <-ctx.Done() }},
			Task{Every: time.Minute, Do: func(context.Context) { runs.Add(1) }},
		).Run(ctx)
		if got := runs.Load(); got < 59 {
			t.Fatalf("%d runs in an hour", got)
		}
	})
}

func TestALoopIsReadyWhenEveryTaskHasRunOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		l := NewLoop(
			Task{Every: time.Minute, Do: func(context.Context) {}},
			Task{Every: time.Minute, Do: func(context.Context) { time.Sleep(time.Hour) }},
		)
		ended := make(chan struct{})
		go func() { l.Run(ctx); close(ended) }()
		time.Sleep(59 * time.Minute)
		select {
		case <-l.Ready():
			t.Error("ready before the slow task has run")
		default:
		}
		time.Sleep(2 * time.Minute)
		select {
		case <-l.Ready():
		default:
			t.Error("not ready although both have run")
		}
		stop()
		<-ended
	})
}

func TestAHintMakesARunAtOnceAndTheIntervalBeginsAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs []time.Duration
		began := time.Now()
		ctx, stop := context.WithTimeout(t.Context(), 3*time.Hour)
		defer stop()
		l := NewLoop(Task{Names: []string{"acme/platform"}, Every: time.Hour, Do: func(context.Context) { runs = append(runs, time.Since(began)) }})
		go func() {
			time.Sleep(90 * time.Minute)
			l.Wake([]string{"acme/other"})
			time.Sleep(time.Minute)
			l.Wake([]string{"acme/other", "acme/platform"})
		}()
		l.Run(ctx)
		if want := []time.Duration{0, time.Hour, 91 * time.Minute, 151 * time.Minute}; !slices.Equal(runs, want) {
			t.Errorf("it ran at %v", runs)
		}
	})
}

func TestALoopReturnsWhenTheTaskUnderWayHas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		ended := false
		NewLoop(Task{Every: time.Minute, Do: func(context.Context) {
			time.Sleep(time.Hour)
			ended = true
		}}).Run(ctx)
		if !ended {
			t.Error("the task was left alone")
		}
	})
}

func TestALoopWithoutTasksIsReady(t *testing.T) {
	t.Parallel()
	l := NewLoop()
	l.Run(t.Context())
	<-l.Ready()
	l.Wake([]string{"acme/platform"})
}

func TestAHintWakesByAnyURLOfTheRepositoryAndByNoOther(t *testing.T) {
	t.Parallel()
	source := Task{Names: []string{"https://github.com/acme/platform.git"}}
	for _, name := range []string{
		"https://github.com/acme/platform.git", "https://github.com/Acme/Platform", "https://github.com/acme/platform/",
		"ssh://git@github.com:22/acme/platform.git", "git@github.com:acme/platform.git", "https://github.com:443/acme/platform.git",
	} {
		if !source.goesBy([]string{name}) {
			t.Errorf("%s does not wake", name)
		}
	}
	for _, name := range []string{"", "acme/platform", "https://github.com/acme/platform2", "https://example.com/acme/platform.git"} {
		if source.goesBy([]string{name}) {
			t.Errorf("%q wakes", name)
		}
	}
	if !(Task{Names: []string{"acme/environments"}}).goesBy([]string{"Acme/Environments"}) {
		t.Error("a name at the forge does not wake")
	}
	if (Task{Names: []string{""}}).goesBy([]string{""}) {
		t.Error("an empty name wakes")
	}
}
