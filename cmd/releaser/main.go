// Command releaser carries a Helm chart from a git tag to production and proves every step.
//
// main.go starts, root.go has the commands, flags and exit codes, wire.go makes the rooms from the
// configuration; then a file for each command.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/sandbox"
)

func main() {
	if sandbox.Main(os.Args, charts.Inspect) {
		return // this process was the child that renders
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv}))
}
