package forge

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// pull is a pull request between two branches of one repository.
type pull struct {
	ID         int64      `json:"id"`
	Number     int        `json:"number"`
	Title      string     `json:"title"`
	Body       string     `json:"body"`
	State      string     `json:"state"` // open, closed
	Draft      bool       `json:"draft"`
	Author     string     `json:"author"`
	Head       string     `json:"head"` // branch
	Base       string     `json:"base"`
	HeadSHA    string     `json:"headSha"` // as of the last push, or of the end
	BaseSHA    string     `json:"baseSha"` // the base's head when the head was pushed last, as at GitHub
	MergeSHA   string     `json:"mergeSha"`
	MergedBy   string     `json:"mergedBy"`
	Labels     []string   `json:"labels"`
	Comments   []*comment `json:"comments"`
	Created    time.Time  `json:"created"`
	Updated    time.Time  `json:"updated"`
	Closed     *time.Time `json:"closed"`
	Merged     *time.Time `json:"merged"`
	Modifiable bool       `json:"modifiable"`
	Before     string     `json:"before"` // the head before the last push
	// Computed names the heads for which mergeability was asked before; see Options.LazyMergeable.
	Computed string `json:"computed"`
}

// numbered is a link in the API of the call's repository.
func (c *call) numbered(format string, args ...any) string {
	return c.api() + fmt.Sprintf(format, args...)
}

// pull is the URL of a pull request for people.
func (u site) pull(r *repository, p *pull) string {
	return fmt.Sprintf("%s/pull/%d", u.page(r), p.Number)
}

// pull gives a pull request by its number, nil when there is none.
func (r *record) pull(number int) *pull {
	i := slices.IndexFunc(r.Pulls, func(p *pull) bool { return p.Number == number })
	if i < 0 {
		return nil
	}
	return r.Pulls[i]
}

// pull is the one that the path names.
func (c *call) pull() (*pull, error) {
	n, err := c.number("number")
	if err != nil {
		return nil, err
	}
	if p := c.repo.pull(n); p != nil {
		return p, nil
	}
	return nil, notFound()
}

type pullJSON struct {
	ID                int64       `json:"id"`
	NodeID            string      `json:"node_id"`
	URL               string      `json:"url"`
	HTMLURL           string      `json:"html_url"`
	DiffURL           string      `json:"diff_url"`
	PatchURL          string      `json:"patch_url"`
	IssueURL          string      `json:"issue_url"`
	CommitsURL        string      `json:"commits_url"`
	ReviewCommentsURL string      `json:"review_comments_url"`
	ReviewCommentURL  string      `json:"review_comment_url"`
	CommentsURL       string      `json:"comments_url"`
	StatusesURL       string      `json:"statuses_url"`
	Number            int         `json:"number"`
	State             string      `json:"state"`
	Locked            bool        `json:"locked"`
	LockReason        *string     `json:"active_lock_reason"`
	Draft             bool        `json:"draft"`
	Title             string      `json:"title"`
	User              *userJSON   `json:"user"`
	Body              *string     `json:"body"`
	Labels            []labelJSON `json:"labels"`
	Milestone         *string     `json:"milestone"`
	CreatedAt         string      `json:"created_at"`
	UpdatedAt         string      `json:"updated_at"`
	ClosedAt          *string     `json:"closed_at"`
	MergedAt          *string     `json:"merged_at"`
	MergeCommitSHA    *string     `json:"merge_commit_sha"`
	Assignee          *userJSON   `json:"assignee"`
	Assignees         []userJSON  `json:"assignees"`
	Reviewers         []userJSON  `json:"requested_reviewers"`
	Teams             []string    `json:"requested_teams"`
	Head              pullEnd     `json:"head"`
	Base              pullEnd     `json:"base"`
	Links             pullLinks   `json:"_links"`
	Association       string      `json:"author_association"`
	AutoMerge         *string     `json:"auto_merge"`
}

