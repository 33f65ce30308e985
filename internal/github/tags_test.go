package github

import (
	"errors"
	"maps"
	"net/http"
	"strconv"
	"testing"

	"github.com/releaser/releaser/internal/lab/forge"
)

func TestTagsThatAreAsTheyWereAreNotListedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, forge.Options{})
	w.git.Tag("v1.0.0", w.base)
	annotated := w.git.Annotate("voice/v1.0.0", w.base)
	for i := range 200 { // more than any page has
		w.git.Tag("voice/v2."+strconv.Itoa(i)+".0", w.base)
	}
	tags := func(prefix, mark string) (Tags, bool) {
		t.Helper()
		got, unchanged, err := w.api.Tags(t.Context(), prefix, mark)
		if err != nil {
			t.Fatal(err)
		}
		return got, unchanged
	}
	all, _ := tags("", "")
	if len(all.Objects) != 202 || all.Objects["v1.0.0"] != w.base || all.Objects["voice/v1.0.0"] != annotated || all.Mark == "" {
		t.Fatalf("%d tags, %q", len(all.Objects), all.Mark)
	}
	few, _ := tags("voice/v1", "")
	if want := map[string]string{"voice/v1.0.0": annotated}; !maps.Equal(few.Objects, want) {
		t.Errorf("%v, want %v", few.Objects, want)
	}
	for range 2 {
		if got, unchanged := tags("", all.Mark); !unchanged || got.Objects != nil {
			t.Errorf("nothing changed, and %d tags are listed", len(got.Objects))
		}
	}

	for what, change := range map[string]func(){
		"a new tag":     func() { w.git.Tag("v1.1.0", w.base) },
		"a moved tag":   func() { w.git.Tag("v1.1.0", w.git.Commit("main", "-- x --\ny\n")) },
		"a deleted tag": func() { w.git.Git("tag", "-d", "voice/v2.199.0") },
	} {
		before, _ := tags("", "")
		change()
		if got, unchanged := tags("", before.Mark); unchanged || maps.Equal(got.Objects, before.Objects) || got.Mark == before.Mark {
			t.Errorf("%s is not seen", what)
		}
	}
	if _, unchanged := tags("voice/v1", few.Mark); !unchanged {
		t.Error("other tags than those of the prefix are a change")
	}
}

func TestAnAnswerInPagesHasNoMark(t *testing.T) {
	t.Parallel()
	r := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ETag", `W/"abc"`)
		w.Header().Set("Link", `<https://api.github.com/x?page=2>; rel="next"`)
		w.Write([]byte(`[{"ref":"refs/tags/v1","object":{"sha":"aa","type":"commit"}}]`))
	})
	if got, unchanged, err := r.Tags(t.Context(), "", ""); err != nil || unchanged || got.Mark != "" || len(got.Objects) != 1 {
		t.Errorf("%+v, %t, %v", got, unchanged, err)
	}
	r = answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	if _, unchanged, err := r.Tags(t.Context(), "", ""); err == nil || unchanged {
		t.Errorf("unchanged since nothing: %v", err)
	}
	r = answering(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	if _, _, err := r.Tags(t.Context(), "", "x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestARepositoryIsFoundByItsGitURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ api, url, want string }{
		{"https://api.github.com", "https://github.com/acme/platform.git", "acme/platform"},
		{"https://api.github.com/", "https://GitHub.com/acme/platform", "acme/platform"},
		{"https://api.github.com", "git@github.com:acme/platform.git", "acme/platform"},
		{"https://api.github.com", "ssh://git@github.com:22/acme/platform.git", "acme/platform"},
		{"https://git.acme.example/api/v3", "https://git.acme.example/acme/platform.git", "acme/platform"},
		{"https://api.acme.ghe.com", "https://acme.ghe.com/acme/platform.git", "acme/platform"},
		{"https://api.github.com", "https://gitlab.com/acme/platform.git", ""},
		{"https://git.acme.example/api/v3", "https://git.acme.example:8443/acme/platform.git", ""},
		{"https://api.github.com", "https://github.com/acme/group/platform.git", ""},
		{"https://api.github.com", "https://api.github.com/acme/platform.git", ""},
		{"https://api.github.com", "/srv/git/acme/platform.git", ""},
		{"https://api.github.com", "https://github.com.example/acme/platform.git", ""},
	} {
		client, err := New(Options{APIURL: c.api, Token: Static("x")})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if r, ok := client.Holds(c.url); ok {
			got = r.Name()
		}
		if got != c.want {
			t.Errorf("%s is %q at %s, want %q", c.url, got, c.api, c.want)
		}
	}
}
