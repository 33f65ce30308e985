package charts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"helm.sh/helm/v4/pkg/chart/common"
)

// Sandbox runs one hostile computation where there are no keys, no network and no files.
type Sandbox interface {
	// Run hands input to Inspect in a child process and returns its output. An error may have a method Limit()
	// string: the work met the limit of that name and would meet it again; and then a method Cause() string: more about
	// it, which quotes nothing of the input. Run may be called again, and at once.
	Run(ctx context.Context, input []byte) (output []byte, err error)
}

// Rules say how a chart is linted. The zero value lints the chart with its defaults alone.
type Rules struct {
	// Values are patterns (path.Match) for values files, relative to the chart's folder. Each file is an environment: it is
	// merged over values.yaml. Where there are any, the defaults alone need not be complete: what the schema requires, and what
	// templates ask for by required and fail, may be left to the environments. Each environment has to be complete.
	Values []string `json:"values,omitempty"`
	// Strict makes errors of Helm's own warnings. Those of releaser stay warnings.
	Strict bool `json:"strict,omitempty"`
	// KubeVersions are the Kubernetes versions to render for, such as 1.36; none means the one that Helm knows.
	KubeVersions []string `json:"kubeVersions,omitempty"`
	// SchemaRequired refuses a chart without values.schema.json, and keys in values.yaml that the schema does not describe.
	SchemaRequired bool `json:"schemaRequired,omitempty"`
}

// Lint asks Helm and our own rules for their opinion of the chart, with its defaults and with each environment's
// values. Nothing of the chart is evaluated in this process: box does it, and what meets a limit there is rejected.
// Errors of the chart come back as *Rejected, with the warnings beside them; a chart without errors is Linted.
func Lint(ctx context.Context, box Sandbox, v Vendored, rules Rules) (Linted, error) {
	i := &inspection{Dir: v.pinned.tree.Dir, Pins: v.pinned.pins, Rules: rules, files: v.files}
	if err := i.collect(v); err != nil {
		return Linted{}, err
	}
	input, err := i.encode()
	if err != nil {
		return Linted{}, fmt.Errorf("lint %s: %w", v.Name(), err)
	}
	output, err := box.Run(ctx, input)
	var limit interface{ Limit() string }
	if errors.As(err, &limit) {
		f := stopped(i.Dir, limit.Limit())
		var more interface{ Cause() string }
		if errors.As(err, &more) && more.Cause() != "" {
			f.Message += ": " + more.Cause()
		}
		return Linted{}, reject(v.Name(), f)
	}
	if err != nil {
		return Linted{}, fmt.Errorf("lint %s: %w", v.Name(), err)
	}
	findings, err := decodeFindings(output)
	if err != nil {
		return Linted{}, fmt.Errorf("lint %s: %w", v.Name(), err)
	}
	if slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity == Error }) {
		return Linted{}, &Rejected{Chart: v.Name(), Findings: findings}
	}
	return Linted{vendored: v, findings: findings}, nil
}

// collect reads the environments' values files. They may be left out of the package by .helmignore, so that they
// come from the tree; one that was pinned comes as it was pinned.
func (i *inspection) collect(v Vendored) error {
	for _, version := range i.Rules.KubeVersions {
		if _, err := common.ParseKubeVersion(version); err != nil {
			return fmt.Errorf("lint: kubeVersions: %q is no Kubernetes version; write one such as 1.36", version)
		}
	}
	if v.Library() {
		return nil
	}
	tree := v.pinned.tree
	below, err := fs.Sub(tree.Files, tree.Dir)
	if err != nil {
		return fmt.Errorf("lint: %w", err)
	}
	total := newBudget()
	for _, pattern := range i.Rules.Values {
		names, err := fs.Glob(below, pattern)
		if err != nil {
			return fmt.Errorf("lint: values: the pattern %q: %w; write it as for a shell, such as values-*.yaml", pattern, err)
		}
		if len(names) == 0 {
			i.Missing = append(i.Missing, pattern)
		}
		for _, name := range names {
			if err := i.collectOne(v, name, total); err != nil {
				return named(v.Name(), err)
			}
		}
	}
	return nil
}

// collectOne adds one values file, all of them within one budget, unless it is there already or is values.yaml itself.
func (i *inspection) collectOne(v Vendored, name string, total *budget) error {
	if name == valuesFile || slices.ContainsFunc(i.values, func(f file) bool { return f.name == name }) {
		return nil
	}
	if f, found := find(v.pinned.files, name); found {
		i.values = append(i.values, f)
		return bounded(v.pinned.tree.Dir, f)
	}
	data, err := readOne(v.pinned.tree.Files, v.pinned.tree.Dir, name, maxFile)
	if err != nil {
		return err
	}
	if p := total.spend(len(data)); p != "" {
		return reject(v.Name(), Finding{File: i.file(name), Line: 1, Rule: "size", Message: "with its values files " + p, Fix: "keep fewer or smaller values files"})
	}
	i.values = append(i.values, file{name: name, data: data})
	return nil
}

// stopped is the finding for a chart that met a limit of the sandbox.
func stopped(dir, limit string) Finding {
	f := Finding{Severity: Error, File: path.Join(dir, chartFile), Line: 1, Rule: "limit-" + limit}
	f.Fix = "look in its templates and its schema for loops, repeat, until and references in a circle"
	switch limit {
	case "memory":
		f.Message = "rendering or checking the chart needs more memory than it may have"
	case "time", "cpu":
		f.Message = "rendering or checking the chart takes longer than it may"
	case "input":
		f.Message = "the chart and its values files are too large to be checked"
		f.Fix = "name what is not needed in .helmignore"
	case "output":
		f.Message = "the findings are too large"
	default:
		f.Message = "rendering or checking the chart ends the process that does it"
	}
	return f
}

// result is what Inspect answers.
type result struct {
	Findings []Finding `json:"findings"`
	// Failure is why nothing could be inspected, which is no fault of the chart.
	Failure string `json:"failure,omitempty"`
}

// decodeFindings reads the answer of a process that is not trusted.
func decodeFindings(output []byte) ([]Finding, error) {
	var r result
	if err := json.Unmarshal(output, &r); err != nil {
		return nil, fmt.Errorf("the sandbox's answer: %w", err)
	}
	if r.Failure != "" {
		return nil, errors.New(plain(r.Failure))
	}
	for n, f := range r.Findings {
		if f.Severity != Error && f.Severity != Warning && f.Severity != Info {
			return nil, fmt.Errorf("the sandbox's answer: finding %d has no severity", n)
		}
		r.Findings[n].Message, r.Findings[n].Fix = plain(f.Message), plain(f.Fix)
	}
	return r.Findings, nil
}
