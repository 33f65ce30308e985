package forge

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// comment is a remark on a pull request.
type comment struct {
	ID      int64     `json:"id"`
	Author  string    `json:"author"`
	Body    string    `json:"body"`
	Created time.Time `json:"created"`
}

type commentJSON struct {
	ID          int64     `json:"id"`
	NodeID      string    `json:"node_id"`
	URL         string    `json:"url"`
	HTMLURL     string    `json:"html_url"`
	IssueURL    string    `json:"issue_url"`
	User        *userJSON `json:"user"`
	CreatedAt   string    `json:"created_at"`
	UpdatedAt   string    `json:"updated_at"`
	Body        string    `json:"body"`
	Association string    `json:"author_association"`
}

func (c *call) comment(p *pull, m *comment) commentJSON {
	return commentJSON{m.ID, nodeID("IssueComment", m.ID), c.numbered("/issues/comments/%d", m.ID),
		fmt.Sprintf("%s#issuecomment-%d", c.at.pull(c.repo, p), m.ID), c.numbered("/issues/%d", p.Number), c.at.user(c.account(m.Author)),
		stamp(m.Created), stamp(m.Created), m.Body, c.association(m.Author)}
}

func listComments(c *call) (answer, error) {
	p, err := c.pull()
	if err != nil {
		return answer{}, err
	}
	all := []commentJSON{}
	for _, m := range p.Comments {
		all = append(all, c.comment(p, m))
	}
	return page(c, all)
}

func createComment(c *call) (answer, error) {
	var in struct{ Body string }
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	p, err := c.pull()
	if err != nil {
		return answer{}, err
	}
	if in.Body == "" {
		return answer{}, invalid("IssueComment", "body", "missing_field")
	}
	m := c.remark(p, c.who.Login, in.Body)
	j := c.comment(p, m)
	return created(j, j.URL)
}

func (s *Server) remark(p *pull, login, body string) *comment {
	m := &comment{s.state.next(), login, body, s.now()}
	p.Comments = append(p.Comments, m)
	p.Updated = s.now()
	return m
}

// Comment is a remark by a person on a pull request.
func (s *Server) Comment(fullName string, number int, login, body string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, p, err := s.findPull(fullName, number)
	if err != nil {
		return err
	}
	s.remark(p, login, body)
	return s.save()
}

// label is a word on a pull request; one word is one label in the whole repository.
type label struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

type labelJSON struct {
	ID          int64  `json:"id"`
	NodeID      string `json:"node_id"`
	URL         string `json:"url"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Color       string `json:"color"`
	Default     bool   `json:"default"`
}

// labelOf finds or makes the label of a name.
func (s *Server) labelOf(r *repository, name string) *label {
	i := slices.IndexFunc(r.Labels, func(l *label) bool { return l.Name == name })
	if i >= 0 {
		return r.Labels[i]
	}
	l := &label{s.state.next(), name}
	r.Labels = append(r.Labels, l)
	return l
}

func (s *Server) labels(at site, r *repository, p *pull) []labelJSON {
	all := []labelJSON{}
	for _, name := range p.Labels {
		l := s.labelOf(r, name)
		all = append(all, labelJSON{l.ID, nodeID("Label", l.ID), at.repository(r) + "/labels/" + l.Name, l.Name, "", "ededed", false})
	}
	return all
}

func addLabels(c *call) (answer, error) {
	var raw json.RawMessage
	if err := c.decode(&raw); err != nil {
		return answer{}, err
	}
	p, err := c.pull()
	if err != nil {
		return answer{}, err
	}
	names, err := labelNames(raw)
	if err != nil {
		return answer{}, err
	}
	for _, name := range names {
		if !slices.Contains(p.Labels, name) {
			p.Labels = append(p.Labels, c.labelOf(c.repo, name).Name)
			p.Updated = c.now()
			c.pullEvent(c.repo, p, c.who.account, "labeled")
		}
	}
	return ok(c.labels(c.at, c.repo, p))
}

// labelNames reads {"labels": ["a"]} and, as GitHub does too, ["a"] alone.
func labelNames(raw json.RawMessage) ([]string, error) {
	var names []string
	if json.Unmarshal(raw, &names) == nil {
		return names, nil
	}
	var in struct{ Labels []string }
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, unprocessable("Invalid request.\n\nInvalid input: object is not a valid list of labels.")
	}
	return in.Labels, nil
}
