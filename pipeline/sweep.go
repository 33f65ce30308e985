package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Masterminds/semver/v3"

	"github.com/releaser/releaser/config"
	"github.com/releaser/releaser/pipeline/promotion"
	"github.com/releaser/releaser/pipeline/source"
	"github.com/releaser/releaser/registry"
	"github.com/releaser/releaser/signing"
)

// Sweeper finds the tags that are not released yet, and releases them.
type Sweeper struct {
	Line *Line
	Log  *slog.Logger
	// Known are the tags whose outcome is final.
	Known *Known
	// Done is told every outcome that is new: what a tag waits for is told once, not at every sweep.
	Done func(Outcome)
}

// Known remembers the tags that need no further look: by source, name and commit, so that a moved tag is new
// again. It is an economy and no truth: with an empty one, the registry says which versions exist.
type Known struct {
	mu sync.Mutex
	// tags holds "" for a tag that is final, and for one that waits the branch heads that it was looked at with.
	tags map[[3]string]string
	// baselines are those of the sources, which never change.
	baselines map[string]map[string]string
	// through are the sources of which every tag was looked at once.
	through map[string]bool
	// absent is since when releases wait for their images: by source, tag, commit and chart.
	absent map[[4]string]time.Time
	// told is of tags that are looked at again at each sweep.
	told News
}

// NewKnown returns an empty memory.
func NewKnown() *Known {
	return &Known{tags: map[[3]string]string{}, baselines: map[string]map[string]string{}, through: map[string]bool{}, absent: map[[4]string]time.Time{}}
}

// settled tells whether a look at the tag would find nothing new while the branches are at these heads.
func (k *Known) settled(source string, t source.Tag, heads string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	at, ok := k.tags[[3]string{source, t.Name, t.Commit}]
	return ok && (at == "" || at == heads)
}

// waits tells whether a tag of the source waits for a branch to move.
func (k *Known) waits(source string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for tag, heads := range k.tags {
		if tag[0] == source && heads != "" {
			return true
		}
	}
	return false
}

func (k *Known) add(source string, t source.Tag, heads string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tags[[3]string{source, t.Name, t.Commit}] = heads
}

func (k *Known) baseline(source string) (before map[string]string, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	before, ok = k.baselines[source]
	return before, ok
}

func (k *Known) keepBaseline(source string, before map[string]string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.baselines[source] = before
}

// gone tells whether a whole sweep of the source is behind us, and went notes it.
func (k *Known) gone(source string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.through[source]
}

func (k *Known) went(source string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.through[source] = true
}

// Swept counts what a sweep saw.
type Swept struct {
	// Tags are all tags of the source, Unmatched those that fit no pattern, Before those that were there before us.
	Tags, Unmatched, Before int
}

// Sweep lists the source's tags once and releases those that match and are neither known nor in the baseline,
// a chart's lower versions first. One tag's failure is its own: the others go on. The error says why the
// source could not be looked at at all.
func (w *Sweeper) Sweep(ctx context.Context, s *Source) (Swept, error) {
	seen, err := w.look(ctx, s, w.Known.waits(s.Rules.Name))
	if err != nil {
		return Swept{}, err
	}
	heads := s.heads(seen.refs)
	for _, tag := range seen.due {
		if ctx.Err() != nil {
			return seen.Swept, ctx.Err()
		}
		if !w.Known.settled(s.Rules.Name, tag, heads) {
			w.settle(ctx, s, seen.refs, tag)
		}
	}
	w.Known.went(s.Rules.Name)
	return seen.Swept, nil
}

// seen is what one look at a source found.
type seen struct {
	Swept
	refs source.Refs
	due  []source.Tag // what matches and was not there before us, lower versions first
}

