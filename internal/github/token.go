package github

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// TokenSource gives the token of a repository ("owner/name"). Static, File and App are its makers.
type TokenSource interface {
	// Token returns a token that should work now. Calling it again costs little.
	Token(ctx context.Context, repository string) (string, error)
	// Renew is told that GitHub refused a token and returns another one, or the same when there is none.
	// Calling it again with the same refused token makes no third one.
	Renew(ctx context.Context, repository, refused string) (string, error)
}

// Static is a token given as text, such as the value of an environment variable.
type Static string

// Token returns the text.
func (s Static) Token(context.Context, string) (string, error) { return checkToken(string(s)) }

// Renew returns the same text: there is no other.
func (s Static) Renew(context.Context, string, string) (string, error) { return checkToken(string(s)) }

// String hides the token from logs.
func (s Static) String() string { return "token" }

// GoString hides the token from %#v.
func (s Static) GoString() string { return "token" }

// File is the path of a file that holds a token. It is read at each use, so that a rotated Secret is
// taken up at once.
type File string

// Token reads the file.
func (f File) Token(context.Context, string) (string, error) {
	data, err := os.ReadFile(string(f))
	if err != nil {
		return "", fmt.Errorf("github token: %w: write it there, or correct the path in github.auth", err)
	}
	token, err := checkToken(strings.TrimSpace(string(data)))
	if err != nil {
		return "", fmt.Errorf("%s: %w", string(f), err)
	}
	return token, nil
}

// Renew reads the file again.
func (f File) Renew(ctx context.Context, repository, _ string) (string, error) {
	return f.Token(ctx, repository)
}

// checkToken refuses what would not survive in a header. It never repeats the token.
func checkToken(token string) (string, error) {
	if token == "" {
		return "", errors.New("the GitHub token is empty: put a token there, or configure a GitHub App")
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c > '~' {
			return "", errors.New("the GitHub token holds a blank or control character: write the token alone")
		}
	}
	return token, nil
}
