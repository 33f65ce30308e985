package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestSpareThatDiedIsReplaced(t *testing.T) {
	t.Parallel()
	b := &Box{Spare: true, Dir: t.TempDir()}
	defer b.Close()
	for range 2 {
		if got, err := b.Run(t.Context(), []byte("echo x")); string(got) != "x" || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
		b.making.Wait()
		b.mu.Lock()
		spare := b.spare
		b.mu.Unlock()
		if spare == nil || !spare.alive() {
			t.Fatal("there is no spare")
		}
		_ = spare.cmd.Process.Kill()
		for spare.alive() {
			time.Sleep(time.Millisecond)
		}
	}
}

func TestWarmBoxHasAChildBeforeTheWork(t *testing.T) {
	t.Parallel()
	b := &Box{Dir: t.TempDir()}
	for range 2 {
		if err := b.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	first := b.spare
	if entries, _ := os.ReadDir(b.Dir); first == nil || len(entries) != 1 {
		t.Fatalf("%d children for one piece of work", len(entries))
	}
	if got, err := b.Run(t.Context(), []byte("echo x")); string(got) != "x" || err != nil || b.spare != nil || !first.reaped {
		t.Errorf("got %q, %v; it was not the warm child that worked", got, err)
	}
	b.Close()
	if err := b.Warm(t.Context()); err != nil || b.spare != nil {
		t.Errorf("after Close: %v, a child %v", err, b.spare)
	}
}

// A kill that no limit explains is the machine's doing. The work is not to blame, and may be tried again.
func TestKillFromOutsideIsNoVerdictOnTheWork(t *testing.T) {
	t.Parallel()
	b := &Box{Dir: t.TempDir()}
	p, err := b.start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { _ = p.cmd.Process.Kill() })
	_, err = p.work(t.Context(), []byte("sleep"), time.Minute)
	var killed *Killed
	if err == nil || errors.As(err, &killed) {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(b.Dir); len(left) != 0 {
		t.Errorf("%d job folders are left", len(left))
	}
}

// A kill by the machine's own want of memory is not the work's fault, however much time it had used.
func TestKillFromOutsideBelowTheLimitOfTimeIsNoVerdictEither(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the kernel's limits are used on Linux only")
	}
	const limit = 2 * time.Second
	p, err := (&Box{Dir: t.TempDir(), CPU: limit}).start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for used(p.cmd.Process.Pid) < limit*8/10 {
			time.Sleep(time.Millisecond)
		}
		_ = p.cmd.Process.Kill()
	}()
	_, err = p.work(t.Context(), []byte("spin"), time.Minute)
	if spent := p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime(); spent >= limit {
		t.Skipf("the kill came late, after %v", spent)
	}
	var killed *Killed
	if err == nil || errors.As(err, &killed) {
		t.Errorf("got %v", err)
	}
}

// used is the processor time of a process, over the limit when it is gone. Linux counts in hundredths of a second.
func used(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if err != nil || len(fields) < 13 {
		return time.Hour
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

func TestChildThatCannotStartIsTold(t *testing.T) {
	t.Parallel()
	_, err := (&Box{Dir: t.TempDir() + "/missing"}).Run(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "releaser check") {
		t.Errorf("got %v", err)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	t.Parallel()
	var all tail
	for range 10 {
		if n, err := all.Write([]byte(strings.Repeat("a", maxErrors/4))); n != maxErrors/4 || err != nil {
			t.Fatal(n, err)
		}
	}
	_, _ = all.Write([]byte(strings.Repeat("b", 2*maxErrors) + "\n\nfatal error: runtime: out of memory\nlast\n"))
	if len(all.kept) != maxErrors || all.reason() != "fatal error: runtime: out of memory" || !outOfMemory(all.reason()) {
		t.Errorf("%d bytes, reason %q", len(all.kept), all.reason())
	}
	if got := (&tail{kept: []byte("one\ntwo\n")}).reason(); got != "two" {
		t.Errorf("got %q", got)
	}
	if got := new(tail).reason(); got != "it said nothing" {
		t.Errorf("got %q", got)
	}
}
