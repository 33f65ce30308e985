package github

import (
	"testing"

	"github.com/releaser/releaser/internal/lab/forge"
)

func TestAGlanceChangesWithTheBranchAndWithThePullRequestsAndElseIsFree(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	glance := func() string {
		t.Helper()
		now, err := w.api.Glance(t.Context(), "main")
		if err != nil || now == "" {
			t.Fatal(now, err)
		}
		if again, err := w.api.Glance(t.Context(), "main"); err != nil || again != now {
			t.Fatalf("%s, then %s, %v", now, again, err)
		}
		return now
	}
	seen := map[string]string{glance(): "at first"}
	news := func(what string) {
		t.Helper()
		now := glance()
		if before, ok := seen[now]; ok {
			t.Errorf("%s looks like %s", what, before)
		}
		seen[now] = what
	}
	commit := w.edit(t, w.base, "x: 1\n")
	if err := w.api.CreateBranch(t.Context(), "releaser/dev/voice-agent", commit); err != nil {
		t.Fatal(err)
	}
	p, err := w.api.OpenPullRequest(t.Context(), PullRequest{Title: "t", Head: "releaser/dev/voice-agent", Base: "main"})
	if err != nil {
		t.Fatal(err)
	}
	news("an opened pull request")
	if _, err := w.api.UpdatePullRequest(t.Context(), p.Number, "another", ""); err != nil {
		t.Fatal(err)
	}
	news("another title")
	if err := w.api.Merge(t.Context(), p.Number, commit); err != nil {
		t.Fatal(err)
	}
	news("a merge")
}

func TestAGlanceAtABranchThatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	if now, err := w.api.Glance(t.Context(), "absent"); err == nil || now != "" {
		t.Errorf("%q, %v", now, err)
	}
}
