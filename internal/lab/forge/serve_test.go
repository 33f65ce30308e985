package forge_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/releaser/releaser/internal/lab/forge"
)

func TestStrangersAndBadTokensAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("GET", "", nil, "Authorization", "").says(401, "Requires authentication")
	w.ask("GET", "", nil, "Authorization", "Bearer wrong").says(401, "Bad credentials")
	w.ask("GET", "/user", nil, "Authorization", "Basic "+token).says(401, "Bad credentials")
	w.ask("GET", "", nil, "Authorization", "token "+token).want(200)
	w.ask("GET", "/user", nil).want(200).shows("login", "ann", "type", "User")
	for range 2 {
		w.RevokeToken(token)
		w.ask("GET", "/user", nil).says(401, "Bad credentials")
	}
}

func TestReadersDoNotWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.AddToken(forge.Token{Value: "ro", Login: "bob", ReadOnly: true})
	w.ask("GET", "", nil, "Authorization", "Bearer ro").want(200).shows("permissions.push", "false", "permissions.pull", "true")
	w.ask("POST", "git/refs", fields{"ref": "refs/heads/x", "sha": w.main}, "Authorization", "Bearer ro").says(403, "Resource not accessible")
	w.ask("GET", "/repos/acme/none", nil).want(404)
}

func TestStrangersReadWhatIsPublicWhenAllowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *forge.Options) { o.Anonymous = true })
	w.ask("GET", "", nil, "Authorization", "").want(200).shows("permissions.push", "false", "visibility", "public")
	w.ask("GET", "/user", nil, "Authorization", "").want(401)
	w.ask("POST", "git/refs", fields{"ref": "refs/heads/x", "sha": w.main}, "Authorization", "").want(401)
	if err := w.AddRepository(forge.Repository{FullName: repo, Dir: w.dir, Private: true}); err != nil {
		t.Fatal(err)
	}
	w.ask("GET", "", nil, "Authorization", "").want(404)
	w.ask("GET", "", nil).want(200).shows("visibility", "private")
}

func TestWhatDidNotChangeCostsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.ask("GET", "pulls", nil).want(200)
	for range 2 {
		again := w.ask("GET", "pulls", nil, "If-None-Match", first.header.Get("ETag")).want(304)
		if len(again.body) > 0 || again.header.Get("X-RateLimit-Remaining") != first.header.Get("X-RateLimit-Remaining") {
			t.Errorf("body %q, remaining %s", again.body, again.header.Get("X-RateLimit-Remaining"))
		}
	}
	w.propose("x", "a", "1")
	w.ask("GET", "pulls", nil, "If-None-Match", first.header.Get("ETag")).want(200).shows("0.number", "1")
}

func TestRateLimitEndsAndComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *forge.Options) { o.RateLimit = 2 })
	w.ask("GET", "", nil).want(200)
	w.ask("GET", "/rate_limit", nil).want(200).shows("rate.remaining", "1", "resources.core.limit", "2")
	last := w.ask("GET", "", nil).want(200)
	if got := last.header.Get("X-RateLimit-Remaining"); got != "0" {
		t.Errorf("remaining is %s", got)
	}
	w.ask("GET", "", nil).says(403, "API rate limit exceeded for ann")
	*w.now = w.now.Add(time.Hour)
	w.ask("GET", "", nil).want(200)
}

func TestFaultsComeBeforeOrAfterTheEffect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sha := w.commit(w.main, "a", "1")
	make := fields{"ref": "refs/heads/x", "sha": sha}
	on := func(f forge.Failure) {
		w.Fault(func(r *http.Request) forge.Failure {
			if r.Method == "POST" {
				return f
			}
			return forge.Failure{}
		})
	}
	on(forge.Failure{Status: 403, Message: "You have exceeded a secondary rate limit", Header: http.Header{"Retry-After": {"60"}}})
	limited := w.ask("POST", "git/refs", make)
	limited.says(403, "secondary rate limit")
	if limited.header.Get("Retry-After") != "60" {
		t.Errorf("headers %v", limited.header)
	}
	w.ask("GET", "git/ref/heads/x", nil).want(404)

	on(forge.Failure{Drop: true})
	w.ask("POST", "git/refs", make).want(0)
	w.ask("GET", "git/ref/heads/x", nil).want(404)

	on(forge.Failure{Drop: true, After: true})
	w.ask("POST", "git/refs", make).want(0)
	w.ask("GET", "git/ref/heads/x", nil).want(200).shows("object.sha", sha)

	on(forge.Failure{Status: 502, Message: "Server Error", After: true})
	w.ask("POST", "pulls", fields{"title": "t", "head": "x", "base": "main"}).want(502)
	w.ask("GET", "pulls", nil).want(200).shows("0.number", "1")

	w.Fault(nil)
	w.ask("POST", "git/refs", make).says(422, "Reference already exists")
}

func TestRequestsAreLogged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ask("GET", "pulls?state=all", nil).want(200)
	w.branch("x", "a", "1")
	w.ask("GET", "git/ref/heads/none", nil).want(404)
	log := w.RequestLog()
	if first := log[0]; first.Method != "GET" || first.Path != "/repos/acme/env/pulls?state=all" || first.Login != "ann" || first.Status != 200 || first.Write() {
		t.Errorf("the first is %+v", first)
	}
	if n := w.Writes(); n != 3 { // tree, commit, ref
		t.Errorf("%d writes", n)
	}
	if last := log[len(log)-1]; last.Status != 404 {
		t.Errorf("the last is %+v", last)
	}
	for range 2 {
		w.ForgetRequests()
		if n := len(w.RequestLog()); n != 0 {
			t.Errorf("%d requests", n)
		}
	}
}

func TestNonsenseIsAnsweredInGitHubsWords(t *testing.T) {
	t.Parallel()
	server, err := forge.New(forge.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.AddToken(forge.Token{Value: token, Login: "ann"})
	w := newWorld(t)
	if err := server.AddRepository(forge.Repository{FullName: repo, Dir: w.dir}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/repos/acme/env/git/refs", "{", 400, "Problems parsing JSON"},
		{"POST", "/repos/acme/env/git/refs", `{"ref":1}`, 400, "Problems parsing JSON"},
		{"GET", "/orgs/acme", "", 404, "Not Found"},
		{"PUT", "/repos/acme/env", "", 404, "Not Found"},
		{"GET", "/repos/acme/env/pulls/x", "", 404, "Not Found"},
		{"PUT", "/repos/acme/env/pulls/1/merge", "", 404, "Not Found"},
		{"POST", "/repos/acme/env/issues/1/labels", "3", 404, "Not Found"},
	} {
		r := httptest.NewRequest(row.method, forge.Prefix+row.path, strings.NewReader(row.body))
		r.Header.Set("Authorization", "Bearer "+token)
		got := httptest.NewRecorder()
		server.ServeHTTP(got, r)
		if got.Code != row.status || !strings.Contains(got.Body.String(), row.want) {
			t.Errorf("%s %s: %d %s", row.method, row.path, got.Code, got.Body)
		}
	}
}

func TestOnlyRepositoriesAreServed(t *testing.T) {
	t.Parallel()
	server, err := forge.New(forge.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, r := range []forge.Repository{{FullName: "env", Dir: t.TempDir()}, {FullName: "acme/..", Dir: t.TempDir()}, {FullName: repo, Dir: t.TempDir()}} {
		if err := server.AddRepository(r); err == nil || !strings.Contains(err.Error(), "repository") {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if err := server.Pushed(repo, "bob", nil); err == nil || !strings.Contains(err.Error(), "AddRepository") {
		t.Errorf("error is %v", err)
	}
}
