package forge

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// App is a GitHub App with one installation.
type App struct {
	// ID is the app's number.
	ID int64
	// Slug is its name in URLs; it commits as slug[bot].
	Slug string
	// Key checks its JWTs.
	Key *rsa.PublicKey
	// Repositories are the full names that it is installed on.
	Repositories []string
	// TokenTime is how long an installation token lasts; 0 means an hour.
	TokenTime time.Duration
}

// installation is the number of an app's only installation.
func (a *App) installation() int64 { return a.ID + 1000 }

// bot is the account that the app acts as.
func (s *Server) bot(a *App) *account { return s.account(a.Slug + "[bot]") }

// AddApp registers an app and installs it. Adding it again replaces it; tokens made before stay.
func (s *Server) AddApp(a App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.TokenTime == 0 {
		a.TokenTime = time.Hour
	}
	s.apps[a.ID] = &a
}

// appOf checks a JWT: RS256 by a registered key, issued by the app, not from the future, ten minutes at most.
func (s *Server) appOf(token string) (*identity, error) {
	head, rest, _ := strings.Cut(token, ".")
	body, sign, _ := strings.Cut(rest, ".")
	var header struct{ Alg string }
	var claims struct {
		Iss      json.RawMessage
		Iat, Exp int64
	}
	if decodePart(head, &header) != nil || decodePart(body, &claims) != nil || header.Alg != "RS256" {
		return nil, &problem{Status: http.StatusUnauthorized, Message: "A JSON web token could not be decoded"}
	}
	id, _ := strconv.ParseInt(strings.Trim(string(claims.Iss), `"`), 10, 64)
	app := s.apps[id]
	if app == nil {
		return nil, &problem{Status: http.StatusNotFound, Message: "Integration not found"}
	}
	signature, err := base64.RawURLEncoding.DecodeString(sign)
	sum := sha256.Sum256([]byte(head + "." + body))
	if err != nil || rsa.VerifyPKCS1v15(app.Key, crypto.SHA256, sum[:], signature) != nil {
		return nil, &problem{Status: http.StatusUnauthorized, Message: "A JSON web token could not be decoded"}
	}
	if err := checkTimes(s.now().Unix(), claims.Iat, claims.Exp); err != nil {
		return nil, err
	}
	return &identity{account: s.bot(app), app: app.ID, jwt: true}, nil
}

