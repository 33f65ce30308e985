package source

import (
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/Masterminds/semver/v3"
)

// tagsAndPatterns is the specification of Match by example.
var tagsAndPatterns = []struct {
	pattern, tag   string
	want           Result
	chart, version string
}{
	{"{chart}-{version}", "my-chart-1.2.3-rc.1", Matched, "my-chart", "1.2.3-rc.1"},
	{"{chart}-{version}", "redis-7-1.0.0", Matched, "redis-7", "1.0.0"},
	{"{chart}-{version}", "chart-1.0.0-2.0.0", Matched, "chart", "1.0.0-2.0.0"},
	{"{chart}-{version}", "a-1.2.3+build.5", Matched, "a", "1.2.3+build.5"},
	{"{chart}-{version}", "my.chart-0.0.1", Matched, "my.chart", "0.0.1"},
	{"{chart}-{version}", "chart-v1.2.3", BadVersion, "chart", "v1.2.3"},
	{"{chart}-v{version}", "chart-v1.2.3", Matched, "chart", "1.2.3"},
	{"{chart}-v{version}", "my-v2-v1.2.3", Matched, "my-v2", "1.2.3"},
	{"{chart}/v{version}", "chart/v1.2.3", Matched, "chart", "1.2.3"},
	{"{chart}/{version}", "chart/1.2.3-a-b", Matched, "chart", "1.2.3-a-b"},
	{"{chart}/{version}", "some/chart/1.2.3", NoMatch, "", ""},
	{"v{version}", "v1.2.3", Matched, "", "1.2.3"},
	{"{version}", "1.2.3", Matched, "", "1.2.3"},
	{"helm/{chart}-{version}-final", "helm/a-b-1.2.3-final", Matched, "a-b", "1.2.3"},
	{"helm/{chart}-{version}-final", "a-b-1.2.3-final", NoMatch, "", ""},
	{"release/{version}", "release/1.2.3", Matched, "", "1.2.3"},
	// B5: floating tags are none of ours; what was meant as a version is said to be a bad one.
	{"v{version}", "v1", NoMatch, "", ""},
	{"v{version}", "nightly", NoMatch, "", ""},
	{"{version}", "nightly", NoMatch, "", ""},
	{"{chart}-{version}", "v1", NoMatch, "", ""},
	{"{chart}-{version}", "nightly", NoMatch, "", ""},
	{"{chart}-{version}", "chart-latest", NoMatch, "", ""},
	{"{chart}-{version}", "chart-1", NoMatch, "", ""},
	{"{chart}-{version}", "chart-2026-01-02", NoMatch, "", ""},
	{"{chart}-{version}", "chart-01.2.3", BadVersion, "chart", "01.2.3"},
	{"{chart}-{version}", "chart-1.2", BadVersion, "chart", "1.2"},
	{"{chart}-{version}", "redis-7-1.2", BadVersion, "redis-7", "1.2"},
	{"{chart}-{version}", "chart-1.2.3-", BadVersion, "chart", "1.2.3-"},
	{"{chart}-{version}", "chart-1.2.3-01", BadVersion, "chart", "1.2.3-01"},
	{"{chart}-{version}", "chart-1.2.3.4", BadVersion, "chart", "1.2.3.4"},
	{"{version}", "v1.2.3", BadVersion, "", "v1.2.3"},
	// Names that no chart can have.
	{"{chart}-{version}", "Chart-1.2.3", NoMatch, "", ""},
	{"{chart}-{version}", "a_b-1.2.3", NoMatch, "", ""},
	{"{chart}-{version}", "-1.2.3", NoMatch, "", ""},
	{"{chart}-{version}", strings.Repeat("a", 251) + "-1.2.3", NoMatch, "", ""},
	{"{chart}-{version}", strings.Repeat("a", 250) + "-1.2.3", Matched, strings.Repeat("a", 250), "1.2.3"},
	{"{chart}-{version}", "", NoMatch, "", ""},
	{"pre{version}re", "prere", NoMatch, "", ""},
}

func TestTagsAndPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range tagsAndPatterns {
		p, err := ParsePattern(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		m, got := p.Match(c.tag)
		if got != c.want || m.Chart != c.chart || m.Version != c.version {
			t.Errorf("%s against %q: %d %q %q, want %d %q %q", c.pattern, c.tag, got, m.Chart, m.Version, c.want, c.chart, c.version)
		}
		if (got == BadVersion) != (m.Reason != "" && m.Fix != "") {
			t.Errorf("%s against %q: reason %q, fix %q", c.pattern, c.tag, m.Reason, m.Fix)
		}
	}
}

