package promotion

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/releaser/releaser/internal/lab/forge"
)

// F19
func TestCommitOfAPersonStopsUs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.release("0.1.0")
	w.round()
	head := w.person("releaser/dev/voice-agent", "mine\n-- dev/voice-agent/values.yaml --\nimage: {tag: mine}\n-- no\x1btes --\nhello\n")
	w.release("0.2.0")
	w.roundIs("dev blocked 0.2.0, staging nothing, prod nothing")
	proposals, err := w.Round(w.Context(), chart)
	w.must(err)
	if p := proposals[0]; !strings.Contains(p.Reason, "somebody works on the branch releaser/dev/voice-agent: it also changes \"dev/voice-agent/values.yaml\", \"no\\x1btes\"") {
		t.Errorf("reason: %s", p.Reason)
	}
	if got := w.git.Git("rev-parse", "releaser/dev/voice-agent"); got != head {
		t.Error("the branch moved")
	}
	if n := w.comments("dev"); n != 1 {
		t.Errorf("%d comments", n)
	}
	board, err := w.Status(w.Context(), chart)
	w.must(err)
	if s := board.Rungs[0]; s.State != Blocked || !strings.Contains(s.Reason, "somebody works") {
		t.Errorf("status: %+v", s)
	}
	// By command too: a person's work is nobody's to overwrite.
	if p, err := w.promote(FromRelease, "dev", ""); err != nil || p.State != Blocked {
		t.Errorf("by hand: %+v, %v", p, err)
	}
	// Taken back, the branch is ours again: the tree counts, not who committed.
	w.move("releaser/dev/voice-agent", w.git.CommitTree(w.git.Git("rev-parse", head+"^^{tree}"), head))
	w.roundIs("dev updated 0.2.0, staging nothing, prod nothing")
}

func TestBranchOfAPersonIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.person("releaser/dev/voice-agent", "unrelated\n-- x --\n1\n")
	w.release("0.1.0")
	w.roundIs("dev blocked 0.1.0, staging nothing, prod nothing")
}

// F18
func TestPullRequestClosedByAPersonStaysClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.release("0.1.0")
	w.round()
	closed := w.pr("dev")
	w.must(w.forge.ClosePullRequest(repository, closed.Number, "person"))
	w.roundIs("dev waiting 0.1.0, staging nothing, prod nothing")
	proposals, err := w.Round(w.Context(), chart)
	w.must(err)
	if p := proposals[0]; p.Reason != "pull request #1 for 0.1.0 was closed: to propose it again, run releaser promote release dev --chart voice-agent --version 0.1.0" {
		t.Errorf("reason: %s", p.Reason)
	}
	board, err := w.Status(w.Context(), chart)
	w.must(err)
	if s := board.Rungs[0]; s.State != Waiting || s.PullRequest.State != "closed" {
		t.Errorf("status: %+v", s)
	}
	// Not even when the branch is gone, or the environment moved on.
	w.git.Git("update-ref", "-d", "refs/heads/releaser/dev/voice-agent")
	w.person("main", "on\n-- other --\n1\n")
	w.restart()
	w.roundIs("dev waiting 0.1.0, staging nothing, prod nothing")

	// A person's command opens it again, a newer version is a new question.
	if p, err := w.promote(FromRelease, "dev", "0.1.0"); err != nil || p.State != Opened || p.PullRequest.Number == closed.Number {
		t.Errorf("by hand: %+v, %v", p, err)
	}
	w.must(w.forge.ClosePullRequest(repository, w.pr("dev").Number, "person"))
	w.roundIs("dev waiting 0.1.0, staging nothing, prod nothing")
	w.release("0.2.0")
	w.roundIs("dev opened 0.2.0, staging nothing, prod nothing")
}

// F20
func TestBaseThatMovedElsewhereTouchesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.release("0.1.0")
	w.round()
	before := w.pr("dev")
	w.person("main", "on\n-- dev/other/values.yaml --\n1\n")
	w.roundIs("dev unchanged 0.1.0, staging nothing, prod nothing")
	if after := w.pr("dev"); after.HeadCommit != before.HeadCommit {
		t.Error("the branch moved")
	}
	w.merge("dev")
}

