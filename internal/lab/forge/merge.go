package forge

import (
	"fmt"
	"net/http"
	"slices"
)

// mergeability is what GitHub finds out after every change.
type mergeability struct {
	mergeable *bool
	state     string // clean, unstable, behind, blocked, dirty, draft, unknown
	blocked   string // the context that is missing, when blocked
	tree      string // of the merge, when there is no conflict
	base      string // head of the base branch
}

// lazily is mergeability with GitHub's delay, where the options ask for it.
func (c *call) lazily(p *pull) (mergeability, error) {
	m, err := c.mergeability(c.repo, p)
	if err != nil || !c.opts.LazyMergeable || p.State != "open" {
		return m, err
	}
	key := p.HeadSHA + " " + m.base
	if p.Computed == key {
		return m, nil
	}
	p.Computed = key
	return mergeability{state: "unknown"}, c.save()
}

// mergeability compares a pull request with its base, its checks and the protection.
func (s *Server) mergeability(repo *repository, p *pull) (mergeability, error) {
	base, found, err := repo.git.ref("refs/heads/" + p.Base)
	if err != nil || !found || p.State != "open" {
		return mergeability{state: "unknown"}, err
	}
	m := mergeability{base: base.sha}
	tree, clean, err := repo.git.merge(base.sha, p.HeadSHA)
	if err != nil {
		return m, err
	}
	m.mergeable, m.tree = &clean, tree
	if !clean {
		m.state = "dirty"
		return m, nil
	}
	rules := repo.Protection[p.Base]
	upToDate, err := repo.git.isAncestor(base.sha, p.HeadSHA)
	if err != nil {
		return m, err
	}
	m.blocked = repo.missing(rules, p.HeadSHA)
	switch {
	case p.Draft:
		m.state = "draft"
	case m.blocked != "":
		m.state = "blocked"
	case rules.Strict && !upToDate:
		m.state = "behind"
	case repo.unstable(p.HeadSHA):
		m.state = "unstable"
	default:
		m.state = "clean"
	}
	return m, nil
}

// unstable reports a check that is not green, though nothing requires it.
func (r *record) unstable(sha string) bool {
	return slices.ContainsFunc(r.latest(sha), func(s *commitStatus) bool { return s.State != "success" }) ||
		slices.ContainsFunc(r.latestChecks(sha), func(run *checkRun) bool { return run.verdict() != "success" })
}

// MergeableState is what the API would say of a pull request once it has computed it.
func (s *Server) MergeableState(fullName string, number int) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, p, err := s.findPull(fullName, number)
	if err != nil {
		return "", err
	}
	m, err := s.mergeability(repo, p)
	return m.state, err
}

func isMerged(c *call) (answer, error) {
	p, err := c.pull()
	if err == nil && p.Merged == nil {
		err = notFound()
	}
	return answer{status: http.StatusNoContent}, err
}

// mergeOrder is the body of a merge.
type mergeOrder struct {
	Title   string  `json:"commit_title"`
	Message *string `json:"commit_message"`
	SHA     string  `json:"sha"`
	Method  string  `json:"merge_method"`
}

type mergedJSON struct {
	SHA     string `json:"sha"`
	Merged  bool   `json:"merged"`
	Message string `json:"message"`
}

func mergePull(c *call) (answer, error) {
	var in mergeOrder
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	p, err := c.pull()
	if err != nil {
		return answer{}, err
	}
	if err := c.mergeInto(c.repo, p, in, c.who.account); err != nil {
		return answer{}, err
	}
	return ok(mergedJSON{p.MergeSHA, true, "Pull Request successfully merged"})
}

// MergePullRequest merges one as a person would press the button. The rules of the branch hold for people too.
func (s *Server) MergePullRequest(fullName string, number int, login string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, p, err := s.findPull(fullName, number)
	if err != nil {
		return err
	}
	if err := s.mergeInto(repo, p, mergeOrder{}, s.account(login)); err != nil {
		return err
	}
	return s.save()
}

// refused is a merge that the rules do not allow.
func refused(format string, args ...any) error {
	return &problem{Status: http.StatusMethodNotAllowed, Message: fmt.Sprintf(format, args...)}
}

