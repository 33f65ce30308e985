package openapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/openapi"
)

// jury writes down what a judge complains of.
type jury struct{ complaints []string }

func (*jury) Helper() {}
func (j *jury) Errorf(format string, args ...any) {
	j.complaints = append(j.complaints, fmt.Sprintf(format, args...))
}

// exchange is one request and its answer.
type exchange struct {
	method, path, body string
	header             []string
	status             int
	answer             string
}

// judge lets an exchange pass a judge and gives the complaints.
func judge(t *testing.T, e exchange) []string {
	t.Helper()
	j := &jury{}
	h := openapi.Judge(j, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got, _ := io.ReadAll(r.Body); string(got) != e.body {
			t.Errorf("the server got %q, sent was %q", got, e.body)
		}
		if e.answer != "" {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
		}
		w.WriteHeader(e.status)
		_, _ = io.WriteString(w, e.answer)
	}))
	req := httptest.NewRequest(e.method, openapi.Prefix+e.path, strings.NewReader(e.body))
	req.Header.Set("User-Agent", "test")
	if e.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(e.header); i += 2 {
		req.Header.Set(e.header[i], e.header[i+1])
	}
	got := httptest.NewRecorder()
	h.ServeHTTP(got, req)
	if got.Code != e.status || got.Body.String() != e.answer {
		t.Errorf("the client got %d %q, sent was %d %q", got.Code, got.Body, e.status, e.answer)
	}
	return j.complaints
}

const (
	refAnswer   = `{"ref":"refs/heads/a","node_id":"x","url":"http://x/y","object":{"type":"commit","sha":"0123456789012345678901234567890123456789","url":"http://x/z"}}`
	labelAnswer = `[{"id":1,"node_id":"x","url":"http://x/l","name":"a","description":null,"color":"ededed","default":false}]`
	notFound    = `{"message":"Not Found","documentation_url":"https://docs.github.com/rest","status":"404"}`
)

func TestWhatIsDescribedPasses(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]exchange{
		"a ref with slashes":        {method: "GET", path: "/repos/o/r/git/ref/heads/releaser/dev/voice", status: 200, answer: refAnswer},
		"an escaped ref":            {method: "GET", path: "/repos/o/r/git/ref/heads%2Fa%23b", status: 200, answer: refAnswer},
		"a new ref":                 {method: "POST", path: "/repos/o/r/git/refs", body: `{"ref":"refs/heads/a","sha":"x"}`, status: 201, answer: refAnswer},
		"labels as an object":       {method: "POST", path: "/repos/o/r/issues/1/labels", body: `{"labels":["a"]}`, status: 200, answer: labelAnswer},
		"labels as a bare array":    {method: "POST", path: "/repos/o/r/issues/1/labels", body: ` ["a"]`, status: 200, answer: labelAnswer},
		"no answer to a deletion":   {method: "DELETE", path: "/repos/o/r/git/refs/heads/a", status: 204},
		"bad credentials anywhere":  {method: "GET", path: "/repos/o/r", status: 401, answer: notFound},
		"nothing new for who asked": {method: "GET", path: "/repos/o/r/branches/a", header: []string{"If-None-Match", `"x"`}, status: 304},
		"the right version":         {method: "GET", path: "/repos/o/r", header: []string{"X-GitHub-Api-Version", "2022-11-28"}, status: 404, answer: notFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := judge(t, e); len(got) > 0 {
				t.Errorf("complaints: %q", got)
			}
		})
	}
}

