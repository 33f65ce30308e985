package forge

import (
	"net/http"
	"slices"
	"time"
)

// commitStatus is one report on a commit. A later one of the same context replaces it in sums, never in lists.
type commitStatus struct {
	ID          int64     `json:"id"`
	State       string    `json:"state"`
	Context     string    `json:"context"`
	Description string    `json:"description"`
	TargetURL   string    `json:"targetUrl"`
	Created     time.Time `json:"created"`
	Creator     string    `json:"creator"`
}

// SetStatus reports on a commit as a person or a build would: state is error, failure, pending or success.
func (s *Server) SetStatus(fullName, sha, context, state, description string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(fullName)
	if err != nil {
		return err
	}
	s.report(repo, sha, commitStatus{State: state, Context: context, Description: description, Creator: "ci[bot]"})
	return s.save()
}

func (s *Server) report(repo *repository, sha string, status commitStatus) *commitStatus {
	status.ID, status.Created = s.state.next(), s.now()
	repo.Statuses[sha] = append(repo.Statuses[sha], &status)
	return &status
}

// latest is the newest status of every context, newest first.
func (r *record) latest(sha string) []*commitStatus {
	var all []*commitStatus
	for _, status := range slices.Backward(r.Statuses[sha]) {
		if !slices.ContainsFunc(all, func(s *commitStatus) bool { return s.Context == status.Context }) {
			all = append(all, status)
		}
	}
	return all
}

// maxStatuses is how often one context may speak of one commit.
const maxStatuses = 1000

func (r *record) saidOf(sha, context string) (n int) {
	for _, s := range r.Statuses[sha] {
		if s.Context == context {
			n++
		}
	}
	return n
}

// sum is the state of all contexts together: the worst; pending when there is none.
func sum(all []*commitStatus) string {
	state := "success"
	for _, s := range all {
		switch s.State {
		case "error", "failure":
			return "failure"
		case "pending":
			state = "pending"
		}
	}
	if len(all) == 0 {
		return "pending"
	}
	return state
}

type statusJSON struct {
	ID          int64   `json:"id"`
	NodeID      string  `json:"node_id"`
	URL         string  `json:"url"`
	AvatarURL   string  `json:"avatar_url"`
	State       string  `json:"state"`
	Description *string `json:"description"`
	TargetURL   *string `json:"target_url"`
	Context     string  `json:"context"`
	CreatedAt   string  `json:"created_at"`
	UpdatedAt   string  `json:"updated_at"`
}

type createdStatusJSON struct {
	statusJSON
	Creator *userJSON `json:"creator"`
}

type combinedJSON struct {
	State      string         `json:"state"`
	Statuses   []statusJSON   `json:"statuses"`
	SHA        string         `json:"sha"`
	TotalCount int            `json:"total_count"`
	Repository repositoryJSON `json:"repository"`
	CommitURL  string         `json:"commit_url"`
	URL        string         `json:"url"`
}

func (c *call) status(sha string, s *commitStatus) statusJSON {
	when := stamp(s.Created)
	return statusJSON{s.ID, nodeID("StatusContext", s.ID), c.api() + "/statuses/" + sha, c.at.html + "/avatars/0",
		s.State, orNull(s.Description), orNull(s.TargetURL), s.Context, when, when}
}

func (c *call) fullStatus(sha string, s *commitStatus) createdStatusJSON {
	return createdStatusJSON{c.status(sha, s), c.at.user(c.account(s.Creator))}
}

func createStatus(c *call) (answer, error) {
	in := struct {
		State, Context, Description string
		TargetURL                   string `json:"target_url"`
	}{Context: "default"}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	sha := c.r.PathValue("sha")
	if _, found, err := c.repo.git.object(sha, "commit"); err != nil || !found {
		return answer{}, orUnprocessable(err, "No commit found for SHA: "+sha)
	}
	if !slices.Contains([]string{"error", "failure", "pending", "success"}, in.State) {
		return answer{}, invalid("Status", "state", "custom")
	}
	if len([]rune(in.Description)) > 140 {
		return answer{}, custom("Status", "description is too long (maximum is 140 characters)")
	}
	if c.repo.saidOf(sha, in.Context) >= maxStatuses {
		return answer{}, custom("Status", "This SHA and context has reached the maximum number of statuses.")
	}
	s := c.report(c.repo, sha, commitStatus{State: in.State, Context: in.Context, Description: in.Description,
		TargetURL: in.TargetURL, Creator: c.who.Login})
	return created(c.fullStatus(sha, s), c.api()+"/statuses/"+sha)
}

func listStatuses(c *call, rev string) (answer, error) {
	sha, found, err := c.repo.git.commitOf(rev)
	if err != nil || !found {
		return answer{}, orNotFound(err)
	}
	all := []createdStatusJSON{}
	for _, s := range slices.Backward(c.repo.Statuses[sha]) {
		all = append(all, c.fullStatus(sha, s))
	}
	return page(c, all)
}

func combinedStatus(c *call, rev string) (answer, error) {
	sha, found, err := c.repo.git.commitOf(rev)
	if err != nil || !found {
		return answer{}, orNotFound(err)
	}
	latest := c.repo.latest(sha)
	cut, header := cutPage(c, latest)
	out := combinedJSON{State: sum(latest), Statuses: []statusJSON{}, SHA: sha, TotalCount: len(latest),
		Repository: c.repositoryJSON(c.at, c.repo).minimal(), CommitURL: c.api() + "/commits/" + sha, URL: c.api() + "/commits/" + sha + "/status"}
	for _, s := range cut {
		out.Statuses = append(out.Statuses, c.status(sha, s))
	}
	return answer{status: http.StatusOK, body: out, header: header}, nil
}
