package forge

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// commitObject is a commit as git stores it.
type commitObject struct {
	sha, tree         string
	parents           []string
	author, committer signature
	message           string
}

// signature is a person and a time in a commit.
type signature struct {
	Name  string `json:"name"`
	Email string `json:"email"`
	Date  string `json:"date"`
}

// parseCommit reads a commit object.
func parseCommit(o object) commitObject {
	head, message, _ := strings.Cut(string(o.data), "\n\n")
	c := commitObject{sha: o.sha, message: message}
	for _, line := range strings.Split(head, "\n") {
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "tree":
			c.tree = value
		case "parent":
			c.parents = append(c.parents, value)
		case "author":
			c.author = parseSignature(value)
		case "committer":
			c.committer = parseSignature(value)
		}
	}
	return c
}

// parseSignature reads `Name <email> seconds zone`; the API tells times in UTC.
func parseSignature(text string) signature {
	name, rest, _ := strings.Cut(text, " <")
	email, when, _ := strings.Cut(rest, "> ")
	seconds, _, _ := strings.Cut(when, " ")
	unix, _ := strconv.ParseInt(seconds, 10, 64)
	return signature{name, email, stamp(time.Unix(unix, 0))}
}

// stamp is a time as the API writes it.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

type gitCommitJSON struct {
	SHA          string           `json:"sha"`
	NodeID       string           `json:"node_id"`
	URL          string           `json:"url"`
	HTMLURL      string           `json:"html_url"`
	Author       signature        `json:"author"`
	Committer    signature        `json:"committer"`
	Tree         pointerJSON      `json:"tree"`
	Message      string           `json:"message"`
	Parents      []parentJSON     `json:"parents"`
	Verification verificationJSON `json:"verification"`
}

type pointerJSON struct {
	SHA string `json:"sha"`
	URL string `json:"url"`
}

type parentJSON struct {
	SHA     string `json:"sha"`
	URL     string `json:"url"`
	HTMLURL string `json:"html_url"`
}

// verificationJSON tells whether GitHub signed. The stand-in has no key: signature and payload are null, the verdict is
// what GitHub's would be.
type verificationJSON struct {
	Verified   bool    `json:"verified"`
	Reason     string  `json:"reason"`
	Signature  *string `json:"signature"`
	Payload    *string `json:"payload"`
	VerifiedAt *string `json:"verified_at"`
}

func (c *call) verification(o commitObject) verificationJSON {
	if c.repo.Signed[o.sha] {
		return verificationJSON{Verified: true, Reason: "valid", VerifiedAt: &o.committer.Date}
	}
	return verificationJSON{Reason: "unsigned"}
}

func (c *call) parents(o commitObject, kind string) []parentJSON {
	all := []parentJSON{}
	for _, sha := range o.parents {
		all = append(all, parentJSON{sha, c.api() + kind + sha, c.at.page(c.repo) + "/commit/" + sha})
	}
	return all
}

func (c *call) gitCommit(o commitObject) gitCommitJSON {
	return gitCommitJSON{o.sha, nodeID("Commit", o.sha), c.api() + "/git/commits/" + o.sha,
		c.at.page(c.repo) + "/commit/" + o.sha, o.author, o.committer,
		pointerJSON{o.tree, c.api() + "/git/trees/" + o.tree}, o.message, c.parents(o, "/git/commits/"), c.verification(o)}
}

func getGitCommit(c *call) (answer, error) {
	o, found, err := c.repo.git.object(c.r.PathValue("sha"), "commit")
	if err != nil || !found {
		return answer{}, orNotFound(err)
	}
	return ok(c.gitCommit(parseCommit(o)))
}

// newCommit is the body of a creation.
type newCommit struct {
	Message   string
	Tree      string
	Parents   []string
	Author    *signature
	Committer *signature
	Signature string
}

