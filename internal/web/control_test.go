package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/web"
)

// An order is one JSON value that names a tag; what it comes to is for the daemon to say.
func TestAnOrderIsPassedOnOrRefused(t *testing.T) {
	t.Parallel()
	var heard []string
	hear := func(verb string) func(context.Context, string, string) error {
		return func(_ context.Context, source, tag string) error {
			heard = append(heard, verb+" "+source+" "+tag)
			if tag == "unknown" {
				return errors.New("unknown: the daemon knows no such tag")
			}
			return nil
		}
	}
	h := web.Control{
		Queue:   func(context.Context) (any, error) { return []string{"a"}, nil },
		History: func(_ context.Context, source, tag string) (any, error) { return source + "/" + tag, nil },
		Retry:   hear("retry"), Cancel: hear("cancel"),
	}.Handler()
	for _, row := range []struct {
		method, path, body string
		code               int
		says               string
	}{
		{"GET", "/queue", "", 200, `["a"]`},
		{"GET", "/history?source=platform&tag=web-1.0.0%2Bb", "", 200, `"platform/web-1.0.0+b"`},
		{"POST", "/retry", `{"tag": "web-1.0.0"}`, 204, ""},
		{"POST", "/cancel", `{"source": "platform", "tag": "web-1.0.0"}`, 204, ""},
		{"POST", "/retry", `{"tag": "unknown"}`, 422, "knows no such tag"},
		{"POST", "/retry", `{}`, 400, `write {"tag": "NAME"}`},
		{"POST", "/retry", `no JSON`, 400, `write {"tag": "NAME"}`},
		{"POST", "/retry", `{"tag": "` + strings.Repeat("x", 1<<17) + `"}`, 400, `write {"tag": "NAME"}`},
		{"GET", "/retry", "", 405, ""},
		{"POST", "/other", "", 404, ""},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(row.method, row.path, strings.NewReader(row.body)))
		if w.Code != row.code || !strings.Contains(w.Body.String(), row.says) {
			t.Errorf("%s %s: %d %s", row.method, row.path, w.Code, w.Body)
		}
	}
	if got := strings.Join(heard, "; "); got != "retry  web-1.0.0; cancel platform web-1.0.0; retry  unknown" {
		t.Errorf("heard %s", got)
	}
	w := httptest.NewRecorder()
	web.Control{Queue: func(context.Context) (any, error) { return nil, errors.New("the journal is away") }}.Handler().
		ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/queue", nil))
	if w.Code != 500 || !strings.Contains(w.Body.String(), "away") {
		t.Errorf("a queue that cannot be read: %d %s", w.Code, w.Body)
	}
}
