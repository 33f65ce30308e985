package forge

import (
	"fmt"
	"strings"
)

// fileView is a file's diff on a page.
type fileView struct {
	Path, From, Status string
	Additions, Removed int
	Lines              []lineView
}

// lineView is a line of a diff with its numbers before and after; 0 is shown as nothing.
type lineView struct {
	Kind     string // hunk, add, del, same
	Old, New int
	Text     string
}

func filesView(changes []change) []fileView {
	var all []fileView
	for _, c := range changes {
		all = append(all, fileView{c.path, c.from, c.status, c.additions, c.removals, linesView(c.patch)})
	}
	return all
}

// linesView numbers the lines of a patch.
func linesView(patch string) []lineView {
	var all []lineView
	before, after := 0, 0
	for line := range strings.Lines(patch) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		v := lineView{Text: line[1:]}
		switch line[0] {
		case '@':
			before, after = hunkStart(line)
			v.Kind, v.Text = "hunk", line
		case '+':
			v.Kind, v.New = "add", after
			after++
		case '-':
			v.Kind, v.Old = "del", before
			before++
		case '\\':
			v.Kind, v.Text = "hunk", strings.TrimSpace(line[1:])
		default:
			v.Kind, v.Old, v.New = "same", before, after
			before, after = before+1, after+1
		}
		all = append(all, v)
	}
	return all
}

// hunkStart reads the first line numbers of "@@ -3,7 +3,8 @@".
func hunkStart(line string) (before, after int) {
	words := strings.Fields(line)
	if len(words) < 3 {
		return 0, 0
	}
	_, _ = fmt.Sscanf(words[1], "-%d", &before)
	_, _ = fmt.Sscanf(words[2], "+%d", &after)
	return before, after
}
