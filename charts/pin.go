package charts

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/releaser/releaser/internal/scalar"
)

// Pin reads the chart of a tree and sets the pins in it: each replaces the bytes of one scalar and no other byte.
// An Edit without File is for values.yaml; its Value is final. In a library
// chart only those of Chart.yaml are set.
//
// The chart's name must suit a registry and Kubernetes, its version must be strict SemVer and equal tree.Version
// (an empty tree.Version is no tag, and agrees with any). All that the author must change is told at once, as
// *Rejected. Pin has no effect on the tree.
func Pin(tree Tree, pins []scalar.Edit) (Pinned, error) {
	files, err := readChart(context.Background(), tree.Files, tree.Dir, newBudget())
	if err != nil {
		return Pinned{}, err
	}
	c, err := chartfileOf(tree.Dir, files)
	if err != nil {
		return Pinned{}, err
	}
	if c.meta.Type == "library" { // which has a version, but no values of its own
		pins = slices.DeleteFunc(slices.Clone(pins), func(e scalar.Edit) bool { return e.File != chartFile })
	}
	files, pins, findings, err := edit(tree.Dir, files, pins)
	if err != nil {
		return Pinned{}, err
	}
	if c, err = chartfileOf(tree.Dir, files); err != nil {
		return Pinned{}, err
	}
	id, err := c.identity()
	wrong, err := gather(err)
	if err != nil {
		return Pinned{}, err
	}
	findings = append(findings, wrong...)
	findings = append(findings, c.tagged(tree)...)
	if len(findings) > 0 {
		return Pinned{}, &Rejected{Chart: called(id.name, tree.Dir), Findings: findings}
	}
	return Pinned{tree: tree, id: id, files: files, pins: pins}, nil
}

// chartfileOf parses the Chart.yaml among the files of the chart at dir.
func chartfileOf(dir string, files []file) (*chartfile, error) {
	f, found := find(files, chartFile)
	if !found {
		return nil, reject(dir, Finding{File: path.Join(dir, chartFile), Rule: "missing-file",
			Message: "there is no such file", Fix: "commit it, and see that .helmignore does not name it"})
	}
	return readChartfile(dir, f.data)
}

// edit sets the pins one by one, so that all wrong ones are told. It returns new files and the pins with their file.
func edit(dir string, files []file, pins []scalar.Edit) ([]file, []scalar.Edit, []Finding, error) {
	files, pins = slices.Clone(files), slices.Clone(pins)
	var findings []Finding
	for i := range pins {
		pin := &pins[i]
		if pin.File == "" {
			pin.File = valuesFile
		}
		at := slices.IndexFunc(files, func(f file) bool { return f.name == pin.File })
		if at < 0 {
			findings = append(findings, Finding{Severity: Error, File: path.Join(dir, pin.File), Rule: "pin-missing-file",
				Message: "there is no such file to set " + pin.Key + " in", Fix: "add it, or take the pin out of the configuration"})
			continue
		}
		data, err := scalar.Set(files[at].data, *pin)
		if err == nil {
			files[at].data = data
			continue
		}
		finding, err := scalarFinding("pin-", path.Join(dir, pin.File), err)
		if err != nil {
			return nil, nil, nil, err
		}
		findings = append(findings, finding)
	}
	return files, pins, findings, nil
}

// scalarFinding tells a scalar that cannot be read or set as a finding in its file, of a rule of this kind. A key that nobody
// can read is the configuration's fault, not the chart's.
func scalarFinding(kind, file string, err error) (Finding, error) {
	var wrong *scalar.Error
	if !errors.As(err, &wrong) || wrong.Rule == "key" {
		return Finding{}, fmt.Errorf("%s: %w", file, err)
	}
	message := wrong.Message
	if wrong.Key != "" {
		message = wrong.Key + ": " + message
	}
	return Finding{Severity: Error, File: file, Line: wrong.Line, Rule: kind + wrong.Rule, Message: message, Fix: wrong.Fix}, nil
}

// tagged compares the chart's version with the tag's. A version that is no version is told elsewhere.
func (c *chartfile) tagged(tree Tree) []Finding {
	version := c.scalar("version")
	if tree.Version == "" || version == tree.Version || versionProblem(version) != "" {
		return nil
	}
	return []Finding{c.finding(c.line("version"), "version-tag",
		fmt.Sprintf("the chart is version %s, the tag %s says %s", version, tree.Tag, tree.Version),
		"set the version to "+tree.Version+" and tag that commit, or tag this one with "+version)}
}

// called is the name of a chart, or its folder while the name is not known to be one.
func called(name, dir string) string {
	if nameProblem(name) != "" {
		return dir
	}
	return name
}
