package charts

import (
	"errors"
	"path"
	"regexp"
	"strings"

	"github.com/releaser/releaser/internal/scalar"
)

// reject is the rejection of a chart for one reason, on one line. The severity is Error whatever f says.
func reject(chart string, f Finding) *Rejected {
	f.Severity, f.Message, f.Fix = Error, plain(f.Message), plain(f.Fix)
	return &Rejected{Chart: chart, Findings: []Finding{f}}
}

// gather splits err into the findings of a *Rejected, nil error, or no findings and err itself.
func gather(err error) ([]Finding, error) {
	var r *Rejected
	if errors.As(err, &r) {
		return r.Findings, nil
	}
	return nil, err
}

// unloadable is the finding for a chart that Helm's loader refuses.
func unloadable(dir string, err error) Finding {
	if strings.HasPrefix(err.Error(), "cannot load "+valuesFile) {
		return badValues(path.Join(dir, valuesFile), err)
	}
	return Finding{Severity: Error, File: path.Join(dir, chartFile), Line: 1, Rule: "helm-load", Message: "Helm cannot load the chart" + because(err), Fix: "see helm lint " + dir}
}

// metadataFault is what Helm says of a field of a Chart.yaml, of the chart or of one below it, which holds no values.
var metadataFault = regexp.MustCompile(`chart\.metadata\.\w+ (?:"[^"]*" is invalid|is required|must be [a-z ]+)`)

// subchartFault names the folder below charts/ that Helm's loader refuses.
var subchartFault = regexp.MustCompile(`unpacking subchart (\S+) in `)

// because says which file Helm's loader refuses, and the fault in the parser's words that quote nothing. The loader
// reads values.yaml too, and its own text repeats what stands there, which may be secret.
func because(err error) string {
	text, why := err.Error(), ""
	for _, name := range []string{chartFile, lockFile, valuesFile, schemaFile} {
		if strings.Contains(text, name) {
			why = ": " + name
			break
		}
	}
	if below := subchartFault.FindStringSubmatch(text); below != nil {
		why = ": charts/" + plain(below[1])
	}
	if fault := scalar.Reason(err); fault != "" {
		why += ": " + fault
	} else if fault := metadataFault.FindString(text); fault != "" {
		why += ": " + plain(fault)
	}
	return why
}

// oneLine is the text of somebody else's error on one line, without the values that it repeats.
func oneLine(err error) string { return plain(redact(err.Error())) }
