package main

import "sync"

// news remembers what was last said of each thing, so that a daemon that looks again and again says what has changed.
// The zero value has said nothing.
type news struct {
	mu   sync.Mutex
	last map[string]string
}

// isNew tells whether the text differs from the last one about the thing.
func (n *news) isNew(thing, text string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.last == nil {
		n.last = map[string]string{}
	}
	said, ok := n.last[thing]
	n.last[thing] = text
	return !ok || said != text
}
