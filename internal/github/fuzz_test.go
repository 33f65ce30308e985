package github

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/rogpeppe/go-internal/txtar"
)

// operations is how many do knows.
const operations = 15

// do is all that is asked of GitHub.
func do(ctx context.Context, operation uint8, r *Repository, server *script) (err error) {
	switch operation % operations {
	case 0:
		_, err = r.Branch(ctx, "main")
	case 1:
		err = r.CreateBranch(ctx, "b", "aa")
	case 2:
		err = r.Advance(ctx, "b", "aa")
	case 3:
		_, err = r.Compare(ctx, "aa", "bb")
	case 4:
		err = r.Comment(ctx, 1, "mark", "text")
	case 5:
		_, err = r.Message(ctx, "aa")
	case 6:
		err = r.Merge(ctx, 1, "aa")
	case 7:
		_, err = r.UpdatePullRequest(ctx, 1, "t", "b")
	case 8:
		_, err = r.PullRequest(ctx, 1)
	case 9:
		_, err = r.PullRequests(ctx, "", "all")
	case 10:
		_, err = r.PullRequests(ctx, "b", "open")
	case 11:
		_, err = r.OpenPullRequest(ctx, PullRequest{Title: "t", Head: "b", Base: "main"})
	case 12:
		_, err = r.Commit(ctx, Commit{Message: "m", Parents: []string{"aa"}, Base: "aa", Files: map[string][]byte{"file.rb": []byte("1")}})
	case 13:
		err = readAll(ctx, r)
	case 14:
		err = askForToken(ctx, server)
	}
	return err
}

// readAll reads every file of a commit.
func readAll(ctx context.Context, r *Repository) error {
	tree, err := r.Tree(ctx, "aa")
	if err != nil {
		return err
	}
	files, err := r.Files(ctx, "aa", tree.Paths())
	for name, data := range files {
		if entry, _ := tree.Entry(name); data != nil && entry.SHA != blobSHA(data) {
			panic(name + " has other bytes than the tree names")
		}
	}
	return err
}

// askForToken acts as a GitHub App.
func askForToken(ctx context.Context, server *script) error {
	app, err := NewApp(AppOptions{ID: "1", KeyPEM: keyPEM(), APIURL: "https://" + apiHost, Transport: server})
	if err != nil {
		panic(err)
	}
	_, err = app.Token(ctx, environments)
	return err
}

const (
	apiHost = "api.example"
	// next stands between two answers of a script.
	next = "\n=====\n"
	// echo becomes the credentials of the request, as a proxy might repeat them.
	echo = "ECHO"
	// most is how many requests one operation may make: two lists of 30 pages, each behind redirects.
	most = 300
)

// script is a GitHub that answers as written, with the last answer for ever. It notes what it must not see.
type script struct {
	answers [][]byte
	asked   int
	wrote   int
	outside string
}

// RoundTrip implements http.RoundTripper.
func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != apiHost || req.URL.Scheme != "https" {
		s.outside = req.URL.String()
	}
	if req.Method != http.MethodGet {
		s.wrote++
	}
	answer := s.answers[min(s.asked, len(s.answers)-1)]
	if s.asked++; s.asked > most {
		return nil, errors.New("enough")
	}
	answer = bytes.ReplaceAll(answer, []byte(echo), []byte(req.Header.Get("Authorization")))
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), req)
	if err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return resp, nil
}

// Whatever GitHub answers, nothing panics and no other host is asked; an operation has an end, after few requests and
// fewer writes; its error is one line without the token, and a wait that it asks for is neither none nor for ever.
func FuzzAnswersOfGitHub(f *testing.F) {
	addAnswers(f)
	f.Fuzz(func(t *testing.T, operation uint8, text []byte) {
		server := &script{answers: bytes.Split(text, []byte(next))}
		client, err := New(Options{APIURL: "https://" + apiHost + "/api/v3", Token: Static(botToken), Transport: server, Unpaced: true})
		if err != nil {
			t.Fatal(err)
		}
		err = do(t.Context(), operation, client.Repository(environments), server)
		if server.outside != "" || server.asked > most || server.wrote > 2 {
			t.Fatalf("%d requests, %d of them writes; outside: %q", server.asked, server.wrote, server.outside)
		}
		if err == nil {
			return
		}
		if strings.Contains(err.Error(), botToken) || strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("no error to be shown: %q", err)
		}
		var limited *RateLimited
		if errors.As(err, &limited) && (limited.RetryAfter <= 0 || limited.RetryAfter > time.Hour) {
			t.Fatalf("to wait %s: %v", limited.RetryAfter, err)
		}
	})
}