func createCommit(c *call) (answer, error) {
	var in newCommit
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if err := c.checkCommit(in); err != nil {
		return answer{}, err
	}
	author, committer, err := c.signatures(in)
	if err != nil {
		return answer{}, err
	}
	sha, err := c.repo.git.commit(in.Tree, in.Parents, author, committer, in.Message)
	if exitCode(err) > 0 { // a name of nothing but blanks, a date before time
		return answer{}, invalid("Commit", "author", "invalid")
	}
	if err != nil {
		return answer{}, err
	}
	if in.Author == nil && in.Committer == nil && c.who.app != 0 {
		c.repo.Signed[sha] = true
	}
	o, _, err := c.repo.git.object(sha, "commit")
	if err != nil {
		return answer{}, err
	}
	return created(c.gitCommit(parseCommit(o)), c.api()+"/git/commits/"+sha)
}

func (c *call) checkCommit(in newCommit) error {
	if in.Message == "" {
		return invalid("Commit", "message", "missing_field")
	}
	if _, found, err := c.repo.git.object(in.Tree, "tree"); err != nil || !found {
		return orUnprocessable(err, "Tree SHA does not exist")
	}
	for _, sha := range in.Parents {
		if _, found, err := c.repo.git.object(sha, "commit"); err != nil || !found {
			return orUnprocessable(err, "Parent SHA does not exist or is not a commit object")
		}
	}
	return nil
}

// signatures are who the request names; else the author is who asks and the committer the same, as at GitHub.
func (c *call) signatures(in newCommit) (author, committer signature, err error) {
	author = c.person(c.who.account)
	for _, given := range []*signature{in.Author, in.Committer} {
		if given == nil {
			continue
		}
		if given.Date == "" {
			given.Date = stamp(c.now())
		}
		if _, err := time.Parse(time.RFC3339, given.Date); err != nil {
			return author, author, invalid("Commit", "date", "invalid")
		}
	}
	if in.Author != nil {
		author = *in.Author
	}
	committer = author
	if in.Committer != nil {
		committer = *in.Committer
	}
	return author, committer, nil
}

// person is an account as author of a commit that is made now.
func (s *Server) person(a *account) signature {
	return signature{a.Login, a.email(), stamp(s.now())}
}

// commit writes a commit object.
func (b bare) commit(tree string, parents []string, author, committer signature, message string) (string, error) {
	if data, loose := b.plainCommit(tree, parents, author, committer, message); loose {
		return b.store("commit", data)
	}
	args := []string{"commit-tree", tree}
	for _, p := range parents {
		args = append(args, "-p", p)
	}
	env := []string{
		"GIT_AUTHOR_NAME=" + author.Name, "GIT_AUTHOR_EMAIL=" + author.Email, "GIT_AUTHOR_DATE=" + author.Date,
		"GIT_COMMITTER_NAME=" + committer.Name, "GIT_COMMITTER_EMAIL=" + committer.Email, "GIT_COMMITTER_DATE=" + committer.Date,
	}
	out, err := b.gitAs(env, []byte(message), args...)
	return strings.TrimSpace(string(out)), err
}

// plainWords is a name or an address that git takes as it is: it strips some marks at the ends, and brackets and line ends
// everywhere.
var plainWords = regexp.MustCompile(`^[A-Za-z0-9\[\]]([A-Za-z0-9\[\] @+_.-]*[A-Za-z0-9\[\]])?$`)

// line is a signature in a commit that git would write the same: plain words, and a time of this age in UTC.
func (s signature) line() (string, bool) {
	when, err := time.Parse("2006-01-02T15:04:05Z", s.Date)
	plain := err == nil && len(s.Date) == len("2006-01-02T15:04:05Z") && when.Year() >= 2000 && when.Year() < 2100 &&
		plainWords.MatchString(s.Name) && plainWords.MatchString(s.Email)
	return fmt.Sprintf("%s <%s> %d +0000", s.Name, s.Email, when.Unix()), plain
}

