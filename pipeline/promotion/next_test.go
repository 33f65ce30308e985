package promotion

import (
	"strings"
	"testing"
)

// The contract of Next. What an environment holds: "-" nothing yet, "!" a hand edit, "?" a missing file,
// "0.1.0^0.2.0" holds 0.1.0 and has an open pull request that carries 0.2.0; "x0.3.0" says that one for 0.3.0
// was closed, "m0.3.0" that one was merged. What comes of it: a version is a move to it, "." nothing to do,
// "wait" for an earlier rung, "wait 0.2.0" for it with a pull request, "hand 0.2.0" waits for a person's
// command, "blocked".
const contract = `
released            | dev            | staging        | prod           => dev     | staging    | prod

a release proposes itself to the first rung, and to no other
0.1.0               | -              | -              | -              => 0.1.0   | .          | .
0.2.0 0.1.0         | 0.1.0          | 0.1.0          | 0.1.0          => 0.2.0   | .          | .

the newest counts, in whatever order they come
0.9.0 0.10.0 0.2.0  | 0.1.0          | -              | -              => 0.10.0  | 0.1.0      | .

what dev holds goes to staging by itself, what staging holds to prod by a person's command
0.2.0               | 0.2.0          | 0.1.0          | 0.1.0          => .       | 0.2.0      | .
0.2.0               | 0.2.0          | 0.2.0          | 0.1.0          => .       | .          | hand 0.2.0
0.2.0               | 0.2.0          | 0.2.0          | -              => .       | .          | hand 0.2.0
0.2.0               | 0.2.0          | 0.2.0          | 0.2.0          => .       | .          | .

what is merged counts, not what is proposed
0.2.0               | 0.1.0^0.2.0    | 0.1.0          | 0.1.0          => 0.2.0   | .          | .

only to a higher version
0.1.0               | 0.2.0          | 0.3.0          | 0.4.0          => .       | .          | .
0.2.0+b             | 0.2.0+a        | -              | -              => .       | 0.2.0+a    | .

never to a prerelease, though a person may have put one there
0.2.0-rc.1          | 0.1.0          | 0.1.0          | -              => .       | .          | hand 0.1.0
0.2.0-rc.1 0.1.1    | 0.1.0          | 0.1.0          | 0.1.0          => 0.1.1   | .          | .
0.2.0-rc.1          | 0.2.0-rc.1     | 0.1.0          | 0.1.0          => .       | hand 0.2.0-rc.1 | .
0.2.0               | 0.2.0-rc.1     | 0.1.0          | 0.1.0          => 0.2.0   | hand 0.2.0-rc.1 | .

a newer release supersedes what is proposed, an older one does not
0.3.0               | 0.1.0^0.2.0    | 0.1.0          | 0.1.0          => 0.3.0   | .          | .
0.2.0               | 0.1.0^0.3.0    | 0.1.0          | 0.1.0          => 0.3.0   | .          | .

what a person proposed by command stays proposed
0.1.0               | 0.1.0          | 0.2.0          | 0.1.0^0.2.0    => .       | .          | 0.2.0
-                   | 0.2.0-rc.1     | -^0.2.0-rc.1   | -              => .       | 0.2.0-rc.1 | .
0.3.0               | 0.3.0          | 0.3.0          | 0.1.0^0.2.0    => .       | .          | 0.2.0

what is proposed waits when the rung below went back from it, or was edited by hand
0.2.0               | 0.1.0          | 0.1.0^0.2.0    | 0.1.0          => 0.2.0   | wait 0.2.0 | .
0.2.0               | 0.1.0          | 0.0.9^0.2.0    | 0.0.9          => 0.2.0   | wait 0.2.0 | .
0.2.0               | -              | 0.1.0^0.2.0    | 0.1.0          => 0.2.0   | wait 0.2.0 | .
0.2.0               | !              | 0.1.0^0.2.0    | 0.1.0          => blocked | wait 0.2.0 | .
0.1.0               | 0.1.0          | 0.1.0          | 0.1.0^0.2.0    => .       | .          | wait 0.2.0
0.1.0               | 0.1.0          | ?              | 0.1.0^0.2.0    => .       | blocked    | wait 0.2.0

what was closed waits for a command, and so does what was merged and people went back from
0.2.0               | 0.1.0 x0.2.0   | -              | -              => hand 0.2.0 | 0.1.0   | .
0.2.0               | 0.1.0 m0.2.0   | -              | -              => hand 0.2.0 | 0.1.0   | .
0.2.0               | 0.2.0          | 0.1.0 m0.2.0   | 0.1.0          => .       | hand 0.2.0 | .
0.2.0               | 0.2.0 m0.2.0   | 0.2.0          | 0.2.0          => .       | .          | .
0.3.0               | 0.1.0 x0.2.0   | -              | -              => 0.3.0   | 0.1.0      | .

what is proposed stays, though something newer was closed, and though the same was closed before
0.3.0               | 0.1.0^0.2.0 x0.3.0 | 0.1.0      | 0.1.0          => 0.2.0   | .          | .
0.2.0               | 0.1.0^0.2.0 x0.2.0 | 0.1.0      | 0.1.0          => 0.2.0   | .          | .

what was merged since, or overtaken, is not proposed
0.2.0               | 0.2.0^0.2.0    | 0.3.0^0.2.0    | 0.3.0          => .       | .          | .

a hand edit and a missing file block their environment, and make the next one wait
0.2.0               | !              | 0.1.0          | 0.1.0          => blocked | wait       | .
0.2.0               | 0.1.0          | !              | 0.1.0          => 0.2.0   | blocked    | wait
0.2.0               | 0.1.0          | ?              | ?              => 0.2.0   | blocked    | blocked
0.2.0               | !^0.2.0        | 0.1.0          | 0.1.0          => blocked | wait       | .

nothing released, nothing to do
-                   | -              | -              | -              => .       | .          | .
-                   | 0.1.0          | 0.1.0          | 0.1.0          => .       | .          | .
`

