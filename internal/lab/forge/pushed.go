package forge

import "strings"

// Update is a ref that moved. Old is forty zeros for a new ref, New for a deleted one.
type Update struct{ Ref, Old, New string }

func (u Update) created() bool { return u.Old == zeroSHA }
func (u Update) deleted() bool { return u.New == zeroSHA }

// branch is the short name of a branch; empty for other refs.
func (u Update) branch() string {
	name, isBranch := strings.CutPrefix(u.Ref, "refs/heads/")
	if !isBranch {
		return ""
	}
	return name
}

func (u Update) tag() bool { return strings.HasPrefix(u.Ref, "refs/tags/") }

// Pushed tells the server what one push to the repository's folder moved: the git server calls it after each. Pull
// requests follow and webhooks go out. Telling the same push twice moves nothing more, but sends its webhooks again.
func (s *Server) Pushed(fullName, login string, updates []Update) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, err := s.find(fullName)
	if err != nil {
		return err
	}
	if err := s.moved(repo, s.account(login), updates); err != nil {
		return err
	}
	return s.save()
}

// moved lets pull requests follow their branches and sends the events.
func (s *Server) moved(repo *repository, who *account, updates []Update) error {
	for _, u := range updates {
		for _, p := range repo.Pulls {
			if p.State == "open" && p.Head == u.branch() {
				if err := s.follow(repo, p, who, u); err != nil {
					return err
				}
			}
		}
	}
	for _, u := range updates {
		if err := s.noteMerged(repo, who, u); err != nil {
			return err
		}
	}
	return s.refEvents(repo, who, updates)
}

// follow brings a pull request to its branch's new head. A branch that is gone closes it.
func (s *Server) follow(repo *repository, p *pull, who *account, u Update) error {
	if u.deleted() {
		s.closePull(repo, p, who)
		return nil
	}
	if p.HeadSHA == u.New {
		return nil
	}
	base, found, err := repo.git.ref("refs/heads/" + p.Base)
	if err != nil {
		return err
	}
	p.Before, p.HeadSHA, p.Updated = p.HeadSHA, u.New, s.now()
	if found {
		p.BaseSHA = base.sha
	}
	s.pullEvent(repo, p, who, "synchronize")
	return s.keepHead(repo, p)
}

// noteMerged ends the pull requests whose commits a push brought into their base.
func (s *Server) noteMerged(repo *repository, who *account, u Update) error {
	if u.branch() == "" || u.deleted() {
		return nil
	}
	for _, p := range repo.Pulls {
		if p.State != "open" || p.Base != u.branch() {
			continue
		}
		inside, err := repo.git.isAncestor(p.HeadSHA, u.New)
		if err != nil {
			return err
		}
		if !inside {
			continue
		}
		now := s.now()
		p.State, p.Closed, p.Merged, p.Updated = "closed", &now, &now, now
		p.MergeSHA, p.MergedBy = u.New, who.Login
		s.pullEvent(repo, p, who, "closed")
	}
	return nil
}
