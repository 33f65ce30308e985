// Package promotion moves releases up the ladder of environments, by pull requests.
//
// An Environment is a set of YAML files on a branch; what they say is what runs there. A Change is the next
// move of an environment: from the release that it holds to another one. A PullRequest is how a Change is
// proposed to people: one at most for each environment and chart, on the branch
// releaser/<environment>/<chart>, updated in place.
//
// The package promises:
//
//   - Nothing is kept. What an environment holds is read from its files at the branch head, by inverting what
//     a promotion writes; what is proposed is read from our branch and its pull request. So every effect looks
//     before it acts, and any step may be repeated after a crash.
//   - Only a signing.Signed is proposed: a release whose signature was verified, from the registry.
//   - Only the configured keys change. Our branch is ours as long as its tree is "base plus exactly our edit";
//     otherwise a person works there, and we stop and say so.
//   - Branches move by fast-forward alone.
//   - Automation moves to a higher version only, never to a prerelease, and stops at a hand edit. It does not
//     come back to what people closed, nor to what they went back from after the merge, and it merges nothing
//     that the rung below no longer holds. A person's command may do more, never propose what does not verify.
package promotion

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/releaser/releaser/internal/placeholder"
	"github.com/releaser/releaser/registry"
)

// FromRelease is the From of an environment that takes releases as they come.
const FromRelease = "release"

// Mode says who starts something: a person or automation. The zero value is Manual.
type Mode string

// The modes.
const (
	Manual Mode = "manual"
	Auto   Mode = "auto"
)

// Environment is a rung of the ladder.
type Environment struct {
	Name string
	// From is FromRelease, or the name of the environment that this one is promoted from.
	From string
	// Repository is "owner/name" on GitHub, Branch the one that is deployed.
	Repository, Branch string
	// Files are what a promotion edits. One of them must write {version} or {digest}.
	Files []File
	// Promote says who proposes what From holds; it means nothing with FromRelease, which proposes itself.
	Promote Mode
	// Merge says who merges.
	Merge Mode
}

// File is one file of an environment. It must exist: nothing creates one.
type File struct {
	// Path may use {environment} and {chart}.
	Path placeholder.Template
	// Pins writes every pin of the chart, under its key.
	Pins bool
	// Set writes more keys.
	Set []Setting
}

// Setting is one scalar that a promotion writes.
type Setting struct {
	// Key and Part name the scalar as internal/scalar does.
	Key, Part string
	// Value may use every placeholder.
	Value placeholder.Template
}

// Pin is a key of a chart's values.yaml that the release has set, and what to.
type Pin struct {
	Key, Part string
	Value     placeholder.Template
}

// Release is a released version as a plain value, for what needs no registry.
type Release struct {
	Chart   string `json:"chart"`
	Version string `json:"version"`
	Digest  string `json:"digest"`
	// Tag, Commit, Source and Path tell what it was made from.
	Tag    string `json:"tag"`
	Commit string `json:"commit"`
	Source string `json:"source"`
	Path   string `json:"path"`
}

// State is how things stand with an environment and a chart.
type State string

// The states.
const (
	// Move: a change is due. Next and Status answer it, and a dry run.
	Move State = "move"
	// Opened, Updated and Unchanged tell what happened to the pull request.
	Opened    State = "opened"
	Updated   State = "updated"
	Unchanged State = "unchanged"
	// Merged: the environment holds it now.
	Merged State = "merged"
	// Nothing is to be done.
	Nothing State = "nothing"
	// Waiting: for a check, a person's command, or an earlier rung.
	Waiting State = "waiting"
	// Blocked: a person must put something right; Reason says what.
	Blocked State = "blocked"
)

// PullRequest is a pull request as people know it.
type PullRequest struct {
	Number int    `json:"number"`
	URL    string `json:"url"`
	// State is open, closed or merged.
	State string `json:"state"`
}

// Proposal tells what was done, or why nothing was, for one environment and chart.
type Proposal struct {
	Environment string `json:"environment"`
	Chart       string `json:"chart"`
	// From and To are versions: what the environment holds, and what is proposed. Either may be empty.
	From        string      `json:"from,omitempty"`
	To          string      `json:"to,omitempty"`
	State       State       `json:"state"`
	Reason      string      `json:"reason,omitempty"`
	Branch      string      `json:"branch,omitempty"`
	PullRequest PullRequest `json:"pullRequest,omitzero"`
	// Diff is the unified difference of the environment's files.
	Diff string `json:"diff,omitempty"`
}

// releaseOf takes out of a pushed version what the pure parts need.
func releaseOf(p registry.Pushed) Release {
	return Release{
		Chart: p.Chart(), Version: p.Version(), Digest: p.Digest(),
		Tag: p.Tag(), Commit: p.Commit(), Source: p.Source(), Path: p.Path(),
	}
}

// values are what the placeholders stand for when r is written to e.
func (e Environment) values(r Release) placeholder.Values {
	return placeholder.Values{
		Chart: r.Chart, Version: r.Version, Tag: r.Tag, Commit: r.Commit, Digest: r.Digest, Environment: e.Name,
	}
}

// path is where a file of the chart lies.
func (e Environment) path(f File, chart string) string {
	return f.Path.Expand(placeholder.Values{Chart: chart, Environment: e.Name})
}

// paths lists the files of a chart, each once.
func (e Environment) paths(chart string) []string {
	var paths []string
	seen := map[string]bool{}
	for _, f := range e.Files {
		if p := e.path(f, chart); !seen[p] {
			seen[p] = true
			paths = append(paths, p)
		}
	}
	return paths
}

// check refuses what would make a bad ref, or a path outside the repository.
func (e Environment) check(chart string) error {
	if !goodName(e.Name) {
		return fmt.Errorf("environment %q: not a name: use a-z, 0-9 and - inside, at most 63, such as staging", e.Name)
	}
	if !goodName(chart) {
		return fmt.Errorf("chart %q: not a name: use a-z, 0-9 and - inside, at most 63, such as voice-agent", chart)
	}
	for _, p := range e.paths(chart) {
		if !fs.ValidPath(p) || p == "." {
			return fmt.Errorf("environment %s: path %q leaves the repository: write it relative to its root, with no .. in it", e.Name, p)
		}
	}
	return nil
}

// branchName is the branch on which a chart is proposed to an environment.
func branchName(environment, chart string) string {
	return "releaser/" + environment + "/" + chart
}

// goodName tells whether a name is a DNS label: fit for a ref, a path and a Kubernetes object.
func goodName(name string) bool {
	odd := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
	return name != "" && len(name) <= 63 && !strings.ContainsFunc(name, odd) && strings.Trim(name, "-") == name
}
