package main

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/releaser/releaser/internal/lab/rigs"
)

// starts is how often each program is started. One takes some 30 ms.
const starts = 40

// maxStart is how many times as long as helm releaser may take to say its version.
const maxStart = 1.5

// begun is what it costs to start the programs and to hear their version, side by side.
type begun struct{ helm, releaser []cost }

// startUp starts both in turn. The first start of each is not counted: it reads the program from the disk.
func startUp(ctx context.Context, binary string) (b begun, err error) {
	helm, err := rigs.Find("helm")
	if err != nil {
		return b, err
	}
	for n := range starts + 1 {
		h, err := version(ctx, helm.Path)
		if err != nil {
			return b, err
		}
		r, err := version(ctx, binary)
		if err != nil {
			return b, err
		}
		if n > 0 {
			b.helm, b.releaser = append(b.helm, h), append(b.releaser, r)
		}
	}
	return b, nil
}

func version(ctx context.Context, program string) (cost, error) {
	began := time.Now()
	cmd := exec.CommandContext(ctx, program, "version")
	if err := cmd.Run(); err != nil {
		return cost{}, fmt.Errorf("%s version: %w", program, err)
	}
	return cost{wall: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}, nil
}

// show compares releaser with helm as a table compares the daemon with the glue.
func (b begun) show() []row {
	t := table{glue: b.helm, line: b.releaser}
	return []row{
		t.row("wall time", "%.1f ms", func(c cost) float64 { return ms(c.wall) }).share(maxStart),
		t.row("CPU time, user and system", "%.1f ms", func(c cost) float64 { return ms(c.cpu) }).row,
	}
}