// F20
func TestBaseThatMovedInAnEditedFileIsMerged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	signed := w.release("0.1.0")
	w.round()
	before := w.pr("dev")
	moved := w.person("main", strings.ReplaceAll(files("dev", "", ""), "replicas:   2", "replicas:   9"))
	w.roundIs("dev updated 0.1.0, staging nothing, prod nothing")
	after := w.pr("dev")
	if after.Number != before.Number {
		t.Errorf("#%d became #%d", before.Number, after.Number)
	}
	if got := w.git.Git("show", "-s", "--format=%P", after.HeadCommit); got != before.HeadCommit+" "+moved {
		t.Errorf("parents %s", got)
	}
	want := strings.ReplaceAll(files("dev", "0.1.0", signed.Pushed().Digest()), "replicas:   2", "replicas:   9")
	if got := w.file(after.HeadCommit, "dev/voice-agent/values.yaml"); !strings.Contains(want, got) || !strings.Contains(got, "replicas:   9") {
		t.Errorf("values:\n%s", got)
	}
	// A newer release goes on from there.
	w.release("0.2.0")
	w.roundIs("dev updated 0.2.0, staging nothing, prod nothing")
	w.merge("dev")
}

// F20
func TestBranchIsBroughtUpToDateWhereGitHubRequiresIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.must(w.forge.Protect(repository, "main", forge.Protection{Strict: true}))
	w.release("0.1.0")
	w.round()
	before := w.pr("dev")
	moved := w.person("main", "on\n-- other --\n1\n")
	w.roundIs("dev updated 0.1.0, staging nothing, prod nothing")
	if got := w.git.Git("show", "-s", "--format=%P", w.pr("dev").HeadCommit); got != before.HeadCommit+" "+moved {
		t.Errorf("parents %s", got)
	}
	w.merge("dev")
}

func TestUpdateBranchOfGitHubIsHarmless(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.release("0.1.0")
	w.round()
	main := w.person("main", "on\n-- other --\n1\n")
	// What the button makes: a merge of the base into the branch.
	head := w.pr("dev").HeadCommit
	tree := w.git.Git("merge-tree", "--write-tree", head, main)
	w.move("releaser/dev/voice-agent", w.git.CommitTree(tree, head, main))
	w.roundIs("dev unchanged 0.1.0, staging nothing, prod nothing")
	w.release("0.2.0")
	w.roundIs("dev updated 0.2.0, staging nothing, prod nothing")
}

// F21
func TestBranchThatIsNotThereIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(ladder map[string]*Environment) { ladder["dev"].Branch = "renamed" })
	w.release("0.1.0")
	proposals, err := w.Round(w.Context(), chart)
	w.must(err)
	if p := proposals[0]; p.State != Blocked || !strings.Contains(p.Reason, "branch renamed: not found") {
		t.Errorf("got %+v", p)
	}
}

func TestHandEditBlocksWithBothValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	signed := w.release("0.1.0")
	w.person("main", strings.Replace(files("dev", "0.1.0", signed.Pushed().Digest()), commitOf("0.1.0"), "hotfix", 1))
	w.release("0.2.0")
	w.roundIs("dev blocked, staging waiting, prod nothing")
	proposals, err := w.Round(w.Context(), chart)
	w.must(err)
	if want := `dev/voice-agent/values.yaml:5: image.tag: has "hotfix" where "` + commitOf("0.1.0") + `" belongs; correct it there, or revert the commit that changed it`; proposals[0].Reason != want {
		t.Errorf("got %s\nwant %s", proposals[0].Reason, want)
	}
	// A person's command goes over it.
	if p, err := w.promote(FromRelease, "dev", "0.2.0"); err != nil || p.State != Opened {
		t.Errorf("by hand: %+v, %v", p, err)
	}
}

func TestVersionThatNobodyReleasedBlocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.release("0.1.0")
	w.person("main", files("dev", "9.9.9", ""))
	w.roundIs("dev blocked, staging waiting, prod nothing")
	board, err := w.Status(w.Context(), chart)
	w.must(err)
	if s := board.Rungs[0]; s.State != Blocked || !strings.Contains(s.Reason, `release.yaml:1: version: has "9.9.9" where "a release of voice-agent that is in the registry" belongs`) {
		t.Errorf("status: %+v", s)
	}
}

func TestMissingFileOrKeyIsHeldForAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	signed := w.release("0.1.0")
	w.person("main", "gone\n-- dev/voice-agent/release.yaml [delete] --\n"+
		strings.Split(files("staging", "0.1.0", signed.Pushed().Digest()), "-- staging/voice-agent/release.yaml")[0]+
		"-- staging/voice-agent/values.yaml --\nimage: {}\n-- staging/voice-agent/release.yaml --\nversion: 0.1.0\n")
	w.roundIs("dev blocked, staging blocked, prod waiting")
	proposals, err := w.Round(w.Context(), chart)
	w.must(err)
	for i, want := range []string{
		"dev/voice-agent/release.yaml: no such file: create it with the keys digest, version",
		"staging/voice-agent/release.yaml:1: digest: ",
	} {
		if !strings.HasPrefix(proposals[i].Reason, want) {
			t.Errorf("got %s", proposals[i].Reason)
		}
	}
	if p, err := w.promote(FromRelease, "dev", ""); err != nil || p.State != Blocked {
		t.Errorf("by hand: %+v, %v", p, err)
	}
}

// F5, F6, F15, F16
func TestEveryAnswerMayBeLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ method, path string }{
		{"POST", "/git/trees"}, {"POST", "/git/commits"}, {"POST", "/git/refs"}, {"POST", "/pulls"}, {"PUT", "/merge"},
	} {
		t.Run(c.path, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(ladder map[string]*Environment) { ladder["dev"].Merge = Auto })
			signed := w.release("0.1.0")
			w.lose(c.method, c.path)
			_, first := w.Propose(w.Context(), signed, nil)
			w.forge.Fault(nil)
			w.restart()
			_, err := w.Propose(w.Context(), signed, nil)
			w.must(err)
			w.holds("dev", "0.1.0", signed.Pushed().Digest())
			if pr := w.pr("dev"); pr.Number != 1 || pr.State != "merged" {
				t.Errorf("first error %v, then %+v", first, pr)
			}
		})
	}
}

// F1: the process dies after each write that was done.
func TestProcessMayDieAfterEachWrite(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/git/refs", "/pulls", "/merge"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(ladder map[string]*Environment) { ladder["dev"].Merge = Auto })
			w.release("0.1.0")
			w.dieAfter(path)
			if _, err := w.Round(w.Context(), chart); err == nil {
				t.Fatal("it did not die")
			}
			w.forge.Fault(nil)
			w.restart()
			_, err := w.Round(w.Context(), chart)
			w.must(err)
			if pr := w.pr("dev"); pr.Number != 1 || pr.State != "merged" {
				t.Errorf("got %+v", pr)
			}
		})
	}
}

func TestMergeWaitsForWhatGitHubRequires(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(ladder map[string]*Environment) { ladder["dev"].Merge = Auto })
	w.must(w.forge.Protect(repository, "main", forge.Protection{Contexts: []string{"ci"}}))
	w.release("0.1.0")
	if got := w.round(); got != "dev opened 0.1.0, staging nothing, prod nothing" {
		t.Errorf("got %s", got)
	}
	w.roundIs("dev waiting 0.1.0, staging nothing, prod nothing")
	proposals, err := w.Round(w.Context(), chart)
	w.must(err)
	if got := proposals[0].Reason; got != "pull request #1 is not merged: required checks or reviews are not there yet" {
		t.Errorf("reason: %s", got)
	}
	w.must(w.forge.SetStatus(repository, w.pr("dev").HeadCommit, "ci", "failure", ""))
	w.roundIs("dev waiting 0.1.0, staging nothing, prod nothing")
	w.must(w.forge.SetStatus(repository, w.pr("dev").HeadCommit, "ci", "success", ""))
	w.must(w.forge.SetStatus(repository, w.pr("dev").HeadCommit, "optional", "pending", ""))
	if got := w.round(); got != "dev merged 0.1.0, staging opened 0.1.0, prod nothing" {
		t.Errorf("got %s", got)
	}
}

func TestPullRequestByHandMergesByItselfWhereThatIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(ladder map[string]*Environment) { ladder["prod"].Merge = Auto })
	signed := w.release("0.1.0")
	w.person("main", files("dev", "0.1.0", signed.Pushed().Digest())+files("staging", "0.1.0", signed.Pushed().Digest()))
	w.must(w.forge.Protect(repository, "main", forge.Protection{Contexts: []string{"ci"}}))
	if p, err := w.promote("staging", "prod", ""); err != nil || p.State != Opened {
		t.Fatalf("by hand: %+v, %v", p, err)
	}
	w.roundIs("dev nothing, staging nothing, prod waiting 0.1.0")
	w.must(w.forge.SetStatus(repository, w.pr("prod").HeadCommit, "ci", "success", ""))
	if got := w.round(); got != "dev nothing, staging nothing, prod merged 0.1.0" {
		t.Errorf("got %s", got)
	}
	w.holds("prod", "0.1.0", signed.Pushed().Digest())
}