func TestNext(t *testing.T) {
	t.Parallel()
	ladder := []Environment{
		{Name: "dev", From: FromRelease},
		{Name: "staging", From: "dev", Promote: Auto},
		{Name: "prod", From: "staging", Promote: Manual},
	}
	var saying string
	for text := range strings.Lines(contract) {
		given, want, isRow := strings.Cut(text, "=>")
		if !isRow {
			saying = strings.TrimSpace(text)
			continue
		}
		cells := strings.Split(given, "|")
		if strings.TrimSpace(cells[0]) == "released" {
			continue
		}
		var rungs []Rung
		for i, env := range ladder {
			rungs = append(rungs, rung(env, strings.TrimSpace(cells[i+1])))
		}
		var got []string
		for _, c := range Next(rungs, versions(cells[0])) {
			got = append(got, outcome(c))
		}
		var expected []string
		for _, cell := range strings.Split(want, "|") {
			expected = append(expected, strings.TrimSpace(cell))
		}
		if strings.Join(got, " | ") != strings.Join(expected, " | ") {
			t.Errorf("%s\n%s gives %s", saying, strings.TrimSpace(text), strings.Join(got, " | "))
		}
	}
}

func rung(env Environment, cell string) Rung {
	cell, ended, _ := strings.Cut(cell, " ")
	held, proposed, _ := strings.Cut(cell, "^")
	r := Rung{Environment: env, Proposed: version(proposed)}
	if ended != "" {
		state := map[byte]string{'x': "closed", 'm': "merged"}[ended[0]]
		r.Ended = map[string]PullRequest{version(ended[1:]).Digest: {Number: 7, State: state}}
	}
	switch held {
	case "-":
		r.Holds.Empty = true
	case "!":
		r.Holds = Holding{Release: version("0.1.0"), Disagreements: []Disagreement{{File: "f", Key: "k", Have: "x", Want: "y"}}}
	case "?":
		r.Holds.Missing = []string{"f: no such file"}
	default:
		r.Holds.Release = version(held)
	}
	return r
}

func version(text string) Release {
	if text == "" {
		return Release{}
	}
	return Release{Chart: "voice-agent", Version: text, Digest: "sha256:" + text}
}

func versions(cell string) []Release {
	var all []Release
	for _, text := range strings.Fields(cell) {
		if text != "-" {
			all = append(all, version(text))
		}
	}
	return all
}

func outcome(c Change) string {
	switch c.State {
	case Move:
		return c.Want.Version
	case Nothing:
		return "."
	case Waiting:
		if c.Want.Version == "" {
			return "wait"
		}
		if strings.Contains(c.Reason, "releaser promote ") {
			return "hand " + c.Want.Version
		}
		return "wait " + c.Want.Version
	}
	return string(c.State)
}

func TestWhyNothingMovesIsSaid(t *testing.T) {
	t.Parallel()
	ladder := []Rung{
		rung(Environment{Name: "dev", From: FromRelease}, "!"),
		rung(Environment{Name: "eu", From: "dev", Promote: Auto}, "0.1.0"),
		rung(Environment{Name: "us", From: "eu"}, "-"),
		rung(Environment{Name: "old", From: "eu", Promote: Auto}, "0.2.0"),
		rung(Environment{Name: "lost", From: "nowhere"}, "-"),
	}
	back := rung(Environment{Name: "back", From: FromRelease}, "0.1.0 m0.2.0")
	open := rung(Environment{Name: "open", From: "back", Promote: Auto}, "0.1.0^0.2.0")
	ladder = append(ladder, back, open)
	for i, want := range []string{
		`f:0: k: has "x" where "y" belongs; correct it there, or revert the commit that changed it`,
		"dev is blocked",
		"promoted by hand: releaser promote eu us --chart voice-agent",
		"holds 0.2.0, which is not older than 0.1.0",
		"promotes from nowhere, which is no environment: mend environments in the configuration",
		"pull request #7 for 0.2.0 was merged, and somebody went back: to go there again, run releaser promote release back --chart voice-agent --version 0.2.0",
		"back does not hold 0.2.0 any more: close the pull request, or promote it there again",
	} {
		if got := Next(ladder, versions("0.2.0"))[i].Reason; got != want {
			t.Errorf("%s: %q, want %q", ladder[i].Environment.Name, got, want)
		}
	}
}
