package charts

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/releaser/releaser/internal/scalar"
)

const (
	maxFindings = 100
	maxMessage  = 300 // characters
)

// report gathers findings. The same finding from several environments or Kubernetes versions is kept once, with
// the first of them in its message.
type report struct {
	chart    *inspection
	findings []Finding
	seen     map[Finding]bool
	with     string // the environment and the Kubernetes version that are looked at, empty for the defaults
	in       string // the environment's file, whose own findings need no context
}

func newReport(chart *inspection) *report { return &report{chart: chart, seen: map[Finding]bool{}} }

func (r *report) add(f Finding) {
	f = r.chart.placed(f)
	if r.seen[f] {
		return
	}
	r.seen[f] = true
	if r.with != "" && f.File != r.in {
		f.Message += " (" + r.with + ")"
	}
	r.findings = append(r.findings, f)
}

// sorted is the list of findings, the gravest first. Of more than can be read the rest is counted.
func (r *report) sorted() []Finding {
	slices.SortStableFunc(r.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(gravity(a), gravity(b)), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message))
	})
	more := len(r.findings) - maxFindings
	if more <= 0 {
		return r.findings
	}
	first := r.findings[maxFindings]
	rest := Finding{Severity: first.Severity, File: first.File, Line: first.Line, Rule: "more",
		Message: fmt.Sprintf("there are %d more findings", more), Fix: "mend these and lint again"}
	return append(r.findings[:maxFindings], rest)
}

func gravity(f Finding) int {
	return slices.Index([]Severity{Error, Warning, Info}, f.Severity)
}

// plain makes one line of text that others wrote: no control characters, at most maxMessage characters.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > maxMessage {
		return string(runes[:maxMessage-1]) + "…"
	}
	return string(runes)
}

// quotation is what YAML libraries put around pieces of the text that they cannot read.
var quotation = regexp.MustCompile("(?s)`.*`")

// redact drops quotations from a parser's error about a file that holds no values.
func redact(text string) string {
	text = chain.Replace(quotation.ReplaceAllString(text, "(…)"))
	return mistyped.ReplaceAllString(text, "$2 has the wrong type, $1")
}

// chain is what libraries put before an error to say what they were doing, one after the other.
var chain = strings.NewReplacer("failed to strictly parse chart metadata file", "", "error unmarshaling JSON: ", "", "while decoding JSON: ", "",
	"error converting YAML to JSON: ", "", "validation: ", "", "json: ", "", "yaml: ", "")

// mistyped is how the JSON library tells that a field has the wrong type.
var mistyped = regexp.MustCompile(`cannot unmarshal (\w+) into Go struct field \w+\.(\S+) of type \S+`)

// badValues is the finding for a file that is no values file.
func badValues(file string, err error) Finding {
	f := Finding{Severity: Error, File: file, Line: lineIn(err.Error()), Rule: "values", Message: "it is no YAML mapping", Fix: "mend it"}
	if why := scalar.Reason(err); why != "" {
		f.Message += ": " + why
	}
	return f
}

// lineIn finds the line that a YAML parser names in its error, 0 when it names none.
func lineIn(text string) int {
	var line int
	if _, after, found := strings.Cut(text, "line "); found {
		_, _ = fmt.Sscanf(after, "%d", &line)
	}
	return line
}
