package charts

import (
	"fmt"
	"strings"
)

// Severity says what a finding does to a release.
type Severity string

const (
	// Error rejects the release.
	Error Severity = "error"
	// Warning lets the release pass and is shown.
	Warning Severity = "warning"
	// Info is only said.
	Info Severity = "info"
)

// Finding is one thing that the author of a chart should know. It names a place and a rule and never
// repeats a value: values may be secret. Keys it names, those of a values file that no schema and no template knows too: a
// path without them leads nobody to its place, and a secret has no business in a key. The path of a rendered image is of
// what templates make, where a key may be a value: a step that no template writes is shown as ….
//
// A finding about the text of a file has its line. What is absent is told where it would be added: at the deepest key
// above it that is there, else at line 1. What concerns a file as a whole has its line 1, what concerns the
// chart as a whole line 1 of Chart.yaml. What has no text has no line: a file that does not exist, a path that cannot be
// packed, a link, an archive, a file that is too large to be read.
type Finding struct {
	// Severity is Error, Warning or Info.
	Severity Severity `json:"severity"`
	// File is slash-separated and relative to the top of the repository.
	File string `json:"file,omitempty"`
	// Line counts from 1; 0 means that there is none.
	Line int `json:"line,omitempty"`
	// Rule is a short, stable name in kebab-case.
	Rule string `json:"rule"`
	// Message says what is wrong.
	Message string `json:"message"`
	// Fix says what to do about it; it may be empty.
	Fix string `json:"fix,omitempty"`
}

// String is one line: file:line: severity: rule: message; fix.
func (f Finding) String() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d", f.Line)
		}
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "%s: %s: %s", f.Severity, f.Rule, f.Message)
	if f.Fix != "" {
		b.WriteString("; ")
		b.WriteString(f.Fix)
	}
	return b.String()
}

// Rejected is the error of every stage of this package when the chart's author must change something.
// All other errors are temporary or ours.
type Rejected struct {
	// Chart is the chart's name, or its folder when the name is not known.
	Chart string
	// Findings holds at least one finding of severity Error; warnings may stand beside it.
	Findings []Finding
}

// Error lists every finding, one on a line.
func (r *Rejected) Error() string {
	lines := make([]string, 0, len(r.Findings))
	for _, f := range r.Findings {
		lines = append(lines, f.String())
	}
	if len(lines) == 1 {
		return fmt.Sprintf("chart %s is rejected: %s", r.Chart, lines[0])
	}
	return fmt.Sprintf("chart %s is rejected:\n%s", r.Chart, strings.Join(lines, "\n"))
}
