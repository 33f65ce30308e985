package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// budget is what one release by the daemon may ask, in requests, from a tag to an open pull request with nothing else
// to do.
type budget struct{ git, registry, forge int }

// The daemon's side of the bench, with the real binary: what no busy machine can change is held to the number. A row that
// gets dearer needs a reason.
func TestAReleaseAsksNoMoreThanItsBudget(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "releaser")
	if err := build(t.Context(), binary, ""); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		formats string
		want    budget
	}{
		"both formats": {"[bundle, legacy]", budget{git: 3, registry: 25, forge: 8}},
		"one format":   {"[legacy]", budget{git: 3, registry: 16, forge: 8}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, got := range releases(t, binary, c.formats, 3) {
				if have := (budget{got.requests("git"), got.requests("registry"), got.requests("forge")}); have != c.want {
					t.Errorf("release %d: %+v, want %+v", i, have, c.want)
				}
				t.Logf("release %d: %v, CPU %v (children %v), %d MiB", i, got.wall.Round(time.Millisecond), got.cpu, got.child, got.peak>>20)
				if got.cpu <= 0 || got.peak <= 0 || got.wall <= 0 {
					t.Errorf("something was not measured: %v CPU, %d bytes, %v", got.cpu, got.peak, got.wall)
				}
			}
		})
	}
}

// releases lets a daemon release some versions, and leaves out the first.
func releases(t *testing.T, binary, formats string, n int) (costs []cost) {
	t.Helper()
	w, err := newWorld(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	s, err := newSide(t.Context(), w, "line")
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLine(t.Context(), s, binary, formats, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for i := range n + 1 {
		c, err := oneRound(t.Context(), l, i)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			costs = append(costs, c)
		}
	}
	return costs
}

func TestOnlyWritesToTheForgeAreCountedAsSuch(t *testing.T) {
	t.Parallel()
	b := new(book)
	for _, a := range []struct{ server, method string }{{"forge", "GET"}, {"forge", "POST"}, {"registry", "PUT"}, {"forge", "PATCH"}} {
		door := b.door(a.server, http.NotFoundHandler())
		door.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(a.method, "/", nil))
	}
	if got := b.writes(); got != 2 {
		t.Errorf("%d writes, want 2", got)
	}
}

// What a process has used is known to less than a tick, and what its children have used is not counted as its own.
func TestTheCPUTimeOfAProcessIsExact(t *testing.T) {
	t.Parallel()
	const precision = 10 * time.Microsecond // getrusage cuts off
	own, _, err := spent(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	after, _, err := spent(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	kernel := time.Duration(used.Utime.Nano() + used.Stime.Nano())
	if own <= 0 || kernel < own-precision || kernel > after+precision || own%tick == 0 && after%tick == 0 {
		t.Errorf("%v, then the kernel says %v, then %v", own, kernel, after)
	}
}

func TestTheMedianIsTheMiddleOne(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		all  []time.Duration
		want time.Duration
	}{{nil, 0}, {[]time.Duration{3}, 3}, {[]time.Duration{9, 1, 2}, 2}, {[]time.Duration{4, 1, 2, 100}, 3}} {
		if got := median(c.all); got != c.want {
			t.Errorf("the median of %v is %v, want %v", c.all, got, c.want)
		}
	}
}
