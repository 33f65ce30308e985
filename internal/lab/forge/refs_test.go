package forge_test

import (
	"strings"
	"testing"
)

func TestRefIsMadeOnceAndMovesByFastForward(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.commit(w.main, "a", "1")
	b := w.commit(a, "a", "2")
	make := fields{"ref": "refs/heads/releaser/dev/voice", "sha": a}
	w.ask("POST", "git/refs", make).want(201).shows("ref", "refs/heads/releaser/dev/voice", "object.sha", a, "object.type", "commit")
	w.ask("POST", "git/refs", make).says(422, "Reference already exists")

	for range 2 { // moving to where it is is no change and no error
		w.ask("PATCH", "git/refs/heads/releaser/dev/voice", fields{"sha": b, "force": false}).want(200).shows("object.sha", b)
	}
	w.ask("PATCH", "git/refs/heads/releaser/dev/voice", fields{"sha": a}).says(422, "Update is not a fast forward")
	if got := w.run("rev-parse", "refs/heads/releaser/dev/voice"); got != b {
		t.Errorf("git sees %s, want %s", got, b)
	}
	w.ask("PATCH", "git/refs/heads/releaser/dev/voice", fields{"sha": a, "force": true}).want(200).shows("object.sha", a)

	w.ask("DELETE", "git/refs/heads/releaser/dev/voice", nil).want(204)
	w.ask("DELETE", "git/refs/heads/releaser/dev/voice", nil).says(422, "Reference does not exist")
	w.ask("PATCH", "git/refs/heads/releaser/dev/voice", fields{"sha": b}).says(422, "Reference does not exist")
	w.ask("GET", "git/ref/heads/releaser/dev/voice", nil).says(404, "Not Found")
}

func TestRefsAreFoundWholeAndByTheirBeginning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.branch("releaser/dev/voice", "a", "1")
	w.branch("releaser/dev/chat", "a", "2")
	w.run("tag", "-a", "-m", "v1", "v1", "main")
	w.ask("GET", "git/ref/heads/main", nil).want(200).shows("object.sha", w.main, "object.type", "commit")
	w.ask("GET", "git/ref/tags/v1", nil).want(200).shows("object.type", "tag")
	w.ask("GET", "git/ref/heads/releaser/dev", nil).want(404)
	w.ask("GET", "git/matching-refs/heads/releaser/dev/", nil).want(200).shows("0.ref", "refs/heads/releaser/dev/chat", "1.ref", "refs/heads/releaser/dev/voice")
	if got := string(w.ask("GET", "git/matching-refs/heads/none", nil).want(200).body); got != "[]\n" {
		t.Errorf("no refs are %s", got)
	}
	w.ask("GET", "branches/releaser/dev/voice", nil).want(200).shows("name", "releaser/dev/voice", "protected", "false", "commit.commit.message", "set a")
	w.ask("GET", "branches/none", nil).says(404, "Branch not found")
	w.ask("GET", "", nil).want(200).shows("default_branch", "main", "full_name", repo, "permissions.push", "true")
}

func TestBadRefsAndObjectsAreRefusedBeforeGitSeesThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"heads/a", "refs/a", "refs/heads/a..b", "refs/heads/a.lock", "refs/heads/a b", "refs/heads/-a\n", "refs/heads/a@{1}",
		"refs/heads/.a", "refs/heads/a/", "refs/heads//a", "refs/heads/a~1", "refs/heads/a:b", "refs/heads/a\\b", "refs/heads/", "refs/heads/a."} {
		w.ask("POST", "git/refs", fields{"ref": name, "sha": w.main}).says(422, "Reference name must start with")
	}
	for _, sha := range []string{"", "main", "--help", strings.Repeat("0", 39), strings.Repeat("A", 40)} {
		w.ask("POST", "git/refs", fields{"ref": "refs/heads/x", "sha": sha}).says(422, "must be exactly 40 characters")
	}
	w.ask("POST", "git/refs", fields{"ref": "refs/heads/x", "sha": strings.Repeat("1", 40)}).says(422, "Object does not exist")
	tree := w.run("rev-parse", "main^{tree}")
	w.ask("POST", "git/refs", fields{"ref": "refs/heads/x", "sha": tree}).says(422, "Reference update failed")
	w.ask("POST", "git/refs", fields{"ref": "refs/heads/main/x", "sha": w.main}).says(422, "Reference update failed") // main is no folder
	w.ask("GET", "git/commits/--help", nil).want(404)
	w.ask("GET", "compare/--help...main", nil).want(404)
	w.ask("DELETE", "git/refs/heads/main", nil).says(422, "Cannot delete")
}
