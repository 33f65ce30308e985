package pipeline

import (
	"context"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/github"
	"github.com/releaser/releaser/internal/lab/forge"
	"github.com/releaser/releaser/pipeline/source"
)

// onForge gives the charts' repository to the forge, too.
func (w *world) onForge() *github.Repository {
	w.Helper()
	w.must(w.forge.AddRepository(forge.Repository{FullName: platform, Dir: w.git.Dir(), Private: true}))
	w.forge.ForgetRequests()
	return w.github.Repository(platform)
}

func TestTheCommitOfARejectedTagSaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.source.Statuses = w.onForge()
	commit := w.push(strings.Replace(small("voice", "1.0.0"), "{{ .Release.Name }}-", "{{ .Nonsense", 1), "voice-1.0.0")
	tag := source.Tag{Name: "voice-1.0.0", Commit: commit}
	bad := w.release("voice-1.0.0")
	released := Outcome{State: Released}
	say := func(what string, before bool, writes int, outcomes ...Outcome) {
		t.Helper()
		for range 2 {
			w.must(w.sweeper.say(t.Context(), w.source, tag, outcomes, before))
		}
		if n := w.forge.Writes(); n != writes {
			t.Errorf("%s: %d writes, want %d", what, n, writes)
		}
		w.forge.ForgetRequests()
	}
	say("it is released", false, 0, released)
	say("it fails", false, 0, Outcome{State: Failed})
	say("another chart of it waits", false, 0, bad, Outcome{State: Waiting})
	say("no chart of it", false, 0)
	say("it leads to no commit", false, 0, Outcome{State: Rejected, Err: source.ErrNotCommit})
	say("it is rejected", false, 1, released, bad)
	say("it is released after all", true, 1, released)
	w.source.Statuses = nil
	say("it is rejected elsewhere", false, 0, bad)
}

func TestWhoMaySayNoStatusHearsOfItOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		err  error
		says string
		back bool
	}{
		{&github.Unauthorized{Repository: platform, Need: "statuses=write", Reason: "status of commit abc"}, "give the token or the App the permission statuses=write", false},
		{&github.Refused{Repository: platform, Reason: "GitHub says: no"}, "GitHub says: no", false},
		{&github.RateLimited{Repository: platform, RetryAfter: 1}, "", true},
	} {
		w.source.Statuses = saying{c.err}
		w.logged.Reset()
		for range 2 {
			err := w.sweeper.say(t.Context(), w.source, source.Tag{Name: "v1"}, []Outcome{{State: Rejected}}, false)
			if (err != nil) != c.back {
				t.Errorf("%v", err)
			}
		}
		if got := w.logged.String(); strings.Count(got, "\n") > 1 || !strings.Contains(got, c.says) {
			t.Errorf("the log says %s", got)
		}
	}
}

// saying is a forge that always answers so.
type saying struct{ err error }

// Say implements Statuses.
func (s saying) Say(context.Context, string, github.Status) error { return s.err }
