package forge

import (
	"fmt"
	"slices"
	"strings"
)

// Protection guards a branch: nobody moves it through the API, and a pull request merges only when its checks are green. A git
// push past it is the git server's affair.
type Protection struct {
	// Contexts are the commit statuses or check runs that must have succeeded.
	Contexts []string `json:"contexts"`
	// Strict also asks that the head holds everything of the base.
	Strict bool `json:"strict"`
}

// Protect guards a branch from now on. Doing it again replaces the rules.
func (s *Server) Protect(fullName, branch string, p Protection) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(fullName)
	if err != nil {
		return err
	}
	repo.Protection[branch] = p
	return s.save()
}

// Unprotect takes the rules away.
func (s *Server) Unprotect(fullName, branch string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(fullName)
	if err != nil {
		return err
	}
	delete(repo.Protection, branch)
	return s.save()
}

// missing is the first required context that has not succeeded on a commit.
func (r *record) missing(p Protection, sha string) string {
	green := map[string]bool{}
	for _, s := range r.latest(sha) {
		green[s.Context] = s.State == "success"
	}
	for _, run := range r.latestChecks(sha) {
		green[run.Name] = run.verdict() == "success"
	}
	i := slices.IndexFunc(p.Contexts, func(context string) bool { return !green[context] })
	if i < 0 {
		return ""
	}
	return p.Contexts[i]
}

// protectedFromPush refuses a ref update past the pull requests.
func (c *call) protectedFromPush(ref string) error {
	p, protected := c.repo.Protection[strings.TrimPrefix(ref, "refs/heads/")]
	if !protected || !strings.HasPrefix(ref, "refs/heads/") {
		return nil
	}
	if len(p.Contexts) > 0 {
		return unprocessable("%s", expected(p.Contexts[0]))
	}
	return unprocessable("Changes must be made through a pull request.")
}

func expected(context string) string {
	return fmt.Sprintf("Required status check %q is expected.", context)
}

type protectionNow struct {
	Enabled bool           `json:"enabled"`
	Checks  requiredChecks `json:"required_status_checks"`
}

type requiredChecks struct {
	Enforcement string          `json:"enforcement_level"`
	Contexts    []string        `json:"contexts"`
	Checks      []requiredCheck `json:"checks"`
}

type requiredCheck struct {
	Context string `json:"context"`
	AppID   *int64 `json:"app_id"`
}

// json tells the rules as a branch does. Strictness is not among them: only the administration API tells it.
func (p Protection) json(enabled bool) protectionNow {
	now := protectionNow{enabled, requiredChecks{"off", []string{}, []requiredCheck{}}}
	if !enabled {
		return now
	}
	now.Checks.Enforcement = "non_admins"
	for _, context := range p.Contexts {
		now.Checks.Contexts = append(now.Checks.Contexts, context)
		now.Checks.Checks = append(now.Checks.Checks, requiredCheck{context, nil})
	}
	return now
}