// B59: found by FuzzAnswersOfGitHub.
func TestAnswerWithAnOddCodeDoesNotBringTheTokenBack(t *testing.T) {
	t.Parallel()
	server := &script{answers: [][]byte{[]byte("HTTP/1.1 099 Odd\n\n{\"message\":\"what is ECHO\"}")}}
	client, err := New(Options{APIURL: "https://" + apiHost, Token: Static(botToken), Transport: server, Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Repository(environments).Branch(t.Context(), "main")
	if err == nil || strings.Contains(err.Error(), botToken) || !strings.Contains(err.Error(), "what is") {
		t.Errorf("got %v", err)
	}
}

// addAnswers adds GitHub's own examples, to every operation, and what an enemy would say.
func addAnswers(f *testing.F) {
	f.Helper()
	archive, err := txtar.ParseFile("testdata/answers.txtar")
	if err != nil {
		f.Fatal(err)
	}
	found := map[string]string{}
	for _, example := range archive.Files {
		fields := strings.Fields(example.Name)
		found[fields[0]+" "+fields[1][strings.LastIndex(fields[1], "/")+1:]] = string(example.Data)
		for operation := range uint8(operations) {
			if len(example.Data) < 10_000 || operation > 7 && operation < 12 { // the long one is a list of pull requests
				f.Add(operation, fmt.Appendf(nil, "HTTP/1.1 %s OK\n\n%s", fields[2], example.Data))
			}
		}
	}
	const ok, created = "HTTP/1.1 200 OK\n\n", "HTTP/1.1 201 Created\n\n"
	tree := ok + found["GET {tree_sha}"] + next
	f.Add(uint8(12), []byte(tree+created+found["POST trees"]+next+created+found["POST commits"]))
	f.Add(uint8(13), []byte(tree+ok+found["GET {file_sha}"]))
	f.Add(uint8(14), []byte(ok+found["GET installation"]+next+created+found["POST access_tokens"]))
	for operation := range uint8(operations) {
		for _, answer := range []string{
			"HTTP/1.1 302 Found\nLocation: https://elsewhere.example/x\n\n",
			"HTTP/1.1 307 Temporary Redirect\nLocation: /api/v3/x\n\n",
			"HTTP/1.1 200 OK\nLink: <https://elsewhere.example/x?page=2>; rel=\"next\"\n\n[{}]",
			"HTTP/1.1 401 Unauthorized\n\n{\"message\":\"Bad\\ncredentials\"}",
			"HTTP/1.1 403 Forbidden\nRetry-After: 60\nX-Accepted-GitHub-Permissions: contents=write\n\n{}",
			"HTTP/1.1 422 Unprocessable Entity\n\n{\"message\":\"Reference already exists\",\"errors\":[{\"message\":\"\\u001b[31m\"},null]}",
			"HTTP/1.1 429 Too Many Requests\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1\n\n",
			"HTTP/1.1 429 Too Many Requests\nRetry-After: 99999999999\n\n{}",
			"HTTP/1.1 502 Bad Gateway\n\n<html>",
			"HTTP/1.1 400 Bad Request\n\n{\"message\":\"what is ECHO\"}",
			"HTTP/1.1 403 Forbidden\nX-Accepted-GitHub-Permissions: ECHO\n\n{}",
			"HTTP/1.1 202 Accepted\n\nnull",
		} {
			f.Add(operation, []byte(answer))
		}
	}
}
