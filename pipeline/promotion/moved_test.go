package promotion

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/github"
	"github.com/releaser/releaser/internal/lab/forge"
)

// call is what people and their tools ask of GitHub's API.
func (w *world) call(method, path, body string) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, w.url+forge.Prefix+"/repos/"+repository+path, strings.NewReader(body))
	w.must(err)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("User-Agent", "person")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	w.must(err)
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		w.Fatalf("%s %s: %s", method, path, resp.Status)
	}
}

// once does something just before the first request that matches.
func (w *world) once(method, suffix string, do func()) {
	done := false
	w.forge.Fault(func(r *http.Request) forge.Failure {
		if !done && r.Method == method && strings.HasSuffix(r.URL.Path, suffix) {
			done = true
			do()
		}
		return forge.Failure{}
	})
}

// all lists the pull requests of an environment, the newest first.
func (w *world) all(env string) string {
	w.Helper()
	all, err := w.options.GitHub.Repository(repository).PullRequests(w.Context(), branchName(env, chart), "all")
	w.must(err)
	var told []string
	for _, p := range all {
		told = append(told, fmt.Sprintf("#%d %s to %s", p.Number, p.State, p.Base))
	}
	return strings.Join(told, ", ")
}

func TestPullRequestThatGoesElsewhereIsNotMerged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, auto("dev"))
	w.must(w.forge.Protect(repository, "main", protection("ci")))
	precious := w.git.Git("rev-parse", "main")
	w.git.Git("branch", "precious", "main")
	w.release("0.1.0")
	w.round()
	w.green("dev")
	w.once("GET", "/pulls/1", func() { w.call("PATCH", "/pulls/1", `{"base":"precious"}`) })
	if got := w.reason(0); got != "pull request #1 is not merged: it goes to precious now, not to main" {
		t.Errorf("reason: %s", got)
	}
	if w.git.Git("rev-parse", "precious") != precious {
		t.Error("it was merged")
	}
}

func TestMergeWhileWeLookMakesNoSecondPullRequest(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"squash", "merge"} {
		for _, deletes := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, branch deleted: %t", method, deletes), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, nil)
				w.release("0.1.0")
				w.round()
				merge := func() {
					w.call("PUT", "/pulls/1/merge", `{"merge_method":"`+method+`"}`)
					if deletes {
						w.call("DELETE", "/git/refs/heads/releaser/dev/voice-agent", "")
					}
				}
				w.once("GET", "/pulls", merge)
				w.round()
				w.restart()
				w.round()
				if got := w.all("dev"); got != "#1 merged to main" {
					t.Errorf("got %s", got)
				}
			})
		}
	}
}

// F25
func TestProcessThatSleptOpensNothingForWhatWasMerged(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"/git/trees", "/git/refs", "/pulls"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.release("0.1.0")
			c, err := github.New(github.Options{APIURL: w.url + forge.Prefix, Token: github.Static(token), Unpaced: true})
			w.must(err)
			o := w.options
			o.GitHub = c
			other := New(o)
			w.once("POST", at, func() {
				_, err := other.Round(w.Context(), chart)
				w.must(err)
				w.call("PUT", "/pulls/1/merge", `{"merge_method":"squash"}`)
				w.call("DELETE", "/git/refs/heads/releaser/dev/voice-agent", "")
			})
			if _, err := w.Round(w.Context(), chart); err != nil { // it looked again
				t.Errorf("got %v", err)
			}
			w.forge.Fault(nil)
			w.round()
			if got := w.all("dev"); got != "#1 merged to main" {
				t.Errorf("got %s", got)
			}
			w.release("0.2.0")
			w.roundIs("dev opened 0.2.0, staging unchanged 0.1.0, prod nothing")
		})
	}
}

func TestABranchThatNeverRestsIsLookedAtTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.release("0.1.0")
	moves, resting := 0, 10 // more than anybody should try
	w.forge.Fault(func(r *http.Request) forge.Failure {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/git/trees") && moves < resting {
			moves++
			w.person("main", strings.Replace(files("dev", "", ""), "release.yaml --\n", fmt.Sprintf("release.yaml --\n# moved %d\n", moves), 1))
		}
		return forge.Failure{}
	})
	if _, err := w.Round(w.Context(), chart); !errors.Is(err, github.ErrMoved) || moves != 2 {
		t.Errorf("%v after %d moves", err, moves)
	}
	if got := w.all("dev"); got != "" {
		t.Errorf("proposed: %s", got)
	}
	resting = 3 // the next look finds it in motion, and the one after that does not
	if got, err := w.Round(w.Context(), chart); err != nil || len(got) != 3 || got[0].State != Opened || moves != 3 {
		t.Errorf("%+v, %v after %d moves", got, err, moves)
	}
}

