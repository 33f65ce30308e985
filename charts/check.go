package charts

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"

	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// packable asks Helm's loader, and then for all that would make Helm fail later, or pack two charts into one folder:
// so that Pack can only fail for reasons that are not the chart's.
func packable(dir string, files []file) error {
	for _, f := range files {
		if p := pathProblem(f.name); p != "" {
			return reject(dir, Finding{File: dir, Rule: "path", Message: fmt.Sprintf("%q: %s", f.name, p), Fix: "rename it, or take fewer charts in charts"})
		}
	}
	if name, why := clash(files); why != "" {
		return reject(dir, Finding{File: path.Join(dir, name), Rule: "collision", Message: why, Fix: "rename one of them"})
	}
	c, err := load(files)
	if err != nil {
		return reject(dir, unloadable(dir, err))
	}
	f := suspect(c)
	if f.Rule == "" {
		return nil
	}
	f.File = path.Join(dir, cmp.Or(f.File, chartFile))
	f.Line = max(f.Line, 1)
	return reject(dir, f)
}

// suspect finds what Helm loads and cannot pack, in c and below. A file is named when it is c's own. The zero Finding is none.
func suspect(c *chart.Chart) Finding {
	if c.Schema != nil && !json.Valid(c.Schema) {
		f := Finding{Rule: "schema-syntax", Message: schemaFile + " of " + c.ChartFullPath() + " is not JSON", Fix: "mend it, or remove it"}
		if c.Parent() == nil {
			f.File, f.Line = schemaFile, lineOfJSON(c.Schema)
		}
		return f
	}
	names := map[string]bool{}
	for _, dep := range c.Dependencies() {
		if p := pathProblem(dep.Name()); p != "" {
			return Finding{Rule: "dependency-name", Message: fmt.Sprintf("the subchart %q: %s", dep.Name(), p), Fix: nameFix}
		}
		if names[dep.Name()] {
			return Finding{Rule: "dependency-twice", Message: fmt.Sprintf("two subcharts of %s are named %q", c.ChartFullPath(), dep.Name()),
				Fix: "keep one of them; an alias gives one chart two names"}
		}
		names[dep.Name()] = true
		if f := suspect(dep); f.Rule != "" {
			return f
		}
	}
	return Finding{}
}

// lineOfJSON is the line of what makes a text no JSON.
func lineOfJSON(text []byte) int {
	var wrong *json.SyntaxError
	if !errors.As(json.Unmarshal(text, new(any)), &wrong) {
		return 1
	}
	return 1 + bytes.Count(text[:min(int(wrong.Offset), len(text))], []byte("\n"))
}
