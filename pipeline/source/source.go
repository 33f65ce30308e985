// Package source reads a git repository from afar: which tags and branches it has, and what one tag holds.
//
// Its nouns are the Repository, the Tag and the Snapshot. A Snapshot is the tree of one commit as an fs.FS: every
// folder is known at once, and a file's content after Fetch asked for the folder that holds it. The promises:
//
//   - No git binary, no clone, nothing on disk. Over smart HTTP, SSH or from a local path, a tag costs three requests:
//     the listing of references, one pack with the commit and its trees, one pack with exactly the missing files.
//     A server that cannot filter, or sends no object by its hash, gets a plain fetch of depth 1.
//   - What a server sends is hostile until it is checked: references by full name and plain ASCII, objects by their
//     hash, packs and trees against limits, file names before anybody may list them. A symbolic link is never
//     followed and a submodule never entered.
//   - No credential reaches a URL, an error or another host.
//
// Nothing here writes, so everything may be repeated.
package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// Options says where a repository is and how to read it.
type Options struct {
	// Name is the source's name in the configuration. Errors begin with it.
	Name string
	// URL is https://host/path, http://host/path, ssh://git@host/path, git@host:path or a local path. One that holds
	// a password, a token, a query or a fragment is refused.
	URL string
	// Auth is needed for SSH, and for private repositories over HTTP.
	Auth Auth
	// CAFile is a PEM file of certificates that are trusted besides the system's; HTTPS only.
	CAFile string
}

// Auth is how to prove who reads. The zero value reads as anybody.
type Auth struct {
	// Token gives the user and the token for basic auth over HTTP. It is asked once per session, so that it may
	// return a new one whenever the old one expires.
	Token func(ctx context.Context) (user, token string, err error)
	// TokenOrigin says where Token takes it from, such as a file's name. Errors tell it as the place to look at.
	TokenOrigin string
	// SSHKeyFile is a private key without a passphrase, KnownHostsFile the keys of the hosts that may be talked to.
	// Both are read anew for each connection.
	SSHKeyFile, KnownHostsFile string
}

// TokenFile is an Auth that reads the token from a file, anew for each session, so that a rotated token is picked up.
// The user name that it sends is the one that GitHub and GitLab take for any kind of token.
func TokenFile(name string) Auth {
	return Auth{TokenOrigin: name, Token: func(context.Context) (string, string, error) {
		data, err := os.ReadFile(name)
		if err != nil {
			return "", "", fmt.Errorf("auth.tokenFile: %w; write the token there, or correct the path", err)
		}
		token := strings.TrimSpace(string(data))
		if token == "" || strings.ContainsFunc(token, isControl) {
			return "", "", fmt.Errorf("auth.tokenFile: %s must hold the token and nothing else", name)
		}
		return "x-access-token", token, nil
	}}
}

// Repository is a git repository somewhere. It is safe for use by several goroutines.
type Repository struct {
	name, url string
	remote    remote
	recent    recent
}

// remote is what the transports do; plain objects in, plain objects out.
type remote interface {
	// list returns the references below the prefixes, and perhaps others, and what annotated tags lead to. No prefix means
	// all. An empty repository has none.
	list(ctx context.Context, prefixes []string) (listing, error)
	// commit returns what want is and leads to: tag objects, the commit, all its trees. Blobs may be missing.
	commit(ctx context.Context, want plumbing.Hash) (objects, error)
	// blobs returns exactly these blobs.
	blobs(ctx context.Context, want []plumbing.Hash) (objects, error)
	// contains reports whether the history of one of the heads holds the commit.
	contains(ctx context.Context, commit plumbing.Hash, heads []plumbing.Hash) (bool, error)
}

// listing is what a repository advertises.
type listing struct {
	refs   map[string]plumbing.Hash
	peeled map[string]plumbing.Hash
}

// objects gives git objects by their names, whole and with a size within limits.
type objects interface {
	// object returns errMissing for what is not there.
	object(name plumbing.Hash) (plumbing.ObjectType, []byte, error)
}

// Open checks the options and returns the repository. It connects to nothing and asks for no token yet.
func Open(o Options) (*Repository, error) {
	r, err := open(o)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", o.Name, err)
	}
	return &Repository{name: o.Name, url: o.URL, remote: r}, nil
}

func open(o Options) (remote, error) {
	a, err := parseAddress(o.URL)
	if err != nil {
		return nil, err
	}
	isSSH := o.Auth.SSHKeyFile != "" || o.Auth.KnownHostsFile != ""
	switch {
	case o.Auth.Token != nil && a.kind != overHTTP:
		return nil, errors.New("a token works over https:// alone; give sshKeyFile for SSH, and nothing for a local path")
	case isSSH && a.kind != overSSH:
		return nil, errors.New("an SSH key works over ssh:// alone; give tokenFile for https://")
	case o.CAFile != "" && a.endpoint.Protocol != "https":
		return nil, errors.New("a CA file is of use for https:// alone; leave it out")
	}
	switch a.kind {
	case overHTTP:
		return openHTTP(a, o)
	case overSSH:
		return openSSH(a, o.Auth)
	default:
		return openLocal(a.endpoint.Path)
	}
}

// URL is where the repository is, as configured; it never holds a credential.
func (r *Repository) URL() string { return r.url }

// explain puts the source's name before an error.
func (r *Repository) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("source %s: %w", r.name, err)
}
