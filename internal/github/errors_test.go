package github

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/releaser/releaser/internal/lab/forge"
)

// answering is a repository whose server is one function.
func answering(t *testing.T, f http.HandlerFunc) *Repository {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	c, err := New(Options{APIURL: server.URL, Token: Static(botToken), Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	return c.Repository(environments)
}

// F14
func TestRateLimitTellsHowLongToWait(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		header map[string]string
		body   string
		want   time.Duration
	}{
		"429 that says":       {429, map[string]string{"Retry-After": "17"}, `{}`, 17 * time.Second},
		"429 that is silent":  {429, nil, `{}`, time.Minute},
		"403 that says":       {403, map[string]string{"Retry-After": "30"}, `{}`, 30 * time.Second},
		"secondary, silent":   {403, nil, `{"documentation_url":"https://docs.github.com/x#secondary-rate-limits"}`, time.Minute},
		"403 in words":        {403, nil, `{"message":"You have exceeded a secondary rate limit. Please wait."}`, time.Minute},
		"429 of a quiet hour": {429, map[string]string{"X-RateLimit-Remaining": "17", "X-RateLimit-Reset": "4102444800"}, `{}`, time.Minute},
		"no wait at all":      {403, map[string]string{"Retry-After": "0"}, `{}`, time.Second},
		"no number at all":    {429, map[string]string{"Retry-After": "99999999999"}, `{}`, time.Hour},
		"an hour of years":    {429, map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102444800"}, `{}`, time.Hour},
		"secondary that says": {403, map[string]string{"Retry-After": "9"}, `{"documentation_url":"https://docs.github.com/x#secondary-rate-limits"}`, 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				for k, v := range c.header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(c.status)
				w.Write([]byte(c.body))
			})
			var limited *RateLimited
			if _, err := r.Branch(t.Context(), "main"); !errors.As(err, &limited) || limited.RetryAfter != c.want {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSpentHourIsARateLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{RateLimit: 1})
	if _, err := w.api.Branch(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	var limited *RateLimited
	if _, err := w.api.Branch(t.Context(), "main"); !errors.As(err, &limited) || limited.RetryAfter < 50*time.Minute {
		t.Errorf("got %v", err)
	}
}

func TestMissingPermissionIsNamed(t *testing.T) {
	t.Parallel()
	r := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Accepted-GitHub-Permissions", "contents=write")
		w.WriteHeader(http.StatusForbidden)
		w.Write([]byte(`{"message":"Resource not accessible by integration"}`))
	})
	err := r.CreateBranch(t.Context(), "b", "aa")
	var denied *Unauthorized
	if !errors.As(err, &denied) || denied.Need != "contents=write" || !strings.Contains(err.Error(), environments) {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), botToken) {
		t.Error("the token is in the error")
	}
}

func TestReadOnlyTokenIsDeniedWrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	w.forge.AddToken(forge.Token{Value: "ghp_reader", Login: "reader", ReadOnly: true})
	r := w.client(t, Static("ghp_reader")).Repository(environments)
	var denied *Unauthorized
	if err := r.CreateBranch(t.Context(), "b", w.base); !errors.As(err, &denied) {
		t.Errorf("got %v", err)
	}
}

// F34
func TestRevokedTokenIsNamedWithoutShowingIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	w.forge.RevokeToken(botToken)
	_, err := w.api.Branch(t.Context(), "main")
	var denied *Unauthorized
	if !errors.As(err, &denied) || denied.Repository != environments || strings.Contains(err.Error(), botToken) {
		t.Errorf("got %v", err)
	}
	if n := w.requests(); n != 1 {
		t.Errorf("%d requests with a token that is refused", n)
	}
}

// F21
func TestRepositoryThatWasRenamedIsSaid(t *testing.T) {
	t.Parallel()
	r := answering(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	var refused *Refused
	if err := r.CreateBranch(t.Context(), "b", "aa"); !errors.As(err, &refused) || !strings.Contains(err.Error(), "new name") {
		t.Errorf("got %v", err)
	}
}

func TestTextOfTheServerIsOneQuietLine(t *testing.T) {
	t.Parallel()
	r := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		w.Write([]byte(`{"message":"\u001b[31mred\r\nnext ` + strings.Repeat("x", 5000) + `"}`))
	})
	_, err := r.Branch(t.Context(), "main")
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\r\n") || len(err.Error()) > 500 {
		t.Errorf("got %v", err)
	}
}

