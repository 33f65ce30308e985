package web_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"
)

// payload is one of GitHub's own examples.
type payload struct {
	event, repository, body string
}

// payloads are all of them; see the ORIGIN.md beside the file.
func payloads(t *testing.T) []payload {
	t.Helper()
	file, err := os.Open("testdata/webhooks.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var events []struct {
		Name     string
		Examples []json.RawMessage
	}
	if err := json.NewDecoder(unzipped).Decode(&events); err != nil {
		t.Fatal(err)
	}
	var all []payload
	for _, e := range events {
		for _, body := range e.Examples {
			var names struct {
				Repository struct {
					FullName string `json:"full_name"`
				}
			}
			if err := json.Unmarshal(body, &names); err != nil {
				t.Fatal(err)
			}
			all = append(all, payload{e.Name, names.Repository.FullName, string(body)})
		}
	}
	if len(all) != 329 {
		t.Fatalf("%d payloads", len(all))
	}
	return all
}

// B46, B48, B49
func TestEachOfGitHubsPayloadsWakesItsRepositoryOrNothing(t *testing.T) {
	t.Parallel()
	f := newFace(t, secret)
	for _, p := range payloads(t) {
		if w := deliver(f, p.event, sign("guess", p.body), p.body); w.Code != http.StatusUnauthorized || len(f.woken) != 0 {
			t.Errorf("%s, forged: %d, woken %v", p.event, w.Code, f.woken)
		}
		for range 2 { // the second is a replay
			if w := deliver(f, p.event, sign(secret, p.body), p.body); w.Code/100 != 2 {
				t.Errorf("%s: %d %s", p.event, w.Code, w.Body)
			}
		}
		want := 0
		if slices.Contains([]string{"push", "create", "pull_request"}, p.event) {
			want = 2
		}
		if len(f.woken) != want || want > 0 && (f.woken[0][0] != p.repository || p.repository == "") {
			t.Errorf("%s: woken %v, want %d times %q", p.event, f.woken, want, p.repository)
		}
		f.woken = nil
	}
}

// B47
func TestABodyIsReadToTheCapAndNoFurther(t *testing.T) {
	t.Parallel()
	const limit = 25 << 20
	f := newFace(t, secret)
	for name, c := range map[string]struct {
		length int64
		read   int
	}{
		"declared":       {26 << 20, 0},
		"chunked":        {-1, limit + 64<<10},
		"lies about it":  {limit, limit + 64<<10},
		"without an end": {1 << 60, 0},
	} {
		body := &endless{}
		r := httptest.NewRequest(http.MethodPost, "/webhook/github", io.NopCloser(body))
		r.ContentLength = c.length
		r.Header.Set("X-GitHub-Event", "push")
		r.Header.Set("X-Hub-Signature-256", sign(secret, push))
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		if w.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if n := body.sent(); n > c.read {
			t.Errorf("%s: %d bytes were read", name, n)
		}
	}
	if len(f.woken) != 0 {
		t.Errorf("woken: %v", f.woken)
	}
}
