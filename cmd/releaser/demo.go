package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/releaser/releaser/pipeline"
	"github.com/releaser/releaser/pipeline/promotion"
	"github.com/releaser/releaser/signing"
)

// demoPatience is how long the demo waits for any one thing. All of it takes seconds; a first lint on a busy machine
// takes the longest.
const demoPatience = 2 * time.Minute

// shown is what the demo has done, as -o json prints it.
type shown struct {
	Chart        string            `json:"chart"`
	Version      string            `json:"version"`
	Tag          string            `json:"tag"`
	Commit       string            `json:"commit"`
	Reference    string            `json:"reference"`
	Digest       string            `json:"digest"`
	Signatures   []shownSignature  `json:"signatures"`
	Verified     bool              `json:"verified"`
	PullRequests []shownProposal   `json:"pullRequests"`
	URLs         map[string]string `json:"urls"`
	Directory    string            `json:"directory"`
	PublicKey    string            `json:"publicKey"`
	Stages       []shownStage      `json:"stages"`
}

type shownSignature struct {
	Format    string `json:"format"`
	Reference string `json:"reference"`
}

type shownProposal struct {
	Number      int    `json:"number"`
	Environment string `json:"environment"`
	URL         string `json:"url"`
	Branch      string `json:"branch"`
	State       string `json:"state"`
}

type shownStage struct {
	Name   string `json:"name"`
	Millis int64  `json:"millis"`
}

