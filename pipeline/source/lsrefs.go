package source

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// Only says which references somebody cares for. The others cost time, and bytes where the server cannot leave them out.
type Only struct {
	// Tags are how the names of the tags begin; "" is all tags.
	Tags []string
	// Branches are names of branches.
	Branches []string
}

// prefixes are the beginnings of full names, for a server.
func (o Only) prefixes() []string {
	var all []string
	for _, tag := range o.Tags {
		all = append(all, tagPrefix+tag)
	}
	for _, branch := range o.Branches {
		all = append(all, headPrefix+branch)
	}
	return all
}

// wants tells whether a full name is among them. A server may send more than it was asked for.
func (o Only) wants(ref string) bool {
	if branch, ok := strings.CutPrefix(ref, headPrefix); ok {
		return slices.Contains(o.Branches, branch)
	}
	tag, ok := strings.CutPrefix(ref, tagPrefix)
	return ok && slices.ContainsFunc(o.Tags, func(begin string) bool { return strings.HasPrefix(tag, begin) })
}

// What protocol v2 is (gitprotocol-v2(5)): the client asks for it, here or in the environment of a program, and a server
// that speaks it begins with its version instead of its references.
const (
	protocolHeader   = "Git-Protocol"
	protocolVariable = "GIT_PROTOCOL"
	protocolV2       = "version=2"

	versionLine = "000eversion 2\n"
	serviceLine = "001e# service=git-upload-pack\n0000" // before it, over HTTP
)

// beginsV2 looks, without reading, whether a server speaks protocol v2. Four bytes come from any server, and the rest
// from one that has begun a line of that length.
func beginsV2(r *bufio.Reader) bool {
	for _, begin := range []string{versionLine, serviceLine + versionLine} {
		if length, err := r.Peek(4); err != nil || string(length) != begin[:4] {
			continue
		}
		if head, err := r.Peek(len(begin)); err == nil && string(head) == begin {
			return true
		}
	}
	return false
}

// lsRefs is the command for the references below the prefixes.
func lsRefs(prefixes []string) ([]byte, error) {
	var b bytes.Buffer
	e := pktline.NewEncoder(&b)
	if err := e.EncodeString("command=ls-refs\n"); err != nil {
		return nil, err
	}
	b.WriteString("0001") // what follows are the command's own words
	words := []string{"peel\n"}
	for _, p := range prefixes {
		words = append(words, "ref-prefix "+p+"\n")
	}
	err := errors.Join(e.EncodeString(words...), e.Flush())
	return b.Bytes(), err
}

// readLsRefs reads the answer: a line for each reference, with what an annotated tag leads to behind it.
func readLsRefs(r io.Reader) (listing, error) {
	l := listing{refs: map[string]plumbing.Hash{}, peeled: map[string]plumbing.Hash{}}
	lines := pktline.NewScanner(newCapped(r, maxListing, "the list of references"))
	for lines.Scan() {
		line := strings.TrimSuffix(string(lines.Bytes()), "\n")
		if line == "" {
			return l, nil
		}
		object, rest, _ := strings.Cut(line, " ")
		name, attributes, _ := strings.Cut(rest, " ")
		if !plumbing.IsHash(object) || name == "" {
			return listing{}, errNotGit
		}
		l.refs[name] = plumbing.NewHash(object)
		for attribute := range strings.SplitSeq(attributes, " ") {
			if end, ok := strings.CutPrefix(attribute, "peeled:"); ok && plumbing.IsHash(end) {
				l.peeled[name] = plumbing.NewHash(end)
			}
		}
	}
	return listing{}, cmp.Or(lines.Err(), io.ErrUnexpectedEOF)
}

// readAdvertised reads what a server without protocol v2 says instead: all references.
func readAdvertised(r io.Reader) (listing, error) {
	a := packp.NewAdvRefs()
	switch err := a.Decode(newCapped(r, maxListing, "the list of references")); {
	case errors.Is(err, packp.ErrEmptyAdvRefs) || err == nil && a.IsEmpty():
		return listing{}, nil
	case err != nil:
		return listing{}, err
	}
	return listing{refs: a.References, peeled: a.Peeled}, nil
}

// Stem is how the names of all tags that somebody cares for begin.
func (o Only) Stem() string {
	if len(o.Tags) == 0 {
		return ""
	}
	stem := o.Tags[0]
	for _, begin := range o.Tags[1:] {
		for !strings.HasPrefix(begin, stem) {
			stem = stem[:len(stem)-1]
		}
	}
	return stem
}

// Agree tells whether a listing shows every tag that somebody cares for out of others' listing, which gives the objects by
// the tags' names. What is refused for its name is shown as refused.
func (o Only) Agree(refs Refs, objects map[string]string) bool {
	for name, object := range objects {
		if !o.wants(tagPrefix+name) || checkRef(tagPrefix+name) != nil {
			continue
		}
		if tag, ok := refs.Tag(name); !ok || tag.Object != object {
			return false
		}
	}
	return true
}
