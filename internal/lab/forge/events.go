package forge

import (
	"slices"
	"strings"
)

// maxTags is how many tags of one push still send events: GitHub sends none at all for more.
const maxTags = 3

type pingJSON struct {
	Zen        string         `json:"zen"`
	HookID     int64          `json:"hook_id"`
	Hook       hookJSON       `json:"hook"`
	Repository repositoryJSON `json:"repository"`
	Sender     *userJSON      `json:"sender"`
}

type hookJSON struct {
	Type      string     `json:"type"`
	ID        int64      `json:"id"`
	Name      string     `json:"name"`
	Active    bool       `json:"active"`
	Events    []string   `json:"events"`
	Config    hookConfig `json:"config"`
	UpdatedAt string     `json:"updated_at"`
	CreatedAt string     `json:"created_at"`
}

type hookConfig struct {
	ContentType string `json:"content_type"`
	InsecureSSL string `json:"insecure_ssl"`
	URL         string `json:"url"`
}

func (s *Server) pingEvent(repo *repository) pingJSON {
	now := stamp(s.now())
	return pingJSON{"Keep it logically awesome.", repo.ID,
		hookJSON{"Repository", repo.ID, "web", true, []string{"create", "delete", "pull_request", "push"},
			hookConfig{"json", "0", repo.hook.URL}, now, now},
		s.repositoryJSON(s.site(), repo), s.site().user(s.account(repo.owner))}
}

type pullEventJSON struct {
	Action     string         `json:"action"`
	Number     int            `json:"number"`
	Pull       fullPullJSON   `json:"pull_request"`
	Before     string         `json:"before,omitempty"`
	After      string         `json:"after,omitempty"`
	Changes    *struct{}      `json:"changes,omitempty"`
	Label      *labelJSON     `json:"label,omitempty"`
	Repository repositoryJSON `json:"repository"`
	Sender     *userJSON      `json:"sender"`
}

// pullEvent tells that something happened to a pull request.
func (s *Server) pullEvent(repo *repository, p *pull, who *account, action string) {
	if repo.hook.URL == "" {
		return
	}
	c := &call{Server: s, at: s.site(), repo: repo}
	full, err := c.fullPull(p, mergeability{state: "unknown"})
	if err != nil {
		return // a branch of it is gone; the ref's own event tells that
	}
	e := pullEventJSON{Action: action, Number: p.Number, Pull: full, Repository: s.repositoryJSON(c.at, repo), Sender: c.at.user(who)}
	switch action {
	case "synchronize":
		e.Before, e.After = p.Before, p.HeadSHA
	case "edited":
		e.Changes = &struct{}{}
	case "labeled":
		e.Label = &full.Labels[len(full.Labels)-1]
	}
	s.emit(repo, "pull_request", e)
}

type pushJSON struct {
	Ref        string         `json:"ref"`
	Before     string         `json:"before"`
	After      string         `json:"after"`
	BaseRef    *string        `json:"base_ref"`
	Created    bool           `json:"created"`
	Deleted    bool           `json:"deleted"`
	Forced     bool           `json:"forced"`
	Compare    string         `json:"compare"`
	Commits    []pushCommit   `json:"commits"`
	HeadCommit *pushCommit    `json:"head_commit"`
	Repository repositoryJSON `json:"repository"`
	Pusher     pusherJSON     `json:"pusher"`
	Sender     *userJSON      `json:"sender"`
}

type pusherJSON struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

type pushCommit struct {
	ID        string     `json:"id"`
	TreeID    string     `json:"tree_id"`
	Distinct  bool       `json:"distinct"`
	Message   string     `json:"message"`
	Timestamp string     `json:"timestamp"`
	URL       string     `json:"url"`
	Author    pusherJSON `json:"author"`
	Committer pusherJSON `json:"committer"`
	Added     []string   `json:"added"`
	Removed   []string   `json:"removed"`
	Modified  []string   `json:"modified"`
}

// deletedJSON is the payload of delete, createdJSON of create.
type deletedJSON struct {
	Ref        string         `json:"ref"`
	RefType    string         `json:"ref_type"`
	PusherType string         `json:"pusher_type"`
	Repository repositoryJSON `json:"repository"`
	Sender     *userJSON      `json:"sender"`
}

