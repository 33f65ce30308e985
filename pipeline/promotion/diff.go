package promotion

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// around is how many unchanged lines a hunk shows on each side of a change.
const around = 3

// diff is the unified difference of files before and after an edit, sorted by path. Edits replace scalars
// within their lines, so line n of one is line n of the other.
func diff(before, after map[string][]byte) string {
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(after)) {
		old, new := lines(before[path]), lines(after[path])
		if slices.Equal(old, new) {
			continue
		}
		fmt.Fprintf(&b, "--- a/%s\n+++ b/%s\n", path, path)
		if len(old) != len(new) {
			rewritten(&b, old, new)
			continue
		}
		for _, span := range spans(old, new) {
			hunk(&b, old, new, span[0], span[1])
		}
	}
	return b.String()
}

// lines cuts text after each line end.
func lines(data []byte) []string {
	if len(data) == 0 {
		return nil
	}
	all := strings.SplitAfter(string(data), "\n")
	if all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return all
}

// spans finds the half-open ranges of lines that hunks show.
func spans(old, new []string) [][2]int {
	var found [][2]int
	for i := range old {
		if old[i] == new[i] {
			continue
		}
		from, to := max(i-around, 0), min(i+around+1, len(old))
		if last := len(found) - 1; last >= 0 && from <= found[last][1] {
			found[last][1] = to
		} else {
			found = append(found, [2]int{from, to})
		}
	}
	return found
}

// hunk writes lines from..to of both.
func hunk(b *strings.Builder, old, new []string, from, to int) {
	fmt.Fprintf(b, "@@ -%d,%d +%d,%d @@\n", from+1, to-from, from+1, to-from)
	for i := from; i < to; {
		if old[i] == new[i] {
			line(b, ' ', old[i])
			i++
			continue
		}
		end := i
		for end < to && old[end] != new[end] {
			end++
		}
		all(b, '-', old[i:end])
		all(b, '+', new[i:end])
		i = end
	}
}

// rewritten shows a file that no edit of ours makes: one whose lines do not match.
func rewritten(b *strings.Builder, old, new []string) {
	fmt.Fprintf(b, "@@ -1,%d +1,%d @@\n", len(old), len(new))
	all(b, '-', old)
	all(b, '+', new)
}

func all(b *strings.Builder, mark byte, texts []string) {
	for _, text := range texts {
		line(b, mark, text)
	}
}

func line(b *strings.Builder, mark byte, text string) {
	b.WriteByte(mark)
	b.WriteString(text)
	if !strings.HasSuffix(text, "\n") {
		b.WriteString("\n\\ No newline at end of file\n")
	}
}
