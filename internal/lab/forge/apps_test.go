package forge_test

import (
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/releaser/releaser/internal/lab/forge"
)

// addApp installs an app on acme/env and gives what signs for it.
func addApp(t *testing.T, w *world) func(claims jwt.RegisteredClaims) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w.AddApp(forge.App{ID: 7, Slug: "releaser", Key: &key.PublicKey, Repositories: []string{repo}})
	}
	return func(claims jwt.RegisteredClaims) string {
		t.Helper()
		signed, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + signed
	}
}

func claims(w *world, issuer string) jwt.RegisteredClaims {
	return jwt.RegisteredClaims{Issuer: issuer, IssuedAt: jwt.NewNumericDate(w.now.Add(-time.Minute)), ExpiresAt: jwt.NewNumericDate(w.now.Add(9 * time.Minute))}
}

func TestAppGetsATokenThatEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sign := addApp(t, w)
	self := sign(claims(w, "7"))
	w.ask("GET", "/app", nil, "Authorization", self).want(200).shows("slug", "releaser", "owner.login", "releaser[bot]")
	id := w.ask("GET", "installation", nil, "Authorization", self).want(200).shows("app_id", "7", "account.login", "acme").text("id")
	got := w.ask("POST", "/app/installations/"+id+"/access_tokens", nil, "Authorization", self).want(201).
		shows("expires_at", "2026-03-01T13:00:00Z", "permissions.contents", "write")
	bearer := "Bearer " + got.text("token")
	tree := w.run("rev-parse", "main^{tree}")
	w.ask("POST", "git/commits", fields{"message": "m", "tree": tree}, "Authorization", bearer).want(201).
		shows("author.name", "releaser[bot]", "verification.verified", "true", "verification.reason", "valid")
	w.ask("POST", "git/commits", fields{"message": "m", "tree": tree, "author": fields{"name": "x", "email": "y"}}, "Authorization", bearer).want(201).
		shows("verification.verified", "false") // GitHub signs only what it authors itself
	w.ask("GET", "/user", nil, "Authorization", bearer).says(403, "Resource not accessible by integration")
	w.ask("GET", "", nil, "Authorization", bearer).want(200)

	*w.now = w.now.Add(time.Hour)
	w.ask("GET", "", nil, "Authorization", bearer).says(401, "Bad credentials")
	second := w.ask("POST", "/app/installations/"+id+"/access_tokens", nil, "Authorization", sign(claims(w, "7"))).want(201)
	if second.text("token") == got.text("token") {
		t.Error("the same token again")
	}
}

func TestInstallationTokenReachesWhatItWasMadeFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	self := addApp(t, w)(claims(w, "7"))
	if err := w.AddRepository(forge.Repository{FullName: "acme/other", Dir: w.dir}); err != nil {
		t.Fatal(err)
	}
	tokens := "/app/installations/1007/access_tokens"
	bearer := "Bearer " + w.ask("POST", tokens, fields{"repositories": []string{"env"}}, "Authorization", self).want(201).text("token")
	w.ask("GET", "", nil, "Authorization", bearer).want(200)
	w.ask("GET", "/repos/acme/other", nil, "Authorization", bearer).want(404)
	w.ask("GET", "/repos/acme/other/installation", nil, "Authorization", self).want(404)
	w.ask("POST", tokens, fields{"repositories": []string{"other"}}, "Authorization", self).says(422, "does not exist or is not accessible")
	w.ask("POST", "/app/installations/1/access_tokens", nil, "Authorization", self).want(404)
	w.ask("POST", tokens, nil).says(401, "JSON web token")           // a person's token
	w.ask("GET", "", nil, "Authorization", self).want(404)           // the app itself reads nothing
	w.ask("GET", "/app", nil, "Authorization", bearer).says(401, "") // its token is not the app
}

func TestATokenReachesThroughGitWhatItReachesThroughTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *forge.Options) { o.Anonymous = true })
	self := addApp(t, w)(claims(w, "7"))
	for name, private := range map[string]bool{"acme/open": false, repo: true, "acme/other": true} {
		if err := w.AddRepository(forge.Repository{FullName: name, Dir: w.dir, Private: private}); err != nil {
			t.Fatal(err)
		}
	}
	own := w.ask("POST", "/app/installations/1007/access_tokens", nil, "Authorization", self).want(201).text("token")
	check := func(repository, token string, want bool) {
		t.Helper()
		if got := w.Login(repository+".git", "x-access-token", token); got != want {
			t.Errorf("git lets %q into %s: %t, want %t", token, repository, got, want)
		}
	}
	check("acme/open", "", true)
	check(repo, "", false)
	check(repo, own, true)
	check(repo, token, true) // a person's
	check(repo, "ghs_wrong", false)
	check("acme/open", "ghs_wrong", false)
	check(repo, strings.TrimPrefix(self, "Bearer "), false) // the app itself reads nothing
	check("acme/other", own, false)
	check("acme/none", token, false)
	*w.now = w.now.Add(time.Hour)
	check(repo, own, false)
	strict := newWorld(t)
	if strict.Login(repo+".git", "", "") {
		t.Error("a stranger is let in where the API refuses strangers")
	}
}

func TestOnlyTheAppsOwnJWTCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sign := addApp(t, w)
	other := addApp(t, newWorld(t))
	late, early, long := claims(w, "7"), claims(w, "7"), claims(w, "7")
	late.ExpiresAt = jwt.NewNumericDate(*w.now)
	early.IssuedAt = jwt.NewNumericDate(w.now.Add(2 * time.Minute))
	long.ExpiresAt = jwt.NewNumericDate(w.now.Add(20 * time.Minute))
	hmac, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims(w, "7")).SignedString([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		auth   string
		status int
		want   string
	}{
		"another key":       {other(claims(w, "7")), 401, "could not be decoded"},
		"another algorithm": {"Bearer " + hmac, 401, "could not be decoded"},
		"another app":       {sign(claims(w, "8")), 404, "Integration not found"},
		"nonsense":          {"Bearer a.b.c", 401, "could not be decoded"},
		"expired":           {sign(late), 401, "Expiration time"},
		"too long":          {sign(long), 401, "too far in the future"},
		"from the future":   {sign(early), 401, "Issued at"},
	} {
		t.Run(name, func(t *testing.T) { w.ask("GET", "/app", nil, "Authorization", row.auth).says(row.status, row.want) })
	}
}
