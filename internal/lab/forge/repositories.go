package forge

import (
	"net/http"
	"strings"
)

// repositoryCore is what every answer tells of a repository, but for its links.
type repositoryCore struct {
	ID                int64        `json:"id"`
	NodeID            string       `json:"node_id"`
	Name              string       `json:"name"`
	FullName          string       `json:"full_name"`
	Owner             *userJSON    `json:"owner"`
	Private           bool         `json:"private"`
	Visibility        string       `json:"visibility"`
	Description       *string      `json:"description"`
	Fork              bool         `json:"fork"`
	MirrorURL         *string      `json:"mirror_url"`
	Homepage          *string      `json:"homepage"`
	Language          *string      `json:"language"`
	License           *string      `json:"license"`
	ForksCount        int          `json:"forks_count"`
	Forks             int          `json:"forks"`
	StargazersCount   int          `json:"stargazers_count"`
	WatchersCount     int          `json:"watchers_count"`
	Watchers          int          `json:"watchers"`
	Size              int          `json:"size"`
	DefaultBranch     string       `json:"default_branch"`
	OpenIssuesCount   int          `json:"open_issues_count"`
	OpenIssues        int          `json:"open_issues"`
	HasIssues         bool         `json:"has_issues"`
	HasProjects       bool         `json:"has_projects"`
	HasWiki           bool         `json:"has_wiki"`
	HasPages          bool         `json:"has_pages"`
	HasDownloads      bool         `json:"has_downloads"`
	HasDiscussions    bool         `json:"has_discussions"`
	Topics            []string     `json:"topics"`
	Archived          bool         `json:"archived"`
	Disabled          bool         `json:"disabled"`
	PushedAt          string       `json:"pushed_at"`
	CreatedAt         string       `json:"created_at"`
	UpdatedAt         string       `json:"updated_at"`
	AllowMergeCommit  *bool        `json:"allow_merge_commit,omitempty"`
	AllowSquashMerge  *bool        `json:"allow_squash_merge,omitempty"`
	AllowRebaseMerge  *bool        `json:"allow_rebase_merge,omitempty"`
	DeleteBranchAfter bool         `json:"delete_branch_on_merge"`
	Permissions       *permissions `json:"permissions,omitempty"`
}

// repositoryJSON is a repository in an answer; its links are added when it is written.
type repositoryJSON struct {
	repositoryCore
	at site
}

// fullCore is the answer of GET repository, which knows a little more.
type fullCore struct {
	repositoryCore
	Subscribers int `json:"subscribers_count"`
	Network     int `json:"network_count"`
}

// fullJSON is a fullCore with its links.
type fullJSON struct {
	fullCore
	at site
}

type permissions struct {
	Admin    bool `json:"admin"`
	Maintain bool `json:"maintain"`
	Push     bool `json:"push"`
	Triage   bool `json:"triage"`
	Pull     bool `json:"pull"`
}

const repositoryLinks = `
html_url {html}
url {api}
archive_url {api}/{archive_format}{/ref}
assignees_url {api}/assignees{/user}
blobs_url {api}/git/blobs{/sha}
branches_url {api}/branches{/branch}
collaborators_url {api}/collaborators{/collaborator}
comments_url {api}/comments{/number}
commits_url {api}/commits{/sha}
compare_url {api}/compare/{base}...{head}
contents_url {api}/contents/{+path}
contributors_url {api}/contributors
deployments_url {api}/deployments
downloads_url {api}/downloads
events_url {api}/events
forks_url {api}/forks
git_commits_url {api}/git/commits{/sha}
git_refs_url {api}/git/refs{/sha}
git_tags_url {api}/git/tags{/sha}
hooks_url {api}/hooks
issue_comment_url {api}/issues/comments{/number}
issue_events_url {api}/issues/events{/number}
issues_url {api}/issues{/number}
keys_url {api}/keys{/key_id}
labels_url {api}/labels{/name}
languages_url {api}/languages
merges_url {api}/merges
milestones_url {api}/milestones{/number}
notifications_url {api}/notifications{?since,all,participating}
pulls_url {api}/pulls{/number}
releases_url {api}/releases{/id}
stargazers_url {api}/stargazers
statuses_url {api}/statuses/{sha}
subscribers_url {api}/subscribers
subscription_url {api}/subscription
tags_url {api}/tags
teams_url {api}/teams
trees_url {api}/git/trees{/sha}
clone_url {git}.git
git_url {git}.git
ssh_url {git}.git
svn_url {html}`

