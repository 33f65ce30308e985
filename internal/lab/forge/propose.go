package forge

import (
	"fmt"
	"net/http"
	"slices"
)

// newPull is the body of a creation.
type newPull struct {
	Title, Head, Base, Body string
	Draft                   bool
	Modify                  *bool `json:"maintainer_can_modify"`
}

func createPull(c *call) (answer, error) {
	var in newPull
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	head, base, err := c.checkEnds(&in)
	if err != nil {
		return answer{}, err
	}
	now := c.now()
	p := &pull{ID: c.state.next(), Number: len(c.repo.Pulls) + 1, Title: in.Title, Body: in.Body, State: "open", Draft: in.Draft,
		Author: c.who.Login, Head: in.Head, Base: in.Base, HeadSHA: head, BaseSHA: base, Created: now, Updated: now,
		Modifiable: in.Modify == nil || *in.Modify}
	c.repo.Pulls = append(c.repo.Pulls, p)
	if err := c.keepHead(c.repo, p); err != nil {
		return answer{}, err
	}
	c.pullEvent(c.repo, p, c.who.account, "opened")
	full, err := c.fullPull(p, mergeability{state: "unknown"})
	if err != nil {
		return answer{}, err
	}
	return created(full, full.URL)
}

// checkEnds refuses what GitHub refuses, in its order, and gives the commits of head and base.
func (c *call) checkEnds(in *newPull) (head, base string, err error) {
	in.Head = c.ownRef(in.Head)
	switch {
	case in.Title == "":
		return "", "", invalid("PullRequest", "title", "missing_field")
	case len([]rune(in.Title)) > 256:
		return "", "", custom("PullRequest", "title is too long (maximum is 256 characters)")
	case len(in.Body) > 65536:
		return "", "", custom("PullRequest", "body is too long (maximum is 65536 characters)")
	}
	headRef, found, err := c.repo.git.ref("refs/heads/" + in.Head)
	if err != nil || !found {
		return "", "", orElse(err, invalid("PullRequest", "head", "invalid"))
	}
	baseRef, found, err := c.repo.git.ref("refs/heads/" + in.Base)
	if err != nil || !found {
		return "", "", orElse(err, invalid("PullRequest", "base", "invalid"))
	}
	if c.repo.openPull(in.Head, in.Base) != nil {
		return "", "", custom("PullRequest", "A pull request already exists for %s:%s.", c.repo.owner, in.Head)
	}
	if err := c.differ(in.Base, in.Head, baseRef.sha, headRef.sha); err != nil {
		return "", "", err
	}
	return headRef.sha, baseRef.sha, nil
}

// openPull is the open pull request between two branches, nil when there is none.
func (r *record) openPull(head, base string) *pull {
	i := slices.IndexFunc(r.Pulls, func(p *pull) bool { return p.State == "open" && p.Head == head && p.Base == base })
	if i < 0 {
		return nil
	}
	return r.Pulls[i]
}

// differ refuses a pull request that would hold nothing.
func (c *call) differ(baseName, headName, base, head string) error {
	s, related, err := c.repo.span(base, head)
	switch {
	case err != nil:
		return err
	case !related:
		return custom("PullRequest", "The %s branch has no history in common with %s", headName, baseName)
	case len(s.ahead) == 0:
		return custom("PullRequest", "No commits between %s and %s", baseName, headName)
	}
	return nil
}

// orElse keeps an error and makes its absence another.
func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// keepHead keeps the head of a pull request where GitHub does, so that its commits outlive the branch.
func (s *Server) keepHead(repo *repository, p *pull) error {
	return repo.git.force(fmt.Sprintf("refs/pull/%d/head", p.Number), p.HeadSHA)
}

func updatePull(c *call) (answer, error) {
	var in struct{ Title, Body, State, Base *string }
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	p, err := c.pull()
	if err != nil {
		return answer{}, err
	}
	edited := false
	if in.Base != nil && *in.Base != p.Base {
		if err := c.retarget(p, *in.Base); err != nil {
			return answer{}, err
		}
		edited = true
	}
	if in.Title != nil && *in.Title != p.Title {
		p.Title, edited = *in.Title, true
	}
	if in.Body != nil && *in.Body != p.Body {
		p.Body, edited = *in.Body, true
	}
	if edited {
		p.Updated = c.now()
		c.pullEvent(c.repo, p, c.who.account, "edited")
	}
	if in.State != nil && *in.State != p.State {
		if err := c.setState(p, *in.State); err != nil {
			return answer{}, err
		}
	}
	m, err := c.mergeability(c.repo, p)
	if err != nil {
		return answer{}, err
	}
	return c.shown(p, m)
}

func (c *call) retarget(p *pull, base string) error {
	ref, found, err := c.repo.git.ref("refs/heads/" + base)
	if err != nil || !found {
		return orElse(err, invalid("PullRequest", "base", "invalid"))
	}
	if p.State != "open" {
		return custom("PullRequest", "Cannot change the base branch of a closed pull request.")
	}
	if c.repo.openPull(p.Head, base) != nil {
		return custom("PullRequest", "A pull request already exists for base branch '%s' and head branch '%s'", base, p.Head)
	}
	if err := c.differ(base, p.Head, ref.sha, p.HeadSHA); err != nil {
		return err
	}
	p.Base, p.BaseSHA = base, ref.sha
	return nil
}

// setState closes or opens again. A merged pull request stays closed, and so does one whose branch is gone or has another.
func (c *call) setState(p *pull, state string) error {
	switch state {
	case "closed":
		c.closePull(c.repo, p, c.who.account)
		return nil
	case "open":
	default:
		return invalid("PullRequest", "state", "invalid")
	}
	head, found, err := c.repo.git.ref("refs/heads/" + p.Head)
	switch {
	case err != nil:
		return err
	case p.Merged != nil:
		return custom("PullRequest", "state cannot be changed. The pull request cannot be reopened.")
	case !found:
		return custom("PullRequest", "state cannot be changed. The %s branch has been deleted.", p.Head)
	case c.repo.openPull(p.Head, p.Base) != nil:
		return custom("PullRequest", "state cannot be changed. There is already an open pull request from %s to %s.", p.Head, p.Base)
	}
	p.State, p.Closed, p.HeadSHA, p.Updated = "open", nil, head.sha, c.now()
	c.pullEvent(c.repo, p, c.who.account, "reopened")
	return c.keepHead(c.repo, p)
}

// closePull ends a pull request unmerged.
func (s *Server) closePull(repo *repository, p *pull, who *account) {
	now := s.now()
	p.State, p.Closed, p.Updated = "closed", &now, now
	s.pullEvent(repo, p, who, "closed")
}

// ClosePullRequest closes one as a person would. Closing it again does nothing.
func (s *Server) ClosePullRequest(fullName string, number int, login string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, p, err := s.findPull(fullName, number)
	if err != nil || p.State == "closed" {
		return err
	}
	s.closePull(repo, p, s.account(login))
	return s.save()
}

func (s *Server) findPull(fullName string, number int) (*repository, *pull, error) {
	repo, err := s.find(fullName)
	if err != nil {
		return nil, nil, err
	}
	p := repo.pull(number)
	if p == nil {
		return nil, nil, &problem{Status: http.StatusNotFound, Message: "no such pull request"}
	}
	return repo, p, nil
}
