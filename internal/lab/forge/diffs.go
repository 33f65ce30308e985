package forge

import (
	"strings"
)

// change is one file between two trees.
type change struct {
	path, from          string // from is set for a rename
	status              string // added, removed, modified, renamed
	sha                 string // of the blob after it, or before it when removed
	patch               string // hunks only; empty for binary files
	additions, removals int
	retyped             bool
}

// diff compares two trees or commits.
func (b bare) diff(from, to string) ([]change, error) {
	out, err := b.git(nil, "diff-tree", "-r", "-M", "-z", "--raw", "--no-abbrev", "-p", "--no-color", "--no-ext-diff", "--no-textconv", from, to)
	if err != nil {
		return nil, err
	}
	changes, text := parseRaw(string(out))
	patches := strings.Split("\n"+text, "\ndiff --git ")[1:]
	for i := range changes { // both in the order of paths
		if len(patches) == 0 {
			break
		}
		changes[i].take(patches[0])
		patches = patches[1:]
		if changes[i].retyped && len(patches) > 0 { // a file that became a link: git shows its end and its beginning apart
			patches = patches[1:]
		}
	}
	return changes, nil
}

// comparison is the last diff of a repository. Names of commits and trees are names of contents, so it never gets old; a
// pull request asks for the same one several times.
type comparison struct {
	from, to string
	changes  []change
}

// diff is the repository's, asked from git once in a row.
func (r *repository) diff(from, to string) ([]change, error) {
	if r.last.from == from && r.last.to == to {
		return r.last.changes, nil
	}
	changes, err := r.git.diff(from, to)
	if err == nil {
		r.last = comparison{from, to, changes}
	}
	return changes, err
}

// parseRaw reads `:mode mode sha sha status NUL path NUL [path NUL]`, then NUL and the patches, which it gives back.
func parseRaw(out string) (all []change, patches string) {
	for strings.HasPrefix(out, ":") {
		var head string
		var c change
		head, out, _ = strings.Cut(out, "\x00")
		c.path, out, _ = strings.Cut(out, "\x00")
		words := strings.Fields(head)
		c.sha = words[3]
		switch words[4][0] {
		case 'A':
			c.status = "added"
		case 'D':
			c.status, c.sha = "removed", words[2]
		case 'R':
			c.status, c.from = "renamed", c.path
			c.path, out, _ = strings.Cut(out, "\x00")
		default:
			c.status, c.retyped = "modified", words[4] == "T"
		}
		all = append(all, c)
	}
	return all, strings.TrimPrefix(out, "\x00")
}

// take keeps the hunks of a file's patch and counts its lines.
func (c *change) take(patch string) {
	at := strings.Index(patch, "\n@@ ")
	if at < 0 {
		return
	}
	c.patch = strings.TrimSuffix(patch[at+1:], "\n")
	for line := range strings.Lines(c.patch) {
		switch line[0] {
		case '+':
			c.additions++
		case '-':
			c.removals++
		}
	}
}

type fileJSON struct {
	SHA          string `json:"sha"`
	Filename     string `json:"filename"`
	Status       string `json:"status"`
	Additions    int    `json:"additions"`
	Deletions    int    `json:"deletions"`
	Changes      int    `json:"changes"`
	BlobURL      string `json:"blob_url"`
	RawURL       string `json:"raw_url"`
	ContentsURL  string `json:"contents_url"`
	Patch        string `json:"patch,omitempty"`
	PreviousName string `json:"previous_filename,omitempty"`
}

// files tells changes as the API does; commit is where they can be seen.
func (c *call) files(commit string, changes []change) []fileJSON {
	all := []fileJSON{}
	for _, f := range changes {
		all = append(all, fileJSON{f.sha, f.path, f.status, f.additions, f.removals, f.additions + f.removals,
			c.at.page(c.repo) + "/blob/" + commit + "/" + f.path, c.at.page(c.repo) + "/raw/" + commit + "/" + f.path,
			c.api() + "/contents/" + f.path + "?ref=" + commit, f.patch, f.from})
	}
	return all
}

func stats(changes []change) *statsJSON {
	var s statsJSON
	for _, f := range changes {
		s.Additions += f.additions
		s.Deletions += f.removals
	}
	s.Total = s.Additions + s.Deletions
	return &s
}

type comparisonJSON struct {
	URL          string       `json:"url"`
	HTMLURL      string       `json:"html_url"`
	PermalinkURL string       `json:"permalink_url"`
	DiffURL      string       `json:"diff_url"`
	PatchURL     string       `json:"patch_url"`
	BaseCommit   commitJSON   `json:"base_commit"`
	MergeBase    commitJSON   `json:"merge_base_commit"`
	Status       string       `json:"status"`
	AheadBy      int          `json:"ahead_by"`
	BehindBy     int          `json:"behind_by"`
	TotalCommits int          `json:"total_commits"`
	Commits      []commitJSON `json:"commits"`
	Files        []fileJSON   `json:"files"`
}

// span is what lies between two commits.
type span struct {
	base, head, ancestor string
	ahead, behind        []string
	changes              []change
}

// span compares head with where it left base; ok is false for unrelated histories.
func (r *repository) span(base, head string) (s span, ok bool, err error) {
	s = span{base: base, head: head}
	if _, only := r.git.childOf(base, head); only {
		s.ancestor, s.ahead = base, []string{head}
	} else if s.ancestor, ok, err = r.git.mergeBase(base, head); err != nil || !ok {
		return s, ok, err
	} else if s.behind, s.ahead, err = r.git.sides(base, head); err != nil {
		return s, false, err
	}
	s.changes, err = r.diff(s.ancestor, head)
	return s, err == nil, err
}

func (s span) status() string {
	switch {
	case len(s.ahead) > 0 && len(s.behind) > 0:
		return "diverged"
	case len(s.ahead) > 0:
		return "ahead"
	case len(s.behind) > 0:
		return "behind"
	}
	return "identical"
}

func compare(c *call) (answer, error) {
	basehead := c.r.PathValue("basehead")
	left, right, _ := strings.Cut(basehead, "...")
	base, found, err := c.repo.git.commitOf(c.ownRef(left))
	if err != nil || !found {
		return answer{}, orNotFound(err)
	}
	head, found, err := c.repo.git.commitOf(c.ownRef(right))
	if err != nil || !found {
		return answer{}, orNotFound(err)
	}
	s, related, err := c.repo.span(base, head)
	if err != nil {
		return answer{}, err
	}
	if !related {
		return answer{}, &problem{Status: 404, Message: "No common ancestor between " + left + " and " + right + "."}
	}
	ends, err := c.commits(s.base, s.ancestor)
	if err != nil {
		return answer{}, err
	}
	cut, header := cutPage(c, s.ahead)
	commits, err := c.commits(cut...)
	if err != nil {
		return answer{}, err
	}
	html := c.at.page(c.repo) + "/compare/" + basehead
	return answer{status: 200, header: header, body: comparisonJSON{c.api() + "/compare/" + basehead, html, html, html + ".diff", html + ".patch",
		ends[0], ends[1], s.status(), len(s.ahead), len(s.behind), len(s.ahead), commits, c.files(s.head, s.changes)}}, nil
}

// ownRef takes the owner off owner:branch; there are no forks here.
func (c *call) ownRef(rev string) string { return strings.TrimPrefix(rev, c.repo.owner+":") }
