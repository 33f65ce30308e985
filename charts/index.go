package charts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	helmyaml "sigs.k8s.io/yaml"

	"github.com/releaser/releaser/internal/scalar"
)

// maxIndexYAML bounds what is parsed of one index, as scalar.CheckWithin counts: some thousand entries.
const maxIndexYAML = 4 << 20

// indexEntry is what we need of a version in an index.yaml.
type indexEntry struct {
	Version string   `json:"version"`
	URLs    []string `json:"urls"`
	Digest  string   `json:"digest"`
}

// entryOf finds exactly that version; Helm would take the nearest.
func entryOf(index []byte, name, version string) (indexEntry, error) {
	entries, err := entriesOf(index, name, version)
	if err != nil {
		return indexEntry{}, &Unobtainable{Rule: "dependency-index", Message: "the index.yaml of its repository cannot be read: " + indexProblem(err),
			Fix: "check the URL of the repository, or put a copy under charts/: helm dependency build"}
	}
	for _, e := range entries {
		if e.Version == version && len(e.URLs) > 0 {
			return e, nil
		}
	}
	return indexEntry{}, &Unobtainable{Rule: "dependency-version", Message: fmt.Sprintf("its repository has no version %s", version),
		Fix: "choose a version that is there and run 'helm dependency update'"}
}

// entriesOf reads the versions of one chart, that version among them if it is there. Parsing 20 MB of YAML takes 600 MB
// of memory, so that it parses the entries alone that speak of the version, where the index is written as Helm writes
// it. An index that is written otherwise must be as small as any file.
func entriesOf(index []byte, name, version string) (found []indexEntry, err error) {
	if json.Valid(index) {
		var all indexFile
		err := json.Unmarshal(index, &all)
		return all.Entries[name], err
	}
	left, list := maxIndexYAML, part(index, name)
	if list == nil {
		return parseIndex(index, name, &left)
	}
	for item := range items(list) {
		if !bytes.Contains(item, []byte(version)) {
			continue
		}
		entries, err := parseIndex(slices.Concat([]byte("entries:\n  "+name+":\n"), item), name, &left)
		if err != nil {
			return whole(index, name, &left, err)
		}
		found = append(found, entries...)
	}
	return found, nil
}

// whole parses all of an index of which an entry cannot be read by itself: its anchor may stand elsewhere.
func whole(index []byte, name string, left *int, wrong error) ([]indexEntry, error) {
	found, err := parseIndex(index, name, left)
	if err != nil {
		return nil, wrong
	}
	return found, nil
}

// indexProblem says why an index was not read.
func indexProblem(err error) string {
	var wrong *scalar.Error
	switch {
	case !errors.As(err, &wrong):
		return oneLine(err)
	case wrong.Rule == "file-size":
		return "what it says of the chart is too large, or it is not written as Helm writes it"
	}
	return wrong.Message
}

// indexFile is what we need of an index.yaml.
type indexFile struct {
	Entries map[string][]indexEntry `json:"entries"`
}

// parseIndex reads YAML from a stranger: first it sees that this is no danger to our memory.
func parseIndex(text []byte, name string, left *int) ([]indexEntry, error) {
	if err := scalar.CheckWithin(text, left); err != nil {
		return nil, err
	}
	var all indexFile
	err := helmyaml.Unmarshal(text, &all)
	return all.Entries[name], err
}

// part cuts the lines of one chart out of an index: from below its key among the entries, indented by two, to the next
// line that is indented by two or less and is no list item. It is nil where there is no such key.
func part(index []byte, name string) []byte {
	key := []byte("\n  " + name + ":\n")
	entries := max(bytes.Index(index, []byte("\nentries:\n")), 0)
	from := bytes.Index(index[entries:], key)
	if from < 0 {
		return nil
	}
	from += entries + len(key)
	to := from
	for to < len(index) {
		line, _, _ := bytes.Cut(index[to:], []byte("\n"))
		if text := bytes.TrimLeft(line, " "); len(text) > 0 && len(line)-len(text) <= 2 && !bytes.HasPrefix(text, []byte("- ")) {
			break
		}
		to = min(to+len(line)+1, len(index))
	}
	return index[from:to]
}

// items yields the items of a list, of which each begins on a line of its own with a dash below that of the first.
func items(list []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		indent, _, _ := bytes.Cut(list, []byte("- "))
		dash := "\n" + string(indent) + "- "
		for len(list) > 0 {
			end := len(list)
			if at := bytes.Index(list, []byte(dash)); at >= 0 {
				end = at + 1
			}
			if !yield(list[:end]) {
				return
			}
			list = list[end:]
		}
	}
}

// check compares the archive with the digest of the index, which some write with and some without the algorithm.
func (e indexEntry) check(archive []byte) error {
	want := strings.ToLower(strings.TrimPrefix(e.Digest, "sha256:"))
	if want == "" || "sha256:"+want == digest(archive) {
		return nil
	}
	return &Unobtainable{Rule: "dependency-digest", Message: "the archive is not the one that the repository's index names",
		Fix: "ask its publisher; somebody may have replaced it"}
}
