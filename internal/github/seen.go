package github

import (
	"strings"
	"sync"
)

// Bounds of what is kept of one repository.
const (
	maxEntries     = 200_000 // of all trees together
	maxComparisons = 1024
	maxBlobs       = 8192
	maxBlobBytes   = 16 << 20
	maxDrafts      = 100
)

// seen keeps what never changes under its name: trees of commits, contents of blobs, comparisons of two
// commits. It saves requests; a full shelf is emptied, and what is needed again is read again.
type seen struct {
	mu    sync.Mutex
	trees map[string]*Tree
	count int
	blobs map[string][]byte
	bytes int
	pairs map[[2]string]Comparison
	// drafts are commits that were made and that no branch has, by what they were made from.
	drafts map[string]string
}

func newSeen() *seen {
	return &seen{trees: map[string]*Tree{}, blobs: map[string][]byte{}, pairs: map[[2]string]Comparison{}, drafts: map[string]string{}}
}

// draftOf names a commit by all that it says: message, parents and tree.
func draftOf(c Commit, tree string) string {
	return strings.Join(append([]string{tree, c.Message}, c.Parents...), "\x00")
}

func (s *seen) drafted(c Commit, tree string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.drafts[draftOf(c, tree)]
	return ok
}

func (s *seen) keepDraft(c Commit, tree, commit string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.drafts) >= maxDrafts {
		clear(s.drafts)
	}
	s.drafts[draftOf(c, tree)] = commit
}

func (s *seen) takeDraft(c Commit, tree string) (commit string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	commit, ok = s.drafts[draftOf(c, tree)]
	delete(s.drafts, draftOf(c, tree))
	return commit, ok
}

func (s *seen) tree(commit string) *Tree {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trees[commit]
}

func (s *seen) keepTree(commit string, t *Tree) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count += len(t.entries) + 1; s.count > maxEntries {
		clear(s.trees)
		s.count = len(t.entries) + 1
	}
	s.trees[commit] = t
}

func (s *seen) blob(sha string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.blobs[sha]
	return data, ok
}

func (s *seen) keepBlob(sha string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.blobs) >= maxBlobs || s.bytes+len(data) > maxBlobBytes {
		clear(s.blobs)
		s.bytes = 0
	}
	s.blobs[sha] = data
	s.bytes += len(data)
}

func (s *seen) comparison(base, head string) (Comparison, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.pairs[[2]string{base, head}]
	return c, ok
}

func (s *seen) keepComparison(base, head string, c Comparison) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pairs) >= maxComparisons {
		clear(s.pairs)
	}
	s.pairs[[2]string{base, head}] = c
}
