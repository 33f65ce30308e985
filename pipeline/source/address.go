package source

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
)

type addressKind int

const (
	overHTTP addressKind = iota
	overSSH
	onDisk
)

// address is where a repository is, with the way to get there.
type address struct {
	kind     addressKind
	endpoint transport.Endpoint
}

// parseAddress reads a URL, an SSH address or a path. Its errors never show the text: what is wrong with it may be the
// token in it.
func parseAddress(text string) (address, error) {
	switch {
	case text == "" || strings.ContainsFunc(text, isControl):
		return address{}, errors.New("the URL is empty or holds control characters; " + urlForms)
	case strings.Contains(text, "://"):
		return parseURL(text)
	case strings.HasPrefix(text, "/"), strings.HasPrefix(text, "./"), strings.HasPrefix(text, "../"), text == ".":
		return localAddress(text)
	}
	host, path, ok := strings.Cut(text, ":")
	if !ok || strings.Contains(host, "/") || !strings.Contains(host, "@") {
		return address{}, errors.New("the URL is none; " + urlForms)
	}
	user, host, _ := strings.Cut(host, "@")
	return sshAddress(user, host, 0, path)
}

const urlForms = "give https://host/path, ssh://git@host/path, git@host:path or /a/path"

func parseURL(text string) (address, error) {
	u, err := url.Parse(text)
	if err != nil {
		return address{}, errors.New("the URL cannot be read; " + urlForms)
	}
	_, password := u.User.Password()
	isWeb := u.Scheme == "https" || u.Scheme == "http"
	switch {
	case password || u.User != nil && u.Scheme != "ssh":
		return address{}, errors.New("the URL holds credentials; take them out, put the token into a file and name it in auth.tokenFile") // B59
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return address{}, errors.New("the URL has a query or a fragment; leave what follows the path out")
	case u.Scheme == "file" && u.Host == "":
		return localAddress(u.Path)
	case u.Scheme != "ssh" && !isWeb:
		return address{}, errors.New("the URL's scheme is not one that is read; " + urlForms)
	case u.Hostname() == "" || strings.Trim(u.Path, "/") == "":
		return address{}, errors.New("the URL names no host or no path; " + urlForms)
	}
	e, err := transport.NewEndpoint(text)
	if err != nil {
		return address{}, errors.New("the URL cannot be read; " + urlForms)
	}
	if isWeb {
		e.Path = strings.TrimRight(u.EscapedPath(), "/")
		return address{kind: overHTTP, endpoint: *e}, nil
	}
	return sshAddress(e.User, e.Host, e.Port, u.Path)
}

// sshAddress takes git for the user where none is given. The path goes to a shell on the other side: it is quoted
// there, and must not look like an option.
func sshAddress(user, host string, port int, path string) (address, error) {
	if user == "" {
		user = "git"
	}
	if host == "" || path == "" || strings.HasPrefix(strings.TrimLeft(path, "/"), "-") || strings.ContainsAny(user, ":@") || strings.ContainsFunc(path+user, isControl) {
		return address{}, errors.New("the SSH address cannot be read; give git@host:path or ssh://git@host/path, with the key in auth.sshKeyFile")
	}
	if port == 0 {
		port = 22
	}
	return address{kind: overSSH, endpoint: transport.Endpoint{Protocol: "ssh", User: user, Host: host, Port: port, Path: path}}, nil
}

func localAddress(path string) (address, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return address{}, fmt.Errorf("local path: %w", err)
	}
	return address{kind: onDisk, endpoint: transport.Endpoint{Protocol: "file", Path: absolute}}, nil
}
