package forge

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Token is a personal access token.
type Token struct {
	// Value is the secret itself.
	Value string
	// Login is whose it is.
	Login string
	// ReadOnly refuses every change with 403.
	ReadOnly bool
}

// identity is who a token stands for.
type identity struct {
	*account
	readOnly bool
	app      int64     // an installation token of this app, or its JWT
	expires  time.Time // zero: never
	only     []string  // full names of the repositories that it reaches; nil: all
	jwt      bool      // the app itself: it may look at itself and make tokens
}

// AddToken lets a token in.
func (s *Server) AddToken(t Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[t.Value] = &identity{account: s.account(t.Login), readOnly: t.ReadOnly}
}

// RevokeToken shuts a token out: 401 from now on. Installation tokens may be revoked too.
func (s *Server) RevokeToken(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, value)
}

// Login is the login of a git server that stands beside the API: a repository, as in owner/name.git, and a token as the
// password of any user. A token reaches through git what it reaches through the API, and strangers reach what is public
// where the API takes strangers.
func (s *Server) Login(repository, _, token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo := s.repos[strings.TrimSuffix(repository, ".git")]
	who := s.tokens[token]
	if repo == nil || who == nil && (token != "" || !s.opts.Anonymous) || who != nil && who.expired(s.now()) {
		return false
	}
	return who.reads(repo)
}

func (i *identity) expired(now time.Time) bool { return !i.expires.IsZero() && !now.Before(i.expires) }

// reads reports whether an identity sees a repository. nil is a stranger.
func (i *identity) reads(r *repository) bool {
	if i == nil {
		return !r.Private
	}
	return !i.jwt && (i.only == nil || slices.Contains(i.only, r.FullName))
}

func (i *identity) writes() bool { return i != nil && !i.readOnly && !i.jwt }

// authenticate finds who asks. A stranger is let in to read when the options say so.
func (s *Server) authenticate(r *http.Request) (*identity, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		if s.opts.Anonymous && r.Method == http.MethodGet {
			return nil, nil
		}
		return nil, &problem{Status: http.StatusUnauthorized, Message: "Requires authentication"}
	}
	scheme, value, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "bearer") && !strings.EqualFold(scheme, "token") {
		return nil, badCredentials()
	}
	if who := s.tokens[value]; who != nil && !who.expired(s.now()) {
		return who, nil
	}
	if strings.Count(value, ".") == 2 {
		return s.appOf(value)
	}
	return nil, badCredentials()
}

func badCredentials() error {
	return &problem{Status: http.StatusUnauthorized, Message: "Bad credentials"}
}

type identityKey struct{}

func withIdentity(ctx context.Context, who *identity) context.Context {
	return context.WithValue(ctx, identityKey{}, who)
}

func identityOf(ctx context.Context) *identity {
	who, _ := ctx.Value(identityKey{}).(*identity)
	return who
}

// secret makes a token value that nobody guesses.
func secret(prefix string) string {
	var b [30]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// profileJSON is the answer of GET user: an account with what a profile has more.
type profileJSON struct {
	userCore
	ViewType    string  `json:"user_view_type"`
	Name        string  `json:"name"`
	Company     *string `json:"company"`
	Blog        *string `json:"blog"`
	Location    *string `json:"location"`
	Email       *string `json:"email"`
	Hireable    *bool   `json:"hireable"`
	Bio         *string `json:"bio"`
	PublicRepos int     `json:"public_repos"`
	PublicGists int     `json:"public_gists"`
	Followers   int     `json:"followers"`
	Following   int     `json:"following"`
	CreatedAt   string  `json:"created_at"`
	UpdatedAt   string  `json:"updated_at"`
}

// linked is a profile with its links.
type linked struct {
	profileJSON
	at site
}

// MarshalJSON adds the links.
func (j linked) MarshalJSON() ([]byte, error) {
	return j.at.withUserLinks(j.profileJSON, j.Login, j.ID)
}

func getUser(c *call) (answer, error) {
	if c.who == nil {
		return answer{}, &problem{Status: http.StatusUnauthorized, Message: "Requires authentication"}
	}
	if c.who.app != 0 {
		return answer{}, &problem{Status: http.StatusForbidden, Message: "Resource not accessible by integration"}
	}
	who := c.at.user(c.who.account)
	return ok(linked{profileJSON{userCore: who.userCore, ViewType: "public", Name: who.Login, CreatedAt: born, UpdatedAt: born}, c.at})
}

type rateJSON struct {
	Limit     int   `json:"limit"`
	Used      int   `json:"used"`
	Remaining int   `json:"remaining"`
	Reset     int64 `json:"reset"`
}

func getRateLimit(c *call) (answer, error) {
	use := c.usageOf(c.who)
	limit := c.opts.RateLimit
	core := rateJSON{limit, limit - use.left, use.left, use.reset.Unix()}
	search := rateJSON{30, 0, 30, use.reset.Unix()}
	return ok(struct {
		Resources map[string]rateJSON `json:"resources"`
		Rate      rateJSON            `json:"rate"`
	}{map[string]rateJSON{"core": core, "search": search}, core})
}