type pullEnd struct {
	Label string         `json:"label"`
	Ref   string         `json:"ref"`
	SHA   string         `json:"sha"`
	User  *userJSON      `json:"user"`
	Repo  repositoryJSON `json:"repo"`
}

type linkJSON struct {
	Href string `json:"href"`
}

type pullLinks struct {
	Self           linkJSON `json:"self"`
	HTML           linkJSON `json:"html"`
	Issue          linkJSON `json:"issue"`
	Comments       linkJSON `json:"comments"`
	ReviewComments linkJSON `json:"review_comments"`
	ReviewComment  linkJSON `json:"review_comment"`
	Commits        linkJSON `json:"commits"`
	Statuses       linkJSON `json:"statuses"`
}

func (c *call) pullEnd(branch, sha string) pullEnd {
	return pullEnd{c.repo.owner + ":" + branch, branch, sha, c.at.user(c.account(c.repo.owner)), c.repositoryJSON(c.at, c.repo)}
}

// pullJSON is a pull request as lists show it.
func (c *call) pullJSON(p *pull) pullJSON {
	self, issue, html := c.numbered("/pulls/%d", p.Number), c.numbered("/issues/%d", p.Number), c.at.pull(c.repo, p)
	review, statuses := c.api()+"/pulls/comments{/number}", c.api()+"/statuses/"+p.HeadSHA
	return pullJSON{ID: p.ID, NodeID: nodeID("PullRequest", p.ID), URL: self, HTMLURL: html, DiffURL: html + ".diff",
		PatchURL: html + ".patch", IssueURL: issue, CommitsURL: self + "/commits", ReviewCommentsURL: self + "/comments",
		ReviewCommentURL: review, CommentsURL: issue + "/comments", StatusesURL: statuses,
		Number: p.Number, State: p.State, Draft: p.Draft, Title: p.Title, User: c.at.user(c.account(p.Author)),
		Body: orNull(p.Body), Labels: c.labels(c.at, c.repo, p), CreatedAt: stamp(p.Created), UpdatedAt: stamp(p.Updated),
		ClosedAt: maybe(p.Closed), MergedAt: maybe(p.Merged), MergeCommitSHA: orNull(p.MergeSHA),
		Assignees: []userJSON{}, Reviewers: []userJSON{}, Teams: []string{},
		Head: c.pullEnd(p.Head, p.HeadSHA), Base: c.pullEnd(p.Base, p.BaseSHA),
		Links: pullLinks{linkJSON{self}, linkJSON{html}, linkJSON{issue}, linkJSON{issue + "/comments"},
			linkJSON{self + "/comments"}, linkJSON{review}, linkJSON{self + "/commits"}, linkJSON{statuses}},
		Association: c.association(p.Author)}
}

// maybe is a time that may not have come.
func maybe(t *time.Time) *string {
	if t == nil {
		return nil
	}
	text := stamp(*t)
	return &text
}

func (c *call) association(login string) string {
	switch {
	case login == c.repo.owner:
		return "OWNER"
	case strings.HasSuffix(login, "[bot]"):
		return "NONE"
	}
	return "COLLABORATOR"
}

// fullPullJSON is a pull request as it is shown alone.
type fullPullJSON struct {
	pullJSON
	Merged         bool      `json:"merged"`
	MergedBy       *userJSON `json:"merged_by"`
	Mergeable      *bool     `json:"mergeable"`
	MergeableState string    `json:"mergeable_state"`
	Rebaseable     *bool     `json:"rebaseable"`
	Comments       int       `json:"comments"`
	ReviewComments int       `json:"review_comments"`
	CanModify      bool      `json:"maintainer_can_modify"`
	Commits        int       `json:"commits"`
	Additions      int       `json:"additions"`
	Deletions      int       `json:"deletions"`
	ChangedFiles   int       `json:"changed_files"`
}

