package charts

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// unpack reads a packed chart of at most limit bytes, packed and unpacked: the name of its one folder, and the files
// in it, by name. Nothing but regular files and folders is taken, and every path must stay in that folder. All errors
// are the archive's fault.
func unpack(archive []byte, limit int, b *budget) (folder string, files []file, err error) {
	if len(archive) > limit {
		return "", nil, fmt.Errorf("it has more than %d bytes", limit)
	}
	zipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return "", nil, fmt.Errorf("it is no gzip: %w", err)
	}
	entries := tar.NewReader(&capped{from: zipped, left: limit, limit: limit})
	seen := map[string]bool{}
	for {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", nil, fmt.Errorf("it is no tar: %w", err)
		}
		name, err := entryName(header, &folder)
		if err != nil {
			return "", nil, err
		}
		if name == "" {
			continue
		}
		if seen[name] {
			return "", nil, fmt.Errorf("the entry %q stands there twice", header.Name)
		}
		seen[name] = true
		data, err := entryData(entries, header.Name, b)
		if err != nil {
			return "", nil, err
		}
		files = append(files, file{name: name, data: data})
	}
	return folder, files, wholeArchive(files)
}

// wholeArchive puts files in order and sees that one file system can hold them.
func wholeArchive(files []file) error {
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	if _, found := find(files, chartFile); !found {
		return errors.New("there is no Chart.yaml in its folder")
	}
	if _, why := clash(files); why != "" {
		return errors.New(why)
	}
	return nil
}

// entryName is the path of a regular file below the archive's folder, and empty for what carries no bytes.
func entryName(header *tar.Header, folder *string) (string, error) {
	switch header.Typeflag {
	case tar.TypeReg:
	case tar.TypeDir, tar.TypeXGlobalHeader:
		return "", nil
	default:
		return "", fmt.Errorf("the entry %q is a link, a device or the like", header.Name)
	}
	top, name, below := strings.Cut(header.Name, "/")
	switch {
	case !below || top == "" || top == "." || top == "..":
		return "", fmt.Errorf("the entry %q lies outside the chart's folder", header.Name)
	case *folder != "" && *folder != top:
		return "", fmt.Errorf("the entry %q lies in a second folder", header.Name)
	}
	if p := cmp.Or(pathProblem(top+"/x"), pathProblem(name)); p != "" {
		return "", fmt.Errorf("the entry %q: %s", header.Name, p)
	}
	*folder = top
	return name, nil
}

func entryData(from io.Reader, name string, b *budget) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(from, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("the entry %q: %w", name, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("the entry %q is larger than %d bytes", name, maxFile)
	}
	if p := b.spend(len(data)); p != "" {
		return nil, errors.New(p)
	}
	return data, nil
}

// capped reads up to a number of bytes and then fails, instead of ending as io.LimitReader does.
type capped struct {
	from        io.Reader
	left, limit int
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, fmt.Errorf("it unpacks to more than %d bytes", c.limit)
	}
	n, err := c.from.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// nestedArchive is a packed chart in a folder where Helm looks for one. Helm passes over names with a leading _ or dot.
var nestedArchive = regexp.MustCompile(`^(?:charts/[^/]+/)*charts/[^/_.][^/]*\.tgz$`)

// flatten puts every archive under charts/, however deep, out as the folder that it holds, all on one budget. So
// Helm's loader, which gives each archive a budget of its own, meets none.
func flatten(files []file, b *budget) ([]file, error) {
	var flat []file
	folders := map[string]bool{}
	for _, f := range files {
		if !nestedArchive.MatchString(f.name) {
			flat = append(flat, f)
			markFolder(folders, f.name)
		}
	}
	for _, f := range files {
		if !nestedArchive.MatchString(f.name) {
			continue
		}
		folder, inner, err := unpack(f.data, maxArchive, b)
		if err == nil {
			inner, err = flatten(inner, b)
		}
		if err != nil {
			return nil, &archiveError{name: f.name, err: err}
		}
		at := strings.TrimSuffix(f.name, f.name[strings.LastIndex(f.name, "/")+1:]) + folder
		if folders[at] || strings.IndexAny(folder, "_.") == 0 {
			return nil, &archiveError{name: f.name, err: fmt.Errorf("its folder %s is there already, or hidden", folder)}
		}
		folders[at] = true
		inner = under(at, inner)
		if at := slices.IndexFunc(inner, func(f file) bool { return pathProblem(f.name) != "" }); at >= 0 {
			return nil, &archiveError{name: f.name, err: errors.New("with the archives in it, " + pathProblem(inner[at].name))}
		}
		flat = append(flat, inner...)
	}
	slices.SortFunc(flat, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return flat, nil
}

// markFolder notes the folder of a chart, charts/<name> or deeper, to which the file name belongs.
func markFolder(folders map[string]bool, name string) {
	for at := 0; strings.HasPrefix(name[at:], "charts/"); {
		end := strings.Index(name[at+len("charts/"):], "/")
		if end < 0 {
			return
		}
		at += len("charts/") + end
		folders[name[:at]] = true
		at++
	}
}

// under moves files into a folder.
func under(folder string, files []file) []file {
	moved := make([]file, 0, len(files))
	for _, f := range files {
		moved = append(moved, file{name: folder + "/" + f.name, data: f.data})
	}
	return moved
}

// archiveError tells which archive of a chart is at fault.
type archiveError struct {
	name string
	err  error
}

func (e *archiveError) Error() string { return e.name + ": " + e.err.Error() }

func (e *archiveError) Unwrap() error { return e.err }
