// Package github is the forge: branches, trees, commits and pull requests of GitHub repositories.
//
// A Repository promises three things. Every write can be repeated: what is there already is adopted, and an
// answer that was lost on the way is looked for before anybody writes again. No write is forced: a branch
// moves by fast-forward or the call says ErrMoved, so that a process that slept turns nothing back. And a
// commit holds exactly the bytes that were asked for: the tree that GitHub makes is compared with the one
// that was computed here.
//
// Commits are made through the Git Data API and name no author, so that GitHub signs those of an App. No
// token appears in an error. Retrying is the caller's work; the errors tell how (errors.go).
package github

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	gh "github.com/google/go-github/v60/github"
)

// Options is what a Client needs. APIURL and Token are required.
type Options struct {
	// APIURL is the root of the REST API, such as https://api.github.com or https://host/api/v3.
	APIURL string
	// Token gives the credentials of a repository.
	Token TokenSource
	// UserAgent names the caller, as GitHub asks; "releaser" when empty.
	UserAgent string
	// Transport carries the requests; nil is a transport with time limits.
	Transport http.RoundTripper
	// Unpaced sends writes as fast as they come. It is for servers without GitHub's limits on writes.
	Unpaced bool
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Client talks to one GitHub. It may be used by several goroutines.
type Client struct {
	options Options
	api     *url.URL
	carrier http.RoundTripper
	pace    *pace
	limit   *limit

	mu    sync.Mutex
	known map[string]*Repository
}

// New makes a client; it sends nothing yet.
func New(o Options) (*Client, error) {
	api, err := parseAPI(o.APIURL)
	if err != nil {
		return nil, err
	}
	if o.Token == nil {
		return nil, errors.New("github: no token: set github.auth")
	}
	c := &Client{options: o, api: api, carrier: carrier(o.Transport), known: map[string]*Repository{}}
	c.limit = &limit{now: o.Now}
	if o.Now == nil {
		c.limit.now = time.Now
	}
	if !o.Unpaced {
		c.pace = newPace()
	}
	return c, nil
}

// parseAPI reads the API's address. One that carries a token is refused, as addresses are shown in errors.
func parseAPI(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("github: the API's address is no http(s) URL: set github.apiURL, such as https://api.github.com")
	}
	if u.User != nil || u.RawQuery != "" {
		return nil, errors.New("github: github.apiURL holds credentials: give them by github.auth")
	}
	u.Path = strings.TrimSuffix(u.Path, "/") + "/"
	return u, nil
}

// Repository is one repository on GitHub.
type Repository struct {
	fullName    string
	owner, name string
	api         *gh.Client
	seen        *seen
	glanced     *glanced
}

// Repository returns the repository named "owner/name". The same name gives the same Repository.
func (c *Client) Repository(fullName string) *Repository {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.known[fullName]; r != nil {
		return r
	}
	r := &Repository{fullName: fullName, seen: newSeen(), glanced: &glanced{tags: map[string]string{}}}
	t := &transport{next: c.carrier, api: c.api, pace: c.pace, limit: c.limit, repository: fullName, tokens: c.options.Token}
	r.owner, r.name, t.invalid = split(fullName)
	r.api = newAPI(c.options.UserAgent, c.api, t)
	c.known[fullName] = r
	return r
}

// Name returns "owner/name".
func (r *Repository) Name() string { return r.fullName }

// split cuts "owner/name" and refuses what would be another path in a URL.
func split(fullName string) (owner, name string, err error) {
	owner, name, _ = strings.Cut(fullName, "/")
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._", r)
	}
	if owner == "" || name == "" || strings.Trim(owner, ".") == "" || strings.Trim(name, ".") == "" || strings.ContainsFunc(owner+name, odd) {
		return "", "", fmt.Errorf("%q is not a GitHub repository: write owner/name", fullName)
	}
	return owner, name, nil
}

// newAPI makes go-github's client over our transport. A redirect is followed by reads alone and only on
// the same host; the transport adds the token, so nothing leaks to another host in any case.
func newAPI(agent string, api *url.URL, t http.RoundTripper) *gh.Client {
	client := gh.NewClient(&http.Client{Transport: t, Timeout: time.Minute, CheckRedirect: stay})
	client.BaseURL = api
	client.UserAgent = agent
	if agent == "" {
		client.UserAgent = "releaser"
	}
	return client
}

func stay(req *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > 3 || first.Method != http.MethodGet || req.URL.Host != first.URL.Host || req.URL.Scheme != first.URL.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}