// fullPull tells everything; m is what is known of its mergeability.
func (c *call) fullPull(p *pull, m mergeability) (fullPullJSON, error) {
	s, err := c.repo.pullSpan(p)
	if err != nil {
		return fullPullJSON{}, err
	}
	sums := stats(s.changes)
	full := fullPullJSON{pullJSON: c.pullJSON(p), Merged: p.Merged != nil, Mergeable: m.mergeable, MergeableState: m.state,
		Comments: len(p.Comments), CanModify: p.Modifiable, Commits: len(s.ahead),
		Additions: sums.Additions, Deletions: sums.Deletions, ChangedFiles: len(s.changes)}
	if p.MergedBy != "" {
		full.MergedBy = c.at.user(c.account(p.MergedBy))
	}
	return full, nil
}

// pullSpan is what a pull request proposes: against its base's head, or when it has ended, against the base of then.
func (r *repository) pullSpan(p *pull) (span, error) {
	base := p.BaseSHA
	if p.State == "open" {
		head, found, err := r.git.ref("refs/heads/" + p.Base)
		if err != nil {
			return span{}, err
		}
		if found {
			base = head.sha
		}
	}
	s, _, err := r.span(base, p.HeadSHA)
	return s, err
}

func getPull(c *call) (answer, error) {
	p, err := c.pull()
	if err != nil {
		return answer{}, err
	}
	m, err := c.lazily(p)
	if err != nil {
		return answer{}, err
	}
	return c.shown(p, m)
}

// shown is the answer that tells one pull request.
func (c *call) shown(p *pull, m mergeability) (answer, error) {
	full, err := c.fullPull(p, m)
	if err != nil {
		return answer{}, err
	}
	return ok(full)
}

func listPulls(c *call) (answer, error) {
	query := c.r.URL.Query()
	state := cmp.Or(query.Get("state"), "open")
	var found []*pull
	for _, p := range c.repo.Pulls {
		if (state == "all" || p.State == state) && headMatches(c.repo.owner, p.Head, query.Get("head")) &&
			(query.Get("base") == "" || query.Get("base") == p.Base) {
			found = append(found, p)
		}
	}
	sortPulls(found, query.Get("sort"), query.Get("direction"))
	cut, header := cutPage(c, found)
	all := []pullJSON{}
	for _, p := range cut {
		all = append(all, c.pullJSON(p))
	}
	return answer{status: http.StatusOK, body: all, header: header}, nil
}

// headMatches obeys GitHub's filter: owner:branch. A branch without its owner is no filter there, and so not here: a client that
// forgets the owner gets everything.
func headMatches(owner, branch, filter string) bool {
	if !strings.Contains(filter, ":") {
		return true
	}
	return filter == owner+":"+branch
}

// sortPulls orders by creation unless asked for updates or comments; the newest first unless sorted by something named.
func sortPulls(all []*pull, by, direction string) {
	if direction == "" && (by == "" || by == "created") {
		direction = "desc"
	}
	slices.SortStableFunc(all, func(a, b *pull) int {
		order := cmp.Compare(a.Number, b.Number)
		switch by {
		case "updated":
			order = cmp.Or(a.Updated.Compare(b.Updated), order)
		case "popularity":
			order = cmp.Or(cmp.Compare(len(a.Comments), len(b.Comments)), order)
		}
		if direction == "desc" {
			return -order
		}
		return order
	})
}

// proposed is the pull request that the path names, with what it proposes.
func (c *call) proposed() (*pull, span, error) {
	p, err := c.pull()
	if err != nil {
		return nil, span{}, err
	}
	s, err := c.repo.pullSpan(p)
	return p, s, err
}

func listPullCommits(c *call) (answer, error) {
	_, s, err := c.proposed()
	if err != nil {
		return answer{}, err
	}
	cut, header := cutPage(c, s.ahead)
	commits, err := c.commits(cut...)
	return answer{status: http.StatusOK, body: commits, header: header}, err
}

func listPullFiles(c *call) (answer, error) {
	p, s, err := c.proposed()
	if err != nil {
		return answer{}, err
	}
	return page(c, c.files(p.HeadSHA, s.changes))
}
