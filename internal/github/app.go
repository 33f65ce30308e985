package github

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	gh "github.com/google/go-github/v60/github"
)

// AppOptions is what a GitHub App needs to act. ID, KeyPEM and APIURL are required.
type AppOptions struct {
	// ID is the App's ID or client ID.
	ID string
	// KeyPEM is the App's private key, as GitHub hands it out.
	KeyPEM []byte
	// APIURL, UserAgent and Transport are as in Options.
	APIURL    string
	UserAgent string
	Transport http.RoundTripper
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// App is a token source that acts as an installation of a GitHub App. Each token is for one repository
// alone and lives an hour; it is kept until five minutes before its end. The tokens serve the API and git
// over HTTP alike (user x-access-token).
type App struct {
	id  string
	key *rsa.PrivateKey
	api *gh.Client
	now func() time.Time

	limit *limit

	mu     sync.Mutex
	grants map[string]*grant
}

// grant is the access to one repository. Its lock makes the goroutines that wait for a token share one.
type grant struct {
	mu           sync.Mutex
	installation int64
	token        string
	end          time.Time
}

// NewApp reads the key; it sends nothing yet.
func NewApp(o AppOptions) (*App, error) {
	api, err := parseAPI(o.APIURL)
	if err != nil {
		return nil, err
	}
	if o.ID == "" {
		return nil, errors.New("github app: no id: set github.auth.githubApp.id")
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(o.KeyPEM)
	if err != nil {
		return nil, errors.New("github app: the key is no RSA private key in PEM: download one from the App's settings")
	}
	a := &App{id: o.ID, key: key, now: o.Now, grants: map[string]*grant{}}
	if a.now == nil {
		a.now = time.Now
	}
	a.limit = &limit{now: a.now}
	a.api = newAPI(o.UserAgent, api, &appTransport{next: carrier(o.Transport), api: api, app: a})
	return a, nil
}

// Token returns the repository's token, a new one when the old has less than five minutes left.
func (a *App) Token(ctx context.Context, repository string) (string, error) {
	g := a.grant(repository)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.token != "" && a.now().Add(5*time.Minute).Before(g.end) {
		return g.token, nil
	}
	return a.mint(ctx, repository, g)
}

// Renew makes a new token, unless another goroutine has done so since refused was handed out.
func (a *App) Renew(ctx context.Context, repository, refused string) (string, error) {
	g := a.grant(repository)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.token != "" && g.token != refused {
		return g.token, nil
	}
	g.installation = 0 // the App may have been installed anew
	return a.mint(ctx, repository, g)
}

func (a *App) grant(repository string) *grant {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.grants[repository] == nil {
		a.grants[repository] = &grant{}
	}
	return a.grants[repository]
}

// mint asks GitHub for a token of this repository alone.
func (a *App) mint(ctx context.Context, repository string, g *grant) (string, error) {
	owner, name, err := split(repository)
	if err != nil {
		return "", err
	}
	if g.installation == 0 {
		installed, _, err := a.api.Apps.FindRepositoryInstallation(ctx, owner, name)
		if err != nil {
			return "", a.fail(repository, err)
		}
		g.installation = installed.GetID()
	}
	made, _, err := a.api.Apps.CreateInstallationToken(ctx, g.installation,
		&gh.InstallationTokenOptions{Repositories: []string{name}})
	if err != nil {
		g.installation = 0
		return "", a.fail(repository, err)
	}
	g.token, g.end = made.GetToken(), made.GetExpiresAt().Time
	return checkToken(g.token)
}

// fail tells a missing installation and a refused key from the rest.
func (a *App) fail(repository string, err error) error {
	err = explain(repository, "GitHub App "+a.id, err)
	var refused *Unauthorized
	switch {
	case errors.Is(err, ErrNotFound):
		return &Unauthorized{Repository: repository, Reason: fmt.Sprintf(
			"no GitHub App %s is installed there: check the id, and install the App for this repository", a.id)}
	case errors.As(err, &refused):
		refused.Reason = fmt.Sprintf("GitHub refused the key of the GitHub App %s: check id, key and the clock", a.id)
	}
	return err
}

// appTransport signs requests as the App itself.
type appTransport struct {
	next http.RoundTripper
	api  *url.URL
	app  *App
}

// RoundTrip implements http.RoundTripper.
func (t *appTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.app.limit.wait("GitHub App " + t.app.id); err != nil {
		return nil, err
	}
	token, err := t.app.proof()
	if err != nil {
		return nil, err
	}
	inner := transport{next: t.next, api: t.api, limit: t.app.limit}
	return inner.send(req, token)
}

// proof is the JWT that shows possession of the key. It is dated back a minute, as clocks differ, and
// ends before GitHub's limit of ten.
func (a *App) proof() (string, error) {
	now := a.now()
	return jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.RegisteredClaims{
		Issuer:    a.id,
		IssuedAt:  jwt.NewNumericDate(now.Add(-time.Minute)),
		ExpiresAt: jwt.NewNumericDate(now.Add(9 * time.Minute)),
	}).SignedString(a.key)
}
