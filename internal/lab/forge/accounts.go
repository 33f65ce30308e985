package forge

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// account is a user, an organization or a bot.
type account struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
	Type  string `json:"type"` // User, Organization, Bot
}

// email is the address that GitHub gives to commits of this account.
func (a *account) email() string {
	return fmt.Sprintf("%d+%s@users.noreply.github.com", a.ID, a.Login)
}

// account finds or makes the account of a login.
func (s *Server) account(login string) *account {
	for _, a := range s.state.Accounts {
		if a.Login == login {
			return a
		}
	}
	a := &account{ID: s.state.next(), Login: login, Type: "User"}
	if strings.HasSuffix(login, "[bot]") {
		a.Type = "Bot"
	}
	s.state.Accounts = append(s.state.Accounts, a)
	return a
}

// byEmail finds who made a commit, if it is one of ours.
func (s *Server) byEmail(email string) *account {
	for _, a := range s.state.Accounts {
		if a.email() == email {
			return a
		}
	}
	return nil
}

// userCore is what every answer tells of an account, but for its links.
type userCore struct {
	Login      string `json:"login"`
	ID         int64  `json:"id"`
	NodeID     string `json:"node_id"`
	GravatarID string `json:"gravatar_id"`
	Type       string `json:"type"`
	SiteAdmin  bool   `json:"site_admin"`
}

// userJSON is an account in an answer; its links are added when it is written.
type userJSON struct {
	userCore
	at site
}

const userLinks = `
avatar_url {html}/avatars/{id}
html_url {html}/{name}
url {api}
followers_url {api}/followers
following_url {api}/following{/other_user}
gists_url {api}/gists{/gist_id}
starred_url {api}/starred{/owner}{/repo}
subscriptions_url {api}/subscriptions
organizations_url {api}/orgs
repos_url {api}/repos
events_url {api}/events{/privacy}
received_events_url {api}/received_events`

// user makes the JSON of an account, nil for nobody.
func (u site) user(a *account) *userJSON {
	if a == nil {
		return nil
	}
	return &userJSON{userCore{a.Login, a.ID, nodeID("User", a.ID), "", a.Type, false}, u}
}

// MarshalJSON adds the links.
func (j userJSON) MarshalJSON() ([]byte, error) {
	return j.at.withUserLinks(j.userCore, j.Login, j.ID)
}

// withUserLinks writes a description of an account with the account's links.
func (u site) withUserLinks(core any, login string, id int64) ([]byte, error) {
	return withLinks(core, userLinks, "{html}", u.html, "{api}", u.api()+"/users/"+login, "{name}", login, "{id}", fmt.Sprint(id))
}

// withLinks writes a struct as JSON and adds a table of "field link" lines to it.
func withLinks(core any, table string, replace ...string) ([]byte, error) {
	data, err := json.Marshal(core)
	if err != nil {
		return nil, err
	}
	fill := strings.NewReplacer(replace...)
	data = data[:len(data)-1]
	for _, line := range strings.Split(strings.TrimSpace(table), "\n") {
		name, link, _ := strings.Cut(line, " ")
		value, err := json.Marshal(fill.Replace(link))
		if err != nil {
			return nil, err
		}
		data = fmt.Appendf(data, ",%q:%s", name, value)
	}
	return append(data, '}'), nil
}

// nodeID is an opaque name, as the API has for everything.
func nodeID(kind string, id any) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s:%v", kind, id))
}