// Found by FuzzAnswersOfGitHub.
func TestNameThatGitHubGivesIsShownOnOneLine(t *testing.T) {
	t.Parallel()
	r := answering(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			w.Write([]byte(`{"sha":"a\u007fb"}`))
		case strings.Contains(r.URL.Path, "/trees/"):
			w.Write([]byte(`{"tree":[{"path":"a\u007fb","mode":"100644","type":"blob","sha":"aa"}]}`))
		default:
			w.Write([]byte("{\"author\":{\"date\":\"a\x7fb\"}}"))
		}
	})
	_, read := r.Files(t.Context(), "aa", []string{"a\x7fb"})
	_, made := r.Commit(t.Context(), Commit{Base: "aa", Files: map[string][]byte{"a\x7fb": nil}})
	_, late := r.Message(t.Context(), "aa") // a time that is none
	for _, err := range []error{read, made, late} {
		if err == nil || !strings.Contains(err.Error(), "a b") {
			t.Errorf("got %v", err)
		}
	}
}

func TestRepositoryThatIsNoNameSendsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	for _, name := range []string{"", "acme", "acme/", "/environments", "acme/../x", "acme/..", "a/b/c", "acme/e?x", "acme/e%2f"} {
		if _, err := w.client(t, Static(botToken)).Repository(name).Branch(t.Context(), "main"); err == nil {
			t.Errorf("%q was asked for", name)
		}
	}
	if n := w.requests(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// F14
func TestLimitIsHeededWithoutAsking(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		status int
		header http.Header
		body   string
		wait   time.Duration
	}{
		"429 that says":   {429, http.Header{"Retry-After": {"60"}}, `{}`, time.Minute},
		"429 with a hour": {429, http.Header{"X-Ratelimit-Reset": {strconv.FormatInt(now.Add(50*time.Minute).Unix(), 10)}}, `{}`, 49 * time.Minute},
		"403 in words":    {403, nil, `{"message":"You have exceeded a secondary rate limit"}`, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked, clock := 0, now
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked++
				maps.Copy(w.Header(), c.header)
				w.WriteHeader(c.status)
				w.Write([]byte(c.body))
			}))
			t.Cleanup(server.Close)
			client, err := New(Options{APIURL: server.URL, Token: Static(botToken), Unpaced: true, Now: func() time.Time { return clock }})
			if err != nil {
				t.Fatal(err)
			}
			ask := func(want int) {
				t.Helper()
				var limited *RateLimited
				for _, repository := range []string{environments, "acme/other"} {
					if _, err := client.Repository(repository).Branch(t.Context(), "main"); !errors.As(err, &limited) || limited.Repository != repository {
						t.Errorf("got %v", err)
					}
				}
				if asked != want {
					t.Errorf("%d requests, want %d", asked, want)
				}
			}
			ask(1)
			clock = clock.Add(c.wait - time.Second)
			ask(1)
			clock = clock.Add(2 * time.Minute)
			ask(2)
		})
	}
}

func TestMissingPermissionIsNoLimit(t *testing.T) {
	t.Parallel()
	asked := 0
	r := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusForbidden)
		w.Write([]byte(`{"message":"Resource not accessible by integration"}`))
	})
	for range 2 {
		var denied *Unauthorized
		if _, err := r.Branch(t.Context(), "main"); !errors.As(err, &denied) || !strings.Contains(err.Error(), "not accessible") {
			t.Errorf("got %v", err)
		}
	}
	if asked != 2 {
		t.Errorf("%d requests", asked)
	}
}

func TestNameOfABranchIsNoReasonOfARefusal(t *testing.T) {
	t.Parallel()
	r := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		w.Write([]byte(`{"message":"Repository rule violations found"}`))
	})
	var refused *Refused
	if err := r.Advance(t.Context(), "releaser/dev/fast-forward", "aa"); errors.Is(err, ErrMoved) || !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
}
