package forge

import (
	"net/http"
	"slices"
	"time"
)

// checkRun is one run of a check on a commit. A later run of the same name replaces it, unless all are asked for.
type checkRun struct {
	ID         int64     `json:"id"`
	Name       string    `json:"name"`
	Status     string    `json:"status"`
	Conclusion string    `json:"conclusion"`
	Started    time.Time `json:"started"`
}

// SetCheck adds a check run to a commit, as GitHub Actions would. An empty conclusion is a run in progress; else it
// is success, failure, neutral, cancelled, skipped, timed_out or action_required.
func (s *Server) SetCheck(fullName, sha, name, conclusion string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(fullName)
	if err != nil {
		return err
	}
	run := &checkRun{ID: s.state.next(), Name: name, Status: "completed", Conclusion: conclusion, Started: s.now()}
	if conclusion == "" {
		run.Status = "in_progress"
	}
	repo.Checks[sha] = append(repo.Checks[sha], run)
	return s.save()
}

// latestChecks is the newest run of every name, newest first.
func (r *record) latestChecks(sha string) []*checkRun {
	var all []*checkRun
	for _, run := range slices.Backward(r.Checks[sha]) {
		if !slices.ContainsFunc(all, func(c *checkRun) bool { return c.Name == run.Name }) {
			all = append(all, run)
		}
	}
	return all
}

// verdict tells a check run in the words of a commit status.
func (run *checkRun) verdict() string {
	switch run.Conclusion {
	case "success", "neutral", "skipped":
		return "success"
	case "":
		return "pending"
	}
	return "failure"
}

type checkRunJSON struct {
	ID           int64       `json:"id"`
	HeadSHA      string      `json:"head_sha"`
	NodeID       string      `json:"node_id"`
	ExternalID   string      `json:"external_id"`
	URL          string      `json:"url"`
	HTMLURL      *string     `json:"html_url"`
	DetailsURL   *string     `json:"details_url"`
	Status       string      `json:"status"`
	Conclusion   *string     `json:"conclusion"`
	StartedAt    string      `json:"started_at"`
	CompletedAt  *string     `json:"completed_at"`
	Output       checkOutput `json:"output"`
	Name         string      `json:"name"`
	CheckSuite   *struct{}   `json:"check_suite"`
	App          *struct{}   `json:"app"`
	PullRequests []struct{}  `json:"pull_requests"`
}

type checkOutput struct {
	Title            *string `json:"title"`
	Summary          *string `json:"summary"`
	Text             *string `json:"text"`
	AnnotationsCount int     `json:"annotations_count"`
	AnnotationsURL   string  `json:"annotations_url"`
}

func (c *call) checkRun(sha string, run *checkRun) checkRunJSON {
	url := c.api() + "/check-runs/" + nodeID("", run.ID)
	j := checkRunJSON{ID: run.ID, HeadSHA: sha, NodeID: nodeID("CheckRun", run.ID), URL: url, Status: run.Status,
		Conclusion: orNull(run.Conclusion), StartedAt: stamp(run.Started), Name: run.Name,
		Output: checkOutput{AnnotationsURL: url + "/annotations"}, PullRequests: []struct{}{}}
	if run.Status == "completed" {
		j.CompletedAt = &j.StartedAt
	}
	return j
}

func listCheckRuns(c *call, rev string) (answer, error) {
	sha, found, err := c.repo.git.commitOf(rev)
	if err != nil || !found {
		return answer{}, orNotFound(err)
	}
	runs := c.repo.latestChecks(sha)
	if c.r.URL.Query().Get("filter") == "all" {
		runs = slices.Clone(c.repo.Checks[sha])
		slices.Reverse(runs)
	}
	name, status := c.r.URL.Query().Get("check_name"), c.r.URL.Query().Get("status")
	runs = slices.DeleteFunc(runs, func(run *checkRun) bool {
		return name != "" && run.Name != name || status != "" && run.Status != status
	})
	cut, header := cutPage(c, runs)
	out := struct {
		TotalCount int            `json:"total_count"`
		CheckRuns  []checkRunJSON `json:"check_runs"`
	}{len(runs), []checkRunJSON{}}
	for _, run := range cut {
		out.CheckRuns = append(out.CheckRuns, c.checkRun(sha, run))
	}
	return answer{status: http.StatusOK, body: out, header: header}, nil
}
