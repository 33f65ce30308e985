package forge_test

import (
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/forge"
)

func TestMergeMakesAMergeCommitOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sha := w.propose("releaser/dev/voice", "a", "1")
	base := w.git.Commit("main", "meanwhile\n-- other --\n1\n")
	w.ask("PUT", "pulls/1/merge", fields{"sha": w.main}).says(409, "Head branch was modified")
	w.ask("GET", "pulls/1/merge", nil).want(404)
	merge := w.ask("PUT", "pulls/1/merge", fields{"sha": sha, "merge_method": "merge"}).want(200).shows("merged", "true").text("sha")
	w.ask("PUT", "pulls/1/merge", fields{"sha": sha}).says(405, "not mergeable")
	w.ask("GET", "pulls/1/merge", nil).want(204)
	w.ask("GET", "pulls/1", nil).want(200).shows("state", "closed", "merged", "true", "merged_by.login", "ann", "merge_commit_sha", merge,
		"merged_at", "2026-03-01T12:00:00Z", "head.sha", sha, "changed_files", "1")

	if got := w.run("rev-parse", "main"); got != merge {
		t.Errorf("main is %s, want %s", got, merge)
	}
	if got := w.run("log", "-1", "--format=%P", "main"); got != base+" "+sha {
		t.Errorf("parents are %s", got)
	}
	if got := w.run("log", "-1", "--format=%B|%cn", "main"); got != "Merge pull request #1 from acme/releaser/dev/voice\n\nPromote releaser/dev/voice|GitHub" {
		t.Errorf("the message is %q", got)
	}
	if got := w.run("show", "main:a") + w.run("show", "main:other"); got != "11" {
		t.Errorf("the files hold %q", got)
	}
}

func TestSquashMakesOneCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.propose("x", "a", "1")
	w.ask("PATCH", "git/refs/heads/x", fields{"sha": w.commit(at, "b", "2")}).want(200)
	w.ask("PUT", "pulls/1/merge", fields{"merge_method": "rebase"}).says(405, "Rebase merges are not allowed")
	w.ask("PUT", "pulls/1/merge", fields{"merge_method": "squash", "commit_message": "text"}).want(200)
	if got := w.run("log", "--format=%s|%b|%P", "-1", "main"); got != "Promote x (#1)|text|"+w.main {
		t.Errorf("the commit is %q", got)
	}
	if got := w.run("diff", "--name-only", "main^", "main"); got != "a\nb" {
		t.Errorf("it changes %q", got)
	}
}

func TestConflictIsDirtyAndDoesNotMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.propose("x", "README.md", "mine\n")
	base := w.git.Commit("main", "theirs\n-- README.md --\ntheirs\n")
	w.ask("GET", "pulls/1", nil).want(200).shows("mergeable", "false", "mergeable_state", "dirty")
	w.ask("PUT", "pulls/1/merge", nil).says(405, "not mergeable")
	w.ask("PUT", "pulls/1/update-branch", nil).says(422, "merge conflict")
	if err := w.MergePullRequest(repo, 1, "bob"); err == nil {
		t.Error("a person merged a conflict")
	}
	if got := w.run("rev-parse", "main"); got != base {
		t.Errorf("main moved to %s", got)
	}
}

func TestProtectedBranchMergesOnlyWithGreenChecks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sha := w.propose("x", "a", "1")
	if err := w.Protect(repo, "main", forge.Protection{Contexts: []string{"ci", "releaser/promotion"}}); err != nil {
		t.Fatal(err)
	}
	w.ask("GET", "branches/main", nil).want(200).shows("protected", "true", "protection.required_status_checks.contexts.0", "ci")
	state := func(want string) {
		t.Helper()
		w.ask("GET", "pulls/1", nil).want(200).shows("mergeable", "true", "mergeable_state", want)
	}
	state("blocked")
	w.ask("PUT", "pulls/1/merge", nil).says(405, `Required status check \"ci\" is expected.`)
	w.ask("PATCH", "git/refs/heads/main", fields{"sha": sha}).says(422, `Required status check \"ci\" is expected.`)
	w.ask("DELETE", "git/refs/heads/main", nil).says(422, "Cannot delete")
	for range 2 {
		w.ask("POST", "statuses/"+sha, fields{"state": "success", "context": "releaser/promotion"}).want(201)
	}
	state("blocked")
	check := func(name, conclusion string) {
		t.Helper()
		if err := w.SetCheck(repo, sha, name, conclusion); err != nil {
			t.Fatal(err)
		}
	}
	check("ci", "")
	state("blocked")
	check("ci", "failure")
	state("blocked")
	check("ci", "success")
	state("clean")
	check("optional", "failure")
	state("unstable")
	w.ask("PUT", "pulls/1/merge", fields{"sha": sha}).want(200)
}

func TestStrictBranchWantsAnUpToDateHead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sha := w.propose("x", "a", "1")
	if err := w.Protect(repo, "main", forge.Protection{Strict: true}); err != nil {
		t.Fatal(err)
	}
	base := w.git.Commit("main", "meanwhile\n-- other --\n1\n")
	w.ask("GET", "pulls/1", nil).want(200).shows("mergeable_state", "behind")
	w.ask("PUT", "pulls/1/merge", nil).says(405, "out of date")
	w.ask("PUT", "pulls/1/update-branch", fields{"expected_head_sha": w.main}).says(422, "expected head sha")
	w.ask("PUT", "pulls/1/update-branch", fields{"expected_head_sha": sha}).want(202)
	w.ask("PUT", "pulls/1/update-branch", nil).says(422, "no new commits")
	if got := w.run("log", "-1", "--format=%P", "x"); got != sha+" "+base {
		t.Errorf("parents are %s", got)
	}
	w.ask("GET", "pulls/1", nil).want(200).shows("mergeable_state", "clean", "commits", "2", "changed_files", "1")
	if err := w.Unprotect(repo, "main"); err != nil {
		t.Fatal(err)
	}
	w.ask("GET", "branches/main", nil).want(200).shows("protected", "false")
}

func TestDraftDoesNotMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.branch("x", "a", "1")
	w.ask("POST", "pulls", fields{"title": "t", "head": "x", "base": "main", "draft": true}).want(201).shows("draft", "true")
	w.ask("GET", "pulls/1", nil).want(200).shows("mergeable_state", "draft")
	w.ask("PUT", "pulls/1/merge", nil).says(405, "draft")
}

func TestMergeByAPersonTidiesUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.AddRepository(forge.Repository{FullName: repo, Dir: w.dir, DeleteBranchOnMerge: true}); err != nil {
		t.Fatal(err)
	}
	w.propose("x", "a", "1")
	if err := w.MergePullRequest(repo, 1, "bob"); err != nil {
		t.Fatal(err)
	}
	if err := w.MergePullRequest(repo, 1, "bob"); err == nil {
		t.Error("merged twice")
	}
	w.ask("GET", "pulls/1", nil).want(200).shows("merged", "true", "merged_by.login", "bob")
	w.ask("GET", "git/ref/heads/x", nil).want(404)
	if got := w.run("log", "-1", "--format=%an", "main"); got != "bob" {
		t.Errorf("the merge is by %s", got)
	}
}

func TestPushOfAllCommitsToTheBaseMerges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sha := w.propose("x", "a", "1")
	w.ask("PATCH", "git/refs/heads/main", fields{"sha": sha}).want(200)
	w.ask("GET", "pulls/1", nil).want(200).shows("state", "closed", "merged", "true", "merge_commit_sha", sha)
}

func TestMergeabilityComesLateWhenAskedTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *forge.Options) { o.LazyMergeable = true })
	w.propose("x", "a", "1")
	w.ask("GET", "pulls/1", nil).want(200).shows("mergeable", "<nil>", "mergeable_state", "unknown")
	w.ask("GET", "pulls/1", nil).want(200).shows("mergeable", "true", "mergeable_state", "clean")
	w.git.Commit("main", "meanwhile\n-- other --\n1\n")
	w.ask("GET", "pulls/1", nil).want(200).shows("mergeable_state", "unknown")
	w.ask("GET", "pulls/1", nil).want(200).shows("mergeable_state", "clean")
	if got, err := w.MergeableState(repo, 1); got != "clean" || err != nil {
		t.Errorf("state %q, %v", got, err)
	}
}

func TestStatusesAddUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sha := w.branch("releaser/dev/voice", "a", "1")
	w.ask("GET", "commits/"+sha+"/status", nil).want(200).shows("state", "pending", "total_count", "0")
	post := func(context, state string) {
		t.Helper()
		w.ask("POST", "statuses/"+sha, fields{"state": state, "context": context, "description": "d", "target_url": "http://x/y"}).want(201).
			shows("creator.login", "ann", "context", context)
	}
	post("a", "success")
	w.ask("GET", "commits/releaser/dev/voice/status", nil).want(200).shows("state", "success", "sha", sha, "statuses.0.description", "d")
	post("b", "pending")
	w.ask("GET", "commits/releaser%2Fdev%2Fvoice/status", nil).want(200).shows("state", "pending")
	post("b", "error")
	w.ask("GET", "commits/"+sha+"/status", nil).want(200).shows("state", "failure", "total_count", "2")
	post("b", "success")
	w.ask("GET", "commits/"+sha+"/status", nil).want(200).shows("state", "success", "total_count", "2")
	if err := w.SetStatus(repo, sha, "ci", "failure", ""); err != nil {
		t.Fatal(err)
	}
	if n := len(w.ask("GET", "commits/"+sha+"/statuses", nil).want(200).shows("0.context", "ci").get("").([]any)); n != 5 {
		t.Errorf("%d statuses in the list, want all 5", n)
	}
	w.ask("POST", "statuses/"+w.run("rev-parse", "main^{tree}"), fields{"state": "success"}).says(422, "No commit found")
	w.ask("POST", "statuses/"+sha, fields{"state": "success", "description": strings.Repeat("x", 141)}).says(422, "too long")
	w.ask("GET", "commits/none/status", nil).want(404)
}

func TestCheckRunsAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, run := range [][2]string{{"build", "failure"}, {"build", "success"}, {"test", ""}} {
		if err := w.SetCheck(repo, w.main, run[0], run[1]); err != nil {
			t.Fatal(err)
		}
	}
	w.ask("GET", "commits/main/check-runs", nil).want(200).shows("total_count", "2", "check_runs.0.name", "test", "check_runs.0.status", "in_progress",
		"check_runs.0.conclusion", "<nil>", "check_runs.1.conclusion", "success", "check_runs.1.head_sha", w.main)
	w.ask("GET", "commits/main/check-runs?filter=all&check_name=build", nil).want(200).shows("total_count", "2", "check_runs.1.conclusion", "failure")
	w.ask("GET", "commits/main/check-runs?status=completed&per_page=1", nil).want(200).shows("total_count", "1")
}
