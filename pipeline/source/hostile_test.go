package source_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/gitd/gitdtest"
	"github.com/releaser/releaser/pipeline/source"
)

// clean fails when an error, or any that it wraps, shows the token or bytes that a terminal would obey.
func clean(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Error("no error")
		return
	}
	basic := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + canary))
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, text := range []string{e.Error(), fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", e)} {
			if strings.Contains(text, canary) || strings.Contains(text, basic) || strings.ContainsRune(text, '\x1b') {
				t.Errorf("%T shows what it must not: %q", e, text)
			}
		}
	}
}

// I6: a server knows the token, and may send it back in any way to have it logged.
func TestAServerThatEchoesTheTokenGetsItIntoNoError(t *testing.T) {
	t.Parallel()
	line := func(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }
	for name, answer := range map[string]http.HandlerFunc{
		"error page":   func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500); echo(w, r) },
		"refused":      func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(401); echo(w, r) },
		"not found":    func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404); echo(w, r) },
		"no git":       func(w http.ResponseWriter, r *http.Request) { echo(w, r) },
		"error line":   func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, line("ERR "+both(r)+"\x1b[2J\n")) },
		"no reference": func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, line(both(r)+"\n")) },
		"redirect":     func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/"+both(r), http.StatusFound) },
		"redirect host": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://"+canary+".invalid/", http.StatusFound)
		},
		"redirect user": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://u:"+canary+"@"+r.Host+"/x?token="+canary, http.StatusFound)
		},
		"status": func(w http.ResponseWriter, r *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			fmt.Fprintf(conn, "HTTP/1.1 2x0 %s\r\n\r\n", both(r))
			conn.Close()
		},
	} {
		server := httptest.NewServer(answer)
		r := open(t, source.Options{URL: server.URL + "/r.git", Auth: tokenFile(t, canary)})
		_, err := r.Refs(t.Context())
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		clean(t, err)
		tag := source.Tag{Name: "v1", Object: strings.Repeat("1", 40), Commit: strings.Repeat("1", 40)}
		_, err = r.Snapshot(t.Context(), tag)
		clean(t, err)
		server.Close()
	}
}

func both(r *http.Request) string {
	_, token, _ := r.BasicAuth()
	return token + " " + r.Header.Get("Authorization")
}

func echo(w http.ResponseWriter, r *http.Request) { io.WriteString(w, both(r)) }

// The listing is honest here, the packs are not.
func TestAPackThatIsNoneIsAnErrorWithoutTheToken(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	repo := gitdtest.New(t, root, "r.git", gitd.Features{})
	repo.Tag("v1", repo.Commit("main", platform))
	backend := gitd.New(root, gitd.Options{})
	line := func(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }
	begin := "0000" + line("NAK\n")
	for name, answer := range map[string]func(token string) string{
		"nothing":        func(string) string { return "" },
		"no protocol":    func(token string) string { return token },
		"error line":     func(token string) string { return line("ERR " + token) },
		"error channel":  func(token string) string { return begin + line("\x03"+token+"\x1b[2J") },
		"other channel":  func(token string) string { return begin + line("\x07"+token) },
		"no pack":        func(string) string { return begin + "0000" },
		"not a pack":     func(token string) string { return begin + line("\x01"+token) },
		"half a pack":    func(string) string { return begin + line("\x01PACK\x00\x00\x00\x02\x00\x00\x00\x05") },
		"another object": func(string) string { return begin + line("\x01"+emptyPack) + "0000" },
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				backend.ServeHTTP(w, r)
				return
			}
			_, token, _ := r.BasicAuth()
			io.WriteString(w, answer(token))
		}))
		r := open(t, source.Options{URL: server.URL + "/r.git", Auth: tokenFile(t, canary)})
		tag, _ := refs(t, r).Tag("v1")
		_, err := r.Snapshot(t.Context(), tag)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		clean(t, err)
		server.Close()
	}
}

// emptyPack is a whole pack without objects.
const emptyPack = "PACK\x00\x00\x00\x02\x00\x00\x00\x00\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e"

// advertise serves a listing with these names, all at one commit.
func advertise(names ...string) *httptest.Server {
	commit := strings.Repeat("1", 40)
	line := func(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, line("# service=git-upload-pack\n")+"0000"+line(commit+" HEAD\x00side-band-64k shallow\n"))
		for _, name := range names {
			if _, err := io.WriteString(w, line(commit+" "+name+"\n")); err != nil {
				return
			}
		}
		io.WriteString(w, "0000")
	}))
}

