package pipeline

import (
	"context"
	"sync"
	"time"

	"github.com/releaser/releaser/internal/github"
	"github.com/releaser/releaser/pipeline/source"
)

// believed is how long GitHub is believed that nothing has changed, and how long it is not asked when it cannot tell. After
// that the source is listed once whatever GitHub says.
const believed = time.Hour

// Listing is a source's tags and branches as they are now, at the least cost: one request for each look. Where the source lies
// on GitHub and nothing has changed, that request is a conditional one.
type Listing struct {
	Git *source.Repository
	// Only is what the configuration cares for.
	Only source.Only
	// GitHub is the source there; nil where it is elsewhere, or where no token says who asks.
	GitHub *github.Repository
	// Now is the clock; nil is time.Now.
	Now func() time.Time

	mu    sync.Mutex
	seen  bool        // it was listed once
	last  source.Refs // what was listed when the mark was given
	mark  string      // GitHub's, for the tags of last
	until time.Time   // when the mark ends; without one, when GitHub is asked again
}

// Refs lists the source, or gives the last listing again when GitHub says that its tags are unchanged. GitHub speaks of tags
// alone: fresh is for who waits for a branch to move.
func (l *Listing) Refs(ctx context.Context, fresh bool) (source.Refs, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.GitHub == nil || fresh || !l.seen || l.mark == "" && l.now().Before(l.until) {
		return l.list(ctx)
	}
	if !l.now().Before(l.until) {
		l.mark = ""
	}
	tags, unchanged, err := l.GitHub.Tags(ctx, l.Only.Stem(), l.mark)
	if unchanged {
		return l.last, nil
	}
	refs, failed := l.list(ctx)
	if failed != nil {
		return refs, failed
	}
	switch {
	case err != nil || tags.Mark == "": // the listing tells all that is needed
		l.until = l.now().Add(believed)
	case l.Only.Agree(refs, tags.Objects):
		l.last, l.mark, l.until = refs, tags.Mark, l.now().Add(believed)
	}
	return refs, nil
}

// list asks git. What GitHub said before is of another listing then.
func (l *Listing) list(ctx context.Context) (source.Refs, error) {
	refs, err := l.Git.RefsOf(ctx, l.Only)
	l.seen = l.seen || err == nil
	if l.mark != "" {
		l.mark, l.until = "", time.Time{}
	}
	return refs, err
}

func (l *Listing) now() time.Time {
	if l.Now == nil {
		return time.Now()
	}
	return l.Now()
}
