package journal

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// child is another process with a journal: it says what its hands begin, and does what the test needs of it.
func child(what string) int {
	j, err := Open(context.Background(), Options{Dir: os.Getenv("DIR"), URL: fromEnv()})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	h := idle()
	h.Release = func(ctx context.Context, r Release) Verdict {
		fmt.Println("began", r.Tag)
		switch what {
		case "stuck":
			select {}
		case "stoppable":
			<-ctx.Done()
			return Again(ctx.Err(), 0)
		}
		return Done()
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { io.Copy(io.Discard, os.Stdin); cancel() }()
	fmt.Println("open")
	if err := j.Run(ctx, h); err != nil {
		fmt.Println("error", err)
		return 1
	}
	if err := j.Close(); err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("left", leftovers())
	return 0
}

func fromEnv() func() (string, error) {
	url := os.Getenv("URL")
	if url == "" {
		return nil
	}
	return func() (string, error) { return url, nil }
}

// leftovers are the goroutines that a closed journal left behind, once they had time to end.
func leftovers() (n int) {
	for range 200 {
		if n = runtime.NumGoroutine() - 1; n == 0 {
			return 0
		}
		time.Sleep(10 * time.Millisecond)
	}
	pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	return n
}

type process struct {
	*exec.Cmd
	in    io.Closer
	lines *bufio.Scanner
}

// spawn starts a child; it is killed at the end of the test if it lives then.
func spawn(t *testing.T, s store, what string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "JOURNAL_CHILD="+what, s.env)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	p := &process{cmd, in, bufio.NewScanner(out)}
	t.Cleanup(p.kill)
	return p
}

func (p *process) kill() { p.Process.Kill(); p.Wait() }

// says waits for a line.
func (p *process) says(t *testing.T, want string) {
	t.Helper()
	for p.lines.Scan() {
		if p.lines.Text() == want {
			return
		}
		t.Logf("child: %s", p.lines.Text())
	}
	t.Fatalf("the child ended without saying %q", want)
}

// F1
func TestAJobWhoseProcessIsKilledBeginsAgain(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		p := spawn(t, s, "stuck")
		p.says(t, "open")
		job := Release{"web", "web-1.0.0", "c0ffee"}
		asker := p
		if s.shared {
			must(t, s.open(t, Options{}).Ask(t.Context(), job))
		} else {
			// One process has the file: the job is asked for before it.
			asker.kill()
			j := s.open(t, Options{})
			must(t, j.Ask(t.Context(), job))
			must(t, j.Close())
			p = spawn(t, s, "stuck")
		}
		p.says(t, "began web-1.0.0")
		p.kill()
		j := s.open(t, Options{})
		run(t, j, idle())
		until(t, "done elsewhere", func() bool { return stands(t, j, job).State == Succeeded })
	})
}

// A replica that works already finds the jobs of the dead by itself.
func TestALivingReplicaTakesOverFromADeadOne(t *testing.T) {
	t.Parallel()
	s := onServer(t)
	j := s.open(t, Options{})
	p := spawn(t, s, "stuck")
	p.says(t, "open")
	job := Release{"web", "web-1.0.0", "c0ffee"}
	must(t, j.Ask(t.Context(), job))
	p.says(t, "began web-1.0.0")
	var times atomic.Int32
	h := idle()
	h.Release = func(context.Context, Release) Verdict { times.Add(1); return Done() }
	run(t, j, h)
	// Its first search finds the row of a replica that lives, and leaves it alone.
	time.Sleep(200 * time.Millisecond)
	if times.Load() != 0 {
		t.Fatal("taken from a replica that lives")
	}
	p.kill()
	until(t, "done by the living", func() bool { return stands(t, j, job).State == Succeeded })
}

// F41
func TestAStopPutsBackWhatRunsAndLeavesNothingBehind(t *testing.T) {
	suite(t, func(t *testing.T, s store) {
		job := Release{"web", "web-1.0.0", "c0ffee"}
		j := s.open(t, Options{})
		must(t, j.Ask(t.Context(), job))
		must(t, j.Close())
		p := spawn(t, s, "stoppable")
		p.says(t, "began web-1.0.0")
		must(t, p.in.Close())
		p.says(t, "left 0")
		must(t, p.Wait())
		j = s.open(t, Options{})
		if is := stands(t, j, job); is.State != Queued || is.Attempt != 0 {
			t.Errorf("%+v", is)
		}
		run(t, j, idle())
		until(t, "done", func() bool { return stands(t, j, job).State == Succeeded })
	})
}

func TestAJobThatItsProcessDiesOfIsHeldInTheEnd(t *testing.T) {
	t.Parallel()
	s := onFile(t)
	job := Release{"web", "web-1.0.0", "c0ffee"}
	j := s.open(t, Options{})
	must(t, j.Ask(t.Context(), job))
	must(t, j.Close())
	for range deadly {
		p := spawn(t, s, "stuck")
		p.says(t, "began web-1.0.0")
		p.kill()
	}
	j = s.open(t, Options{})
	gaveUp := make(chan Standing, 1)
	h := idle()
	h.GaveUp = func(s Standing) { gaveUp <- s }
	run(t, j, h)
	until(t, "held", func() bool { return stands(t, j, job).State == Stopped })
	if s := <-gaveUp; s.Job != job || s.State != Stopped || !strings.Contains(s.Reason, "died 10 times") {
		t.Errorf("%+v", s)
	}
	must(t, j.Retry(t.Context(), job))
	until(t, "done", func() bool { return stands(t, j, job).State == Succeeded })
}
