package promotion

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/chartlab"
	"github.com/releaser/releaser/signing"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestBodyTellsAReviewerWhatToKnow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.release("0.1.0")
	w.round()
	w.merge("dev")
	w.release("0.2.0")
	w.round()
	got := anonymous(w.pr("dev").Body)
	golden := filepath.Join("testdata", "body.md")
	if *update {
		w.must(os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	w.must(err)
	if got != string(want) {
		t.Errorf("got\n%s", got)
	}
}

// anonymous takes out what differs between runs: the registry's port, and signatures, which are random.
func anonymous(body string) string {
	body = regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(body, "registry.example.com")
	body = regexp.MustCompile(`sha256([:-])[0-9a-f]{64}`).ReplaceAllString(body, "sha256${1}0123…")
	return regexp.MustCompile(`releaser [0-9a-f]{24}`).ReplaceAllString(body, "releaser 0123456789abcdef01234567")
}

func TestBodyIsWrittenAgainOnlyWhenItsInputsChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.release("0.1.0")
	w.round()
	pr := w.pr("dev")
	edited := "A person's note.\r\n\r\n" + strings.ReplaceAll(pr.Body, "\n", "\r\n")
	_, err := w.options.GitHub.Repository(repository).UpdatePullRequest(w.Context(), pr.Number, "a better title", edited)
	w.must(err)
	w.roundIs("dev unchanged 0.1.0, staging nothing, prod nothing")
	if got := w.pr("dev"); got.Body != edited || got.Title != "a better title" {
		t.Errorf("a person's words are gone: %q", got.Body)
	}
	w.release("0.2.0")
	w.roundIs("dev updated 0.2.0, staging nothing, prod nothing")
}

func TestOrderOfTheConfigurationIsNoInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.release("0.1.0")
	w.round()
	for _, env := range w.options.Environments {
		slices.Reverse(env.Files[1].Set)
	}
	w.restart()
	w.forge.ForgetRequests()
	if got := w.round(); w.forge.Writes() != 0 {
		t.Errorf("another order wrote again: %s", got)
	}
}

// B50, B51, B52, B53
func TestNothingThatOthersWroteActsInAPullRequest(t *testing.T) {
	t.Parallel()
	for _, field := range []string{
		"@acme/team", "Fixes #1", "closes acme/platform#2", "fixes https://github.com/acme/platform/issues/3",
		"[skip ci]", "skip-checks: true", "x\n\nskip-checks: true", "Signed-off-by: a <a@b>", "x\nCo-authored-by: a <a@b>",
		"```\n@acme/team\n```", "`", "<img src=x>", "<!-- releaser 00 -->", "\x1b[31m", "\u202e", "![x](https://evil)",
		strings.Repeat("x", 70_000), "\xff\xfe",
	} {
		got := quiet(field)
		for _, bad := range []string{"@a", "#1", "#2", "[s", "s #", "s h", " ", "\n", "`", "<", "\x1b", "\u202e", "\xff"} {
			if strings.Contains(got, bad) {
				t.Errorf("%q became %q, which holds %q", field, got, bad)
			}
		}
		if len(got) > 3100 {
			t.Errorf("%d bytes are left", len(got))
		}
	}
	for _, field := range []string{"voice-agent-0.1.0", "https://git.example.com/acme/platform.git", "host:5000/charts/voice@sha256:00", "charts/voice_lib/values.yaml", "0.1.0+b.1"} {
		if got := quiet(field); got != field {
			t.Errorf("%q became %q", field, got)
		}
	}
}

// B50, B51, B52, B53
func TestTagOfAPersonIsQuietInTheBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const tag = "@acme/team`Fixes #1[skip ci]<img src=x>\n```\n\nCo-authored-by: a <a@b.c>\nSigned-off-by: a <a@b.c>\n\n\nskip-checks: true"
	pushed, err := w.registry.Push(w.Context(), chartlab.Package(t, chartlab.Small(chart, "0.1.0"), chartlab.Options{Tag: tag, Commit: commitOf("0.1.0")}), nil)
	w.must(err)
	_, err = w.signer.Sign(w.Context(), pushed)
	w.must(err)
	w.round()
	pr := w.pr("dev")
	if !strings.Contains(pr.Body, "tag          @\u200bacme/team%60Fixes%20#\u200b1[\u200bskip%20ci]") {
		t.Errorf("the tag is not told:\n%s", pr.Body)
	}
	for _, bad := range []string{"@acme", "#1", "[skip", "<img", "\nCo-authored-by", "\nSigned-off-by", "\nskip-checks"} {
		if strings.Contains(pr.Title+"\n\n"+pr.Body, bad) {
			t.Errorf("%q is in the body:\n%s", bad, pr.Body)
		}
	}
	message := w.git.Git("show", "-s", "--format=%B", pr.HeadCommit)
	if strings.ContainsAny(message, "@#[]`<") {
		t.Errorf("message: %s", message)
	}
	for text, want := range map[string]string{message: "releaser-tree", pr.Title + "\n\n" + pr.Body: ""} { // the second is a squash
		trailers := w.git.GitInput(text+"\n", "interpret-trailers", "--parse")
		if key, _, _ := strings.Cut(trailers, ":"); key != want || strings.Contains(trailers, "\n") {
			t.Errorf("trailers %q in\n%s", trailers, text)
		}
	}
}

func TestBodyIsCutToWhatGitHubTakes(t *testing.T) {
	t.Parallel()
	long := "```text\n" + strings.Repeat("ä\n", 70_000) + "```\n"
	got := marked("title", long)
	if n := len([]rune(got)); n > maxBody {
		t.Errorf("%d characters", n)
	}
	if m := mark(got); m == "" || m == mark(marked("title", long+"x")) || strings.Count(got, "```")%2 != 0 {
		t.Errorf("mark %q, or an open code block", m)
	}
}

func TestMarkIsFoundWhateverPeopleWriteAround(t *testing.T) {
	t.Parallel()
	body := marked("title", "text\n")
	for _, edited := range []string{body, "before\n" + body, body + "\nafter", strings.ReplaceAll(body, "\n", "\r\n")} {
		if mark(edited) != mark(body) || mark(body) == "" {
			t.Errorf("lost in %q", edited)
		}
	}
	if mark("text") != "" {
		t.Error("found where there is none")
	}
}

func TestReaderIsToldTheFilesThatHeHas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	signed := w.release("0.1.0")
	got := body(staging(), Holding{Empty: true}, signed, nil, signing.Files{PublicKey: "https://acme.example/cosign.pub", TrustedRoot: "root.json"})
	if !strings.Contains(got, "--key https://acme.example/cosign.pub --trusted-root root.json") {
		t.Errorf("got\n%s", got)
	}
}

func FuzzQuiet(f *testing.F) {
	for _, seed := range []string{"@acme/team", "Fixes #1", "[skip ci]", "a`b", "a@b#c", "\xff", "Ŀ@a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := quiet(text)
		if strings.ContainsAny(got, "` \t\r\n<\x00") || regexp.MustCompile(`#[^\x{200b}]|\[[^\x{200b}]|(^|\W)@\w`).MatchString(got) {
			t.Errorf("%q became %q", text, got)
		}
	})
}