type createdJSON struct {
	deletedJSON
	MasterBranch string  `json:"master_branch"`
	Description  *string `json:"description"`
}

// refEvents sends push, create and delete for branches and tags.
func (s *Server) refEvents(repo *repository, who *account, updates []Update) error {
	if repo.hook.URL == "" {
		return nil
	}
	tags := 0
	for _, u := range updates {
		if u.tag() {
			tags++
		}
	}
	for _, u := range updates {
		if u.branch() == "" && !u.tag() || u.tag() && tags > maxTags {
			continue
		}
		if err := s.refEvent(repo, who, u); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) refEvent(repo *repository, who *account, u Update) error {
	push, err := s.pushEvent(repo, who, u)
	if err != nil {
		return err
	}
	s.emit(repo, "push", push)
	named := deletedJSON{u.branch(), "branch", "user", push.Repository, push.Sender}
	if u.tag() {
		named.Ref, named.RefType = strings.TrimPrefix(u.Ref, "refs/tags/"), "tag"
	}
	switch {
	case u.created():
		s.emit(repo, "create", createdJSON{named, repo.DefaultBranch, orNull(repo.Description)})
	case u.deleted():
		s.emit(repo, "delete", named)
	}
	return nil
}

func (s *Server) pushEvent(repo *repository, who *account, u Update) (pushJSON, error) {
	at := s.site()
	e := pushJSON{Ref: u.Ref, Before: u.Old, After: u.New, Created: u.created(), Deleted: u.deleted(),
		Compare: at.page(repo) + "/compare/" + u.Old[:12] + "..." + u.New[:12], Commits: []pushCommit{},
		Repository: s.repositoryJSON(at, repo), Pusher: pusherJSON{who.Login, who.email()}, Sender: at.user(who)}
	if u.deleted() {
		return e, nil
	}
	head, isCommit, err := repo.git.peel(u.New)
	if err != nil || !isCommit {
		return e, err
	}
	var names []string
	if !u.created() && u.branch() != "" {
		if names, err = repo.git.between(u.Old, u.New); err != nil {
			return e, err
		}
		forward, err := repo.git.isAncestor(u.Old, u.New)
		if err != nil {
			return e, err
		}
		e.Forced = !forward
	}
	return e, s.addCommits(&e, repo, names, head)
}

// maxCommits is how many commits a push event names at most; GitHub stops at 2,048.
const maxCommits = 20

func (s *Server) addCommits(e *pushJSON, repo *repository, names []string, head string) error {
	names = names[:min(len(names), maxCommits)]
	objects, err := repo.git.objects(append(slices.Clone(names), head)...)
	if err != nil {
		return err
	}
	for _, sha := range names {
		c, err := s.pushCommit(repo, objects[sha])
		if err != nil {
			return err
		}
		e.Commits = append(e.Commits, c)
	}
	last, err := s.pushCommit(repo, objects[head])
	e.HeadCommit = &last
	return err
}

func (s *Server) pushCommit(repo *repository, o object) (pushCommit, error) {
	c := parseCommit(o)
	from := emptyTree
	if len(c.parents) > 0 {
		from = c.parents[0]
	}
	changes, err := repo.diff(from, c.sha)
	out := pushCommit{ID: c.sha, TreeID: c.tree, Distinct: true, Message: strings.TrimRight(c.message, "\n"),
		Timestamp: c.committer.Date, URL: s.site().page(repo) + "/commit/" + c.sha,
		Author: pusherJSON{c.author.Name, c.author.Email}, Committer: pusherJSON{c.committer.Name, c.committer.Email},
		Added: []string{}, Removed: []string{}, Modified: []string{}}
	for _, f := range changes {
		switch f.status {
		case "added":
			out.Added = append(out.Added, f.path)
		case "removed":
			out.Removed = append(out.Removed, f.path)
		case "renamed":
			out.Removed, out.Added = append(out.Removed, f.from), append(out.Added, f.path)
		default:
			out.Modified = append(out.Modified, f.path)
		}
	}
	return out, err
}
