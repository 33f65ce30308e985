package crash

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sync/errgroup"
)

var (
	every  = flag.Bool("every", false, "die at every request, in every way")
	atOnce = flag.Int("at-once", 2*runtime.NumCPU(), "how many cases to run at once")
	built  = flag.String("releaser", "", "the full path of a releaser that is built; built anew when empty")
)

// A daemon that is killed by SIGKILL at any of its requests, and started again, comes to the same end as one that lives: in git, in
// the registry and at the forge, to the byte, with every tag settled (I4). Between the lives its journal is kept or lost. What the
// end does not show, promises looks for.
//
// F1, F2, F3, F4, F5, F6, F27
func TestADaemonThatDiesAtAnyRequestComesToTheSameEnd(t *testing.T) {
	t.Parallel()
	binary := build(t)
	release := &story{name: "release", from: newPlace(t), until: "releaser/dev/" + chart}
	released := release.lived(t, binary)
	promotion := &story{
		name: "promotion", from: released, until: "releaser/prod/" + chart,
		begin: func(w *world) { w.merge("releaser/dev/" + chart); w.hook() },
	}
	promotion.lived(t, binary)
	// A case waits for more than it works, so that there are more of them at once than the processors would have it.
	var cases errgroup.Group
	cases.SetLimit(*atOnce)
	for _, p := range points(release, promotion) {
		cases.Go(func() error {
			t.Run(p.String(), func(t *testing.T) { p.dies(t, binary) })
			return nil
		})
	}
	_ = cases.Wait() // each has told its own
}

// build makes the binary as the Dockerfile does.
func build(t *testing.T) (binary string) {
	t.Helper()
	if *built != "" {
		return *built
	}
	binary = filepath.Join(t.TempDir(), "releaser")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "github.com/releaser/releaser/cmd/releaser")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// story is something that a daemon does from its start.
type story struct {
	name  string
	from  place
	begin func(*world) // what happens before; may be nil
	until string       // the branch whose pull request is open at the end

	// What comes of it when nothing happens to the daemon.
	want     end
	requests int
}

func (s *story) world(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, s.from.copied(t))
	if s.begin != nil {
		s.begin(w)
	}
	return w
}

// ended tells whether the daemon has come to the end of the story and has nothing left to do.
func (s *story) ended(w *world, d *daemon) bool { return w.open(s.until) != 0 && d.idle() }

// lived lets a daemon live, and returns where that led. It is told by two daemons: what they come to must be equal, or nothing
// could be compared with it.
func (s *story) lived(t *testing.T, binary string) place {
	t.Helper()
	var w *world
	for range 2 {
		w = s.world(t)
		d := w.start(binary, nil)
		w.await("the end of the "+s.name, func() bool { return s.ended(w, d) })
		d.stop()
		w.promises(0, d)
		if s.want == nil {
			s.want, s.requests = w.end(), len(w.door.Requests())
		}
		if differs := w.end().against(s.want); differs != "" {
			t.Fatalf("of two daemons that live, the second comes to another end:\n%s", differs)
		}
	}
	return w.place
}

// point is where a daemon dies.
type point struct {
	*story
	at   int // its at-th request
	when Moment
	lost bool // the journal, between the lives
}

func (p point) String() string {
	journal := "kept"
	if p.lost {
		journal = "lost"
	}
	return fmt.Sprintf("%s/%s %02d, journal %s", p.name, p.when, p.at, journal)
}

// sample is of how many points one is taken, unless every one is.
const sample = 12

// points are those of the stories: for the first story those before each request with the journal kept, and of all others a
// sample, which is the same each time.
func points(stories ...*story) (all []point) {
	n := 0
	for _, s := range stories {
		for _, when := range []Moment{Before, After} {
			for _, lost := range []bool{false, true} {
				whole := *every || s == stories[0] && when == Before && !lost
				for at := 1; at <= s.requests; at++ {
					if n++; whole || n%sample == 0 {
						all = append(all, point{story: s, at: at, when: when, lost: lost})
					}
				}
			}
		}
	}
	return all
}

// dies lets a daemon die there, and another one end the story. A daemon asks several servers at once, so that another run may have
// another request at the same place; where it comes to the end with fewer, it dies at rest.
func (p point) dies(t *testing.T, binary string) {
	w := p.world(t)
	first := w.start(binary, func(kill func()) { w.door.KillAt(p.at, p.when, kill) })
	w.await("the death of the daemon", func() bool { return first.gone() || p.ended(w, first) })
	if first.gone() && w.door.killed() == "" {
		t.Fatalf("the daemon ended by itself, %v:\n%s", first.exit, first.said())
	}
	w.door.KillAt(0, p.when, nil)
	w.hooked(nil)
	first.kill()
	lived := len(w.door.Requests())
	if p.lost {
		must(t, os.RemoveAll(w.data()))
	}
	second := w.start(binary, nil)
	w.await("the end of the "+p.name, func() bool { return second.gone() || p.ended(w, second) })
	second.stop()
	if differs := w.end().against(p.want); differs != "" {
		t.Errorf("it comes to another end:\n%s", differs)
	}
	w.promises(lived, first, second)
	if t.Failed() {
		t.Logf("it died at %s\nthe first life says:\n%s\nthe second:\n%s", w.door.killed(), first.said(), second.said())
	}
}

// killed is the request at which the daemon died; empty when it lives.
func (d *Door) killed() string {
	for _, r := range d.Requests() {
		if r.Killed != "" {
			return r.String()
		}
	}
	return ""
}
