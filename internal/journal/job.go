package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
)

// A Job is something to do: a Sweep, a Release, a Propose or a Follow. What it does is all that it is: two equal jobs are
// one.
type Job interface {
	// Kind names the sort of the job: sweep, release, propose or follow.
	Kind() string
	// place says under what the job's standing is kept: whose it is, its name there, and the commit that the name had.
	place() (owner, name, commit string)
	// lane is the queue that the job waits in, first come first served.
	lane() string
}

// A Sweep lists a source's tags and asks for a Release of each one that is due.
type Sweep struct {
	Source string `json:"source"`
}

// A Release takes one tag down the line. A tag that was moved to another commit is another job.
type Release struct {
	Source string `json:"source"`
	Tag    string `json:"tag"`
	Commit string `json:"commit"`
}

// A Propose is a round of promotion for one chart.
type Propose struct {
	Chart string `json:"chart"`
}

// A Follow looks at an environments repository: its heads, and our pull requests there.
type Follow struct {
	Repository string `json:"repository"`
}

// Kind is "sweep".
func (Sweep) Kind() string { return "sweep" }

// Kind is "release".
func (Release) Kind() string { return "release" }

// Kind is "propose".
func (Propose) Kind() string { return "propose" }

// Kind is "follow".
func (Follow) Kind() string { return "follow" }

func (s Sweep) place() (owner, name, commit string)   { return s.Source, "", "" }
func (r Release) place() (owner, name, commit string) { return r.Source, r.Tag, r.Commit }
func (p Propose) place() (owner, name, commit string) { return p.Chart, "", "" }
func (f Follow) place() (owner, name, commit string)  { return f.Repository, "", "" }

func (Sweep) lane() string     { return "sweep" }
func (r Release) lane() string { return releases + laneName(r.Source) }
func (Propose) lane() string   { return "propose" }
func (Follow) lane() string    { return "follow" }

// releases begins the name of each source's own lane.
const releases = "release-"

// plain are the names that a lane can bear as they are.
var plain = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// laneName writes a source's name with the few characters that a lane's may have. Any other name becomes its hash, after an
// underscore that no plain name has.
func laneName(source string) string {
	if len(source) <= 50 && plain.MatchString(source) {
		return source
	}
	sum := sha256.Sum256([]byte(source))
	return "x_" + hex.EncodeToString(sum[:20])
}
