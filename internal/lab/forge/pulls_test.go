package forge_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/releaser/releaser/internal/lab/forge"
)

func TestPullRequestIsOpenedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sha := w.branch("releaser/dev/voice", "a", "1")
	body := fields{"title": "Promote", "head": "releaser/dev/voice", "base": "main", "body": "why"}
	w.ask("POST", "pulls", body).want(201).shows("number", "1", "state", "open", "head.sha", sha, "base.sha", w.main, "user.login", "ann",
		"head.label", "acme:releaser/dev/voice", "merged", "false", "mergeable", "<nil>", "mergeable_state", "unknown",
		"commits", "1", "additions", "1", "changed_files", "1", "html_url", w.url+"/acme/env/pull/1")
	w.ask("POST", "pulls", body).says(422, "A pull request already exists for acme:releaser/dev/voice.")
	w.ask("GET", "pulls/1", nil).want(200).shows("mergeable", "true", "mergeable_state", "clean")
	w.ask("GET", "pulls/2", nil).want(404)
	if got := w.run("rev-parse", "refs/pull/1/head"); got != sha {
		t.Errorf("refs/pull/1/head is %s", got)
	}
}

func TestPullRequestThatWouldHoldNothingIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("POST", "git/refs", fields{"ref": "refs/heads/same", "sha": w.main}).want(201)
	w.branch("x", "a", "1")
	for name, row := range map[string]struct {
		body fields
		want string
	}{
		"no commits":     {fields{"title": "t", "head": "same", "base": "main"}, "No commits between main and same"},
		"no head":        {fields{"title": "t", "head": "none", "base": "main"}, `"field":"head","code":"invalid"`},
		"another's head": {fields{"title": "t", "head": "mallory:x", "base": "main"}, `"field":"head","code":"invalid"`},
		"no base":        {fields{"title": "t", "head": "x", "base": "none"}, `"field":"base","code":"invalid"`},
		"no title":       {fields{"title": "", "head": "x", "base": "main"}, `"field":"title","code":"missing_field"`},
		"a long body":    {fields{"title": "t", "head": "x", "base": "main", "body": strings.Repeat("x", 65537)}, "body is too long"},
	} {
		t.Run(name, func(t *testing.T) { w.ask("POST", "pulls", row.body).says(422, row.want) })
	}
	if got := string(w.ask("GET", "pulls?state=all", nil).want(200).body); got != "[]\n" {
		t.Errorf("pull requests are %s", got)
	}
}

func TestListOfPullRequestsIsFilteredAndSorted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.propose("a", "a", "1")
	w.propose("b", "b", "1")
	w.propose("c", "c", "1")
	*w.now = w.now.Add(time.Minute)
	if err := w.ClosePullRequest(repo, 2, "bob"); err != nil {
		t.Fatal(err)
	}
	w.ask("PATCH", "pulls/1", fields{"title": "newer"}).want(200)
	for query, want := range map[string]string{
		"":                                    "3 1",
		"?state=open":                         "3 1",
		"?state=closed":                       "2",
		"?state=all":                          "3 2 1",
		"?head=acme:a":                        "1",
		"?head=acme:b":                        "",
		"?head=acme:b&state=all":              "2",
		"?head=a":                             "3 1", // no owner, no filter: as at GitHub
		"?head=other:a":                       "",
		"?base=main":                          "3 1",
		"?base=next":                          "",
		"?sort=created&direction=asc":         "1 3",
		"?sort=updated&direction=desc":        "1 3",
		"?sort=updated":                       "3 1",
		"?state=all&per_page=2":               "3 2",
		"?state=all&per_page=2&page=2":        "1",
		"?state=all&per_page=2&page=3":        "",
		"?state=all&sort=popularity&page=1":   "1 2 3",
		"?state=all&direction=asc&per_page=1": "1",
	} {
		var got []string
		for _, p := range w.ask("GET", "pulls"+query, nil).want(200).get("").([]any) {
			got = append(got, fmt.Sprint(p.(map[string]any)["number"]))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s gives %q, want %q", query, strings.Join(got, " "), want)
		}
	}
	links := w.ask("GET", "pulls?state=all&per_page=1&page=2", nil).want(200).header.Get("Link")
	for _, rel := range []string{`page=1&per_page=1&state=all>; rel="prev"`, `page=3&per_page=1&state=all>; rel="next"`, `rel="last"`, `rel="first"`} {
		if !strings.Contains(links, rel) {
			t.Errorf("links %q miss %q", links, rel)
		}
	}
}