// look lists the source's tags once. Fresh is whether a tag waits for a branch to move.
func (w *Sweeper) look(ctx context.Context, s *Source, fresh bool) (seen, error) {
	refs, err := s.refs(ctx, fresh)
	if err != nil {
		return seen{}, err
	}
	for _, bad := range refs.Rejected {
		if !w.Known.told.IsNew(s.Rules.Name+" "+bad.Name, bad.Reason) {
			continue
		}
		w.Log.Warn("ref is not looked at", "source", s.Rules.Name, "tag", bad.Name, "err", bad.Reason+"; "+bad.Fix)
	}
	baseline, err := w.baseline(ctx, s, refs.Tags)
	if err != nil {
		return seen{}, fmt.Errorf("source %s: %w", s.Rules.Name, err)
	}
	ours := s.inOrder(refs.Tags)
	swept := Swept{Tags: len(refs.Tags), Unmatched: len(refs.Tags) - len(ours), Before: len(baseline)}
	due := slices.DeleteFunc(ours, func(t source.Tag) bool { return baseline[t.Name] == t.Commit })
	return seen{swept, refs, due}, nil
}

// Nothing that one server does or leaves undone may hold a source for ever.
const (
	listTime = 2 * time.Minute  // for one listing
	tagTime  = 15 * time.Minute // for one tag, down the whole line
)

func (s *Source) refs(ctx context.Context, fresh bool) (source.Refs, error) {
	ctx, stop := context.WithTimeout(ctx, listTime)
	defer stop()
	if s.Listing == nil {
		return s.Git.Refs(ctx)
	}
	return s.Listing.Refs(ctx, fresh)
}

// settle releases what one tag names, and remembers the tag unless it is to be tried again at the next sweep.
func (w *Sweeper) settle(ctx context.Context, s *Source, refs source.Refs, tag source.Tag) {
	limited, stop := context.WithTimeout(ctx, tagTime)
	defer stop()
	until, again := "", false
	outcomes := w.outcomes(limited, s, refs, tag)
	for _, o := range outcomes {
		if ctx.Err() != nil {
			return
		}
		o = w.Known.timed(o, time.Now())
		var unmet *Unmet
		switch {
		case o.State.Final():
		case errors.As(o.Err, &unmet):
			until = s.heads(refs)
		default:
			again = true
		}
		if w.Known.told.IsNew(strings.Join([]string{s.Rules.Name, tag.Name, tag.Commit, o.Chart}, " "), string(o.State)+" "+o.Reason) {
			w.Done(o)
		}
	}
	if err := w.say(ctx, s, tag, outcomes, false); err != nil {
		w.Log.Error("commit status", "source", s.Rules.Name, "tag", tag.Name, "err", err)
		again = true
	}
	if !again {
		w.Known.add(s.Rules.Name, tag, until)
	}
}

// heads names where the source's branches are: what a tag waits for cannot come about unless one of them moves.
func (s *Source) heads(refs source.Refs) string {
	at := "at"
	for _, branch := range s.Rules.Branches {
		at += " " + branch + "=" + refs.Heads[branch]
	}
	return at
}

// outcomes is what becomes of a tag: what the registry says of it, or what the line makes of it. A tag that came after
// our first sweep is new, or the line finds its version in the registry: it is not asked for first.
func (w *Sweeper) outcomes(ctx context.Context, s *Source, refs source.Refs, tag source.Tag) []Outcome {
	if w.Known.gone(s.Rules.Name) {
		return w.Line.Tag(ctx, s, refs, tag)
	}
	if o, ok := w.there(ctx, s, tag); ok {
		return []Outcome{o}
	}
	return w.Line.Tag(ctx, s, refs, tag)
}

// there looks whether a tag that names its chart has been down the line: its version is in the registry, made
// from this very tag and commit, and signed. Its pull requests are the business of the rounds of promotion.
func (w *Sweeper) there(ctx context.Context, s *Source, tag source.Tag) (Outcome, bool) {
	match, ok, err := s.match(tag.Name)
	if err != nil || !ok || match.Chart == "" {
		return Outcome{}, false
	}
	pushed, err := w.Line.Registry.Resolve(ctx, match.Chart, match.Version)
	if err != nil || !isOf(pushed, s.Rules.URL, tag) {
		return Outcome{}, false
	}
	signed, err := w.vouched(ctx, pushed)
	if err != nil {
		return Outcome{}, false
	}
	o := newOutcome(s, tag, match.Chart, match.Version)
	o.State = Released
	o.released(signed)
	return o, true
}

