package placeholder

import (
	"strings"
	"testing"
)

var commit = strings.Repeat("0123456789abcdef", 3)[:40]

func release() Values {
	return Values{
		Chart: "voice-agent", Version: "1.2.3-rc.1+build.5", Tag: "voice-agent-1.2.3-rc.1+build.5",
		Commit: commit, Digest: "sha256:" + strings.Repeat("ab", 32), Environment: "prod-eu",
	}
}

func TestExpandPutsTheValuesIn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                   "",
		"plain text, $HOME":                  "plain text, $HOME",
		"{environment}/{chart}/values.yaml":  "prod-eu/voice-agent/values.yaml",
		"{version}":                          "1.2.3-rc.1+build.5",
		"{commit}":                           commit,
		"sha-{commit:7}":                     "sha-0123456",
		"{commit:64}":                        commit,
		"{tag}@{digest}":                     release().Tag + "@" + release().Digest,
		"{chart}{chart}":                     "voice-agentvoice-agent",
		"unicode – {environment} – stays":    "unicode – prod-eu – stays",
		"$GITHUB_TOKEN {version} $(command)": "$GITHUB_TOKEN 1.2.3-rc.1+build.5 $(command)",
	} {
		tmpl, err := Parse(text)
		if err != nil {
			t.Fatalf("Parse(%q): %v", text, err)
		}
		if got := tmpl.Expand(release()); got != want {
			t.Errorf("%q expands to %q, want %q", text, got, want)
		}
		if tmpl.String() != text {
			t.Errorf("%q prints as %q", text, tmpl)
		}
	}
}

func TestTheZeroTemplateIsTheEmptyText(t *testing.T) {
	t.Parallel()
	var zero Template
	if zero.Expand(release()) != "" || zero.String() != "" || zero.Uses("chart") || zero.Uses("") {
		t.Error("the zero Template is not the empty text")
	}
	if v, ok := zero.Match(""); !ok || v != (Values{}) {
		t.Errorf("it matches the empty text as %+v, %v", v, ok)
	}
	if _, ok := zero.Match("x"); ok {
		t.Error("it matches other text")
	}
}

// B56
func TestAnythingButAPlaceholderIsRefusedAndTheErrorListsWhatIsAllowed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		text    string
		allowed []string
		want    string
	}{
		{"{vesion}", []string{"version"}, "{vesion} is no placeholder here; use one of {version}"},
		{"{digest}", []string{"chart", "commit"}, "{digest} is no placeholder here; use one of {chart}, {commit}, {commit:N} with N from 1 to 64"},
		{"${GITHUB_TOKEN}", []string{"tag"}, "{GITHUB_TOKEN} is no placeholder here; use one of {tag}"},
		{"{}", []string{"tag"}, "{} is no placeholder here; use one of {tag}"},
		{"{ tag }", []string{"tag"}, "{ tag } is no placeholder here; use one of {tag}"},
		{"{tag:7}", []string{"tag"}, "{tag:7} is no placeholder here; use one of {tag}"},
		{"{commit:0}", nil, "{commit:0} is no placeholder here; use one of {chart}"},
		{"{commit:65}", nil, "{commit:65} is no placeholder here; use one of {chart}"},
		{"{commit:07}", nil, "{commit:07} is no placeholder here; use one of {chart}"},
		{"{commit:+7}", nil, "{commit:+7} is no placeholder here; use one of {chart}"},
		{"{commit:}", nil, "{commit:} is no placeholder here; use one of {chart}"},
		{"{chart", []string{"tag"}, `"{" without "}" in "{chart"; a placeholder is one of {tag}`},
		{"chart}", []string{"tag"}, `"}" without "{" in "chart}"; a placeholder is one of {tag}`},
		{"{tag}}", []string{"tag"}, `"}" without "{" in "{tag}}"; a placeholder is one of {tag}`},
		{"{{tag}}", []string{"tag"}, `{{tag} is no placeholder here; use one of {tag}`},
	} {
		_, err := Parse(row.text, row.allowed...)
		if err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("Parse(%q): %v, want %s", row.text, err, row.want)
		}
	}
}

func TestUsesKnowsAPlaceholderByItsName(t *testing.T) {
	t.Parallel()
	tmpl, err := Parse("chart-{commit:12}")
	if err != nil {
		t.Fatal(err)
	}
	if !tmpl.Uses("commit") || tmpl.Uses("chart") || tmpl.Uses("commit:12") || tmpl.Uses("") {
		t.Error("Uses is wrong about chart-{commit:12}")
	}
}

