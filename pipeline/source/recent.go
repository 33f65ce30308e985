package source

import (
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
)

// recent is the contents that the last tag's files had. From one release to the next most files stay as they are, and
// a blob's name is the hash of its bytes: what bears the name has them.
type recent struct {
	mu    sync.Mutex
	blobs map[plumbing.Hash][]byte
}

// maxRecent bounds what is remembered, in bytes. A chart has some 100 kB; one with more is fetched whole each time.
const maxRecent = 4 << 20

// all returns what is remembered. Nobody changes it.
func (r *recent) all() map[plumbing.Hash][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.blobs
}

// keep remembers the contents of one snapshot instead of those of the one before.
func (r *recent) keep(blobs map[plumbing.Hash][]byte) {
	size := 0
	for _, data := range blobs {
		if size += len(data); size > maxRecent {
			return
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blobs = blobs
}