// repository is the URL of a repository in the API.
func (u site) repository(r *repository) string { return u.api() + "/repos/" + r.FullName }

// page is the URL of a repository for people.
func (u site) page(r *repository) string { return u.html + "/" + r.FullName }

// MarshalJSON adds the links.
func (j repositoryJSON) MarshalJSON() ([]byte, error) {
	return j.at.withRepositoryLinks(j.repositoryCore, j.FullName)
}

// MarshalJSON adds the links.
func (j fullJSON) MarshalJSON() ([]byte, error) {
	return j.at.withRepositoryLinks(j.fullCore, j.FullName)
}

// withRepositoryLinks writes a description of a repository with the repository's links.
func (u site) withRepositoryLinks(core any, fullName string) ([]byte, error) {
	return withLinks(core, repositoryLinks, "{html}", u.html+"/"+fullName,
		"{api}", u.api()+"/repos/"+fullName, "{git}", u.git+"/"+fullName)
}

// minimal leaves out what a summary does not tell.
func (j repositoryJSON) minimal() repositoryJSON {
	j.AllowMergeCommit, j.AllowSquashMerge, j.AllowRebaseMerge = nil, nil, nil
	return j
}

// repositoryJSON makes the JSON of a repository as everybody sees it.
func (s *Server) repositoryJSON(at site, r *repository) repositoryJSON {
	open := 0
	for _, p := range r.Pulls {
		if p.State == "open" {
			open++
		}
	}
	visibility := "public"
	if r.Private {
		visibility = "private"
	}
	born := stamp(r.Created)
	yes, no := true, false
	return repositoryJSON{repositoryCore{ID: r.ID, NodeID: nodeID("Repository", r.ID), Name: r.name, FullName: r.FullName,
		Owner: at.user(s.account(r.owner)), Private: r.Private, Visibility: visibility, Description: orNull(r.Description),
		DefaultBranch: r.DefaultBranch, Topics: []string{}, OpenIssues: open, OpenIssuesCount: open, HasIssues: true,
		PushedAt: born, CreatedAt: born, UpdatedAt: born, AllowMergeCommit: &yes, AllowSquashMerge: &yes, AllowRebaseMerge: &no,
		DeleteBranchAfter: r.DeleteBranchOnMerge}, at}
}

func getRepository(c *call) (answer, error) {
	core := c.repositoryJSON(c.at, c.repo).repositoryCore
	core.Permissions = &permissions{Push: c.who.writes(), Triage: c.who.writes(), Pull: true}
	return ok(fullJSON{fullCore{repositoryCore: core}, c.at})
}

type branchJSON struct {
	Name          string        `json:"name"`
	Commit        commitJSON    `json:"commit"`
	Links         branchLinks   `json:"_links"`
	Protected     bool          `json:"protected"`
	Protection    protectionNow `json:"protection"`
	ProtectionURL string        `json:"protection_url"`
}

type branchLinks struct {
	Self string `json:"self"`
	HTML string `json:"html"`
}

func getBranch(c *call) (answer, error) {
	name := c.r.PathValue("branch")
	head, found, err := c.repo.git.ref("refs/heads/" + name)
	if err != nil {
		return answer{}, err
	}
	if !found {
		return answer{}, &problem{Status: http.StatusNotFound, Message: "Branch not found"}
	}
	commits, err := c.commits(head.sha)
	if err != nil {
		return answer{}, err
	}
	protection, protected := c.repo.Protection[name]
	self := c.api() + "/branches/" + name
	return ok(branchJSON{name, commits[0], branchLinks{self, c.at.page(c.repo) + "/tree/" + name},
		protected, protection.json(protected), self + "/protection"})
}

// orNull is a text that the API gives as null when it is empty.
func orNull(text string) *string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return &text
}
