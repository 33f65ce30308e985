package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Faults of a tag or of a configuration, which trying again does not mend. Every other error of this package is the
// network's, the server's or the machine's, and may pass.
var (
	// ErrNotCommit: the tag leads to a blob or a tree, or to no end.
	ErrNotCommit = errors.New("not a commit")
	// ErrAuth: the server refused the credentials or asked for some, or is not the one that the known hosts know.
	ErrAuth = errors.New("access refused")
	// ErrTooLarge: one of the limits of this package was met.
	ErrTooLarge = errors.New("too large")
	// ErrBadName: a folder holds a name that no file may have, such as .git, or two of one name.
	ErrBadName = errors.New("bad file name")
)

var (
	// errMissing: an object was not sent.
	errMissing = errors.New("object is missing")
	// errNotGit: what was sent is none of git's protocols.
	errNotGit = errors.New("the server does not answer as a git server does; check the url")
)

// BadRef is a reference that is not read because of its name. The others are.
type BadRef struct {
	// Name is the full name in ASCII, quoted and escaped where it needs be, cut when it is long.
	Name string
	// Reason says what is wrong, Fix what to do.
	Reason, Fix string
}

// Error tells name, reason and fix.
func (b *BadRef) Error() string { return fmt.Sprintf("ref %s: %s; %s", b.Name, b.Reason, b.Fix) }

func isControl(r rune) bool { return unicode.IsControl(r) }

// tooLarge says which limit was met.
func tooLarge(what string, limit int64, unit string) error {
	return fmt.Errorf("%w: %s above %d %s", ErrTooLarge, what, limit, unit)
}

// capped reads at most left bytes; more is ErrTooLarge.
type capped struct {
	r           io.Reader
	left, limit int64
	what        string
}

func newCapped(r io.Reader, limit int64, what string) *capped {
	return &capped{r: r, left: limit, limit: limit, what: what}
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left < 0 {
		return 0, tooLarge(c.what, c.limit, "bytes")
	}
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1] // one more than allowed tells "more" from "just enough"
	}
	n, err := c.r.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return n - 1, tooLarge(c.what, c.limit, "bytes")
	}
	return n, err
}

// ended tells a context that ended from a fault that only looks like one of the network.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// foreign is an error with a text that a server had a hand in: one line, printable, short, and without any of the
// secrets.
func foreign(err error, secrets ...string) error {
	text := err.Error()
	safe := text
	for _, secret := range secrets {
		if secret != "" {
			safe = strings.ReplaceAll(safe, secret, "[secret]")
		}
	}
	safe = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r > unicode.MaxASCII {
			return '?'
		}
		return r
	}, strings.TrimSpace(safe))
	if len(safe) > 300 {
		safe = safe[:300] + "..."
	}
	if safe == text {
		return err
	}
	return errors.New(safe)
}