// B1, B2, B3, B4: a bad name is reported, in plain ASCII, and does no harm to the others.
func TestBadNamesAreRejectedBesideTheGoodOnes(t *testing.T) {
	t.Parallel()
	bad := map[string]string{
		"refs/tags/--upload-pack=x":              "dash",
		"refs/tags/-x":                           "dash",
		"refs/heads/-x":                          "dash",
		"../../config":                           `".."`,
		"refs/tags/../x":                         `".."`,
		"refs/tags/a/../../x":                    `".."`,
		"refs/tags/a\x00b":                       "control",
		"refs/tags/a\nb":                         "control",
		"refs/tags/\x1b[31mv1.0.0":               "control",
		"refs/tags/v1.0.0\u2028":                 "ASCII",
		"refs/tags/v1\u2024 0.0"[:13] + "x":      "ASCII", // cut in the middle of a character: not even UTF-8
		"refs/tags/v\u0661.0.0":                  "ASCII",
		"refs/tags/v1.0.0\u200b":                 "ASCII",
		"refs/heads/m\u0430in":                   "ASCII",
		"refs/tags/x.lock":                       "form",
		"refs/tags/.x":                           "form",
		"refs/tags/a//b":                         "form",
		"refs/tags/x.":                           "form",
		"refs/tags/x@{1}":                        "git does not allow",
		"refs/tags/x:y":                          "git does not allow",
		"refs/tags/x*":                           "git does not allow",
		"refs/tags/" + strings.Repeat("x", 2000): "longer",
	}
	names := []string{"refs/heads/main", "refs/pull/1/head", "refs/tags/v1.0.0", "refs/tags/web/v1.0.0", "refs/tags/1.0.0+x"}
	for name := range bad {
		names = append(names, name)
	}
	server := advertise(names...)
	defer server.Close()
	got := refs(t, open(t, source.Options{URL: server.URL + "/r.git"}))
	var good []string
	for _, tag := range got.Tags {
		good = append(good, tag.Name)
	}
	if want := []string{"1.0.0+x", "v1.0.0", "web/v1.0.0"}; !slices.Equal(good, want) {
		t.Errorf("tags %v, want %v", good, want)
	}
	if len(got.Heads) != 1 || got.Heads["main"] == "" {
		t.Errorf("branches %v", got.Heads)
	}
	if len(got.Rejected) != len(bad) {
		t.Errorf("%d rejected, want %d", len(got.Rejected), len(bad))
	}
	reasons := map[string]bool{}
	for _, ref := range got.Rejected {
		if strings.ContainsFunc(ref.Error(), func(r rune) bool { return r < ' ' || r > '~' }) || len(ref.Error()) > 400 || ref.Fix == "" {
			t.Errorf("%q", ref.Error())
		}
		reasons[ref.Reason] = true
	}
	for name, reason := range bad {
		if !slices.ContainsFunc(got.Rejected, func(b source.BadRef) bool { return strings.Contains(b.Reason, reason) }) {
			t.Errorf("%q: no rejection says %q", name, reason)
		}
	}
}

// B9
func TestAnEndlessListingIsCutOff(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 60000)
	names := make([]string, 1200)
	for i := range names {
		names[i] = "refs/tags/" + long
	}
	server := advertise(names...)
	defer server.Close()
	if _, err := open(t, source.Options{URL: server.URL + "/r.git"}).Refs(t.Context()); !errors.Is(err, source.ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

// A server that lists one commit and sends another must not get away with it.
func TestATagThatLeadsElsewhereThanListedIsAnError(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	repo := gitdtest.New(t, root, "r.git", gitd.Features{})
	first := repo.Commit("main", platform)
	second := repo.Commit("main", "-- x --\ny\n")
	repo.Annotate("v1", first)
	r := open(t, source.Options{URL: gitdtest.Serve(t, root, gitd.Options{}).RepositoryURL("r.git")})
	tag, _ := refs(t, r).Tag("v1")
	tag.Commit = second
	if _, err := r.Snapshot(t.Context(), tag); err == nil || !strings.Contains(err.Error(), first) {
		t.Errorf("%v", err)
	}
	if _, err := r.Snapshot(t.Context(), source.Tag{Name: "v1"}); err == nil {
		t.Error("a tag without an object was read")
	}
}
