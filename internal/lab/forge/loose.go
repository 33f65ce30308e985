package forge

import (
	"bufio"
	"compress/zlib"
	"crypto/sha1" // names objects; nothing is proved by it
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// Loose objects and refs are single files, which need no process to be read or written. Whatever is not one of them, or
// looks odd, is left to git: the functions here say "not found" then, and never that something is broken.

// looseLimit is the largest object that is read here; GitHub takes no larger file.
const looseLimit = 100 << 20

// looseHead is how long the line before an object's bytes may be, as in git.
const looseHead = 32

// loosePath is where an object lies when it is loose.
func (b bare) loosePath(sha string) string {
	return filepath.Join(string(b), "objects", sha[:2], sha[2:])
}

// looseFile is an object that is being read. Close it.
type looseFile struct {
	*os.File
	kind string
	size int
	data io.Reader
}

// openLoose reads the head of an object, which tells its kind and size.
func (b bare) openLoose(sha string) (looseFile, bool) {
	file, err := os.Open(b.loosePath(sha))
	if err != nil {
		return looseFile{}, false
	}
	o, err := readHead(file)
	if err != nil || o.size > looseLimit {
		_ = file.Close()
		return looseFile{}, false
	}
	return o, true
}

var headRE = regexp.MustCompile(`^(blob|tree|commit|tag) (0|[1-9][0-9]{0,17})\x00$`)

// readHead reads `kind size NUL`.
func readHead(file *os.File) (looseFile, error) {
	z, err := zlib.NewReader(file)
	if err != nil {
		return looseFile{}, err
	}
	data := bufio.NewReaderSize(z, looseHead)
	head, err := data.ReadSlice(0)
	if err != nil {
		return looseFile{}, err
	}
	words := headRE.FindSubmatch(head)
	if words == nil {
		return looseFile{}, fmt.Errorf("%q is not the head of an object", head)
	}
	size, err := strconv.Atoi(string(words[2]))
	return looseFile{file, string(words[1]), size, data}, err
}

// looseKind is the kind of a loose object; empty when it is not loose.
func (b bare) looseKind(sha string) string {
	o, found := b.openLoose(sha)
	if found {
		_ = o.Close()
	}
	return o.kind
}

// loose reads a whole object. Reading to its end checks git's sum over it.
func (b bare) loose(sha string) (object, bool) {
	if sha == emptyTree {
		return object{sha: sha, kind: "tree"}, true
	}
	o, found := b.openLoose(sha)
	if !found {
		return object{}, false
	}
	defer o.Close()
	data, err := io.ReadAll(io.LimitReader(o.data, int64(o.size)+1))
	return object{sha, o.kind, data}, err == nil && len(data) == o.size
}

// store writes an object as git does: whole under another name first, then renamed. What is there stays and becomes young, so that
// no pruning takes it.
func (b bare) store(kind string, data []byte) (string, error) {
	whole := append(fmt.Appendf(nil, "%s %d\x00", kind, len(data)), data...)
	sum := sha1.Sum(whole)
	sha := hex.EncodeToString(sum[:])
	path, now := b.loosePath(sha), time.Now()
	if os.Chtimes(path, now, now) == nil {
		return sha, nil
	}
	return sha, writeLoose(path, stored(whole))
}

// stored is a zlib stream (RFC 1950) of stored blocks (RFC 1951, 3.2.4). A compressor would cost a megabyte of memory for each
// small object, and git compresses when it packs.
func stored(data []byte) []byte {
	out := []byte{0x78, 0x01}
	for rest := data; len(rest) > 0; {
		n, last := min(len(rest), math.MaxUint16), byte(0)
		if n == len(rest) {
			last = 1
		}
		out = append(out, last)
		out = binary.LittleEndian.AppendUint16(out, uint16(n))
		out = binary.LittleEndian.AppendUint16(out, ^uint16(n))
		out, rest = append(out, rest[:n]...), rest[n:]
	}
	return binary.BigEndian.AppendUint32(out, adler32.Checksum(data))
}

// writeLoose makes a file that nobody may change. A part that a crash leaves has the name that git tidies away.
func writeLoose(path string, data []byte) error {
	folder := filepath.Dir(path)
	part, err := os.CreateTemp(folder, "tmp_obj_*")
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.Mkdir(folder, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		part, err = os.CreateTemp(folder, "tmp_obj_*")
	}
	if err != nil {
		return err
	}
	_, err = part.Write(data)
	if err = errors.Join(err, part.Chmod(0o444), part.Close()); err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		_ = os.Remove(part.Name())
	}
	return err
}

var looseRefRE = regexp.MustCompile(`^[0-9a-f]{40}\n$`)

// looseRef reads a ref that is a file of its own and points at a loose object.
func (b bare) looseRef(name string) (ref, bool) {
	file, err := os.Open(filepath.Join(string(b), filepath.FromSlash(name)))
	if err != nil {
		return ref{}, false
	}
	defer file.Close()
	line, err := io.ReadAll(io.LimitReader(file, 42))
	if err != nil || !looseRefRE.Match(line) {
		return ref{}, false
	}
	sha := string(line[:40])
	kind := b.looseKind(sha)
	return ref{name, sha, kind}, kind != ""
}

// looseCommit reads a commit with its tree and parents.
func (b bare) looseCommit(sha string) (commitObject, bool) {
	if !validSHA(sha) {
		return commitObject{}, false
	}
	o, found := b.loose(sha)
	return parseCommit(o), found && o.kind == "commit"
}

// childOf reads a commit whose only parent is another. Of such two there is no question what lies between them.
func (b bare) childOf(base, head string) (commitObject, bool) {
	c, found := b.looseCommit(head)
	return c, found && len(c.parents) == 1 && c.parents[0] == base
}
