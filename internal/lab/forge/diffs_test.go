package forge_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestComparisonTellsWhoIsAhead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.branch("a", "one", "1\n")
	b := w.branch("b", "two", "2\n")
	for basehead, want := range map[string]string{
		"main...a":           "ahead 1 0",
		"a...main":           "behind 0 1",
		"a...b":              "diverged 1 1",
		"main...main":        "identical 0 0",
		"acme:main...acme:a": "ahead 1 0",
		w.main + "..." + a:   "ahead 1 0",
	} {
		r := w.ask("GET", "compare/"+basehead, nil).want(200).shows("merge_base_commit.sha", w.main)
		if got := r.text("status") + " " + r.text("ahead_by") + " " + r.text("behind_by"); got != want {
			t.Errorf("%s is %q, want %q", basehead, got, want)
		}
	}
	w.ask("GET", "compare/a...b", nil).want(200).shows("base_commit.sha", a, "commits.0.sha", b, "total_commits", "1",
		"files.0.filename", "two", "files.0.status", "added", "files.0.patch", "@@ -0,0 +1 @@\n+2")
	w.ask("GET", "compare/main...none", nil).want(404)
}

func TestFilesOfAComparisonTellWhatHappened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := strings.Repeat("a line that stays\n", 20)
	w.git.Commit("old", "old\n-- gone --\n1\n-- moved --\n"+long+"-- kept --\na\nb\nc\n-- binary --\n\x00\x01\n-- odd ü --\nx\n-- kind --\nfile\n")
	w.run("update-ref", "refs/heads/new", "old")
	w.git.Commit("new", "new\n-- gone [delete] --\n-- moved [delete] --\n-- to/here --\n"+long+"more\n-- kept --\na\nB\nc\n-- binary --\n\x00\x02\n-- odd ü --\ny\n-- kind -> kept --\n")
	got := w.ask("GET", "compare/old...new", nil).want(200)
	var all []string
	for _, f := range got.get("files").([]any) {
		f := f.(map[string]any)
		all = append(all, strings.TrimSpace(strings.Join([]string{f["status"].(string), f["filename"].(string), text(f["previous_filename"]),
			text(f["additions"]) + "/" + text(f["deletions"]), hasPatch(f)}, " ")))
	}
	want := `modified binary  0/0 no
removed gone  0/1 yes
modified kept  1/1 yes
modified kind  0/1 yes
modified odd ü  1/1 yes
renamed to/here moved 1/0 yes`
	if strings.Join(all, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(all, "\n"), want)
	}
	w.ask("GET", "commits/new", nil).want(200).shows("stats.additions", "3", "stats.deletions", "4")
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func hasPatch(f map[string]any) string {
	if p, _ := f["patch"].(string); p != "" {
		return "yes"
	}
	return "no"
}

func TestUnrelatedHistoriesCannotBeCompared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.git.Commit("orphan", "another beginning\n-- x --\n1\n")
	w.ask("GET", "compare/main...orphan", nil).says(404, "No common ancestor")
	w.ask("POST", "pulls", fields{"title": "t", "head": "orphan", "base": "main"}).says(422, "has no history in common")
}

func TestCommitsOfAComparisonComeInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := w.main
	for _, v := range []string{"1", "2", "3"} {
		at = w.commit(at, "n", v)
	}
	w.ask("POST", "git/refs", fields{"ref": "refs/heads/three", "sha": at}).want(201)
	r := w.ask("GET", "compare/main...three?per_page=2", nil).want(200).shows("total_commits", "3")
	if n := len(r.get("commits").([]any)); n != 2 || !strings.Contains(r.header.Get("Link"), `page=2&per_page=2>; rel="next"`) {
		t.Errorf("%d commits, links %q", n, r.header.Get("Link"))
	}
	w.ask("GET", "compare/main...three?per_page=2&page=2", nil).want(200).shows("commits.0.sha", at)
}

// A diff is remembered by both its ends, and what a merge brings is more than the merge.
func TestComparisonsWithOneEndInCommonDiffer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.branch("a", "a", "1")
	b := w.commit(a, "b", "1")
	tree := w.run("rev-parse", b+"^{tree}")
	merge := w.ask("POST", "git/commits", fields{"message": "merge", "tree": tree, "parents": []string{w.main, b}}).want(201).text("sha")
	for range 2 {
		for ends, want := range map[string][2]string{
			w.main + "..." + b: {"2", "2"}, a + "..." + b: {"1", "1"}, w.main + "..." + a: {"1", "1"}, w.main + "..." + merge: {"3", "2"}, a + "..." + merge: {"2", "1"},
		} {
			got := w.ask("GET", "compare/"+ends, nil).want(200).shows("ahead_by", want[0], "behind_by", "0")
			if n := len(got.get("files").([]any)); fmt.Sprint(n) != want[1] {
				t.Errorf("%s changes %d files, want %s", ends, n, want[1])
			}
		}
	}
}
