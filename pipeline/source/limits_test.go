package source

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/gitd/gitdtest"
)

func pktLine(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }

// endless repeats a text; taken counts what was read of it.
type endless struct {
	text  string
	taken int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.text[e.taken%len(e.text):])
	e.taken += n
	return n, nil
}

// preludes are what a server may say before a pack, for ever.
func preludes() map[string]string {
	hash := strings.Repeat("a", 40)
	return map[string]string{
		"shallow lines": strings.Repeat(pktLine("shallow "+hash+"\n"), 1000),
		"ACK lines":     strings.Repeat(pktLine("ACK "+hash+" continue\n"), 1000),
	}
}

// What stands before a pack counts, too: a server must not go on for ever with that.
func TestAnAnswerOverHTTPThatNeverComesToAPackIsCutOff(t *testing.T) {
	t.Parallel()
	for name, text := range preludes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, shallow := &endless{text: text}, ""
			if name == "shallow lines" {
				shallow = "shallow"
			} else {
				shallow = "multi_ack"
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					io.WriteString(w, pktLine("# service=git-upload-pack\n")+"0000"+
						pktLine(strings.Repeat("a", 40)+" refs/tags/v1\x00"+shallow+" side-band-64k ofs-delta\n")+"0000")
					return
				}
				io.Copy(w, io.LimitReader(body, 4*maxAnswer))
			}))
			r, err := Open(Options{Name: "x", URL: server.URL + "/r.git"})
			if err != nil {
				t.Fatal(err)
			}
			refs, err := r.Refs(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Snapshot(t.Context(), refs.Tags[0]); !errors.Is(err, ErrTooLarge) {
				t.Error(err)
			}
			server.Close() // it waits for what is still written
			if body.taken > maxAnswer+(32<<20) {
				t.Errorf("%d bytes were sent", body.taken)
			}
		})
	}
}

func TestAnAnswerOverSSHThatNeverComesToAPackIsCutOff(t *testing.T) {
	t.Parallel()
	for name, text := range preludes() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := &endless{text: text}
			s := &sshSession{stdin: discard{io.Discard}, stdout: bufio.NewReader(body), advertised: packp.NewAdvRefs(), exited: make(chan struct{})}
			close(s.exited)
			capabilities := capability.NewList()
			for _, c := range []capability.Capability{capability.Shallow, capability.MultiACK} {
				if err := capabilities.Set(c); err != nil {
					t.Fatal(err)
				}
			}
			want := want{wants: []plumbing.Hash{plumbing.NewHash(strings.Repeat("a", 40))}}
			if name == "shallow lines" {
				want.depth = 1
			}
			request, err := newRequest(capabilities, want)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.UploadPack(t.Context(), request); !errors.Is(s.translate(err), ErrTooLarge) {
				t.Error(err)
			}
			if body.taken > maxAnswer+4096+1 { // 4096 of them by the buffer
				t.Errorf("%d bytes were read", body.taken)
			}
		})
	}
}

type discard struct{ io.Writer }

func (discard) Close() error { return nil }

// One tag may release many charts, each within the limits of a fetch.
func TestTheFilesOfOneSnapshotAreBoundedOverAllFetches(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, features := range map[string]gitd.Features{"filtered": {}, "whole": {NoFilter: true}} {
		repo := gitdtest.New(t, root, name+".git", features)
		repo.Tag("v1", repo.Commit("main", "x\n-- a/1 --\n1234567\n-- b/2 --\nabcdefg\n-- c/3 --\nABCDEFG\n"))
		for _, url := range []string{gitdtest.Serve(t, root, gitd.Options{}).RepositoryURL(name + ".git"), root + "/" + name + ".git"} {
			r, err := Open(Options{Name: "x", URL: url})
			if err != nil {
				t.Fatal(err)
			}
			s := snapshotOf(t, r)
			if s.left != maxContents {
				t.Errorf("%d bytes may be held, want %d", s.left, maxContents)
			}
			s.left = 16
			for range 2 { // what is there already counts once
				if err := s.Fetch(t.Context(), "a", "b"); err != nil {
					t.Errorf("%s: %v", url, err)
				}
			}
			for range 2 {
				if err := s.Fetch(t.Context(), "a", "c"); !errors.Is(err, ErrTooLarge) {
					t.Errorf("%s: %v", url, err)
				}
			}
			if text, err := s.ReadFile("b/2"); err != nil || string(text) != "abcdefg\n" {
				t.Errorf("%s: %q (%v)", url, text, err)
			}
		}
	}
}

func snapshotOf(t *testing.T, r *Repository) *Snapshot {
	t.Helper()
	refs, err := r.Refs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Snapshot(t.Context(), refs.Tags[0])
	if err != nil {
		t.Fatal(err)
	}
	return s
}