func TestWhatBreaksTheDescriptionFailsTheTest(t *testing.T) {
	t.Parallel()
	ref := func(change ...string) string { return strings.NewReplacer(change...).Replace(refAnswer) }
	post := exchange{method: "POST", path: "/repos/o/r/git/refs", body: `{"ref":"refs/heads/a","sha":"x"}`, status: 201, answer: refAnswer}
	get := exchange{method: "GET", path: "/repos/o/r/git/ref/heads/a", status: 200, answer: refAnswer}
	for name, row := range map[string]struct {
		exchange
		change func(*exchange)
		want   string
	}{
		"an operation that is not in the cut": {get, func(e *exchange) { e.path = "/orgs/o" }, "GET /orgs/o: not an operation of the cut"},
		"a method that is not":                {get, func(e *exchange) { e.method = "PUT" }, "PUT /repos/o/r/git/ref/heads/a: not an operation"},
		"an undescribed query parameter":      {get, func(e *exchange) { e.path += "?per_page=3" }, `git/get-ref: request: query parameter "per_page"`},
		"a query parameter of another type": {exchange{method: "GET", path: "/repos/o/r/pulls?state=merged", status: 200, answer: "[]"}, nil,
			"pulls/list: request: parameter \"state\" in query has an error"},
		"a path parameter of another type": {exchange{method: "GET", path: "/repos/o/r/pulls/one", status: 404, answer: notFound}, nil, "pulls/get: request:"},
		"a body without a required field":  {post, func(e *exchange) { e.body = `{"ref":"refs/heads/a"}` }, `git/create-ref: request: /sha: property "sha" is missing`},
		"a body of another type":           {post, func(e *exchange) { e.body = `{"ref":1,"sha":"x"}` }, `git/create-ref: request: /ref: value must be a string`},
		"no body":                          {post, func(e *exchange) { e.body = "" }, `git/create-ref: request: request body has an error`},
		"an undescribed property in a body": {post, func(e *exchange) { e.body = `{"ref":"refs/heads/a","sha":"x","force":true}` },
			"git/create-ref: request: property /force is not described"},
		"an undescribed property deep in a body": {exchange{method: "POST", path: "/repos/o/r/git/trees", status: 404, answer: notFound,
			body: `{"tree":[{"path":"a","mode":"100644","size":3}]}`}, nil, "git/create-tree: request: property /tree/0/size is not described"},
		"a body that is not JSON by its header": {post, func(e *exchange) { e.header = []string{"Content-Type", "text/plain"} }, `Content-Type is "text/plain"`},
		"another version of the API":            {get, func(e *exchange) { e.header = []string{"X-GitHub-Api-Version", "2026-03-10"} }, "X-GitHub-Api-Version is 2026-03-10"},
		"no user agent":                         {get, func(e *exchange) { e.header = []string{"User-Agent", ""} }, "no User-Agent"},
		"an undescribed status":                 {get, func(e *exchange) { e.status = 418 }, "git/get-ref: response: status 418 is not described"},
		"304 for who did not ask":               {get, func(e *exchange) { e.status, e.answer = 304, "" }, "status 304 is not described"},
		"an answer without a required field":    {get, func(e *exchange) { e.answer = ref(`"node_id":"x",`, "") }, "git/get-ref: response: 200:"},
		"an answer of another type":             {get, func(e *exchange) { e.answer = ref(`"commit"`, "1") }, "git/get-ref: response: 200:"},
		"an undescribed property in an answer":  {get, func(e *exchange) { e.answer = ref(`"ref"`, `"name":1,"ref"`) }, "response: 200: property /name is not described"},
		"one deep in an answer":                 {get, func(e *exchange) { e.answer = ref(`"type"`, `"kind":1,"type"`) }, "response: 200: property /object/kind is not described"},
		"an answer that is not JSON":            {get, func(e *exchange) { e.answer = "ok" }, "git/get-ref: response: 200:"},
		"an error without a message":            {get, func(e *exchange) { e.status, e.answer = 502, `{}` }, "git/get-ref: response: 502 without message"},
		"204 with a body":                       {exchange{method: "DELETE", path: "/repos/o/r/git/refs/heads/a", status: 204, answer: "{}"}, nil, "204 with a body"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := row.exchange
			if row.change != nil {
				row.change(&e)
			}
			got := judge(t, e)
			if !strings.Contains(strings.Join(got, "\n"), row.want) {
				t.Errorf("complaints: %q\nwant one with %q", got, row.want)
			}
			for _, c := range got {
				if strings.Contains(c, "\n") {
					t.Errorf("complaint of several lines: %q", c)
				}
			}
		})
	}
}

func TestPagesAreNotJudged(t *testing.T) {
	t.Parallel()
	j := &jury{}
	h := openapi.Judge(j, http.NotFoundHandler())
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/o/r/pull/1", nil))
	if len(j.complaints) > 0 {
		t.Errorf("complaints: %q", j.complaints)
	}
}

func TestDroppedConnectionPassesTheJudge(t *testing.T) {
	t.Parallel()
	h := openapi.Judge(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("the panic that drops the connection did not pass")
		}
	}()
	req := httptest.NewRequest("GET", openapi.Prefix+"/user", nil)
	req.Header.Set("User-Agent", "test")
	h.ServeHTTP(httptest.NewRecorder(), req)
}

// The cut is what cut/operations.txt asks for, no more and no less.
func TestTheCutHoldsTheListedOperations(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("cut/operations.txt")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' && !strings.HasPrefix(line, "webhook ") {
			want = append(want, line)
		}
	}
	got, err := openapi.Operations()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the cut has %q\nlisted are %q\nmake it again: see the comment of ./cut", got, want)
	}
}

func TestWebhooksAreJudgedToo(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ event, payload, want string }{
		"an unknown one":   {"star", `{}`, "webhook star is not in the cut"},
		"a missing field":  {"push", `{"ref":"refs/heads/a"}`, "webhook push: "},
		"an unknown field": {"push", `{"branch":"a"}`, "property /branch is not described"},
		"no JSON":          {"pull_request-opened", `x`, "webhook pull_request-opened: invalid character"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := &jury{}
			openapi.Webhook(j, row.event, []byte(row.payload))
			if !strings.Contains(strings.Join(j.complaints, "\n"), row.want) {
				t.Errorf("complaints: %q\nwant one with %q", j.complaints, row.want)
			}
		})
	}
}