func TestOneEnvironmentThatFailsKeepsNoOtherFromGoingOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(ladder map[string]*Environment) {
		ladder["prod"].Repository = "acme/absent"
		ladder["staging"].Files = []File{{Path: template("../x"), Pins: true}}
	})
	w.release("0.1.0")
	w.roundIs("dev opened 0.1.0, staging blocked, prod blocked")
}

func TestRuleOfTheRepositoryBlocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.release("0.1.0")
	w.forge.Fault(func(r *http.Request) forge.Failure {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/git/refs") {
			return forge.Failure{Status: http.StatusUnprocessableEntity, Message: "Repository rule violations found"}
		}
		return forge.Failure{}
	})
	now := time.Now()
	w.options.Now = func() time.Time { return now }
	w.restart()
	// It is asked again when the base or the release is another one, and after an hour, not in each round.
	w.roundIs("dev blocked 0.1.0, staging nothing, prod nothing")
	w.person("main", "on\n-- other --\n1\n")
	w.asksAgain("another base")
	w.release("0.2.0")
	w.asksAgain("another release")
	now = now.Add(61 * time.Minute)
	w.asksAgain("an hour later")
	if got := w.reason(0); !strings.Contains(got, "create branch releaser/dev/voice-agent: ") || !strings.Contains(got, "Repository rule violations found") {
		t.Errorf("reason: %s", got)
	}
	w.forge.Fault(nil)
	w.roundIs("dev blocked 0.2.0, staging nothing, prod nothing")
	if p, err := w.promote(FromRelease, "dev", ""); err != nil || p.State != Opened {
		t.Errorf("by hand: %+v, %v", p, err)
	}
	w.roundIs("dev unchanged 0.2.0, staging nothing, prod nothing")
}

// asksAgain expects that a round writes, in vain, and the next one does not.
func (w *world) asksAgain(why string) {
	w.Helper()
	for _, want := range []int{2, 0} {
		w.forge.ForgetRequests()
		got := w.round()
		if n := w.forge.Writes(); n != want {
			w.Errorf("%s: %d writes, want %d: %s", why, n, want, got)
		}
	}
}

func TestLinkInPlaceOfAFileBlocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.release("0.1.0")
	w.person("main", "link\n-- dev/voice-agent/values.yaml -> ../../prod/voice-agent/values.yaml --\n")
	w.roundIs("dev blocked, staging waiting, prod nothing")
}

func TestEnvironmentMayNameADigestAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(ladder map[string]*Environment) {
		for _, env := range ladder {
			env.Files[1].Set = []Setting{{Key: "digest", Value: template("{digest}")}}
		}
	})
	first := w.release("0.1.0").Pushed().Digest()
	w.person("main", files("dev", "", "")+files("staging", "0.1.0", first))
	w.roundIs("dev opened 0.1.0, staging nothing, prod waiting 0.1.0")
	w.merge("dev")
	w.release("0.2.0")
	w.roundIs("dev opened 0.2.0, staging nothing, prod waiting 0.1.0")
}

func TestEnvironmentThatNamesNoReleaseIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(ladder map[string]*Environment) { ladder["dev"].Files = ladder["dev"].Files[:1] })
	w.release("0.1.0")
	w.roundIs("dev blocked, staging waiting, prod nothing")
}

func TestFileNameThatIsNoTextBlocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.person("main", "odd\n-- caf\xe9.txt --\n1\n")
	w.release("0.1.0")
	w.roundIs("dev blocked 0.1.0, staging nothing, prod nothing")
}

// GitHub finds out whether it can merge only when it is asked, and says so at the next question.
func TestMergeWaitsUntilGitHubKnows(t *testing.T) {
	t.Parallel()
	w := newWorldOf(t, forge.Options{LazyMergeable: true}, auto("dev"))
	signed := w.release("0.1.0")
	proposals, err := w.Round(w.Context(), chart)
	w.must(err)
	if p := proposals[0]; p.State != Opened || p.Reason != "pull request #1 is not merged: GitHub has not found out yet whether it can be merged" {
		t.Errorf("got %+v", p)
	}
	w.roundIs("dev merged 0.1.0, staging opened 0.1.0, prod nothing")
	w.holds("dev", "0.1.0", signed.Pushed().Digest())
	// A branch that must be brought up to date is so in the second round.
	w.must(w.forge.Protect(repository, "main", forge.Protection{Strict: true}))
	w.person("main", "on\n-- other --\n1\n")
	w.round()
	w.roundIs("dev nothing, staging updated 0.1.0, prod nothing")
}
