package source

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

const (
	tagPrefix  = "refs/tags/"
	headPrefix = "refs/heads/"
)

// Tag is one tag as the repository lists it.
type Tag struct {
	// Name is the short name, without refs/tags/.
	Name string
	// Commit is what the tag leads to in the end, in hex: a commit in any sane repository, which Snapshot checks.
	Commit string
	// Object is what the tag names itself: the tag object of an annotated tag, otherwise the same as Commit.
	Object string
}

// Refs is one listing of a repository. References outside refs/tags/ and refs/heads/ are left out.
type Refs struct {
	// Tags are sorted by name.
	Tags []Tag
	// Heads are the branches: short name to commit, in hex.
	Heads map[string]string
	// Rejected are tags and branches that are not read because of their names, sorted.
	Rejected []BadRef
}

// Tag finds a tag by its short name.
func (r Refs) Tag(name string) (Tag, bool) {
	i, found := slices.BinarySearchFunc(r.Tags, name, func(t Tag, name string) int { return cmp.Compare(t.Name, name) })
	if !found {
		return Tag{}, false
	}
	return r.Tags[i], true
}

// Refs lists tags and branches, in one request. A tag that moved meanwhile shows another commit the next time.
func (r *Repository) Refs(ctx context.Context) (Refs, error) {
	l, err := r.remote.list(ctx, nil)
	return l.all(func(string) bool { return true }), r.explain(err)
}

// RefsOf lists the tags and branches that somebody cares for, and shows no others. The first time it costs what Refs costs;
// after that one request, whose answer holds nothing else where the server speaks git's protocol v2.
func (r *Repository) RefsOf(ctx context.Context, only Only) (Refs, error) {
	l, err := r.remote.list(ctx, only.prefixes())
	return l.all(only.wants), r.explain(err)
}

// all are the references that are wanted, with the names checked.
func (l listing) all(wanted func(name string) bool) Refs {
	refs := Refs{Heads: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(l.refs)) {
		if !wanted(name) {
			continue
		}
		if bad := checkRef(name); bad != nil {
			refs.Rejected = append(refs.Rejected, *bad)
			continue
		}
		object := l.refs[name]
		if short, ok := strings.CutPrefix(name, headPrefix); ok {
			refs.Heads[short] = object.String()
		}
		if short, ok := strings.CutPrefix(name, tagPrefix); ok {
			commit, annotated := l.peeled[name]
			if !annotated {
				commit = object
			}
			refs.Tags = append(refs.Tags, Tag{Name: short, Commit: commit.String(), Object: object.String()})
		}
	}
	return refs
}

// checkRef finds out why a reference must not be read; nil says that it may. The rules are those of
// git-check-ref-format(1), and beyond them: ASCII alone, because a version that only looks like 1.0.0 is not one, and
// no leading dash, because names end up on command lines (CVE-2026-40938, CVE-2026-71557, CVE-2021-3572).
func checkRef(name string) *BadRef {
	reason := refReason(name)
	if reason == "" {
		return nil
	}
	quoted := strconv.QuoteToASCII(name)
	if len(quoted) > 200 {
		quoted = quoted[:200] + "..."
	}
	return &BadRef{Name: quoted, Reason: reason, Fix: "delete it on the server and make one with a plain name"}
}

func refReason(name string) string {
	short := strings.TrimPrefix(strings.TrimPrefix(name, tagPrefix), headPrefix)
	switch {
	case len(name) > maxRefName:
		return "the name is longer than " + strconv.Itoa(maxRefName) + " bytes"
	case strings.ContainsFunc(name, isControl):
		return "control characters in the name"
	case strings.ContainsFunc(name, func(r rune) bool { return r > 0x7e }):
		return "characters beyond ASCII in the name"
	case strings.Contains(name, ".."):
		return `".." in the name`
	case strings.HasPrefix(short, "-"):
		return "the name begins with a dash"
	case strings.ContainsAny(name, " ~^:?*[\\") || strings.Contains(name, "@{"):
		return "characters in the name that git does not allow"
	case !wellFormed(name):
		return "not the form of a reference's name"
	}
	return ""
}

// wellFormed checks the parts between slashes.
func wellFormed(name string) bool {
	if name == plumbing.HEAD.String() {
		return true
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") || strings.HasSuffix(part, ".") {
			return false
		}
	}
	return true
}