func (a *app) demoCommand() *cobra.Command {
	var once bool
	var dir string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole line on this machine, with nothing to install but git",
		Long: `demo starts a registry, a git server and a GitHub-compatible API on this machine, makes keys, pushes a tag of a real chart, and runs the
daemon on them: a webhook wakes it, the chart goes down the line, the pull request for dev is merged, and the release is promoted to staging
and to prod. It stays up until Ctrl-C, so that you can look at everything; what it writes lies in one folder.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.demo(c.Context(), dir, once)
		},
	}
	c.Flags().BoolVar(&once, "once", false, "exit when the line has passed")
	c.Flags().StringVar(&dir, "dir", "", "keep everything in this folder, which is new or empty (default: a temporary one, removed at the end unless -o json names it)")
	return c
}

func (a *app) demo(ctx context.Context, dir string, once bool) error {
	keep := dir != "" || a.output == "json" // whoever reads the JSON is told what lies in the folder
	dir, err := demoFolder(dir)
	if err != nil {
		return err
	}
	if !keep {
		defer func() { _ = os.RemoveAll(dir) }()
	}
	s := &story{app: a, out: a.out, began: time.Now(), told: make(chan struct{})}
	if a.output == "json" {
		s.out = io.Discard
	}
	if s.world, err = newWorld(ctx, dir); err != nil {
		return err
	}
	defer func() { _ = s.world.Close() }()
	stop, err := s.startDaemon(ctx)
	if err != nil {
		return err
	}
	defer stop()
	err = s.tell(ctx)
	close(s.told)
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted before the line had passed")
	case err != nil:
		return err
	}
	if err := a.print(s.shown, func() {}); err != nil || once {
		return err
	}
	s.say("\nAll of it stays up until Ctrl-C.")
	<-ctx.Done()
	s.say("")
	return nil
}

// demoFolder makes the folder that everything lies in. Packing and the sandbox use the system's temporary folder; in the
// demo that is a part of this one.
func demoFolder(dir string) (full string, err error) {
	if dir == "" {
		full, err = os.MkdirTemp("", "releaser-demo-")
	} else if full, err = filepath.Abs(dir); err == nil {
		if found, _ := os.ReadDir(full); len(found) > 0 {
			return "", usageError{fmt.Errorf("--dir %s: there is something in it already; name a new folder", dir)}
		}
	}
	if err != nil {
		return "", err
	}
	temporary := filepath.Join(full, "tmp")
	if err := os.MkdirAll(temporary, 0o755); err != nil {
		return "", err
	}
	return full, os.Setenv("TMPDIR", temporary)
}

// story tells what happens, in order.
type story struct {
	*world
	app      *app
	out      io.Writer
	began    time.Time
	house    *house
	stages   chan pipeline.Event
	outcomes chan pipeline.Outcome
	told     chan struct{} // closed when nobody listens to the daemon any more
	shown    shown
}

// send hands the story what the daemon did, unless the story is over: the daemon goes on with other tags.
func send[T any](s *story, to chan T, what T) {
	select {
	case to <- what:
	case <-s.told:
	}
}

func (s *story) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// startDaemon runs what `releaser serve` runs, on the configuration that lies in the folder.
func (s *story) startDaemon(ctx context.Context) (stop func(), err error) {
	of := *s.app
	of.configFile = s.configFile()
	if s.house, err = of.house(); err != nil {
		return nil, err
	}
	if !s.app.verbose {
		s.house.log = slog.New(slog.DiscardHandler) // the story says it
	}
	metrics, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.stages, s.outcomes = make(chan pipeline.Event, 100), make(chan pipeline.Outcome, 10)
	ready, ended := make(chan struct{}), make(chan error, 1)
	w := witness{
		stage:   func(e pipeline.Event) { send(s, s.stages, e) },
		outcome: func(o pipeline.Outcome) { send(s, s.outcomes, o) },
		ready:   func() { close(ready) },
	}
	ctx, cancel := context.WithCancel(ctx)
	data := s.house.config.Path(dataName)
	go func() {
		_, err := s.house.serveOn(ctx, data, mouths{public: s.hook, internal: metrics}, w)
		ended <- err
	}()
	stop = func() { cancel(); <-ended; s.house.close() }
	select {
	case <-ready: // so that it is the webhook that wakes it
	case err := <-ended:
		cancel()
		return nil, err
	}
	if err := s.hooks(); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// tell is the story: a tag, the line, three environments, and how to check it all.
func (s *story) tell(ctx context.Context) error {
	s.say("A registry, a git server and a GitHub-compatible API run on this machine; the daemon sweeps and listens.\n")
	for _, chapter := range []func(context.Context) error{s.release, s.promoteAll, s.verify, s.board, s.commands} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

// release pushes a tag and watches the chart go down the line.
func (s *story) release(ctx context.Context) error {
	const tag = demoChart + "-0.1.0"
	s.say("$ git tag %s && git push origin %s", tag, tag)
	err := s.gitAll(ctx, s.path("platform"), []string{"tag", tag}, []string{"push", "--quiet", "origin", tag})
	if err != nil {
		return err
	}
	o, err := s.watch(ctx)
	if err != nil {
		return err
	}
	s.shown = shown{
		Chart: o.Chart, Version: o.Version, Tag: o.Tag, Commit: o.Commit, Reference: o.Reference, Digest: o.Digest,
		URLs:      map[string]string{"git": s.git.URL(), "registry": s.registry.URL(), "forge": s.forgeURL},
		Directory: s.dir, PublicKey: s.path("keys", "cosign.pub"),
	}
	for _, stage := range o.Stages {
		s.passed(stage.Name, stage.Took)
	}
	for _, sig := range o.Signatures {
		s.shown.Signatures = append(s.shown.Signatures, shownSignature{Format: string(sig.Format), Reference: sig.Reference})
	}
	s.say("\n  %s\n  %s\n", o.Reference, o.Digest)
	for _, p := range o.Proposals {
		s.proposed(p)
	}
	return nil
}

// watch shows each stage as it passes, and ends with the outcome.
func (s *story) watch(ctx context.Context) (pipeline.Outcome, error) {
	patience := time.After(demoPatience)
	for {
		select {
		case e := <-s.stages:
			s.showStage(e)
		case o := <-s.outcomes:
			for len(s.stages) > 0 {
				s.showStage(<-s.stages)
			}
			if o.State != pipeline.Released {
				return o, fmt.Errorf("%s is %s: %s", o.Tag, o.State, o.Reason)
			}
			return o, nil
		case <-patience:
			return pipeline.Outcome{}, errors.New("the tag was not released in time; see what the daemon says with --verbose")
		case <-ctx.Done():
			return pipeline.Outcome{}, ctx.Err()
		}
	}
}

func (s *story) showStage(e pipeline.Event) {
	if e.Err == nil {
		s.say("  %-9s %8s   %s", e.Stage.Name, millis(e.Stage.Took), stageText(e.Stage.Name))
	}
}

// stageText says what a stage has done.
func stageText(stage string) string {
	return map[string]string{
		"find":     "the tag names the chart; its commit is on main",
		"checkout": "the chart's files alone, without a git binary",
		"pin":      "image.tag is the commit, in one scalar of values.yaml",
		"vendor":   "the library beside it, as Chart.lock says",
		"lint":     "schema and every environment, in a child process without keys or network",
		"package":  "bytes that depend on the commit alone",
		"push":     "to the registry, as helm push would",
		"sign":     "cosign bundle and .sig, read back and verified",
		"propose":  "a pull request for dev, merged as its configuration says",
	}[stage]
}

// passed notes a stage for the JSON.
func (s *story) passed(name string, took time.Duration) {
	s.shown.Stages = append(s.shown.Stages, shownStage{Name: name, Millis: took.Milliseconds()})
}

// proposed notes a pull request and says what became of it.
func (s *story) proposed(p promotion.Proposal) {
	s.say("  #%d for %s: %s, %s", p.PullRequest.Number, p.Environment, p.State, p.PullRequest.URL)
	s.shown.PullRequests = append(s.shown.PullRequests, shownProposal{
		Number: p.PullRequest.Number, Environment: p.Environment, URL: p.PullRequest.URL, Branch: p.Branch, State: p.PullRequest.State,
	})
}

// promoteAll does by hand what a team does: promote, review, merge; to staging, then to prod.
func (s *story) promoteAll(ctx context.Context) error {
	for _, step := range [][2]string{{"dev", "staging"}, {"staging", "prod"}} {
		began := time.Now()
		s.say("\n$ releaser promote %s %s", step[0], step[1])
		p, err := s.house.promoter.Promote(ctx, promotion.Request{From: step[0], To: step[1], Chart: demoChart})
		if err != nil {
			return err
		}
		if p.State != promotion.Opened {
			return fmt.Errorf("%s: the promotion is %s: %s", step[1], p.State, p.Reason)
		}
		if err := s.forge.MergePullRequest(demoEnvironments, p.PullRequest.Number, "you"); err != nil {
			return err
		}
		p.PullRequest.State = "merged"
		p.State = "opened, merged by you"
		s.proposed(p)
		s.passed("promote "+step[1], time.Since(began))
	}
	return nil
}

// verify asks the registry alone.
func (s *story) verify(ctx context.Context) error {
	s.say("\n$ releaser verify %s:%s", demoChart, s.shown.Version)
	found, err := s.house.verify(ctx, demoChart+":"+s.shown.Version, "")
	if err != nil {
		return err
	}
	s.shown.Verified = found[0].Digest == s.shown.Digest && len(found[0].Signatures) == len(s.shown.Signatures)
	for _, sig := range found[0].Signatures {
		s.say("  signature verified (%s): %s", sig.Format, sig.Reference)
	}
	return nil
}

// board is the table of what runs where; every environment must hold the release.
func (s *story) board(ctx context.Context) error {
	boards, err := s.house.boards(ctx, demoChart)
	if err != nil {
		return err
	}
	s.say("\n$ releaser status")
	printer := *s.app
	printer.streams.out = s.out
	printer.printBoards(boards)
	for _, stand := range boards[0].Rungs {
		if stand.Version != s.shown.Version || stand.Digest != s.shown.Digest {
			return fmt.Errorf("%s holds %q, not %s: this is a fault of releaser", stand.Environment, stand.Version, s.shown.Version)
		}
	}
	return nil
}

// commands are how to check it without releaser.
func (s *story) commands(ctx context.Context) error {
	pushed, err := s.house.registry.Resolve(ctx, demoChart, s.shown.Version)
	if err != nil {
		return err
	}
	signed, err := s.house.verifier.Verify(ctx, pushed)
	if err != nil {
		return err
	}
	s.say("\nThe line passed in %s. See for yourself:\n", millis(time.Since(s.began)))
	lines := []string{
		fmt.Sprintf("helm template oci://%s/charts/%s --version %s --plain-http", s.registry.Host(), demoChart, s.shown.Version),
	}
	files := signing.Files{PublicKey: s.shown.PublicKey, TrustedRoot: s.path("trusted-root.json")}
	for _, c := range signed.Commands(files) {
		lines = append(lines, c.String())
	}
	lines = append(lines,
		fmt.Sprintf("git clone %s", s.git.RepositoryURL(demoEnvironments+".git")),
		"git -C environments log -p -m --first-parent -3   # one scalar a line; everything else stays",
		fmt.Sprintf("releaser status --config %s", s.configFile()),
	)
	for _, l := range lines {
		s.say("  %s", l)
	}
	s.say("\n  pull requests: %s/%s/pulls", s.forgeURL, demoEnvironments)
	s.say("  everything:    %s", s.dir)
	s.say("\nWithout helm, cosign and releaser on the PATH, in releaser's own folder: go tool helm, go tool cosign, go run ./cmd/releaser.")
	return nil
}
