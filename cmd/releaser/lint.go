package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/config"
	"github.com/releaser/releaser/internal/sandbox"
	"github.com/releaser/releaser/pipeline"
	"github.com/releaser/releaser/pipeline/source"
)

// lintResult is what the lint says of one chart.
type lintResult struct {
	Chart    string           `json:"chart"`
	Path     string           `json:"path"`
	OK       bool             `json:"ok"`
	Findings []charts.Finding `json:"findings"`
}

func (a *app) lintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lint [PATH]",
		Short: "Say what the daemon would say of this chart, offline",
		Long: `lint pins, vendors and lints the chart at PATH, or each chart in a folder below PATH, as a release would, with a commit of zeros for the
pins. With a configuration (--config, or releaser.yaml here) its rules apply; without one, image.tag is pinned and every values-*.yaml is an
environment. Remote dependencies are fetched only from what the configuration allows; nothing is pushed.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return fmt.Errorf("lint takes one PATH, got %d: write releaser lint PATH", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			at := "."
			if len(args) == 1 {
				at = args[0]
			}
			results, err := a.lint(c.Context(), at)
			if err != nil {
				return err
			}
			return a.printLint(results)
		},
	}
}

// lint lints every chart at or below a folder.
func (a *app) lint(ctx context.Context, at string) ([]lintResult, error) {
	root, dir, err := repositoryOf(at)
	if err != nil {
		return nil, err
	}
	files := os.DirFS(root)
	dirs, err := chartsBelow(files, dir)
	if err != nil {
		return nil, err
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("%s: no Chart.yaml here or in a folder below; name the chart's folder: releaser lint charts/my-chart", at)
	}
	rules, err := a.lintRules(dirs)
	if err != nil {
		return nil, err
	}
	box := &sandbox.Box{}
	defer box.Close()
	var results []lintResult
	for _, d := range dirs {
		result, err := lintOne(ctx, box, rules, files, d)
		if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	return results, nil
}

// lintOne goes down the line as far as the lint.
func lintOne(ctx context.Context, box charts.Sandbox, rules lintRules, files fs.FS, dir string) (lintResult, error) {
	result := lintResult{Chart: path.Base(dir), Path: dir, Findings: []charts.Finding{}}
	job, err := rules.job(dir)
	if err != nil {
		return result, err
	}
	tree := charts.Tree{Files: files, Dir: dir, Tag: job.Tag.Name, Commit: job.Tag.Commit, Time: time.Unix(0, 0)}
	linted, err := func() (charts.Linted, error) {
		pinned, err := charts.Pin(tree, job.Pins())
		if err != nil {
			return charts.Linted{}, err
		}
		result.Chart = pinned.Name()
		if _, err := job.Image(pinned); err != nil { // whether it is there is not looked at
			return charts.Linted{}, err
		}
		vendored, err := charts.Vendor(ctx, pinned, job.Source.Getter)
		if err != nil {
			return charts.Linted{}, err
		}
		return charts.Lint(ctx, box, vendored, job.Rules())
	}()
	var rejected *charts.Rejected
	switch {
	case errors.As(err, &rejected):
		result.Findings = rejected.Findings
	case err != nil:
		return result, err
	default:
		result.OK = true
		result.Findings = append(result.Findings, linted.Findings()...)
	}
	return result, nil
}

// lintRules are the sources whose rules apply to a working copy.
type lintRules []*pipeline.Source

// lintRules reads the configuration where there is one. None is needed, but one that is named must be there.
func (a *app) lintRules(dirs []string) (lintRules, error) {
	c, err := a.lintConfig(dirs)
	if err != nil {
		return nil, err
	}
	var rules lintRules
	for i := range c.Sources {
		rules = append(rules, &pipeline.Source{Rules: &c.Sources[i], Getter: a.newGetter(c, &c.Sources[i])})
	}
	return rules, nil
}

func (a *app) lintConfig(dirs []string) (*config.Config, error) {
	named := a.configFile != "" || a.env("RELEASER_CONFIG") != ""
	if _, err := os.Stat(configNames()[0]); named || err == nil {
		return a.load()
	}
	var charts []string
	for _, d := range dirs {
		charts = append(charts, fmt.Sprintf("{path: %q, lint: {values: [values-*.yaml]}}", literal(d)))
	}
	// The defaults are the configuration's own; registry and signing are asked for, and not used.
	return config.Load("default", fmt.Appendf(nil, "version: 1\nsources: [{name: here, url: https://localhost/here, charts: [%s]}]\n"+
		"registry: {url: oci://localhost/none}\nsigning: {trusted: [none]}\n", strings.Join(charts, ", ")))
}

// literal is a folder as a pattern that fits it alone.
func literal(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// job is a chart's folder as the line would see it, at a commit of zeros.
func (r lintRules) job(dir string) (pipeline.Job, error) {
	for _, s := range r {
		if job, ok := s.Folder(dir); ok {
			job.Chart, job.Version = path.Base(dir), "0.0.0"
			job.Tag = source.Tag{Name: "lint", Commit: strings.Repeat("0", 40)}
			return job, nil
		}
	}
	return pipeline.Job{}, fmt.Errorf("%s: no rule of the configuration is for this folder: add one to sources[].charts", dir)
}

// repositoryOf finds the top of the working copy that a folder lies in, because a file:// dependency may lie
// anywhere in it; without one, the folder above.
func repositoryOf(at string) (root, dir string, err error) {
	full, err := filepath.Abs(at)
	if err != nil {
		return "", "", err
	}
	if info, err := os.Stat(full); err != nil {
		return "", "", fmt.Errorf("%w: name the chart's folder: releaser lint charts/my-chart", err)
	} else if !info.IsDir() {
		full = filepath.Dir(full)
	}
	root = filepath.Dir(full)
	for top := full; ; top = filepath.Dir(top) {
		if _, err := os.Stat(filepath.Join(top, ".git")); err == nil {
			root = top
			break
		}
		if top == filepath.Dir(top) {
			break
		}
	}
	dir, err = filepath.Rel(root, full)
	return root, filepath.ToSlash(dir), err
}

// chartsBelow are the folders that hold a Chart.yaml: the folder itself, or the ones below it that are no subcharts and
// no test data.
func chartsBelow(files fs.FS, dir string) (found []string, err error) {
	if _, err := fs.Stat(files, path.Join(dir, "Chart.yaml")); err == nil {
		return []string{dir}, nil
	}
	err = fs.WalkDir(files, dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if base := path.Base(name); name != dir && (strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules" || base == "vendor") {
			return fs.SkipDir
		}
		if _, err := fs.Stat(files, path.Join(name, "Chart.yaml")); err == nil {
			found = append(found, name)
			return fs.SkipDir
		}
		return nil
	})
	return found, err
}

func (a *app) printLint(results []lintResult) error {
	bad := false
	for _, r := range results {
		bad = bad || !r.OK
	}
	err := a.print(results, func() {
		for _, r := range results {
			verdict := "ok"
			if !r.OK {
				verdict = "would be rejected"
			}
			fmt.Fprintf(a.out, "%s (%s): %s\n", r.Chart, r.Path, verdict)
			for _, f := range r.Findings {
				fmt.Fprintln(a.out, " ", f)
			}
		}
	})
	if bad {
		return errorsAfter(err, errReported)
	}
	return err
}
