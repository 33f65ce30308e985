package promotion

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/releaser/releaser/internal/github"
	"github.com/releaser/releaser/internal/lab/forge"
)

func TestStatusTellsWhatRunsWhereAndWhatIsPending(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	first := w.release("0.1.0").Pushed().Digest()
	second := w.release("0.2.0").Pushed().Digest()
	w.person("main", files("dev", "0.2.0", second)+files("staging", "0.1.0", first))
	w.must(w.forge.Protect(repository, "main", forge.Protection{Contexts: []string{"ci"}}))
	for _, step := range []struct {
		what string
		do   func()
		want string
	}{
		{"before anything was proposed", func() {},
			"dev 0.2.0 nothing: already promoted; staging 0.1.0 move 0.2.0; prod - waiting 0.1.0: promoted by hand: releaser promote staging prod --chart voice-agent"},
		{"with a pull request", func() { w.round() },
			"dev 0.2.0 nothing: already promoted; staging 0.1.0 waiting 0.2.0 #1: required checks or reviews are not there yet; prod - waiting 0.1.0: promoted by hand: releaser promote staging prod --chart voice-agent"},
		{"with checks", func() { w.must(w.forge.SetStatus(repository, w.pr("staging").HeadCommit, "ci", "success", "")) },
			"dev 0.2.0 nothing: already promoted; staging 0.1.0 waiting 0.2.0 #1: ready to be merged; prod - waiting 0.1.0: promoted by hand: releaser promote staging prod --chart voice-agent"},
		{"with a newer version", func() {
			w.release("0.3.0")
			w.person("main", files("dev", "0.1.0", first))
		},
			"dev 0.1.0 move 0.3.0; staging 0.1.0 waiting 0.2.0 #1: dev does not hold 0.2.0 any more: close the pull request, or promote it there again; prod - waiting 0.1.0: promoted by hand: releaser promote staging prod --chart voice-agent"},
	} {
		step.do()
		w.forge.ForgetRequests()
		board, err := w.Status(w.Context(), chart)
		w.must(err)
		if got := shown(board); got != step.want {
			t.Errorf("%s:\n%s\nwant:\n%s", step.what, got, step.want)
		}
		if n := w.forge.Writes(); n != 0 {
			t.Errorf("%s: %d writes", step.what, n)
		}
	}
}

func shown(b Board) string {
	var all []string
	for _, s := range b.Rungs {
		text := s.Environment + " " + s.Version
		if s.Version == "" {
			text += "-"
		}
		text += " " + string(s.State)
		if s.Pending != "" {
			text += " " + s.Pending
		}
		if s.PullRequest.Number != 0 {
			text += " #" + string(rune('0'+s.PullRequest.Number))
		}
		if s.Reason != "" {
			text += ": " + s.Reason
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

func TestFieldsAreLowerCamelCase(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal([]any{Proposal{PullRequest: PullRequest{Number: 1}, Diff: "d"}, Board{Rungs: []Stand{{}}}, Proposal{}})
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"environment":"","chart":"","state":"","pullRequest":{"number":1,"url":"","state":""},"diff":"d"},` +
		`{"chart":"","environments":[{"environment":"","state":""}]},{"environment":"","chart":"","state":""}]`
	if string(text) != want {
		t.Errorf("got %s", text)
	}
}

// F24: GitHub decides who was first, and nobody undoes what another did.
func TestSeveralProcessesMakeOnePullRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, version := range []string{"0.1.0", "0.2.0"} {
		w.release(version)
		var processes sync.WaitGroup
		for range 4 {
			w.restart()
			p := w.Promoter
			processes.Go(func() {
				if _, err := p.Round(t.Context(), chart); err != nil && !errors.Is(err, github.ErrMoved) {
					t.Error(err)
				}
			})
		}
		processes.Wait()
		if _, err := w.Round(w.Context(), chart); err != nil {
			t.Error(err)
		}
		w.roundIs("dev unchanged " + version + ", staging nothing, prod nothing")
	}
	all, err := w.options.GitHub.Repository(repository).PullRequests(w.Context(), "", "all")
	w.must(err)
	if len(all) != 1 {
		t.Errorf("%d pull requests", len(all))
	}
}