func TestPullRequestFollowsItsBranch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.propose("x", "a", "1")
	b := w.commit(a, "b", "2")
	w.ask("PATCH", "git/refs/heads/x", fields{"sha": b}).want(200)
	w.ask("GET", "pulls/1", nil).want(200).shows("head.sha", b, "commits", "2")
	w.ask("GET", "pulls/1/commits", nil).want(200).shows("0.sha", a, "1.sha", b)
	w.ask("GET", "pulls/1/files?per_page=1&page=2", nil).want(200).shows("0.filename", "b")

	c := w.git.Commit("x", "by hand\n-- c --\n3\n")
	for range 2 { // telling twice moves nothing more
		if err := w.Pushed(repo, "bob", []forge.Update{{Ref: "refs/heads/x", Old: b, New: c}}); err != nil {
			t.Fatal(err)
		}
		w.ask("GET", "pulls/1", nil).want(200).shows("head.sha", c, "commits", "3", "state", "open")
	}
	if got := w.run("rev-parse", "refs/pull/1/head"); got != c {
		t.Errorf("refs/pull/1/head is %s, want %s", got, c)
	}
	w.ask("DELETE", "git/refs/heads/x", nil).want(204) // ends the pull request, as at GitHub
	w.ask("GET", "pulls/1", nil).want(200).shows("state", "closed", "merged", "false", "head.sha", c, "commits", "3")
	w.ask("PATCH", "pulls/1", fields{"state": "open"}).says(422, "has been deleted")
}

func TestPullRequestIsClosedAndOpenedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.propose("x", "a", "1")
	for range 2 {
		if err := w.ClosePullRequest(repo, 1, "bob"); err != nil {
			t.Fatal(err)
		}
		w.ask("GET", "pulls/1", nil).want(200).shows("state", "closed", "merged", "false", "mergeable", "<nil>", "closed_at", "2026-03-01T12:00:00Z")
	}
	for range 2 {
		w.ask("PATCH", "pulls/1", fields{"state": "open"}).want(200).shows("state", "open", "closed_at", "<nil>")
	}
	for range 2 {
		w.ask("PATCH", "pulls/1", fields{"state": "closed"}).want(200).shows("state", "closed")
	}
	w.ask("POST", "pulls", fields{"title": "again", "head": "x", "base": "main"}).want(201).shows("number", "2")
	w.ask("PATCH", "pulls/1", fields{"state": "open"}).says(422, "already an open pull request")
	w.ask("PUT", "pulls/2/merge", nil).want(200)
	w.ask("PATCH", "pulls/2", fields{"state": "open"}).says(422, "cannot be reopened")
	if err := w.ClosePullRequest(repo, 7, "bob"); err == nil {
		t.Error("a pull request that is not there was closed")
	}
}

func TestPullRequestIsEdited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.propose("x", "a", "1")
	w.branch("next", "n", "1")
	for range 2 {
		w.ask("PATCH", "pulls/1", fields{"title": "T", "body": "B", "base": "next"}).want(200).shows("title", "T", "body", "B", "base.ref", "next")
	}
	w.ask("POST", "pulls", fields{"title": "t", "head": "x", "base": "main"}).want(201)
	w.ask("PATCH", "pulls/2", fields{"base": "next"}).says(422, "already exists for base branch")
	w.ask("PATCH", "pulls/1", fields{"base": "none"}).says(422, `"field":"base"`)
	w.ask("PATCH", "pulls/1", fields{"base": "x"}).says(422, "No commits between x and x")
}

func TestCommentsAndLabelsStayWithThePullRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.propose("x", "a", "1")
	w.ask("POST", "issues/1/comments", fields{"body": "hello"}).want(201).shows("body", "hello", "user.login", "ann")
	if err := w.Comment(repo, 1, "bob", "hi"); err != nil {
		t.Fatal(err)
	}
	w.ask("GET", "issues/1/comments?per_page=1&page=2", nil).want(200).shows("0.body", "hi", "0.user.login", "bob")
	w.ask("POST", "issues/1/comments", fields{"body": ""}).says(422, "missing_field")
	w.ask("POST", "issues/2/comments", fields{"body": "x"}).want(404)
	for range 2 {
		w.ask("POST", "issues/1/labels", []string{"promotion", "dev"}).want(200).shows("0.name", "promotion", "1.name", "dev")
	}
	w.ask("POST", "issues/1/labels", fields{"labels": []string{"dev"}}).want(200)
	if n := len(w.ask("GET", "pulls/1", nil).want(200).get("labels").([]any)); n != 2 {
		t.Errorf("%d labels, want 2", n)
	}
}
