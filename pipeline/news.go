package pipeline

import "sync"

// News remembers what was last said of each thing, so that whoever looks again and again says what has changed. The
// zero value has said nothing; it is safe for concurrent use.
type News struct {
	mu   sync.Mutex
	last map[string]string
}

// IsNew tells whether the text differs from the last one about the thing, and remembers that it is said now.
func (n *News) IsNew(thing, text string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.last == nil {
		n.last = map[string]string{}
	}
	said, ok := n.last[thing]
	n.last[thing] = text
	return !ok || said != text
}

// Forget makes the next text about a thing new.
func (n *News) Forget(thing string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.last, thing)
}