func decodePart(part string, v any) error {
	data, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// checkTimes refuses what GitHub refuses, in its words.
func checkTimes(now, issued, expires int64) error {
	refuse := func(claim, why string) error {
		return &problem{Status: http.StatusUnauthorized, Message: fmt.Sprintf("'%s' claim %s", claim, why)}
	}
	switch {
	case issued > now+60:
		return refuse("Issued at", "('iat') must be an Integer representing the time that the assertion was issued")
	case expires <= now:
		return refuse("Expiration time", "('exp') must be a numeric value representing the future time at which the assertion expires")
	case expires > now+600+60: // GitHub tolerates a minute of drift
		return refuse("Expiration time", "('exp') is too far in the future")
	}
	return nil
}

// self is the app behind a JWT.
func (c *call) self() (*App, error) {
	if c.who == nil || !c.who.jwt {
		return nil, &problem{Status: http.StatusUnauthorized, Message: "A JSON web token could not be decoded"}
	}
	return c.apps[c.who.app], nil
}

// granted are the permissions that an app here has.
func granted() map[string]string {
	return map[string]string{"checks": "read", "contents": "write", "issues": "write", "metadata": "read",
		"pull_requests": "write", "statuses": "write"}
}

type appJSON struct {
	ID          int64             `json:"id"`
	Slug        string            `json:"slug"`
	NodeID      string            `json:"node_id"`
	Owner       *userJSON         `json:"owner"`
	Name        string            `json:"name"`
	Description *string           `json:"description"`
	ExternalURL string            `json:"external_url"`
	HTMLURL     string            `json:"html_url"`
	CreatedAt   string            `json:"created_at"`
	UpdatedAt   string            `json:"updated_at"`
	Permissions map[string]string `json:"permissions"`
	Events      []string          `json:"events"`
}

// born is when every account and app here was made.
const born = "2020-01-01T00:00:00Z"

func getApp(c *call) (answer, error) {
	app, err := c.self()
	if err != nil {
		return answer{}, err
	}
	html := c.at.html + "/apps/" + app.Slug
	return ok(appJSON{app.ID, app.Slug, nodeID("App", app.ID), c.at.user(c.bot(app)), app.Slug, nil, html, html,
		born, born, granted(), []string{"push", "pull_request"}})
}

type installationJSON struct {
	ID            int64             `json:"id"`
	Account       *userJSON         `json:"account"`
	Selection     string            `json:"repository_selection"`
	TokensURL     string            `json:"access_tokens_url"`
	ReposURL      string            `json:"repositories_url"`
	HTMLURL       string            `json:"html_url"`
	AppID         int64             `json:"app_id"`
	AppSlug       string            `json:"app_slug"`
	TargetID      int64             `json:"target_id"`
	TargetType    string            `json:"target_type"`
	Permissions   map[string]string `json:"permissions"`
	Events        []string          `json:"events"`
	CreatedAt     string            `json:"created_at"`
	UpdatedAt     string            `json:"updated_at"`
	SingleFile    *string           `json:"single_file_name"`
	SuspendedBy   *string           `json:"suspended_by"`
	SuspendedTime *string           `json:"suspended_at"`
}

// getInstallation is asked by the app itself, with its JWT, which reads no repository otherwise.
func getInstallation(c *call) (answer, error) {
	app, err := c.self()
	if err != nil {
		return answer{}, err
	}
	full := c.r.PathValue("owner") + "/" + c.r.PathValue("repo")
	repo := c.repos[full]
	if repo == nil || !slices.Contains(app.Repositories, full) {
		return answer{}, notFound()
	}
	id := app.installation()
	owner := c.account(repo.owner)
	return ok(installationJSON{ID: id, Account: c.at.user(owner), Selection: "selected",
		TokensURL: fmt.Sprintf("%s/app/installations/%d/access_tokens", c.at.api(), id),
		ReposURL:  c.at.api() + "/installation/repositories",
		HTMLURL:   fmt.Sprintf("%s/settings/installations/%d", c.at.html, id),
		AppID:     app.ID, AppSlug: app.Slug, TargetID: owner.ID, TargetType: owner.Type, Permissions: granted(),
		Events: []string{"push", "pull_request"}, CreatedAt: born, UpdatedAt: born})
}

type tokenJSON struct {
	Token       string            `json:"token"`
	ExpiresAt   string            `json:"expires_at"`
	Permissions map[string]string `json:"permissions"`
	Selection   string            `json:"repository_selection"`
}

// createInstallationToken may narrow the token to some repositories of the installation, named without owner.
func createInstallationToken(c *call) (answer, error) {
	app, err := c.self()
	if err != nil {
		return answer{}, err
	}
	id, err := c.number("installation")
	if err != nil || int64(id) != app.installation() {
		return answer{}, notFound()
	}
	var in struct {
		Repositories  []string
		RepositoryIDs []int64 `json:"repository_ids"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	only := []string{}
	for _, full := range app.Repositories {
		repo := c.repos[full]
		if repo != nil && (len(in.Repositories)+len(in.RepositoryIDs) == 0 ||
			slices.Contains(in.Repositories, repo.name) || slices.Contains(in.RepositoryIDs, repo.ID)) {
			only = append(only, full)
		}
	}
	if wanted := len(in.Repositories) + len(in.RepositoryIDs); wanted > len(only) {
		return answer{}, unprocessable("There is at least one repository that does not exist or is not accessible to the parent installation.")
	}
	token := tokenJSON{secret("ghs_"), stamp(c.now().Add(app.TokenTime)), granted(), "selected"}
	c.tokens[token.Token] = &identity{account: c.bot(app), app: app.ID, expires: c.now().Add(app.TokenTime), only: only}
	return answer{status: http.StatusCreated, body: token}, nil
}