// plainCommit makes the bytes of a commit of loose parts that git would write the same. What git corrects or refuses is
// left to it: a parent that is named twice, text that is no plain Unicode.
func (b bare) plainCommit(tree string, parents []string, author, committer signature, message string) ([]byte, bool) {
	by, plainAuthor := author.line()
	through, plainCommitter := committer.line()
	odd := strings.ContainsFunc(message, func(r rune) bool { return r == 0 || r >= 0xfdd0 }) // bytes that are no rune are U+FFFD here
	if !plainAuthor || !plainCommitter || odd || !validSHA(tree) || b.looseKind(tree) != "tree" {
		return nil, false
	}
	data := fmt.Appendf(nil, "tree %s\n", tree)
	for i, p := range parents {
		if !validSHA(p) || slices.Contains(parents[:i], p) || b.looseKind(p) != "commit" {
			return nil, false
		}
		data = fmt.Appendf(data, "parent %s\n", p)
	}
	return fmt.Appendf(data, "author %s\ncommitter %s\n\n%s", by, through, message), true
}

// orUnprocessable keeps an error and makes its absence a 422.
func orUnprocessable(err error, message string) error {
	if err != nil {
		return err
	}
	return unprocessable("%s", message)
}

// commitJSON is a commit in the part of the API that knows people.
type commitJSON struct {
	SHA         string       `json:"sha"`
	NodeID      string       `json:"node_id"`
	URL         string       `json:"url"`
	HTMLURL     string       `json:"html_url"`
	CommentsURL string       `json:"comments_url"`
	Commit      innerCommit  `json:"commit"`
	Author      *userJSON    `json:"author"`
	Committer   *userJSON    `json:"committer"`
	Parents     []parentJSON `json:"parents"`
	Stats       *statsJSON   `json:"stats,omitempty"`
	Files       []fileJSON   `json:"files,omitempty"`
}

type innerCommit struct {
	URL          string           `json:"url"`
	Author       signature        `json:"author"`
	Committer    signature        `json:"committer"`
	Message      string           `json:"message"`
	CommentCount int              `json:"comment_count"`
	Tree         pointerJSON      `json:"tree"`
	Verification verificationJSON `json:"verification"`
}

type statsJSON struct {
	Additions int `json:"additions"`
	Deletions int `json:"deletions"`
	Total     int `json:"total"`
}

func (c *call) commit(o commitObject) commitJSON {
	url := c.api() + "/commits/" + o.sha
	return commitJSON{SHA: o.sha, NodeID: nodeID("Commit", o.sha), URL: url, HTMLURL: c.at.page(c.repo) + "/commit/" + o.sha,
		CommentsURL: url + "/comments",
		Commit: innerCommit{c.api() + "/git/commits/" + o.sha, o.author, o.committer, o.message, 0,
			pointerJSON{o.tree, c.api() + "/git/trees/" + o.tree}, c.verification(o)},
		Author: c.at.user(c.byEmail(o.author.Email)), Committer: c.at.user(c.byEmail(o.committer.Email)),
		Parents: c.parents(o, "/commits/")}
}

// commits reads commits that exist, in the order of their names.
func (c *call) commits(shas ...string) ([]commitJSON, error) {
	objects, err := c.repo.git.objects(shas...)
	if err != nil {
		return nil, err
	}
	all := []commitJSON{}
	for _, sha := range shas {
		o, found := objects[sha]
		if !found {
			return nil, fmt.Errorf("commit %s is gone", sha)
		}
		all = append(all, c.commit(parseCommit(o)))
	}
	return all, nil
}

func getCommit(c *call, rev string) (answer, error) {
	sha, found, err := c.repo.git.commitOf(rev)
	if err != nil {
		return answer{}, err
	}
	if !found {
		return answer{}, unprocessable("No commit found for SHA: %s", rev)
	}
	all, err := c.commits(sha)
	if err != nil {
		return answer{}, err
	}
	one := all[0]
	from := emptyTree
	if len(one.Parents) > 0 {
		from = one.Parents[0].SHA
	}
	changes, err := c.repo.diff(from, sha)
	if err != nil {
		return answer{}, err
	}
	one.Files, one.Stats = c.files(sha, changes), stats(changes)
	return ok(one)
}
