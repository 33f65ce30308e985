package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// exactly asks for these arguments and names what is missing.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return fmt.Errorf("%s takes %s, got %d: write releaser %s", c.Name(), strings.Join(names, " and "), len(args), c.Use)
	}
}

// errorsAfter joins what went wrong: errReported only counts when nothing else is to be said.
func errorsAfter(first, second error) error {
	switch {
	case first == nil || (errors.Is(first, errReported) && second != nil):
		return second
	case second == nil || errors.Is(second, errReported):
		return first
	}
	return errors.Join(first, second)
}

// millis is a time as a person reads it beside others.
func millis(d time.Duration) string {
	if d < time.Millisecond {
		return "<1 ms"
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}
