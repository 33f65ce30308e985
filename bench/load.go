package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// loads are how many tags are pushed at once.
func loads() []int { return []int{100, 500, 1000} }

const (
	idleTags   = 10_000
	idleSweeps = 5
)

// load is what many tags of one chart cost a daemon that was told of them once.
type load struct {
	tags     int
	wall     time.Duration // until the last one was released
	cpu      time.Duration // until the daemon had come to rest
	peak     int64
	registry int // requests
	writes   int // to the forge
}

// bearing measures what many tags at once cost, and then what a look costs that finds nothing new.
func (o options) bearing(ctx context.Context, dir, binary string) (all []load, idle time.Duration, err error) {
	for _, n := range loads() {
		l, err := o.bears(ctx, filepath.Join(dir, fmt.Sprint(n)), binary, n)
		if err != nil {
			return nil, 0, err
		}
		all = append(all, l)
		fmt.Fprintf(os.Stderr, "  %d tags: %.1f s wall, %.0f ms CPU each, %d MiB, %.1f registry requests each, %d forge writes\n", n, l.wall.Seconds(),
			ms(l.cpu)/float64(n), l.peak>>20, float64(l.registry)/float64(n), l.writes)
	}
	idle, err = o.rests(ctx, filepath.Join(dir, "idle"), binary)
	fmt.Fprintf(os.Stderr, "  a look at %d known tags: %.0f ms CPU\n", idleTags, ms(idle))
	return all, idle, err
}

// bears lets a warm daemon release many tags.
func (o options) bears(ctx context.Context, dir, binary string, n int) (got load, err error) {
	l, end, err := alone(ctx, dir, binary)
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, end()) }()
	if _, err := oneRound(ctx, l, 0); err != nil {
		return got, err
	}
	if err := l.tags(ctx, n); err != nil {
		return got, err
	}
	l.take()
	own, children, err := spent(l.daemon.Process.Pid)
	if err != nil {
		return got, err
	}
	watch := newWatch(l.daemon.Process.Pid)
	began := time.Now()
	if err = l.tell(ctx, l.platform()); err == nil {
		err = l.released(ctx, n+1)
	}
	got = load{tags: n, wall: time.Since(began)}
	err = errors.Join(err, l.rest(ctx))
	got.peak = watch.stop()
	ownAfter, childrenAfter, failed := spent(l.daemon.Process.Pid)
	got.cpu = ownAfter - own + childrenAfter - children
	c := cost{asked: l.take()}
	for _, a := range c.asked {
		if a.server == "forge" && a.method != "GET" {
			got.writes++
		}
	}
	got.registry = c.requests("registry")
	return got, errors.Join(err, failed)
}

// alone is a daemon without the glue beside it.
func alone(ctx context.Context, dir, binary string) (l *line, end func() error, err error) {
	w, err := newWorld(dir, 0)
	if err != nil {
		return nil, nil, err
	}
	s, err := newSide(ctx, w, "line")
	if err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	if l, err = newLine(ctx, s, binary, "[bundle, legacy]", ""); err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	return l, func() error { return errors.Join(l.Close(), w.Close()) }, nil
}

// released waits until the daemon's log has told of so many releases.
func (l *line) released(ctx context.Context, n int) error {
	const most = 30 * time.Minute
	for began := time.Now(); ; {
		text, err := os.ReadFile(l.path("releaser.log"))
		if err != nil || bytes.Count(text, []byte(`"msg":"released"`)) >= n {
			return err
		}
		select {
		case err := <-l.ended:
			l.ended <- err
			return fmt.Errorf("the daemon ended: %w:\n%s", err, l.said())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		if time.Since(began) > most {
			return fmt.Errorf("waited in vain for %d releases:\n%s", n, l.said())
		}
	}
}

// tags makes many versions of the chart, each with a commit and a tag of its own, and pushes them at once.
func (s side) tags(ctx context.Context, n int) error {
	for i := range n {
		if err := s.version(ctx, fmt.Sprintf("0.2.%d", i)); err != nil {
			return err
		}
	}
	return s.run(ctx, s.work("platform"), "push", "--quiet", "origin", "HEAD:refs/heads/main", "--tags")
}

// rests measures what a look at a source costs of which every tag is known.
func (o options) rests(ctx context.Context, dir, binary string) (middle time.Duration, err error) {
	w, err := newWorld(dir, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	s, err := newSide(ctx, w, "line")
	if err != nil {
		return 0, err
	}
	if err := s.old(ctx, idleTags); err != nil {
		return 0, err
	}
	l, err := newLineWith(ctx, s, binary, strings.Replace(lineConfig, "existing: all", "existing: ignore", 1), "[bundle, legacy]", "")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	var all []time.Duration
	for range idleSweeps {
		own, _, err := spent(l.daemon.Process.Pid)
		if err != nil {
			return 0, err
		}
		if err := errors.Join(l.tell(ctx, l.platform()), l.rest(ctx)); err != nil {
			return 0, err
		}
		after, _, err := spent(l.daemon.Process.Pid)
		if err != nil {
			return 0, err
		}
		all = append(all, after-own)
	}
	return median(all), nil
}

// old puts many tags of the chart on one commit, which were there before the daemon.
func (s side) old(ctx context.Context, n int) error {
	var refs strings.Builder
	for i := range n {
		fmt.Fprintf(&refs, "create refs/tags/%s-0.0.%d HEAD\n", chart, i)
	}
	if err := s.input(ctx, s.work("platform"), refs.String(), "update-ref", "--stdin"); err != nil {
		return err
	}
	return s.run(ctx, s.work("platform"), "push", "--quiet", "origin", "--tags")
}