func TestMatchIsTheInverseOfExpand(t *testing.T) {
	t.Parallel()
	digest := "sha256:" + strings.Repeat("0f", 32)
	for _, row := range []struct {
		text, from string
		want       Values
	}{
		{"{version}", "1.2.3", Values{Version: "1.2.3"}},
		{"v{version}", "v1.2.3-rc.1+b", Values{Version: "1.2.3-rc.1+b"}},
		{"{chart}-{version}", "voice-agent-1.2.3-rc.1", Values{Chart: "voice-agent", Version: "1.2.3-rc.1"}},
		{"{environment}/{chart}/values.yaml", "dev/a/values.yaml", Values{Environment: "dev", Chart: "a"}},
		{"{commit}", commit, Values{Commit: commit}},
		{"sha-{commit:7}", "sha-0123456", Values{Commit: "0123456"}},
		{"{commit:7} of {commit}", "0123456 of " + commit, Values{Commit: commit}},
		{"{commit} is {commit:7}", commit + " is 0123456", Values{Commit: commit}},
		{"{commit:64}", commit, Values{Commit: commit}},
		{"{version}@{digest}", "1.0.0@" + digest, Values{Version: "1.0.0", Digest: digest}},
		{"{version} {version}", "1.0.0 1.0.0", Values{Version: "1.0.0"}},
		{"{tag}", "release/2026", Values{Tag: "release/2026"}},
		{"{version}{commit:7}", "1.2.30123456", Values{Version: "1.2.3", Commit: "0123456"}},
	} {
		tmpl, err := Parse(row.text)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := tmpl.Match(row.from)
		if !ok || got != row.want {
			t.Errorf("%q from %q: %+v, %v", row.text, row.from, got, ok)
		}
	}
}

func TestMatchRefusesWhatNoReleaseWritesOrWhatSeveralCouldHaveWritten(t *testing.T) {
	t.Parallel()
	for _, row := range [][2]string{
		{"{version}", ""}, {"{version}", "latest"}, {"{version}", "1.2"}, {"{version}", "v1.2.3"}, {"{version}", "1.2.3 "}, {"{version}", "01.2.3"},
		{"{commit}", "0123456"}, {"{commit}", strings.ToUpper(commit)}, {"{commit:7}", commit}, {"{commit:7}", "0x23456"},
		{"{digest}", "sha256:0"}, {"{chart}", "A_b"}, {"{chart}", "-a"}, {"{chart}", "a/b"}, {"{tag}", "a b"},
		{"{version} {version}", "1.0.0 1.0.1"}, {"{commit:7} of {commit}", "1111111 of " + commit},
		{"x{version}", "1.2.3"}, {"{version}x", "1.2.3"}, {"{tag}", strings.Repeat("a", maxText+1)},
		{"{chart}-{environment}", "a-b-c"}, // a and b-c, or a-b and c
	} {
		tmpl, err := Parse(row[0])
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := tmpl.Match(row[1]); ok {
			t.Errorf("%q matches %q as %+v", row[0], row[1], got)
		}
	}
}

func TestMatchGivesUpOnATextMadeToTakeForever(t *testing.T) {
	t.Parallel()
	tmpl, err := Parse("{chart}{environment}{tag}!{digest}")
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := tmpl.Match(strings.Repeat("a", maxText)); ok {
		t.Errorf("it matches as %+v", v)
	}
}

func TestBoundTemplateReadsWhatAloneIsAmbiguous(t *testing.T) {
	t.Parallel()
	tmpl, err := Parse("{environment}-{chart}/{commit:4}")
	if err != nil {
		t.Fatal(err)
	}
	const text = "dev-voice-agent/abcd"
	if v, ok := tmpl.Match(text); ok {
		t.Errorf("alone it is %+v", v)
	}
	bound := tmpl.Bind(Values{Environment: "dev", Commit: "abcdef"})
	if v, ok := bound.Match(text); !ok || v != (Values{Chart: "voice-agent"}) {
		t.Errorf("bound it is %+v, %v", v, ok)
	}
	if bound.Uses("environment") || !bound.Uses("chart") || bound.String() != tmpl.String() {
		t.Errorf("bound to %+v", bound)
	}
	if _, ok := tmpl.Bind(Values{Environment: "prod"}).Match(text); ok {
		t.Error("read as of another environment")
	}
}

// What Parse takes prints as it was, and what Expand writes Match reads: the same values, or none where several fit.
func FuzzParseAndMatchAreInverse(f *testing.F) {
	f.Add("{environment}/{chart}/values.yaml", "voice-agent", "1.2.3")
	f.Add("{chart}-{version}-{commit:12}{commit}", "a", "1.0.0-rc.1+x")
	f.Add("{tag}{digest}", "a.b", "0.0.0")
	f.Add("{{", "}", "{commit:")
	f.Fuzz(func(t *testing.T, text, chart, version string) {
		tmpl, err := Parse(text)
		if err != nil {
			return
		}
		if tmpl.String() != text {
			t.Fatalf("%q prints as %q", text, tmpl)
		}
		v := release()
		v.Chart, v.Version, v.Tag = chart, version, chart+"-"+version
		expanded := tmpl.Expand(v)
		got, ok := tmpl.Match(expanded)
		if ok && tmpl.Expand(got) != expanded {
			t.Fatalf("%q read %q as %+v", text, expanded, got)
		}
		if !ok && len(tmpl.parts) == 1 && tmpl.parts[0].name != "" && tmpl.parts[0].fits(expanded) && len(expanded) <= maxText {
			t.Fatalf("%q does not read %q", text, expanded)
		}
		for _, p := range tmpl.parts {
			if value := v.field(p.name); ok && value != nil && valid(v, tmpl) && !strings.HasPrefix(*value, *got.field(p.name)) {
				t.Fatalf("%q read %q as %+v, it was %+v", text, expanded, got, v)
			}
		}
	})
}

// valid tells whether a release can have every value that the template uses.
func valid(v Values, tmpl Template) bool {
	for _, p := range tmpl.parts {
		if p.name != "" && !p.fits(p.expand(v)) {
			return false
		}
	}
	return true
}
