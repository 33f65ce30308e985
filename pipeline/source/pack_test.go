package source

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/gitd/gitdtest"
)

// packer writes packs that git would not write.
type packer struct {
	body  bytes.Buffer
	count uint32
}

// add writes one object's header, what stands before its data, and the data; it returns the object's offset.
func (p *packer) add(kind plumbing.ObjectType, declared int, before, data []byte) int {
	offset := 12 + p.body.Len()
	p.count++
	first := byte(kind)<<4 | byte(declared&15)
	for declared >>= 4; declared > 0; declared >>= 7 {
		p.body.WriteByte(first | 0x80)
		first = byte(declared & 0x7f)
	}
	p.body.WriteByte(first)
	p.body.Write(before)
	w := zlib.NewWriter(&p.body)
	w.Write(data)
	w.Close()
	return offset
}

func (p *packer) bytes() []byte {
	out := []byte("PACK\x00\x00\x00\x02")
	out = binary.BigEndian.AppendUint32(out, p.count)
	out = append(out, p.body.Bytes()...)
	sum := sha1.Sum(out)
	return append(out, sum[:]...)
}

// change is a delta that makes base+tail of base.
func change(base, tail string) []byte {
	d := binary.AppendUvarint(nil, uint64(len(base)))
	d = binary.AppendUvarint(d, uint64(len(base)+len(tail)))
	d = append(d, 0x90, byte(len(base))) // copy from the base, offset 0, one byte of size
	return append(append(d, byte(len(tail))), tail...)
}

func TestDeltasAreResolvedWhereverTheirBaseLies(t *testing.T) {
	t.Parallel()
	base, tail := "a base\n", "and more\n"
	name := plumbing.ComputeHash(plumbing.BlobObject, []byte(base))
	middle := plumbing.ComputeHash(plumbing.BlobObject, []byte(base+tail))
	d, e := change(base, tail), change(base+tail, "!")
	var p packer
	p.add(plumbing.REFDeltaObject, len(e), middle[:], e)
	p.add(plumbing.REFDeltaObject, len(d), name[:], d)
	first := p.add(plumbing.BlobObject, len(base), nil, []byte(base))
	second := change(base, "near")
	p.add(plumbing.OFSDeltaObject, len(second), []byte{byte(12 + p.body.Len() - first)}, second)
	got, err := unpack(t.Context(), bytes.NewReader(p.bytes()), defaultPackLimits)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{base, base + tail, base + tail + "!", base + "near"} {
		kind, data, err := got.object(plumbing.ComputeHash(plumbing.BlobObject, []byte(want)))
		if err != nil || kind != plumbing.BlobObject || string(data) != want {
			t.Errorf("%q: %v %q %v", want, kind, data, err)
		}
	}
}

func TestAPackAboveALimitIsCutOff(t *testing.T) {
	t.Parallel()
	small := packLimits{objects: 10, object: 1000, kept: 3000, inflated: 10000}
	fill := func(n, size int) []byte {
		var p packer
		for i := range n {
			data := []byte(strings.Repeat(string(rune('a'+i)), size))
			p.add(plumbing.BlobObject, len(data), nil, data)
		}
		return p.bytes()
	}
	var lying, bomb packer
	lying.add(plumbing.BlobObject, 1<<40, nil, []byte("x"))
	base := strings.Repeat("x", 100)
	name := plumbing.ComputeHash(plumbing.BlobObject, []byte(base))
	bomb.add(plumbing.BlobObject, 100, nil, []byte(base))
	large := binary.AppendUvarint(binary.AppendUvarint(nil, 100), 1<<40)
	bomb.add(plumbing.REFDeltaObject, len(large), name[:], large)

	for text, c := range map[string]struct {
		pack []byte
		fits bool
	}{
		"as much as may be":             {fill(3, 1000), true},
		"more than may be held":         {fill(4, 1000), false},
		"more objects":                  {fill(11, 1), false},
		"more than may be unpacked":     {fill(10, 1001), false},
		"a size that cannot be":         {lying.bytes(), false},
		"large objects that are passed": {fill(9, 1001), true},
		"a delta to a huge object":      {bomb.bytes(), true},
	} {
		p, err := unpack(t.Context(), bytes.NewReader(c.pack), small)
		if c.fits != (err == nil) || err != nil && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", text, err)
		}
		if err == nil && p.dropped > 0 {
			if _, _, err := p.object(plumbing.ZeroHash); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s: what was passed over is %v", text, err)
			}
		}
	}
}

