package github

import (
	"net/url"
	"strings"
)

// Holds finds the repository that a git URL is of, when it lies on this GitHub: https://github.com/acme/x.git and
// git@github.com:acme/x.git are acme/x where the API is https://api.github.com, and so is HOST where it is
// https://HOST/api/v3.
func (c *Client) Holds(gitURL string) (r *Repository, ok bool) {
	host, path := place(gitURL)
	web := strings.ToLower(c.api.Host)
	if strings.Trim(c.api.Path, "/") == "" {
		web = strings.TrimPrefix(web, "api.")
	}
	fullName := strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	if _, _, err := split(fullName); err != nil || host != web {
		return nil, false
	}
	return c.Repository(fullName), true
}

// place is the host and the path of a git URL. The port of SSH says nothing of the host's web.
func place(gitURL string) (host, path string) {
	if !strings.Contains(gitURL, "://") {
		host, path, _ = strings.Cut(gitURL, ":")
		_, host, _ = strings.Cut(host, "@")
		return strings.ToLower(host), path
	}
	u, err := url.Parse(gitURL)
	if err != nil {
		return "", ""
	}
	if host = u.Host; u.Scheme == "ssh" {
		host = u.Hostname()
	}
	return strings.ToLower(host), u.Path
}
