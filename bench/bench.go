// Command bench measures what a release costs, side by side with the glue that releaser replaces.
//
// The promise: both sides do the same work on the same machine in the same minute, and nobody is made slow. In turn,
// (a) a shell script, as a careful engineer writes it into a CI job (glue.sh), and (b) a running `releaser serve`, the
// real binary, release a new version of the same chart to the same local servers, each in repositories and a registry
// namespace of its own. What is counted: the time until the forge has the pull request, the CPU time and memory of
// the side's own processes (the servers run in this one and cost nobody), and every request at a door before each server.
//
// `make bench` builds the tools of the glue, runs it, and writes bench/README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	flag.IntVar(&o.rounds, "n", 10, "how often each side releases, per table")
	flag.DurationVar(&o.rtt, "rtt", 40*time.Millisecond, "the round-trip time that is added in the second table")
	flag.StringVar(&o.report, "report", "bench/README.md", "where the report is written; empty: nowhere")
	flag.BoolVar(&o.trace, "trace", false, "print every request of the last round")
	flag.StringVar(&o.profile, "profile", "", "an existing folder, full path, for CPU profiles of the daemon, one a table")
	flag.BoolVar(&o.loadOnly, "load", false, "measure many tags at once, and nothing else; nothing is written")
	flag.Parse()
	if err := bench(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
