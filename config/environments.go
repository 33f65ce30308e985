package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/releaser/releaser/internal/placeholder"
)

func (v *validator) environmentDefaults() {
	d := &v.config.EnvironmentDefaults
	v.place("environmentDefaults", d.Repository, d.Branch)
	v.files("environmentDefaults", d.Files)
}

// environments checks the ladder. An environment takes from one above it, so that there are no cycles.
func (v *validator) environments() {
	above := []string{FromRelease}
	for i := range v.config.Environments {
		e, at := &v.config.Environments[i], fmt.Sprintf("environments[%d]", i)
		v.environment(at, e)
		switch {
		case e.Name == FromRelease:
			v.note(at+".name", "the name is taken: release is where releases come from", "write another name")
		case e.Name != "" && slices.Contains(above, e.Name):
			v.note(at+".name", "the name is taken by an environment above", "write another name")
		}
		if e.From != "" && !slices.Contains(above, e.From) {
			v.from(at+".from", e, above)
		}
		if !slices.Contains(above, e.Name) {
			above = append(above, e.Name)
		}
	}
	v.places()
	if len(v.config.Environments) > 0 && !v.holds("github.auth.githubApp") && !v.holds("github.auth.tokenFile") && !v.holds("github.auth.tokenEnv") {
		v.note("github.auth", "environments need somebody who opens pull requests", "write githubApp: {id: ID, keyFile: FILE}, tokenFile: FILE or tokenEnv: NAME")
	}
}

// from explains an environment that takes from nowhere.
func (v *validator) from(at string, e *Environment, above []string) {
	fix := "write " + strings.Join(slices.DeleteFunc(slices.Clone(above), func(name string) bool { return name == "" }), " or ")
	_, known := v.config.Environment(e.From)
	switch {
	case e.From == e.Name:
		v.note(at, "the environment takes from itself", fix)
	case known:
		v.note(at, "the environment stands below", fix+", or move that environment up")
	default:
		v.note(at, "there is no such environment", fix)
	}
}

func (v *validator) environment(at string, e *Environment) {
	v.require(at+".name", "write a name, such as staging")
	v.require(at+".from", "write release, or the name of the environment below it on the ladder")
	v.check(isLabel(e.Name), at+".name", "the name is no DNS label", "write up to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit") // B54
	v.place(at, e.Repository, e.Branch)
	if !v.holds("environmentDefaults.repository") {
		v.require(at+".repository", "write owner/name here or in environmentDefaults")
	}
	v.check(e.From != FromRelease || e.Promote != Manual, at+".promote", "a release always proposes itself", "remove the field; merge says who merges")
	v.files(at, e.Files)
	switch {
	case v.breaksBelow(at+".files") || !v.holds(at+".files") && v.breaksBelow("environmentDefaults.files"):
	case len(e.Files) == 0:
		v.note(at+".files", "no file says what runs here", `write files here or in environmentDefaults: [{path: "{environment}/{chart}/release.yaml", set: {version: "{version}"}}]`)
	case !slices.ContainsFunc(e.Files, saysWhatRuns):
		v.note(at+".files", "no file says which release runs here", `write {version} or {digest} under set in one of them, such as set: {version: "{version}"}`)
	}
}

// breaksBelow tells whether something at or below the path could not be read.
func (v *validator) breaksBelow(path string) bool {
	return slices.ContainsFunc(v.broken, func(broken string) bool { return strings.HasPrefix(broken, path) })
}

// saysWhatRuns tells whether a release can be found again from what the file holds.
func saysWhatRuns(f File) bool {
	for _, t := range f.Set {
		if t.Uses("version") || t.Uses("digest") {
			return true
		}
	}
	return false
}

// place checks where an environment's files are. Our own branches are never deployed from.
func (v *validator) place(at, repository, branch string) {
	v.check(matches(`[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+`, repository) && !matches(`.*/(\.{1,2}|.*\.git)`, repository), at+".repository", "the text is no repository of GitHub", "write owner/name, without host and .git")
	v.check(isBranch(branch), at+".branch", "the text is no name of a branch", "write a name such as main, without refs/heads/")
	v.check(!strings.HasPrefix(branch, "releaser/") && branch != "releaser-state", at+".branch", "the branch is one of releaser's own", "write the branch that is deployed")
}

func (v *validator) files(at string, files []File) {
	for i, f := range files {
		file := fmt.Sprintf("%s.files[%d]", at, i)
		if !v.holds(file) { // inherited: its problems are noted where it stands
			return
		}
		v.require(file+".path", `write a path, such as "{environment}/{chart}/values.yaml"`)
		example := f.Path.Expand(placeholder.Values{Environment: "e", Chart: "c"})
		v.check(isInside(example) && example != ".", file+".path", "the path leaves the repository", `write a clean relative path, such as "{environment}/{chart}/values.yaml"`) // B57
		v.check(f.Path.Uses("chart"), file+".path", "the path has no {chart}, so that charts would write over each other", `write a path such as "{environment}/{chart}/values.yaml"`)
		if !f.Pins && len(f.Set) == 0 && !v.breaksBelow(file) {
			v.note(file, "nothing is written to the file", `write pins: true, or set: {version: "{version}"}`)
		}
		for _, key := range slices.Sorted(maps.Keys(f.Set)) {
			v.key(setPath(file+".set", key), key)
		}
	}
}

// places finds files that two environments, or two entries of one, would write: which of them a line is for
// could not be told when it is read back.
func (v *validator) places() {
	first := map[string]*Environment{}
	for i := range v.config.Environments {
		e := &v.config.Environments[i]
		for k, f := range e.Files {
			name := f.Path.Expand(placeholder.Values{Environment: e.Name, Chart: "{chart}"})
			place := strings.ToLower(e.Repository) + " " + e.Branch + " " + name
			other, ok := first[place]
			switch {
			case !isInside(name): // said already
			case !ok:
				first[place] = e
			case other == e || other.Name != e.Name:
				v.note(fmt.Sprintf("environments[%d].files[%d].path", i, k), "environment "+other.Name+" writes the same file", "write one entry for it, with {environment} in the path if several have it")
			}
		}
	}
}