// B5
func TestABadVersionSaysHowToTagInstead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ pattern, tag, want string }{
		{"{chart}-{version}", "web-01.2.3", "tag the commit again as web-MAJOR.MINOR.PATCH"},
		{"{chart}-{version}", "web-v1.2.3", "add the pattern {chart}-v{version} to the source's tags"},
		{"{version}", "v1.2.3", "add the pattern v{version} to the source's tags"},
	} {
		p, _ := ParsePattern(c.pattern)
		m, _ := p.Match(c.tag)
		if !strings.Contains(m.Fix, c.want) {
			t.Errorf("%s: %q, want %q", c.tag, m.Fix, c.want)
		}
		if !strings.Contains(m.Reason, c.tag) || !strings.Contains(m.Reason, c.pattern) {
			t.Errorf("%s: the reason names not tag and pattern: %q", c.tag, m.Reason)
		}
	}
}

func TestTheFirstPatternWithAGoodVersionWins(t *testing.T) {
	t.Parallel()
	ps, err := ParsePatterns([]string{"{chart}-{version}", "{chart}-v{version}", "{chart}/v{version}", "v{version}"})
	if err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[string]Match{
		"web-1.0.0":  {Chart: "web", Version: "1.0.0"},
		"web-v1.0.0": {Chart: "web", Version: "1.0.0"}, // the first pattern finds a bad version here
		"web/v1.0.0": {Chart: "web", Version: "1.0.0"},
		"v1.0.0":     {Version: "1.0.0"},
	} {
		if m, result := ps.Match(tag); result != Matched || m != want {
			t.Errorf("%s: %v %+v", tag, result, m)
		}
	}
	if m, result := ps.Match("web-1.0"); result != BadVersion || m.Chart != "web" {
		t.Errorf("web-1.0: %v %+v", result, m)
	}
	if _, result := ps.Match("nightly"); result != NoMatch {
		t.Errorf("nightly: %v", result)
	}
}

func TestBadPatternsAreRefusedAllAtOnce(t *testing.T) {
	t.Parallel()
	bad := []string{
		"", "{chart}", "v1", "{chart}{version}", "{version}-{chart}", "{version}{version}", "{chart}-{chart}-{version}",
		"{name}-{version}", "{{version}}", "v{version", "-{version}", "a b{version}", "../{version}", "{version}..", "{version}.lock",
		"vérsion-{version}", "\x1b{version}", "a//{version}", "{version}/",
	}
	ps, err := ParsePatterns(append(bad, "v{version}"))
	if err == nil || len(ps) != 1 {
		t.Fatalf("%d patterns, %v", len(ps), err)
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) != len(bad) {
		t.Errorf("%d problems, want %d:\n%v", len(lines), len(bad), err)
	}
}

// What a pattern reads from a tag it writes back, what it writes it reads, and all that it reads is a version and a name
// that the rest can use. What it says of a tag is one line.
func FuzzPattern(f *testing.F) {
	for _, row := range tagsAndPatterns {
		f.Add(row.pattern, row.tag, row.chart, row.version)
	}
	f.Fuzz(func(t *testing.T, text, tag, chart, version string) {
		p, err := ParsePattern(text)
		if err != nil {
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("%q is shown as it is: %v", text, err)
			}
			return
		}
		if again, err := ParsePattern(p.String()); p.String() != text || err != nil || again != p {
			t.Fatalf("%q is written as %q and read as %+v: %v", text, p, again, err)
		}
		checkMatch(t, p, tag)
		if chart == "" || !isChartName(chart) || !isVersion(version) {
			return
		}
		made := p.Format(chart, version)
		if m, result := p.Match(made); result != Matched || len(m.Chart) > len(chart) || p.NamesChart() == (m.Chart == "") {
			t.Fatalf("%q, made by %q, is read as %+v", made, text, m)
		}
		checkMatch(t, p, made)
	})
}

// checkMatch reads a tag, and wants all of the tag to be in what is read.
func checkMatch(t *testing.T, p Pattern, tag string) {
	t.Helper()
	m, result := p.Match(tag)
	if strings.ContainsFunc(m.Reason+m.Fix, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Fatalf("%q is shown as it is: %s; %s", tag, m.Reason, m.Fix)
	}
	if back := p.Format(m.Chart, m.Version); result != NoMatch && back != tag {
		t.Fatalf("%q against %q gives %+v, which is %q", p, tag, m, back)
	}
	if _, err := semver.StrictNewVersion(m.Version); result == Matched && err != nil {
		t.Fatalf("%q: %v", m.Version, err)
	}
	if result == Matched && p.NamesChart() && !chartName.MatchString(m.Chart) {
		t.Fatalf("%q is no name of a chart", m.Chart)
	}
	if (result == BadVersion) != (m.Reason != "" && m.Fix != "") {
		t.Fatalf("%q against %q: %q, %q", p, tag, m.Reason, m.Fix)
	}
}

// chartName is what Helm and a registry take for a name, written down once more.
var chartName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,249}$`)
