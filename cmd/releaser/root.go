package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"
)

// The rules of the face:
//
//   - What a command is asked for goes to standard output, everything else to standard error.
//   - -o json prints one JSON value and nothing else.
//   - Exit 0: done, or nothing to do. 1: it could not be done. 2: wrong usage or configuration.
//   - An error is one sentence, or one line per problem, and ends with what to try next.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// streams are what a command may read, write and know of its surroundings.
type streams struct {
	in       io.Reader
	out, err io.Writer
	env      func(name string) string
}

// app is what the commands share: the flags that all of them take.
type app struct {
	streams
	configFile string
	output     string
	logFormat  string
	verbose    bool
	started    bool // the command line was understood
}

// usageError is a mistake in the command line or in the configuration.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// errReported ends a command that has said on standard output what is wrong.
var errReported = errors.New("reported")

// run is the program: it returns the exit code.
func run(ctx context.Context, args []string, s streams) int {
	a := &app{streams: s}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errReported):
		return exitFailed
	case errors.As(err, &usage):
		fmt.Fprintln(s.err, "releaser:", err)
		return exitUsage
	case !a.started:
		fmt.Fprintf(s.err, "releaser: %v\nSee releaser --help.\n", err)
		return exitUsage
	}
	fmt.Fprintln(s.err, "releaser:", err)
	return exitFailed
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "releaser",
		Short: "Carry a Helm chart from a git tag to production, and prove every step",
		Long: `releaser watches git tags, pins image.tag to the commit, lints the chart, packages it reproducibly, pushes it to an
OCI registry, signs it with cosign, and opens promotion pull requests, dev -> staging -> prod.

New here? "releaser demo" shows the whole line on this machine.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if a.output != "text" && a.output != "json" {
				return fmt.Errorf("-o %s: write text or json", a.output)
			}
			if a.logFormat != "text" && a.logFormat != "json" {
				return fmt.Errorf("--log-format %s: write text or json", a.logFormat)
			}
			a.started = true
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f := root.PersistentFlags()
	f.StringVarP(&a.configFile, "config", "c", "", "configuration file (default $RELEASER_CONFIG, ./releaser.yaml or /etc/releaser/releaser.yaml)")
	f.StringVarP(&a.output, "output", "o", "text", "what to print: text or json")
	f.StringVar(&a.logFormat, "log-format", "text", "how to log to standard error: text or json")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "log details")
	root.AddCommand(
		a.serveCommand(), a.onceCommand(), a.releaseCommand(), a.promoteCommand(), a.statusCommand(),
		a.retryCommand(), a.cancelCommand(), a.verifyCommand(), a.lintCommand(), a.checkCommand(), a.demoCommand(), a.versionCommand(),
	)
	return root
}

// logger writes to standard error.
func (a *app) logger() *slog.Logger {
	level := slog.LevelInfo
	if a.verbose {
		level = slog.LevelDebug
	}
	options := &slog.HandlerOptions{Level: level}
	if a.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(a.err, options))
	}
	return slog.New(slog.NewTextHandler(a.err, options))
}