// vouched verifies what is in the registry. What our own key vouches for in one form it vouches for in the others, too:
// a crash may have come between them. What only a trusted key signed stays as it is.
func (w *Sweeper) vouched(ctx context.Context, pushed registry.Pushed) (signing.Signed, error) {
	signed, err := w.Line.Signer.Verify(ctx, pushed)
	if err != nil {
		return signed, err
	}
	own, err := signing.KeyID(w.Line.Signer.PublicKeyPEM())
	if err != nil || !slices.ContainsFunc(signed.Signatures(), func(s signing.Signature) bool { return s.Key == own }) {
		return signed, err
	}
	return w.Line.Signer.Sign(ctx, pushed)
}

func isOf(p registry.Pushed, source string, tag source.Tag) bool {
	return p.Source() == source && p.Tag() == tag.Name && p.Commit() == tag.Commit
}

// inOrder are the tags that some pattern fits or almost fits, lower versions first.
func (s *Source) inOrder(tags []source.Tag) []source.Tag {
	type versioned struct {
		tag     source.Tag
		version *semver.Version
	}
	var all []versioned
	for _, t := range tags {
		m, ok, err := s.match(t.Name)
		if !ok && err == nil {
			continue
		}
		v, err := semver.StrictNewVersion(m.Version)
		if err != nil {
			v = &semver.Version{} // its rejection comes first
		}
		all = append(all, versioned{t, v})
	}
	slices.SortStableFunc(all, func(a, b versioned) int { return a.version.Compare(b.version) })
	ordered := make([]source.Tag, len(all))
	for i, v := range all {
		ordered[i] = v.tag
	}
	return ordered
}

// baseline are the tags that were there before us, by name and commit. On the first contact with a source the
// configuration decides which ones these are, and the registry remembers; it is never widened.
func (w *Sweeper) baseline(ctx context.Context, s *Source, tags []source.Tag) (map[string]string, error) {
	if known, ok := w.Known.baseline(s.Rules.Name); ok {
		return known, nil
	}
	known, found, err := w.Line.Registry.Baseline(ctx, s.Rules.Name)
	if err != nil {
		return nil, err
	}
	if found {
		w.Known.keepBaseline(s.Rules.Name, known)
		return known, nil
	}
	first := s.firstContact(tags)
	if err := w.Line.Registry.WriteBaseline(ctx, s.Rules.Name, first); err != nil {
		return nil, err
	}
	w.Known.keepBaseline(s.Rules.Name, first)
	if len(first) > 0 {
		w.Log.Info("first contact: tags that were there before are left alone", "source", s.Rules.Name, "tags", len(first))
	}
	return first, nil
}

// firstContact are the tags to leave alone, by `existing`: all of them, all but each chart's newest, or none.
func (s *Source) firstContact(tags []source.Tag) map[string]string {
	before := map[string]string{}
	if s.Rules.Existing == config.ExistingAll {
		return before
	}
	newest := map[string]string{}
	for _, t := range s.inOrder(tags) {
		before[t.Name] = t.Commit
		if m, ok, _ := s.match(t.Name); ok {
			newest[m.Chart] = t.Name
		}
	}
	if s.Rules.Existing == config.ExistingLatest {
		for _, name := range newest {
			delete(before, name)
		}
	}
	return before
}

// Promote does one round of promotions for every chart that the environments know. One chart's failure is its
// own, and so is that of an environment that cannot be read: the error tells all of them.
func Promote(ctx context.Context, p *promotion.Promoter, done func(promotion.Proposal)) error {
	known, failed := p.Charts(ctx, "")
	for _, chart := range known {
		proposals, err := p.Round(ctx, chart)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", chart, err))
		}
		for _, proposal := range proposals {
			done(proposal)
		}
	}
	return failed
}
