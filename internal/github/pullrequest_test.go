package github

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/releaser/releaser/internal/lab/forge"
)

// F6, F15
func TestPullRequestThatExistsIsAdopted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	first := w.propose(t, "b")
	again, err := w.api.OpenPullRequest(t.Context(), PullRequest{Title: "other", Body: "other", Head: "b", Base: "main"})
	if err != nil || again.Number != first.Number || again.Title != "promote" {
		t.Errorf("got %+v, %v", again, err)
	}
}

// F16
func TestLostAnswerOfAPullRequestIsLookedFor(t *testing.T) {
	t.Parallel()
	for name, failure := range losses() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, forge.Options{})
			w.lose("/pulls", failure)
			p := w.propose(t, "b")
			all, err := w.api.PullRequests(t.Context(), "", "all")
			if err != nil || len(all) != 1 || all[0].Number != p.Number {
				t.Errorf("got %+v, %v", all, err)
			}
		})
	}
}

func TestPullRequestThatCannotBeOpenedIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	var refused *Refused
	_, err := w.api.OpenPullRequest(t.Context(), PullRequest{Title: "t", Head: "absent", Base: "main"})
	if !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}

func TestPullRequestsAreListedByHeadAndState(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	one, two := w.propose(t, "one"), w.propose(t, "two")
	if err := w.forge.ClosePullRequest(environments, one.Number, "person"); err != nil {
		t.Fatal(err)
	}
	if err := w.api.Merge(t.Context(), two.Number, two.HeadCommit); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		head, state string
		want        []string
	}{
		{"", "open", nil}, {"", "closed", []string{"merged", "closed"}}, {"one", "closed", []string{"closed"}},
		{"two", "all", []string{"merged"}}, {"absent", "all", nil},
	} {
		got, err := w.api.PullRequests(t.Context(), c.head, c.state)
		if err != nil || len(got) != len(c.want) {
			t.Fatalf("%q %s: got %+v, %v", c.head, c.state, got, err)
		}
		for i, p := range got {
			if p.State != c.want[i] {
				t.Errorf("%q %s: #%d is %s, want %s", c.head, c.state, p.Number, p.State, c.want[i])
			}
		}
	}
}

func TestEveryPageOfPullRequestsIsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	commit := w.edit(t, w.base, "x: 1\n")
	const many = 103
	for i := range many {
		branch := "b" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		if err := w.api.CreateBranch(t.Context(), branch, commit); err != nil {
			t.Fatal(err)
		}
		if _, err := w.api.OpenPullRequest(t.Context(), PullRequest{Title: "t", Head: branch, Base: "main"}); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := w.api.PullRequests(t.Context(), "", "open"); err != nil || len(all) != many {
		t.Errorf("got %d, %v", len(all), err)
	}
}

func TestUpdateSetsTitleAndBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	p := w.propose(t, "b")
	for range 2 {
		got, err := w.api.UpdatePullRequest(t.Context(), p.Number, "new", "text")
		if err != nil || got.Title != "new" || got.Body != "text" || got.State != "open" {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}

func TestMergeIsForTheHeadThatWasJudged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	p := w.propose(t, "b")
	if err := w.api.Advance(t.Context(), "b", w.edit(t, p.HeadCommit, "x: 2\n")); err != nil {
		t.Fatal(err)
	}
	var refused *Refused
	if err := w.api.Merge(t.Context(), p.Number, p.HeadCommit); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
	if now, err := w.api.PullRequest(t.Context(), p.Number); err != nil || now.State != "open" {
		t.Errorf("got %+v, %v", now, err)
	}
}

func TestMergeTwiceIsOneMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	p := w.propose(t, "b")
	for range 2 {
		if err := w.api.Merge(t.Context(), p.Number, p.HeadCommit); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.git.Git("rev-list", "--count", "main"); got != "3" {
		t.Errorf("%s commits", got)
	}
}

func TestLostAnswerOfAMergeIsLookedFor(t *testing.T) {
	t.Parallel()
	for name, failure := range losses() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, forge.Options{})
			p := w.propose(t, "b")
			w.lose("/merge", failure)
			if err := w.api.Merge(t.Context(), p.Number, p.HeadCommit); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestMergeWaitsForARequiredCheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{LazyMergeable: true})
	if err := w.forge.Protect(environments, "main", forge.Protection{Contexts: []string{"ci"}}); err != nil {
		t.Fatal(err)
	}
	p := w.propose(t, "b")
	w.mergeable(t, p.Number, "unknown")
	w.mergeable(t, p.Number, "blocked")
	var refused *Refused
	if err := w.api.Merge(t.Context(), p.Number, p.HeadCommit); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
	if err := w.forge.SetStatus(environments, p.HeadCommit, "ci", "success", ""); err != nil {
		t.Fatal(err)
	}
	w.mergeable(t, p.Number, "clean")
	if err := w.api.Merge(t.Context(), p.Number, p.HeadCommit); err != nil {
		t.Error(err)
	}
}

func (w *world) mergeable(t *testing.T, number int, want string) {
	t.Helper()
	if p, err := w.api.PullRequest(t.Context(), number); err != nil || p.Mergeable != want {
		t.Errorf("mergeable %q, %v; want %s", p.Mergeable, err, want)
	}
}

func TestCommentIsWrittenOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	p := w.propose(t, "b")
	w.writes()
	w.lose("/comments", forge.Failure{After: true, Drop: true})
	for range 3 {
		if err := w.api.Comment(t.Context(), p.Number, "mark", "a word"); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.writes(); n != 1 {
		t.Errorf("%d comments", n)
	}
	if err := w.api.Comment(t.Context(), p.Number, "other mark", "another word"); err != nil || w.writes() != 1 {
		t.Errorf("another mark: %v", err)
	}
}

// B45
func TestPagesWithoutEndAreReadUpToACap(t *testing.T) {
	t.Parallel()
	var asked, written atomic.Int64
	r := answering(t, func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodGet {
			written.Add(1)
		}
		w.Header().Set("Link", fmt.Sprintf(`<http://%s%s?page=%d>; rel="next"`, req.Host, req.URL.Path, asked.Add(1)+1))
		w.Write([]byte("[]"))
	})
	var refused *Refused
	if _, err := r.PullRequests(t.Context(), "", "open"); !errors.As(err, &refused) || asked.Load() != maxPages {
		t.Errorf("pull requests: %v after %d pages", err, asked.Load())
	}
	asked.Store(0)
	if _, err := r.PullRequests(t.Context(), "b", "closed"); err != nil || asked.Load() != maxBranchPages {
		t.Errorf("pull requests of a branch: %v after %d pages", err, asked.Load())
	}
	asked.Store(0)
	if err := r.Comment(t.Context(), 1, "mark", "text"); err != nil || asked.Load() != maxPages || written.Load() != 0 {
		t.Errorf("comments: %v after %d pages, %d written", err, asked.Load(), written.Load())
	}
}
