package promotion

import (
	"fmt"
	"slices"
	"strings"

	"github.com/releaser/releaser/internal/placeholder"
	"github.com/releaser/releaser/internal/scalar"
)

// Holding is what an environment holds of one chart, read from its files.
type Holding struct {
	// Release is what the files name; zero when Empty, or when they name none that the registry has.
	Release Release
	// Empty tells that the files are there and name no release yet.
	Empty bool
	// Missing lists files and keys that are not there or cannot be read, with file and line.
	Missing []string
	// Disagreements are hand edits: values that are not those of Release.
	Disagreements []Disagreement
}

// Disagreement is a value that is not the one of the release that its environment names.
type Disagreement struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Key  string `json:"key"`
	Have string `json:"have"`
	Want string `json:"want"`
}

// String shows both values.
func (d Disagreement) String() string {
	return fmt.Sprintf("%s:%d: %s: has %q where %q belongs", d.File, d.Line, d.Key, shorten(d.Have), shorten(d.Want))
}

// Problems lists all that keeps automation from an environment.
func (h Holding) Problems() []string {
	problems := append([]string(nil), h.Missing...)
	for _, d := range h.Disagreements {
		problems = append(problems, d.String())
	}
	return problems
}

// sign is a scalar that tells which release an environment holds.
type sign struct {
	file, key string
	line      int
	text      string // empty: nothing promoted yet
	version   string
	digest    string
}

// signs reads the scalars that are set to {version} or {digest}. What cannot be read goes to h.
func signs(env Environment, chart string, files map[string][]byte, h *Holding) []sign {
	var found []sign
	told := map[string]bool{}
	for _, f := range env.Files {
		path := env.path(f, chart)
		data, ok := files[path]
		if !ok {
			if !told[path] {
				told[path] = true
				h.Missing = append(h.Missing, absent(path, editsOf(Edits(env, Release{Chart: chart}, nil), path)))
			}
			continue
		}
		for _, s := range f.Set {
			if s.Value.Uses("version") || s.Value.Uses("digest") {
				found = append(found, readSign(env, chart, path, data, s, h)...)
			}
		}
	}
	return found
}

// readSign reads one scalar and inverts its template.
func readSign(env Environment, chart, path string, data []byte, s Setting, h *Holding) []sign {
	value, err := scalar.Get(data, s.Key, s.Part)
	if err != nil {
		h.Missing = append(h.Missing, located(path, err))
		return nil
	}
	here := sign{file: path, key: s.Key, line: value.Line, text: value.Text}
	if value.Text == "" {
		return []sign{here}
	}
	v, ok := s.Value.Bind(placeholder.Values{Chart: chart, Environment: env.Name}).Match(value.Text)
	if !ok {
		h.Disagreements = append(h.Disagreements, here.against(s.Value.String()))
		return nil
	}
	here.version, here.digest = v.Version, v.Digest
	return []sign{here}
}

// against is the disagreement of a sign with what belongs there.
func (s sign) against(want string) Disagreement {
	return Disagreement{File: s.file, Line: s.line, Key: s.key, Have: s.text, Want: want}
}

// leading is the sign that names the release: the first version, else the first digest. Without one the
// environment is empty, if there was anything to read at all.
func leading(found []sign) (lead sign, ok bool) {
	for _, s := range found {
		if s.version != "" {
			return s, true
		}
	}
	for _, s := range found {
		if s.digest != "" {
			return s, true
		}
	}
	return sign{}, false
}

// names tells whether a sign is of a release, by the version or, where it has none, by the digest.
func (s sign) names(r Release) bool {
	if s.version != "" {
		return s.version == r.Version
	}
	return s.digest == r.Digest
}

// compare lists every configured key whose value is not the one that r would write there, or is not a string
// for every reader.
func compare(files map[string][]byte, edits []scalar.Edit) (missing []string, disagreements []Disagreement) {
	for _, e := range edits {
		data, ok := files[e.File]
		if !ok {
			continue // told already
		}
		value, err := scalar.Get(data, e.Key, e.Part)
		if err != nil {
			missing = append(missing, located(e.File, err))
			continue
		}
		have := value.Text
		if have == e.Value && !value.String {
			have += " (not a string: quote it)"
		}
		if have != e.Value {
			disagreements = append(disagreements, Disagreement{File: e.File, Line: value.Line, Key: e.Key, Have: have, Want: e.Value})
		}
	}
	return missing, disagreements
}

// add puts what compare found to a holding, without saying a thing twice.
func (h *Holding) add(missing []string, disagreements []Disagreement) {
	for _, m := range missing {
		if !slices.Contains(h.Missing, m) {
			h.Missing = append(h.Missing, m)
		}
	}
	for _, d := range disagreements {
		if !slices.Contains(h.Disagreements, d) {
			h.Disagreements = append(h.Disagreements, d)
		}
	}
}

// shorten keeps a value that anybody may have written fit for one line.
func shorten(text string) string {
	if r := []rune(text); len(r) > 100 {
		return string(r[:100]) + "…"
	}
	return strings.ToValidUTF8(text, "?")
}
