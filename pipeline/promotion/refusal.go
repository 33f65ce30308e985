package promotion

import (
	"errors"
	"sync"
	"time"

	"github.com/releaser/releaser/internal/github"
)

// refusals remember which commits GitHub refused, so that it is not asked the same in every round, with new
// objects each time: a rule of a repository changes seldom. There is one for each of our branches. They save
// writes and are never the truth; a new process starts without them.
type refusals struct {
	mu    sync.Mutex
	known map[[2]string]refusal // by repository and branch
}

// refusal is the answer to one change: to a release, on a base, on top of what our branch had.
type refusal struct {
	asked [3]string
	until time.Time
	err   error
}

// forget is how long a refusal keeps us from asking again.
const forget = time.Hour

func (p *proposing) asked() (branch [2]string, change [3]string) {
	return [2]string{p.env.Repository, p.ours()}, [3]string{p.base, p.branch.head, p.want.Digest}
}

// recall is the refusal of the same change before; nil when there was none.
func (r *refusals) recall(p *proposing) error {
	branch, change := p.asked()
	r.mu.Lock()
	defer r.mu.Unlock()
	if k, ok := r.known[branch]; ok && k.asked == change && p.options.Now().Before(k.until) {
		return k.err
	}
	return nil
}

// keep remembers a refusal; other errors are worth another try.
func (r *refusals) keep(p *proposing, err error) {
	var refused *github.Refused
	if !errors.As(err, &refused) {
		return
	}
	branch, change := p.asked()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[[2]string]refusal{}
	}
	r.known[branch] = refusal{change, p.options.Now().Add(forget), err}
}

// drop forgets what was refused of a branch, as a person asks again.
func (r *refusals) drop(repository, branch string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.known, [2]string{repository, branch})
}
