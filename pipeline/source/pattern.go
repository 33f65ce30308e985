package source

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
)

const (
	chartMark   = "{chart}"
	versionMark = "{version}"

	// maxChartName is Helm's own limit for the name of a chart.
	maxChartName = 250
)

// Pattern says how tags name a version, and perhaps a chart: {chart}-{version}, {chart}/v{version}, v{version}, with
// literal text around. It always covers the whole tag.
//
// The version is strict SemVer without a leading v. Where a tag can be cut in several places, the leftmost cut counts
// whose right side is such a version: my-chart-1.2.3-rc.1 is my-chart at 1.2.3-rc.1, redis-7-1.0.0 is redis-7 at 1.0.0
// (7-1.0.0 is no version), chart-1.0.0-2.0.0 is chart at the prerelease 1.0.0-2.0.0. So a chart whose own name holds a
// whole version behind a dash cannot be told apart by {chart}-{version}; {chart}/{version} has no such case.
type Pattern struct {
	prefix, between, suffix string
	chart                   bool
}

// Match is what a tag names. Chart is empty when the pattern has no {chart}.
type Match struct {
	Chart, Version string
	// Reason and Fix are set for BadVersion: what is wrong with the tag and what to do.
	Reason, Fix string
}

// Result is how a tag and a pattern meet.
type Result int

const (
	// NoMatch: the tag is none of ours. Floating tags such as v1, nightly or chart-latest belong here.
	NoMatch Result = iota
	// BadVersion: the tag has the pattern's form, with something in the place of the version that was meant as one,
	// such as 1.2 or 01.2.3.
	BadVersion
	// Matched: the tag names a version.
	Matched
)

// ParsePattern reads a pattern.
func ParsePattern(text string) (Pattern, error) {
	fail := func(reason string) (Pattern, error) {
		return Pattern{}, fmt.Errorf("tag pattern %q: %s; write one like {chart}-{version}, {chart}/v{version} or v{version}", text, reason)
	}
	before, after, ok := strings.Cut(text, versionMark)
	if !ok {
		return fail("it has no {version}")
	}
	p := Pattern{prefix: before, suffix: after}
	if prefix, between, ok := strings.Cut(before, chartMark); ok {
		p = Pattern{prefix: prefix, between: between, suffix: after, chart: true}
		if between == "" {
			return fail("nothing stands between {chart} and {version}")
		}
	}
	switch {
	case strings.Contains(after, chartMark):
		return fail("{chart} must stand before {version}, and once")
	case strings.Contains(after, versionMark):
		return fail("{version} must stand once")
	case strings.ContainsAny(p.prefix+p.between+p.suffix, "{}"):
		return fail("it has a brace or placeholder that means nothing here")
	}
	if bad := checkRef(tagPrefix + p.Format("chart", "1.0.0")); bad != nil {
		return fail(bad.Reason + ", for its tags")
	}
	return p, nil
}

// String is the pattern as it was written.
func (p Pattern) String() string {
	if !p.chart {
		return p.prefix + versionMark + p.suffix
	}
	return p.prefix + chartMark + p.between + versionMark + p.suffix
}

// NamesChart reports whether the pattern's tags name a chart.
func (p Pattern) NamesChart() bool { return p.chart }

// Format is the tag for a version of a chart. It undoes a Match.
func (p Pattern) Format(chart, version string) string {
	if !p.chart {
		return p.prefix + version + p.suffix
	}
	return p.prefix + chart + p.between + version + p.suffix
}

// Match reads a tag's short name.
func (p Pattern) Match(tag string) (Match, Result) {
	text, ok := strings.CutPrefix(tag, p.prefix)
	if !ok {
		return Match{}, NoMatch
	}
	if text, ok = strings.CutSuffix(text, p.suffix); !ok {
		return Match{}, NoMatch
	}
	for _, good := range []bool{true, false} {
		for m := range p.cuts(text) {
			switch {
			case good && isVersion(m.Version):
				return m, Matched
			case !good && wasMeantAsVersion(m.Version):
				return p.reject(tag, m), BadVersion
			}
		}
	}
	return Match{}, NoMatch
}

// cuts yields every way to read the text, from the left.
func (p Pattern) cuts(text string) iter.Seq[Match] {
	return func(yield func(Match) bool) {
		if !p.chart {
			yield(Match{Version: text})
			return
		}
		for at := 0; ; {
			i := strings.Index(text[at:], p.between)
			if i < 0 {
				return
			}
			at += i
			m := Match{Chart: text[:at], Version: text[at+len(p.between):]}
			if isChartName(m.Chart) && !yield(m) {
				return
			}
			at++
		}
	}
}

func (p Pattern) reject(tag string, m Match) Match {
	m.Reason = fmt.Sprintf("tag %s fits %s, but %s is not a strict SemVer version", strconv.QuoteToASCII(tag), p, strconv.QuoteToASCII(m.Version))
	m.Fix = "tag the commit again as " + p.Format(m.Chart, "MAJOR.MINOR.PATCH") + ", without leading zeros"
	if version, ok := strings.CutPrefix(m.Version, "v"); ok && isVersion(version) {
		m.Fix = "add the pattern " + p.withV().String() + " to the source's tags"
	}
	return m
}

// withV is the pattern for versions with a leading v.
func (p Pattern) withV() Pattern {
	if p.chart {
		p.between += "v"
	} else {
		p.prefix += "v"
	}
	return p
}

// isVersion accepts strict SemVer alone. The comparison catches what the library passes over, such as 1.2.3-.
func isVersion(text string) bool {
	v, err := semver.StrictNewVersion(text)
	return err == nil && v.String() == text
}

// wasMeantAsVersion tells 1.2, 01.2.3 and v1.2.3 from floating names such as 1, latest or 7-alpine: a number, a dot
// and a digit.
func wasMeantAsVersion(text string) bool {
	text = strings.TrimPrefix(text, "v")
	rest := strings.TrimLeft(text, "0123456789")
	return rest != text && len(rest) > 1 && rest[0] == '.' && rest[1] >= '0' && rest[1] <= '9'
}

// isChartName accepts what is both a Helm chart's name and a part of an OCI repository's.
func isChartName(text string) bool {
	if text == "" || len(text) > maxChartName || text[0] == '-' || text[0] == '.' {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.')
	})
}

// Patterns are tried in their order.
type Patterns []Pattern

// ParsePatterns reads patterns and reports every bad one.
func ParsePatterns(texts []string) (Patterns, error) {
	var patterns Patterns
	var problems []error
	for _, text := range texts {
		p, err := ParsePattern(text)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		patterns = append(patterns, p)
	}
	return patterns, errors.Join(problems...)
}

// Match reads a tag with the first pattern that finds a good version. Where none does, the first that finds a bad one
// counts.
func (ps Patterns) Match(tag string) (Match, Result) {
	found, result := Match{}, NoMatch
	for _, p := range ps {
		m, r := p.Match(tag)
		if r == Matched {
			return m, r
		}
		if r == BadVersion && result == NoMatch {
			found, result = m, r
		}
	}
	return found, result
}

// Heads are how the tags of the patterns begin, each as far as its pattern is literal and none that another covers: for
// {chart}-{version} and v{version} it is "", for all tags.
func (ps Patterns) Heads() []string {
	var heads []string
	for _, p := range ps {
		if slices.ContainsFunc(heads, func(h string) bool { return strings.HasPrefix(p.prefix, h) }) {
			continue
		}
		heads = slices.DeleteFunc(heads, func(h string) bool { return strings.HasPrefix(h, p.prefix) })
		heads = append(heads, p.prefix)
	}
	return heads
}
