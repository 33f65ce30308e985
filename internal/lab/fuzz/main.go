// Fuzz runs every fuzz target of the module, one after the other, each for -time. It finds them by itself, so that none is
// forgotten. What a target finds is written to the package's testdata/fuzz, as `go test -fuzz` does, and ends in exit code 1
// after all have run; what it learns stays in Go's cache for the next run.
//
// A package is built once for all of its targets. Building with coverage costs a build of all that the package imports.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	time := flag.String("time", "10m", "how long each target runs, as -fuzztime of go test")
	workers := flag.Int("parallel", 2, "how many processes run one target")
	flag.Parse()
	if err := run(*time, *workers); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(time string, workers int) error {
	packages, err := find()
	if err != nil {
		return err
	}
	temporary, err := os.MkdirTemp("", "fuzz")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	cache, err := output("go", "env", "GOCACHE")
	if err != nil {
		return err
	}
	var failed error
	for _, p := range packages {
		binary := filepath.Join(temporary, "fuzz.test")
		if err := command("", "go", "test", "-c", "-fuzz=.", "-o", binary, p.path); err != nil {
			return err
		}
		for _, target := range p.targets {
			fmt.Println("==", p.path, target)
			// An input that is new is made shorter for a minute, unless told otherwise.
			err := command(p.dir, binary, "-test.run=^$", "-test.fuzz=^"+target+"$", "-test.fuzztime="+time, "-test.fuzzminimizetime=100x",
				fmt.Sprintf("-test.parallel=%d", workers), "-test.fuzzcachedir="+filepath.Join(strings.TrimSpace(cache), "fuzz", p.path))
			if err != nil {
				err = fmt.Errorf("%s: %s: %w", p.path, target, err)
			}
			failed = cmp.Or(failed, err)
		}
	}
	return failed
}

// tested is a package with fuzz targets.
type tested struct {
	path, dir string
	targets   []string
}

// find reads the names of all fuzz targets out of the test files.
func find() ([]tested, error) {
	listed, err := output("go", "list", "-f", `{{.ImportPath}} {{.Dir}}{{range .TestGoFiles}} {{.}}{{end}}{{range .XTestGoFiles}} {{.}}{{end}}`, "github.com/releaser/releaser/...")
	if err != nil {
		return nil, err
	}
	var all []tested
	for line := range strings.Lines(listed) {
		fields := strings.Fields(line)
		p := tested{path: fields[0], dir: fields[1]}
		for _, file := range fields[2:] {
			source, err := os.ReadFile(filepath.Join(p.dir, file))
			if err != nil {
				return nil, err
			}
			for line := range strings.Lines(string(source)) {
				if rest, ok := strings.CutPrefix(line, "func Fuzz"); ok {
					name, _, _ := strings.Cut(rest, "(")
					p.targets = append(p.targets, "Fuzz"+name)
				}
			}
		}
		if len(p.targets) > 0 {
			all = append(all, p)
		}
	}
	return all, nil
}

func output(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	return string(text), err
}

func command(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, os.Stdout, os.Stderr
	return cmd.Run()
}
