package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// options are what bench is asked for.
type options struct {
	rounds int
	rtt    time.Duration
	report string
	trace  bool
	// profile is the folder of CPU profiles of the daemon, one a table; none when empty.
	profile string
	// loadOnly leaves everything out but many tags at once.
	loadOnly bool
}

// setting is the circumstances of one table.
type setting struct {
	title   string
	rtt     time.Duration
	formats string // of the signatures that the daemon makes
	targets
}

// targets are what a release by the daemon may cost: shares of what the glue costs, and a number of requests.
type targets struct {
	wall, cpu float64
	requests  int
}

func (o options) settings() []setting {
	return []setting{
		{"No added latency, both signature formats", 0, "[bundle, legacy]", targets{wall: 0.2, cpu: 0.1, requests: 36}},
		{fmt.Sprintf("%s added to each round trip, both signature formats", o.rtt), o.rtt, "[bundle, legacy]", targets{wall: 0.25, cpu: 0.1, requests: 36}},
		{"No added latency, one signature format, the one that the glue makes", 0, "[legacy]", targets{wall: 0.2, cpu: 0.1, requests: 28}},
	}
}

// releaser is a side at work.
type releaser interface {
	fmt.Stringer
	// tag pushes a new version of the chart, at no cost to the side.
	tag(ctx context.Context, version string) (tag string, err error)
	// release carries the tag to an open pull request.
	release(ctx context.Context, tag, version string) (cost, error)
	// merge merges the pull request, at no cost to the side.
	merge(ctx context.Context, number int) error
	// take empties the book of the requests.
	take() []asked
}

// table is what was measured in one setting.
type table struct {
	setting
	glue, line []cost
	stages     []stage
}

func bench(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "releaser-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "releaser")
	if err := build(ctx, binary, o.profile); err != nil {
		return err
	}
	if o.loadOnly {
		_, _, err := o.bearing(ctx, filepath.Join(dir, "load"), binary)
		return err
	}
	var tables []table
	for i, s := range o.settings() {
		fmt.Fprintln(os.Stderr, s.title)
		t, err := o.measure(ctx, filepath.Join(dir, fmt.Sprint(i)), binary, s)
		if err != nil {
			return err
		}
		tables = append(tables, t)
	}
	if o.report == "" {
		return nil
	}
	fmt.Fprintln(os.Stderr, "Start-up")
	begun, err := startUp(ctx, binary)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "Many tags at once")
	loads, idle, err := o.bearing(ctx, filepath.Join(dir, "load"), binary)
	if err != nil {
		return err
	}
	return report(ctx, o, tables, begun, loads, idle)
}

// build makes the binary as the Dockerfile does: static, so that no process pays for a dynamic linker.
func build(ctx context.Context, to, profile string) error {
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", to}
	if profile != "" {
		overlay, err := profiling(filepath.Dir(to))
		if err != nil {
			return err
		}
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "github.com/releaser/releaser/cmd/releaser")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go build ./cmd/releaser: %w; start the bench inside the repository", err)
	}
	return nil
}

// measure makes a world and lets both sides release in turn. The first release of each is not counted, nor is one after a
// pause: it warms the daemon, and the machine's file cache for the glue.
func (o options) measure(ctx context.Context, dir, binary string, s setting) (t table, err error) {
	t.setting = s
	w, err := newWorld(dir, s.rtt)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	profile := ""
	if o.profile != "" {
		profile = filepath.Join(o.profile, filepath.Base(dir)+".pprof")
	}
	a, b, err := sides(ctx, w, binary, s.formats, profile)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	cold := true
	for n := 0; len(t.line) < o.rounds; n++ {
		costs, err := o.round(ctx, n, a, b)
		if err != nil {
			return t, err
		}
		if !cold {
			t.glue, t.line = append(t.glue, costs[0]), append(t.line, costs[1])
		}
		if o.trace && len(t.line) == o.rounds {
			trace(costs[0].asked)
			trace(costs[1].asked)
		}
		if cold, err = b.pause(ctx); err != nil {
			return t, err
		}
	}
	t.stages, err = b.stages()
	return t, err
}

// sides makes both.
func sides(ctx context.Context, w *world, binary, formats, profile string) (a *glue, b *line, err error) {
	of, err := newSide(ctx, w, "glue")
	if err != nil {
		return nil, nil, err
	}
	if a, err = newGlue(of); err != nil {
		return nil, nil, err
	}
	to, err := newSide(ctx, w, "line")
	if err != nil {
		return nil, nil, err
	}
	b, err = newLine(ctx, to, binary, formats, profile)
	return a, b, err
}

// round lets each side release the next version, one after the other.
func (o options) round(ctx context.Context, n int, sides ...releaser) (costs []cost, err error) {
	for _, r := range sides {
		c, err := oneRound(ctx, r, n)
		if err != nil {
			return costs, err
		}
		costs = append(costs, c)
		fmt.Fprintf(os.Stderr, "  %s %d: %.0f ms wall, %.0f ms CPU, %d MiB, %d requests\n", r, n, ms(c.wall), ms(c.cpu), c.peak>>20, c.requests(""))
	}
	return costs, nil
}

// oneRound makes the n-th tag of a side, measures what its release costs, and merges what it proposes. It is called with
// 0, 1, 2 and so on, as the forge numbers the pull requests.
func oneRound(ctx context.Context, r releaser, n int) (c cost, err error) {
	version := fmt.Sprintf("0.1.%d", n)
	tag, err := r.tag(ctx, version)
	if err != nil {
		return c, err
	}
	r.take()
	if c, err = r.release(ctx, tag, version); err != nil {
		return c, err
	}
	c.asked = r.take()
	return c, r.merge(ctx, n+1)
}

// trace prints the requests of a release with their times.
func trace(all []asked) {
	for _, a := range all {
		path := a.path
		if len(path) > 120 {
			path = path[:120] + "…"
		}
		fmt.Fprintf(os.Stderr, "    %7.1f %6.1f ms  %-8s %-5s %d %s\n", ms(a.began.Sub(all[0].began)), ms(a.ended.Sub(a.began)),
			a.server, a.method, a.status, path)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
