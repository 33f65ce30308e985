package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// maxPasses bounds how often deltas that came before their bases are tried again.
const maxPasses = 100

var errBadPack = errors.New("the server sent a malformed pack")

// pack is what a pack held, by the hashes of what really arrived.
type pack struct {
	found map[plumbing.Hash]item
	// dropped counts the objects that were too large to keep.
	dropped int
}

type item struct {
	kind plumbing.ObjectType
	data []byte
}

func (p *pack) object(name plumbing.Hash) (plumbing.ObjectType, []byte, error) {
	if o, ok := p.found[name]; ok {
		return o.kind, o.data, nil
	}
	if p.dropped > 0 {
		return 0, nil, fmt.Errorf("%w: object %s, or one that it builds on, above %d bytes", ErrTooLarge, name, maxObject)
	}
	return 0, nil, fmt.Errorf("%w: %s", errMissing, name)
}

// unpack reads one pack into memory in a single pass. go-git's own parser trusts the sizes that a pack declares; this
// one, on go-git's scanner, counts them first, because the sender may be hostile.
func unpack(ctx context.Context, r io.Reader, limits packLimits) (*pack, error) {
	u := &unpacker{
		limits:   limits,
		scanner:  packfile.NewScanner(r),
		byOffset: map[int64]plumbing.Hash{},
		pack:     &pack{found: map[plumbing.Hash]item{}},
	}
	_, count, err := u.scanner.Header()
	if err != nil {
		return nil, malformed(err)
	}
	if int64(count) > int64(limits.objects) {
		return nil, tooLarge("a pack", int64(limits.objects), "objects")
	}
	for range count {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err := u.next(); err != nil {
			return nil, malformed(err)
		}
	}
	if _, err := u.scanner.Checksum(); err != nil {
		return nil, malformed(err)
	}
	if err := u.settle(ctx); err != nil {
		return nil, malformed(err)
	}
	return u.pack, nil
}

// malformed marks what go-git's scanner found; our own errors and those of the connection stay.
func malformed(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends early", errBadPack)
	}
	return err
}

type unpacker struct {
	limits         packLimits
	scanner        *packfile.Scanner
	byOffset       map[int64]plumbing.Hash
	late           []delta
	buffer         bytes.Buffer
	kept, inflated int64
	pack           *pack
}

// delta is an object given as a change of another, which is at baseOffset or has the name base.
type delta struct {
	offset, baseOffset int64
	base               plumbing.Hash
	change             []byte
}

// next reads one object.
func (u *unpacker) next() error {
	h, err := u.scanner.NextObjectHeader()
	if err != nil {
		return err
	}
	if h.Length < 0 || h.Length > u.limits.inflated-u.inflated {
		return tooLarge("an unpacked pack", u.limits.inflated, "bytes")
	}
	u.inflated += h.Length
	if h.Length > u.limits.object {
		u.pack.dropped++
		_, _, err := u.scanner.NextObject(io.Discard)
		return err
	}
	u.buffer.Reset()
	n, _, err := u.scanner.NextObject(&u.buffer)
	if err != nil {
		return err
	}
	if n != h.Length {
		return fmt.Errorf("%w: an object is shorter than it says", errBadPack)
	}
	data := bytes.Clone(u.buffer.Bytes())
	switch h.Type {
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
		return u.keep(h.Offset, h.Type, data)
	case plumbing.OFSDeltaObject, plumbing.REFDeltaObject:
		return u.apply(delta{offset: h.Offset, baseOffset: h.OffsetReference, base: h.Reference, change: data})
	}
	return fmt.Errorf("%w: an object of an unknown kind", errBadPack)
}

func (u *unpacker) keep(offset int64, kind plumbing.ObjectType, data []byte) error {
	if err := u.count(len(data)); err != nil {
		return err
	}
	name := plumbing.ComputeHash(kind, data)
	u.byOffset[offset] = name
	u.pack.found[name] = item{kind, data}
	return nil
}

func (u *unpacker) count(n int) error {
	if u.kept += int64(n); u.kept > u.limits.kept {
		return tooLarge("what a pack holds", u.limits.kept, "bytes")
	}
	return nil
}

// apply resolves a delta, now or, when its base has not come yet, in settle.
func (u *unpacker) apply(d delta) error {
	done, err := u.resolve(d)
	if err != nil || done {
		return err
	}
	u.late = append(u.late, d)
	return u.count(len(d.change))
}

func (u *unpacker) resolve(d delta) (bool, error) {
	name := d.base
	if d.baseOffset != 0 {
		name = u.byOffset[d.baseOffset]
	}
	base, ok := u.pack.found[name]
	if !ok {
		return false, nil
	}
	size, ok := targetSize(d.change)
	if !ok {
		return false, fmt.Errorf("%w: a delta without sizes", errBadPack)
	}
	if size > uint64(u.limits.object) {
		u.pack.dropped++
		return true, nil
	}
	data, err := packfile.PatchDelta(base.data, d.change)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errBadPack, err)
	}
	return true, u.keep(d.offset, base.kind, data)
}

// targetSize is the second number of a delta: how large its result is. The first is the size of its base.
func targetSize(change []byte) (uint64, bool) {
	_, n := binary.Uvarint(change)
	if n <= 0 {
		return 0, false
	}
	size, m := binary.Uvarint(change[n:])
	return size, m > 0
}

// settle resolves the deltas whose bases came after them. What hangs on an object that was left out is left out, too.
func (u *unpacker) settle(ctx context.Context) error {
	for pass := 0; len(u.late) > 0; pass++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var rest []delta
		for _, d := range u.late {
			done, err := u.resolve(d)
			if err != nil {
				return err
			}
			if !done {
				rest = append(rest, d)
			}
		}
		if len(rest) == len(u.late) || pass == maxPasses {
			if u.pack.dropped == 0 {
				return fmt.Errorf("%w: %d deltas without a base", errBadPack, len(rest))
			}
			u.pack.dropped += len(rest)
			return nil
		}
		u.late = rest
	}
	return nil
}
