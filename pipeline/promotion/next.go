package promotion

import (
	"fmt"

	"github.com/Masterminds/semver/v3"
)

// Rung is what Next knows of one environment, for one chart.
type Rung struct {
	Environment Environment
	Holds       Holding
	// Proposed is the release that the open pull request carries; zero when none is open.
	Proposed Release
	// Ended are the newest pull requests that were closed or merged, by the digest of what they carried.
	Ended map[string]PullRequest
}

// Change is the next move of an environment, or why there is none.
type Change struct {
	Environment string
	// Have is what the environment holds, Want what it shall hold; either may be zero.
	Have, Want Release
	// State is Move, Nothing, Waiting (Want then waits for a person's command) or Blocked.
	State  State
	Reason string
}

// Next computes the next change of each environment, for one chart. It is a pure function of the ladder,
// what its rungs hold and propose, and the verified releases, in any order.
//
// An environment whose files do not say one thing is Blocked. Otherwise it moves to what its From offers, or
// stays with its open pull request where that carries something newer that its From still has, but only ever
// to a higher version than it holds. What people closed, or went back from after the merge, waits for a command.
func Next(rungs []Rung, released []Release) []Change {
	changes := make([]Change, len(rungs))
	for i, r := range rungs {
		changes[i] = next(r, rungs, released)
	}
	return changes
}

func next(r Rung, rungs []Rung, released []Release) Change {
	c := Change{Environment: r.Environment.Name, Have: r.Holds.Release}
	if problems := r.Holds.Problems(); len(problems) > 0 {
		c.State, c.Reason = Blocked, reasons(problems)
		if len(r.Holds.Disagreements) > 0 { // what is missing says itself what to do
			c.Reason += "; correct it there, or revert the commit that changed it"
		}
		return c
	}
	offered := r.unlessEnded(offer(r.Environment, rungs, released))
	if r.Proposed != (Release{}) && offered.State != Blocked && (offered.State != Move || higher(r.Proposed, offered.Want)) {
		offered = kept(r, rungs)
	}
	c.State, c.Want, c.Reason = offered.State, offered.Want, offered.Reason
	if c.Want != (Release{}) && !higher(c.Want, c.Have) {
		c.State, c.Reason = Nothing, settled(c.Have, c.Want)
		c.Want = Release{}
	}
	return c
}

// unlessEnded makes an offer wait where people have said no to it: they closed its pull request, or went back
// after it was merged.
func (r Rung) unlessEnded(offered Change) Change {
	pr, ended := r.Ended[offered.Want.Digest]
	if !ended || offered.State != Move {
		return offered
	}
	offered.State = Waiting
	run := command(r.Environment, offered.Want)
	if pr.State == "merged" {
		offered.Reason = fmt.Sprintf("pull request #%d for %s was merged, and somebody went back: to go there again, run %s", pr.Number, offered.Want.Version, run)
	} else {
		offered.Reason = fmt.Sprintf("pull request #%d for %s was closed: to propose it again, run %s", pr.Number, offered.Want.Version, run)
	}
	return offered
}

// kept stays with the open pull request, as long as an earlier rung has not gone back from what it carries.
func kept(r Rung, rungs []Rung) Change {
	c := Change{State: Move, Want: r.Proposed}
	for _, from := range rungs {
		if from.Environment.Name != r.Environment.From {
			continue
		}
		switch {
		case len(from.Holds.Problems()) > 0:
			c.State, c.Reason = Waiting, fmt.Sprintf("%s is blocked", r.Environment.From)
		case higher(r.Proposed, from.Holds.Release):
			c.State, c.Reason = Waiting, fmt.Sprintf("%s does not hold %s any more: close the pull request, or promote it there again",
				r.Environment.From, r.Proposed.Version)
		}
	}
	return c
}

// settled says why an environment that holds have does not move to want.
func settled(have, want Release) string {
	if have.Version == want.Version {
		return "already promoted"
	}
	return fmt.Sprintf("holds %s, which is not older than %s", have.Version, want.Version)
}

// offer is what From has for an environment, whatever that holds.
func offer(env Environment, rungs []Rung, released []Release) Change {
	if env.From == FromRelease {
		if newest := highest(released); newest != (Release{}) {
			return Change{State: Move, Want: newest}
		}
		return Change{State: Nothing, Reason: "no verified release to move to"}
	}
	for _, r := range rungs {
		if r.Environment.Name == env.From {
			return promoted(env, r)
		}
	}
	return Change{State: Blocked, Reason: fmt.Sprintf("promotes from %s, which is no environment: mend environments in the configuration", env.From)}
}

// promoted offers what an earlier rung holds.
func promoted(env Environment, from Rung) Change {
	holds := from.Holds
	switch {
	case len(holds.Problems()) > 0:
		return Change{State: Waiting, Reason: fmt.Sprintf("%s is blocked", env.From)}
	case holds.Release == (Release{}):
		return Change{State: Nothing, Reason: fmt.Sprintf("%s holds nothing yet", env.From)}
	case env.Promote != Auto:
		return Change{State: Waiting, Want: holds.Release, Reason: "promoted by hand: " + command(env, holds.Release)}
	case prerelease(holds.Release):
		return Change{State: Waiting, Want: holds.Release,
			Reason: fmt.Sprintf("%s is a prerelease, promoted by hand: %s", holds.Release.Version, command(env, holds.Release))}
	}
	return Change{State: Move, Want: holds.Release}
}

// command is what a person types to promote r to env.
func command(env Environment, r Release) string {
	text := fmt.Sprintf("releaser promote %s %s --chart %s", env.From, env.Name, r.Chart)
	if env.From == FromRelease && r.Version != "" {
		text += " --version " + r.Version
	}
	return text
}

// highest is the newest release that is no prerelease; zero when there is none.
func highest(releases []Release) Release {
	var newest Release
	for _, r := range releases {
		if !prerelease(r) && higher(r, newest) {
			newest = r
		}
	}
	return newest
}

// higher tells whether a is a later version than b. Anything is later than nothing; a version that is not
// SemVer is later than none.
func higher(a, b Release) bool {
	if b.Version == "" {
		return a.Version != ""
	}
	va, errA := semver.StrictNewVersion(a.Version)
	vb, errB := semver.StrictNewVersion(b.Version)
	return errA == nil && errB == nil && va.GreaterThan(vb)
}

func prerelease(r Release) bool {
	v, err := semver.StrictNewVersion(r.Version)
	return err != nil || v.Prerelease() != ""
}