// mergeInto checks everything, then moves the base branch.
func (s *Server) mergeInto(repo *repository, p *pull, in mergeOrder, who *account) error {
	if in.SHA != "" && in.SHA != p.HeadSHA {
		return &problem{Status: http.StatusConflict, Message: "Head branch was modified. Review and try the merge again."}
	}
	if p.State != "open" {
		return refused("Pull Request is not mergeable")
	}
	m, err := s.mergeability(repo, p)
	if err != nil {
		return err
	}
	switch m.state {
	case "dirty", "unknown":
		return refused("Pull Request is not mergeable")
	case "draft":
		return refused("Pull Request is still a draft")
	case "blocked":
		return refused("%s", expected(m.blocked))
	case "behind":
		return refused("Head branch is out of date. Review and try the merge again.")
	}
	sha, err := s.mergeCommit(repo, p, m, in, who)
	if err != nil {
		return err
	}
	if err := repo.git.update("refs/heads/"+p.Base, sha, m.base); err != nil {
		return refused("Base branch was modified. Review and try the merge again.")
	}
	return s.afterMerge(repo, p, who, Update{"refs/heads/" + p.Base, m.base, sha})
}

// mergeCommit makes the commit that the base branch will point at.
func (s *Server) mergeCommit(repo *repository, p *pull, m mergeability, in mergeOrder, who *account) (string, error) {
	title, message, parents := in.Title, p.Title, []string{m.base, p.HeadSHA}
	switch in.Method {
	case "", "merge":
		if title == "" {
			title = fmt.Sprintf("Merge pull request #%d from %s/%s", p.Number, repo.owner, p.Head)
		}
	case "squash":
		parents, message = parents[:1], ""
		if title == "" {
			title = fmt.Sprintf("%s (#%d)", p.Title, p.Number)
		}
	case "rebase":
		return "", refused("Rebase merges are not allowed on this repository.")
	default:
		return "", invalid("PullRequest", "merge_method", "invalid")
	}
	if in.Message != nil {
		message = *in.Message
	}
	if message != "" {
		title += "\n\n" + message
	}
	return s.webCommit(repo, m.tree, parents, who, title)
}

// webCommit makes a commit as GitHub's own pages do: by the person, committed and signed by GitHub.
func (s *Server) webCommit(repo *repository, tree string, parents []string, who *account, message string) (string, error) {
	web := signature{"GitHub", "noreply@github.com", stamp(s.now())}
	sha, err := repo.git.commit(tree, parents, s.person(who), web, message)
	if err == nil {
		repo.Signed[sha] = true
	}
	return sha, err
}

// afterMerge ends the pull request, tells everybody and tidies up.
func (s *Server) afterMerge(repo *repository, p *pull, who *account, base Update) error {
	now := s.now()
	p.State, p.Closed, p.Merged, p.Updated = "closed", &now, &now, now
	p.MergeSHA, p.MergedBy, p.BaseSHA = base.New, who.Login, base.Old
	s.pullEvent(repo, p, who, "closed")
	moves := []Update{base}
	if repo.DeleteBranchOnMerge {
		head := Update{"refs/heads/" + p.Head, p.HeadSHA, zeroSHA}
		if err := repo.git.update(head.Ref, head.New, head.Old); err != nil {
			return err
		}
		moves = append(moves, head)
	}
	return s.moved(repo, who, moves)
}

// updateBranch merges the base into the head, as the button "Update branch" does.
func updateBranch(c *call) (answer, error) {
	var in struct {
		Expected string `json:"expected_head_sha"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	p, err := c.pull()
	if err != nil {
		return answer{}, err
	}
	if in.Expected != "" && in.Expected != p.HeadSHA {
		return answer{}, unprocessable("expected head sha didn’t match current head ref.")
	}
	m, err := c.mergeability(c.repo, p)
	if err != nil {
		return answer{}, err
	}
	if m.mergeable == nil || !*m.mergeable {
		return answer{}, unprocessable("merge conflict between base and head")
	}
	if upToDate, err := c.repo.git.isAncestor(m.base, p.HeadSHA); err != nil || upToDate {
		return answer{}, orUnprocessable(err, "There are no new commits on the base branch.")
	}
	title := fmt.Sprintf("Merge branch '%s' into %s", p.Base, p.Head)
	sha, err := c.webCommit(c.repo, m.tree, []string{p.HeadSHA, m.base}, c.who.account, title)
	if err != nil {
		return answer{}, err
	}
	move := Update{"refs/heads/" + p.Head, p.HeadSHA, sha}
	if err := c.repo.git.update(move.Ref, move.New, move.Old); err != nil {
		return answer{}, unprocessable("expected head sha didn’t match current head ref.")
	}
	body := map[string]string{"message": "Updating pull request branch.", "url": c.at.pull(c.repo, p)}
	return answer{status: http.StatusAccepted, body: body}, c.moved(c.repo, c.who.account, []Update{move})
}
