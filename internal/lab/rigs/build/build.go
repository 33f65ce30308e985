// Command build makes the rigs that tests need: `go run ./internal/lab/rigs/build [name…]`, all that tests need when no name is given.
//
// It builds what is missing and leaves the rest alone, one after the other, with nothing but the go command. It says what
// it builds, as a cold build takes minutes. A binary appears under its name only when it is complete. With -path it
// prints where a rig's binary lies, and builds nothing.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/releaser/releaser/internal/lab/rigs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	path := flag.Bool("path", false, "print where the rigs lie")
	flag.Parse()
	names := flag.Args()
	if len(names) == 0 {
		names = rigs.Names()
	}
	do := build
	if *path {
		do = show
	}
	for _, name := range names {
		if err := do(ctx, name); err != nil {
			fmt.Fprintln(os.Stderr, "build:", err)
			os.Exit(1)
		}
	}
}

// show prints where a rig's binary lies.
func show(_ context.Context, name string) error {
	rig, err := rigs.Find(name)
	if err == nil {
		fmt.Println(rig.Path)
	}
	return err
}

// build makes one rig, unless it is there already.
func build(ctx context.Context, name string) error {
	rig, err := rigs.Find(name)
	if err != nil {
		return err
	}
	if rig.Built() {
		fmt.Println(rig.Path, "is there")
		return nil
	}
	fmt.Printf("building %s %s\n", rig.Package, rig.Version)
	start := time.Now()
	if err := compile(ctx, rig); err != nil {
		return fmt.Errorf("%s: %w", rig.Name, err)
	}
	fmt.Printf("%s built in %s\n", rig.Path, time.Since(start).Round(time.Second))
	return nil
}

// compile builds into a folder beside the binary's place and renames, so that neither an interrupted build nor a second
// one at the same time leaves half a file.
func compile(ctx context.Context, rig rigs.Rig) error {
	cache := filepath.Dir(rig.Path)
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(cache, ".build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	made := filepath.Join(dir, rig.Name)
	// No -trimpath and no CGO_ENABLED here: with the same settings the packages come from, and go to, the cache of our
	// own build and tests.
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", made, rig.Package)
	cmd.Dir, cmd.Stdout, cmd.Stderr = rig.Dir, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go build %s: %w", rig.Package, err)
	}
	return os.Rename(made, rig.Path)
}