func TestAMalformedPackIsAnError(t *testing.T) {
	t.Parallel()
	var short, long, thin, unknown packer
	short.add(plumbing.BlobObject, 5, nil, []byte("four"))
	long.add(plumbing.BlobObject, 3, nil, []byte("four"))
	thin.add(plumbing.REFDeltaObject, 4, make([]byte, 20), []byte("\x01\x01\x01x"))
	unknown.add(plumbing.ObjectType(5), 1, nil, []byte("x"))
	var good packer
	good.add(plumbing.BlobObject, 4, nil, []byte("four"))
	flipped := good.bytes()
	flipped[len(flipped)-1] ^= 1
	for name, data := range map[string][]byte{
		"nothing": nil, "no pack": []byte("GIF89a, and more than twelve bytes"), "a shorter object": short.bytes(), "a longer object": long.bytes(),
		"a delta of nothing": thin.bytes(), "an unknown kind": unknown.bytes(), "half of it": good.bytes()[:20], "a wrong sum": flipped,
	} {
		if _, err := unpack(t.Context(), bytes.NewReader(data), defaultPackLimits); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := unpack(ctx, bytes.NewReader(good.bytes()), defaultPackLimits); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
}

// git itself packs with long chains of deltas; every object must come out as git has it.
func TestAPackOfGitIsReadAsGitReadsIt(t *testing.T) {
	t.Parallel()
	repo := gitdtest.New(t, t.TempDir(), "r.git", gitd.Features{})
	var text strings.Builder
	for i := range 15 {
		fmt.Fprintf(&text, "line %d of a text that grows and so makes good deltas\n", i)
		repo.Commit("main", "-- text --\n"+text.String()+"-- dir/other --\n"+text.String()[i:])
	}
	repo.Git("repack", "-adfq", "--depth=50")
	packs, err := filepath.Glob(filepath.Join(repo.Dir(), "objects/pack/*.pack"))
	if err != nil || len(packs) != 1 {
		t.Fatalf("packs %v, %v", packs, err)
	}
	file, err := os.Open(packs[0])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	got, err := unpack(t.Context(), file, defaultPackLimits)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(repo.Git("cat-file", "--batch-check", "--batch-all-objects")) {
		fields := strings.Fields(line)
		kind, data, err := got.object(plumbing.NewHash(fields[0]))
		if err != nil || kind.String() != fields[1] || fmt.Sprint(len(data)) != fields[2] {
			t.Errorf("%s: %v, %d bytes, %v", strings.TrimSpace(line), kind, len(data), err)
		}
	}
}

// Whatever comes, nothing panics, and every object that is handed out has the name that it is handed out for.
func FuzzUnpack(f *testing.F) {
	base := "a base\n"
	name := plumbing.ComputeHash(plumbing.BlobObject, []byte(base))
	d := change(base, "more")
	var p packer
	p.add(plumbing.REFDeltaObject, len(d), name[:], d)
	p.add(plumbing.BlobObject, len(base), nil, []byte(base))
	f.Add(p.bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := unpack(t.Context(), bytes.NewReader(data), packLimits{objects: 100, object: 1 << 16, kept: 1 << 18, inflated: 1 << 20})
		if err != nil {
			return
		}
		for name, o := range p.found {
			if plumbing.ComputeHash(o.kind, o.data) != name {
				t.Fatalf("%s holds something else", name)
			}
		}
	})
}

// A name that is let through is printable ASCII in the form that git itself asks for.
func FuzzRefName(f *testing.F) {
	for _, name := range []string{"refs/tags/v1.0.0", "refs/heads/-x", "HEAD", "refs/tags/../x", "refs/tags/a\x00", "refs/tags/ä", "refs/tags/a.lock", "refs/tags/@"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		bad := checkRef(name)
		if bad == nil {
			if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) || strings.Contains(name, "..") {
				t.Fatalf("%q was let through", name)
			}
			// git forbids the name "@", go-git every part "@": git check-ref-format takes refs/tags/@.
			judged := plumbing.ReferenceName(strings.ReplaceAll(name, "@", "a"))
			if err := judged.Validate(); strings.HasPrefix(name, tagPrefix) && err != nil {
				t.Fatalf("%q was let through: %v", name, err)
			}
			return
		}
		if strings.ContainsFunc(bad.Error(), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("%q is shown as it is", name)
		}
	})
}

// An address is read or refused; what is read has no secret in it, and what is refused is not shown.
func FuzzAddress(f *testing.F) {
	for _, text := range []string{"https://h/p", "https://u:p@h/p", "git@h:p", "ssh://git@h:22/p", "/p", "file:///p", "https://h/p?x", "a:b@c:d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseAddress(text)
		if err != nil {
			if len(text) > 8 && strings.Contains(err.Error(), text) && !strings.Contains(urlForms, text) {
				t.Fatalf("%q is shown: %v", text, err)
			}
			return
		}
		if a.endpoint.Password != "" || a.kind == overHTTP && a.endpoint.User != "" {
			t.Fatalf("%q holds credentials", text)
		}
		if a.kind != onDisk && (a.endpoint.Host == "" || strings.ContainsFunc(a.endpoint.Path, isControl)) {
			t.Fatalf("%q gives %+v", text, a.endpoint)
		}
	})
}
