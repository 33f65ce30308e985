// Package openapi judges HTTP traffic by GitHub's own description of its API.
//
// A Judge stands before a server and validates every request that reaches it and every response that leaves it:
// paths, parameters, bodies, and also what a schema leaves open but GitHub does not know: undescribed query parameters
// and undescribed properties. What breaks the description fails the test, with the name of the operation and the
// reason; so does an operation that is not in the cut (testdata/github.json, see its ORIGIN.md). The few answers that
// GitHub gives without describing them are listed in undocumented.go.
package openapi

import (
	_ "embed"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
)

// Prefix is where the API begins on a server, as on GitHub Enterprise. Requests elsewhere are not judged.
const Prefix = "/api/v3"

//go:embed testdata/github.json
var cut []byte

// description is the cut, loaded once: it takes 0.1 s and is never changed.
var description = sync.OnceValues(func() (*openapi3.T, error) {
	// Not validated as a whole: GitHub's own examples and defaults break some of its schemas.
	doc, err := openapi3.NewLoader().LoadFromData(cut)
	if err != nil {
		return nil, err
	}
	loosen(doc)
	return doc, nil
})

// loosen lets an error be of more than one of the kinds that an operation describes. GitHub says "one of", but its kinds of
// error overlap: a plain validation error is always two of them.
func loosen(doc *openapi3.T) {
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for status, response := range op.Responses.Map() {
				media := response.Value.Content.Get("application/json")
				if status >= "400" && media != nil && len(media.Schema.Value.OneOf) > 0 {
					media.Schema.Value.AnyOf, media.Schema.Value.OneOf = media.Schema.Value.OneOf, nil
				}
			}
		}
	}
}

// Operations lists the operationIds of the cut, sorted. Webhooks are not among them.
func Operations() ([]string, error) {
	doc, err := description()
	if err != nil {
		return nil, err
	}
	var names []string
	for path, item := range doc.Paths.Map() {
		if strings.HasPrefix(path, hooks) {
			continue
		}
		for _, op := range item.Operations() {
			names = append(names, op.OperationID)
		}
	}
	slices.Sort(names)
	return names, nil
}

// find matches a request with an operation. Kin's own routers do not know that GitHub's {path}, {ref} and {basehead} may
// hold slashes, which it marks x-multi-segment. A template with more fixed words wins.
func find(doc *openapi3.T, method, path string) (*routers.Route, map[string]string, error) {
	var best *routers.Route
	var params map[string]string
	words := -1
	for template, item := range doc.Paths.Map() {
		op := item.GetOperation(method)
		if op == nil {
			continue
		}
		values, ok := match(strings.Split(template, "/"), strings.Split(path, "/"), multi(item, op))
		if !ok {
			continue
		}
		if n := strings.Count(template, "/") - len(values); n > words {
			words, params = n, values
			best = &routers.Route{Spec: doc, Path: template, PathItem: item, Method: method, Operation: op}
		}
	}
	if best == nil {
		return nil, nil, fmt.Errorf("%s %s: not an operation of the cut; add it to cut/operations.txt or do not call it", method, path)
	}
	return best, params, nil
}

// multi names the path parameters that may hold slashes.
func multi(item *openapi3.PathItem, op *openapi3.Operation) map[string]bool {
	names := map[string]bool{}
	for _, p := range slices.Concat(item.Parameters, op.Parameters) {
		if p.Value.In == openapi3.ParameterInPath && p.Value.Extensions["x-multi-segment"] == true {
			names[p.Value.Name] = true
		}
	}
	return names
}

// match fills a template from an escaped path. A parameter of several segments takes as few as make the rest match.
func match(template, path []string, many map[string]bool) (map[string]string, bool) {
	if len(template) == 0 || len(path) == 0 {
		return map[string]string{}, len(template) == len(path)
	}
	name, isParam := strings.CutPrefix(template[0], "{")
	if !isParam {
		if template[0] != path[0] {
			return nil, false
		}
		return match(template[1:], path[1:], many)
	}
	name = strings.TrimSuffix(name, "}")
	for n := 1; n <= len(path); n++ {
		value, err := url.PathUnescape(strings.Join(path[:n], "/"))
		if err != nil || value == "" {
			return nil, false
		}
		if values, ok := match(template[1:], path[n:], many); ok {
			values[name] = value
			return values, true
		}
		if !many[name] {
			break
		}
	}
	return nil, false
}

// T is what a Judge needs of a test.
type T interface {
	Helper()
	Errorf(format string, args ...any)
}

// Judge puts the description before a server. It fails the test for what breaks it and lets everything through, so that
// the test shows what follows, too.
func Judge(t T, next http.Handler) http.Handler {
	t.Helper()
	doc, err := description()
	if err != nil {
		t.Errorf("openapi: the cut does not load: %v", err)
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, isAPI := strings.CutPrefix(r.URL.EscapedPath(), Prefix+"/")
		if !isAPI {
			next.ServeHTTP(w, r)
			return
		}
		route, params, err := find(doc, r.Method, "/"+path)
		if err != nil {
			t.Errorf("openapi: %v", err)
			next.ServeHTTP(w, r)
			return
		}
		c := &hearing{t: t, route: route, params: params}
		r = c.request(r)
		answer := &transcript{header: http.Header{}, status: http.StatusOK}
		next.ServeHTTP(answer, r) // a panic, such as a dropped connection, passes by
		c.response(r, answer)
		answer.copyTo(w)
	})
}
