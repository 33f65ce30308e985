// Command trials runs every test that docs/trials.md names and prints each row of the page with how it went: ok, FAILED, or
// that its feature does not exist yet. It ends with 1 unless every row whose feature exists is ok; a test that was skipped is not.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"regexp"
	"slices"
	"strings"
)

func main() {
	page := flag.String("page", "docs/trials.md", "the page")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *page, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "trials:", err)
		os.Exit(1)
	}
}

// trial is a row of the page.
type trial struct {
	label, what string
	tests       []test
}

// test is a test of a package; a script is one, too.
type test struct{ dir, name string }

// scripts is the test that runs the scripts, one case for each.
const scripts = "TestTheCommandsAsTheyAreTyped"

var named = regexp.MustCompile("`([^`/]*(?:/[^`/]+)*?)(?:\\.((?:Test|Fuzz)\\w+)|/([\\w-]+)\\.txtar)(?:/[^`]+)?`")

// read finds the rows of a page.
func read(page string) (trials []trial) {
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 || !strings.HasPrefix(line, "| B") && !strings.HasPrefix(line, "| F") {
			continue
		}
		t := trial{label: strings.TrimSpace(cells[0]), what: strings.TrimSpace(cells[1])}
		for _, m := range named.FindAllStringSubmatch(cells[2], -1) {
			if m[3] != "" {
				t.tests = append(t.tests, test{path.Dir(path.Dir(m[1])), scripts + "/" + m[3]})
				continue
			}
			t.tests = append(t.tests, test{m[1], m[2]})
		}
		trials = append(trials, t)
	}
	return trials
}

func run(ctx context.Context, page string, out io.Writer) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	trials := read(string(text))
	ended, err := runAll(ctx, trials)
	if err != nil {
		return err
	}
	if red := show(out, trials, ended); red > 0 {
		return fmt.Errorf("%d rows are not ok", red)
	}
	return nil
}

// runAll runs the tests, package by package, and tells how each ended.
func runAll(ctx context.Context, trials []trial) (ended map[test]string, err error) {
	byDir := map[string][]string{}
	for _, t := range trials {
		for _, one := range t.tests {
			byDir[one.dir] = append(byDir[one.dir], one.name)
		}
	}
	ended = map[test]string{}
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		names, cases := split(byDir[dir])
		for _, pattern := range []string{names, cases} {
			if pattern == "" {
				continue
			}
			if err := runIn(ctx, dir, pattern, ended); err != nil {
				return nil, err
			}
		}
	}
	return ended, nil
}

// split makes one pattern of the tests, and one of the scripts.
func split(names []string) (tests, cases string) {
	var whole, parts []string
	for _, name := range names {
		if script, ok := strings.CutPrefix(name, scripts+"/"); ok {
			parts = append(parts, script)
		} else {
			whole = append(whole, name)
		}
	}
	if len(whole) > 0 {
		tests = "^(" + strings.Join(whole, "|") + ")$"
	}
	if len(parts) > 0 {
		cases = "^" + scripts + "$/^(" + strings.Join(parts, "|") + ")$"
	}
	return tests, cases
}

// runIn runs the tests of one package. That some fail is no error.
func runIn(ctx context.Context, dir, pattern string, ended map[test]string) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-json", "-timeout", "30m", "-run", pattern, "./"+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	return listen(bytes.NewReader(out), dir, ended)
}

// listen notes how each test ended, from what go test -json says.
func listen(events io.Reader, dir string, ended map[test]string) error {
	for d := json.NewDecoder(events); ; {
		var e struct{ Action, Test string }
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		switch e.Action {
		case "pass", "fail", "skip":
			ended[test{dir, e.Test}] = e.Action
		}
	}
}

// show prints the rows, and counts those that are not ok.
func show(out io.Writer, trials []trial, ended map[test]string) (red int) {
	for _, t := range trials {
		if len(t.tests) == 0 {
			fmt.Fprintf(out, "%-4s not yet  %s\n", t.label, t.what)
			continue
		}
		var faults []string
		for _, one := range t.tests {
			if how := ended[one]; how != "pass" {
				faults = append(faults, fmt.Sprintf("%s.%s: %s", one.dir, one.name, map[string]string{"fail": "failed", "skip": "skipped", "": "did not run"}[how]))
			}
		}
		if len(faults) == 0 {
			fmt.Fprintf(out, "%-4s ok       %s\n", t.label, t.what)
			continue
		}
		red++
		fmt.Fprintf(out, "%-4s FAILED   %s (%s)\n", t.label, t.what, strings.Join(faults, "; "))
	}
	return red
}
