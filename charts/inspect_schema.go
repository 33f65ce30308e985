package charts

import (
	"path"

	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// validate checks an environment's merged values against the schema of the chart, and those of its subcharts. It tells whether all hold.
func (i *inspector) validate(c *chart.Chart, set valueSet, values map[string]any) bool {
	return i.validateBelow(c, set, values, nil)
}

func (i *inspector) validateBelow(c *chart.Chart, set valueSet, values map[string]any, above []string) bool {
	holds := true
	if s := i.schemaOf(c); s != nil && s.compiled == nil {
		holds = false
	} else if s != nil {
		if values == nil {
			values = map[string]any{}
		}
		if err := s.compiled.Validate(values); err != nil {
			holds = false
			for _, v := range violations(err) {
				if !v.missing || !set.part {
					i.report.add(i.violated(c, s, set, above, v))
				}
			}
		}
	}
	for _, sub := range c.Dependencies() {
		below, ok := values[sub.Name()].(map[string]any)
		if !ok {
			continue // no values for it; Helm refuses anything but a mapping when it merges
		}
		prefix := append(above[:len(above):len(above)], sub.Name())
		holds = i.validateBelow(sub, set, below, prefix) && holds
	}
	return holds
}

// violated is the finding for one violation, in the file that sets the value.
func (i *inspector) violated(c *chart.Chart, s *schema, set valueSet, above []string, v violation) Finding {
	if v.circle != "" {
		line, _ := lineOf(s.top, pointerIn(v.circle))
		return Finding{Severity: Error, File: s.file, Line: line, Rule: "schema-ref",
			Message: "a $ref leads back to itself before it checks anything", Fix: "refer to what describes the value"}
	}
	full := append(above[:len(above):len(above)], v.path...)
	file, line := i.blame(c, set, full, v.path)
	return Finding{Severity: Error, File: file, Line: line, Rule: "schema",
		Message: plain(dotted(full) + " " + v.message), Fix: "see " + s.file}
}

// blame finds where a value comes from: the environment's file, values.yaml, or the values.yaml of the subchart.
// What nobody sets is looked for in the environment's file, as deep as it goes.
func (i *inspector) blame(c *chart.Chart, set valueSet, full, own []string) (file string, line int) {
	line, all := lineOf(set.top, full)
	if all {
		return i.file(set.name), line
	}
	if line := i.line(valuesFile, full...); line > 0 {
		return i.file(valuesFile), line
	}
	at := i.places[c.ChartFullPath()]
	if f, found := find(i.files, path.Join(at.folder, valuesFile)); found && at.folder != "" {
		if line, all := lineOf(parseNodes(f.data), own); all {
			return path.Join(at.repository, valuesFile), line
		}
	}
	return i.file(set.name), line
}