func TestNamesWithDashesAreReadInOneWay(t *testing.T) {
	t.Parallel()
	for _, layout := range []string{"{environment}-{chart}", "{chart}-{environment}", "envs/{chart}.{environment}"} {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(ladder map[string]*Environment) {
				for _, env := range ladder {
					env.Files[0].Path, env.Files[1].Path = template(layout+"/values.yaml"), template(layout+"/release.yaml")
					env.Files[1].Set[0].Value = template("{version}-{environment}")
				}
			})
			text := "laid out otherwise\n"
			for _, env := range []string{"dev", "staging", "prod"} {
				dir := template(layout).Expand(Environment{Name: env}.values(Release{Chart: chart}))
				text += strings.ReplaceAll(files(env, "", ""), env+"/"+chart, dir)
			}
			w.person("main", text)
			w.release("0.1.0")
			if charts, err := w.Charts(w.Context(), ""); err != nil || strings.Join(charts, " ") != chart {
				t.Errorf("charts %v, %v", charts, err)
			}
			w.roundIs("dev opened 0.1.0, staging nothing, prod nothing")
			w.merge("dev")
			if h, err := w.Holds(w.Context(), "dev", chart); err != nil || h.Release.Version != "0.1.0" || len(h.Problems()) > 0 {
				t.Errorf("dev: %+v, %v", h, err)
			}
		})
	}
}

func TestPullRequestOfOurBranchToAnotherBaseHidesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, auto("dev"))
	w.must(w.forge.Protect(repository, "main", protection("ci")))
	w.git.Git("branch", "release-1", "main")
	signed := w.release("0.1.0")
	w.round()
	w.green("dev")
	w.call("POST", "/pulls", `{"title":"backport","head":"releaser/dev/voice-agent","base":"release-1"}`)
	w.round()
	w.holds("dev", "0.1.0", signed.Pushed().Digest())
	if got := w.all("dev"); got != "#3 open to release-1, #1 merged to main" && got != "#2 open to release-1, #1 merged to main" {
		t.Errorf("got %s", got)
	}
}

func TestBranchIsMadeAnewWhenTheConfigurationChanges(t *testing.T) {
	t.Parallel()
	pin := func(source, _ string) []Pin {
		return []Pin{{Key: "image.tag", Value: template("{commit}")}, {Key: "image.repository", Value: template("ghcr.io/acme/{chart}")}}
	}
	w := newWorld(t, nil)
	signed := w.release("0.1.0")
	w.round()
	before := w.pr("dev")
	w.options.Pins = pin
	w.restart()
	w.roundIs("dev updated 0.1.0, staging nothing, prod nothing")
	after := w.pr("dev")
	if after.Number != before.Number || w.git.Git("rev-parse", after.HeadCommit+"^") != before.HeadCommit {
		t.Errorf("#%d became #%d", before.Number, after.Number)
	}
	want := strings.Replace(files("dev", "0.1.0", signed.Pushed().Digest()), "ghcr.io/acme/voice\n", "\"ghcr.io/acme/voice-agent\"\n", 1)
	if got := w.file(after.HeadCommit, "dev/voice-agent/values.yaml"); !strings.Contains(want, got) {
		t.Errorf("values:\n%s", got)
	}
	if got := w.git.Git("show", "-s", "--format=%B", after.HeadCommit); !strings.HasSuffix(got, "\nreleaser-tree: "+w.git.Git("rev-parse", after.HeadCommit+"^{tree}")) {
		t.Errorf("message %q", got)
	}
	// The same files from a person's hand are a person's.
	w.move("releaser/dev/voice-agent", w.git.CommitTree(w.git.Git("rev-parse", before.HeadCommit+"^{tree}"), after.HeadCommit))
	w.roundIs("dev blocked 0.1.0, staging nothing, prod nothing")
}
