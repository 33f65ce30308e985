package forge_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-github/v60/github"

	"github.com/releaser/releaser/internal/lab/forge"
)

// A client that knows nothing of the stand-in goes the whole way, twice: go-github, as it comes.
func TestGoGitHubPromotesAndFindsItDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client, err := github.NewClient(nil).WithAuthToken(token).WithEnterpriseURLs(w.url, w.url)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	first := promote(t, ctx, client)
	w.ForgetRequests()
	if second := promote(t, ctx, client); second.GetNumber() != first.GetNumber() || w.Writes() != 0 {
		t.Errorf("the second time gives #%d with %d writes", second.GetNumber(), w.Writes())
	}
	if _, _, err := client.Issues.AddLabelsToIssue(ctx, "acme", "env", first.GetNumber(), []string{"dev"}); err != nil {
		t.Error(err)
	}
	status := &github.RepoStatus{State: github.String("success"), Context: github.String("ci")}
	if _, _, err := client.Repositories.CreateStatus(ctx, "acme", "env", first.GetHead().GetSHA(), status); err != nil {
		t.Error(err)
	}
	if err := w.Protect(repo, "main", forge.Protection{Contexts: []string{"ci"}}); err != nil {
		t.Fatal(err)
	}
	got, _, err := client.PullRequests.Get(ctx, "acme", "env", first.GetNumber())
	if err != nil || got.GetMergeableState() != "clean" || !got.GetMergeable() {
		t.Errorf("state %q, %v", got.GetMergeableState(), err)
	}
	merged, _, err := client.PullRequests.Merge(ctx, "acme", "env", first.GetNumber(), "", &github.PullRequestOptions{SHA: got.GetHead().GetSHA()})
	if err != nil || !merged.GetMerged() {
		t.Errorf("merge: %v, %v", merged, err)
	}
	branch, _, err := client.Repositories.GetBranch(ctx, "acme", "env", "main", 1)
	if err != nil || branch.GetCommit().GetSHA() != merged.GetSHA() || !branch.GetProtected() {
		t.Errorf("main: %v, %v", branch, err)
	}
}

// promote makes the branch, the commit and the pull request that are not there yet.
func promote(t *testing.T, ctx context.Context, client *github.Client) *github.PullRequest {
	t.Helper()
	_, _, err := client.Git.GetRef(ctx, "acme", "env", "heads/releaser/dev/voice")
	var missing *github.ErrorResponse
	if errors.As(err, &missing) && missing.Response.StatusCode == http.StatusNotFound {
		writeBranch(t, ctx, client)
	} else if err != nil {
		t.Fatal(err)
	}
	open, _, err := client.PullRequests.List(ctx, "acme", "env", &github.PullRequestListOptions{Head: "acme:releaser/dev/voice", State: "open"})
	if err != nil {
		t.Fatal(err)
	}
	if len(open) == 1 {
		return open[0]
	}
	made, _, err := client.PullRequests.Create(ctx, "acme", "env", &github.NewPullRequest{Title: github.String("Promote"),
		Head: github.String("releaser/dev/voice"), Base: github.String("main"), Body: github.String("why")})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func writeBranch(t *testing.T, ctx context.Context, client *github.Client) {
	t.Helper()
	main, _, err := client.Git.GetRef(ctx, "acme", "env", "heads/main")
	if err != nil {
		t.Fatal(err)
	}
	tree, _, err := client.Git.CreateTree(ctx, "acme", "env", main.GetObject().GetSHA(), []*github.TreeEntry{
		{Path: github.String("dev/voice/values.yaml"), Mode: github.String("100644"), Type: github.String("blob"), Content: github.String("image:\n  tag: \"b\"\n")},
		{Path: github.String("README.md"), Mode: github.String("100644")}, // go-github's way to delete
	})
	if err != nil {
		t.Fatal(err)
	}
	commit, _, err := client.Git.CreateCommit(ctx, "acme", "env", &github.Commit{Message: github.String("promote"), Tree: tree,
		Parents: []*github.Commit{{SHA: main.GetObject().SHA}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ref := &github.Reference{Ref: github.String("refs/heads/releaser/dev/voice"), Object: &github.GitObject{SHA: commit.SHA}}
	if _, _, err := client.Git.CreateRef(ctx, "acme", "env", ref); err != nil {
		t.Fatal(err)
	}
}
