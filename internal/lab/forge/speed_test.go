package forge_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/forge"
)

// BenchmarkRequests times one request of each kind that a promotion makes, without the judge and without the network: what is
// left is the forge and its git.
func BenchmarkRequests(b *testing.B) {
	w := newWorld(b, func(o *forge.Options) { o.RateLimit = 1 << 30 })
	w.propose("start", "dev/voice/values.yaml", "image:\n  tag: \"b\"\n")
	var tree, commit string
	for _, row := range []struct {
		name string
		ask  func(n string) (method, path string, body fields)
		keep *string
	}{
		{"blob", func(n string) (string, string, fields) { return "POST", "git/blobs", fields{"content": n} }, nil},
		{"tree", func(n string) (string, string, fields) {
			return "POST", "git/trees", fields{"base_tree": w.main, "tree": []fields{
				{"path": "dev/voice/values.yaml", "mode": "100644", "type": "blob", "content": n}}}
		}, &tree},
		{"commit", func(n string) (string, string, fields) {
			return "POST", "git/commits", fields{"message": n, "tree": tree, "parents": []string{w.main}}
		}, &commit},
		{"ref", func(n string) (string, string, fields) {
			return "POST", "git/refs", fields{"ref": "refs/heads/" + n, "sha": commit}
		}, nil},
		{"pull", func(n string) (string, string, fields) {
			w.branch(n, "dev/voice/values.yaml", n)
			return "POST", "pulls", fields{"title": n, "head": n, "base": "main"}
		}, nil},
		{"GET ref", func(string) (string, string, fields) { return "GET", "git/ref/heads/main", nil }, nil},
		{"GET tree", func(string) (string, string, fields) { return "GET", "git/trees/" + tree + "?recursive=1", nil }, nil},
		{"GET commit", func(string) (string, string, fields) { return "GET", "git/commits/" + commit, nil }, nil},
		{"GET contents", func(string) (string, string, fields) { return "GET", "contents/dev/voice/values.yaml", nil }, nil},
		{"GET pull", func(string) (string, string, fields) { return "GET", "pulls/1", nil }, nil},
	} {
		b.Run(row.name, func(b *testing.B) {
			for i := range b.N {
				b.StopTimer()
				method, path, body := row.ask(fmt.Sprintf("%s-%d-%d", strings.ReplaceAll(row.name, " ", ""), b.N, i))
				req := direct(b, method, path, body)
				b.StartTimer()
				got := httptest.NewRecorder()
				w.ServeHTTP(got, req)
				if got.Code >= 300 {
					b.Fatalf("%s %s: %d %s", method, path, got.Code, got.Body)
				}
				if row.keep != nil {
					*row.keep = reply{t: b, body: got.Body.Bytes()}.text("sha")
				}
			}
		})
	}
}

// direct is a request of ann's that goes to the forge past the network.
func direct(t testing.TB, method, path string, body fields) *http.Request {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequest(method, forge.Prefix+"/repos/"+repo+"/"+path, strings.NewReader(string(data)))
	req.Header.Set("Authorization", "Bearer "+token)
	return req
}
