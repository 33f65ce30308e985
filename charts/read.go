package charts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/ignore"
)

// reader reads the regular files of one chart's folder. It is the only way by which this package reads a Tree.
//
// It asks every path with Lstat semantics. A symbolic link that stays inside the chart is read as what it points
// at; all others reject the chart. Other repositories below the chart (submodules, .git) are left out.
type reader struct {
	fsys   fs.FS
	dir    string
	rules  *ignore.Rules
	budget *budget
	files  []file
	open   []string // the real folders that the walk is in, to find loops
	lines  int      // of .helmignore, that say something
}

// readChart reads the chart at dir as helm package would: .helmignore obeyed, by name.
func readChart(ctx context.Context, fsys fs.FS, dir string, b *budget) ([]file, error) {
	r := &reader{fsys: fsys, dir: dir, budget: b}
	if err := r.enter(); err != nil {
		return nil, err
	}
	if err := r.ignoreRules(); err != nil {
		return nil, err
	}
	if err := r.walk(ctx, "", "."); err != nil {
		return nil, err
	}
	slices.SortFunc(r.files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return r.files, r.complete()
}

// readOne reads a single YAML file of the chart at dir, and sees that parsing it takes little memory. Whether it is YAML
// at all, whoever parses it tells, with all else that is wrong.
func readOne(fsys fs.FS, dir, name string, limit int) ([]byte, error) {
	data, err := readRaw(fsys, dir, name, limit)
	if err != nil {
		return nil, err
	}
	return data, bounded(dir, file{name: name, data: data})
}

// bounded rejects a YAML file that takes much memory to parse.
func bounded(dir string, f file) error {
	left := maxYAML
	if found := unparsable(dir, f, &left); found.Rule != "" && found.Rule != "syntax" {
		return reject(dir, found)
	}
	return nil
}

// readRaw reads a single file of the chart at dir.
func readRaw(fsys fs.FS, dir, name string, limit int) ([]byte, error) {
	r := &reader{fsys: fsys, dir: dir}
	if err := r.enter(); err != nil {
		return nil, err
	}
	real, info, err := r.resolve(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, r.reject(name, "missing-file", "there is no such file", "is this the folder of a chart?")
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, r.reject(name, "irregular", "it is not a regular file", "make it one")
	}
	return r.read(name, real, limit)
}

// enter makes sure that the chart's own folder is a folder of the repository, not a way out of it.
func (r *reader) enter() error {
	if !fs.ValidPath(r.dir) || r.dir != "." && pathProblem(r.dir) != "" {
		return reject(fmt.Sprintf("%q", r.dir), Finding{Rule: "folder", Message: "the chart's folder is not a clean path in the repository",
			Fix: "give a path without .. and without a leading /"})
	}
	for at := "."; ; {
		info, err := fs.Lstat(r.fsys, at)
		if errors.Is(err, fs.ErrNotExist) {
			return r.reject("", "folder", "there is no such folder in the repository", "check the path of the chart")
		}
		if err != nil {
			return fmt.Errorf("chart folder %s: %w", r.dir, err)
		}
		if !info.IsDir() && at != "." {
			return r.reject("", "folder", at+" is not a folder", "charts behind symbolic links are not released; name the real folder")
		}
		if at == r.dir {
			return nil
		}
		rest := strings.TrimPrefix(r.dir, at+"/")
		next, _, _ := strings.Cut(rest, "/")
		at = path.Join(at, next)
	}
}

// ignoreRules reads .helmignore. Helm's own defaults always hold.
func (r *reader) ignoreRules() error {
	r.rules = ignore.Empty()
	defer func() { r.rules.AddDefaults() }()
	real, info, err := r.resolve(ignore.HelmIgnore)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return r.reject(ignore.HelmIgnore, "irregular", "it is not a regular file", "make it one")
	}
	data, err := r.read(ignore.HelmIgnore, real, maxIgnore)
	if err != nil {
		return err
	}
	if r.lines = ignoreLines(data); r.lines > maxRules {
		return r.rejectAt(1, ignore.HelmIgnore, "helmignore", fmt.Sprintf("the file has %d rules, %d are allowed", r.lines, maxRules), "name folders instead of files")
	}
	rules, err := ignore.Parse(bytes.NewReader(data))
	if err != nil {
		return r.rejectAt(ignoredLine(data), ignore.HelmIgnore, "helmignore", oneLine(err), "Helm knows *, ? and [] but not **")
	}
	r.rules = rules
	return nil
}

// ignoredLine is the first line of .helmignore that Helm cannot read alone.
func ignoredLine(data []byte) int {
	n := 0
	for line := range bytes.Lines(data) {
		n++
		if _, err := ignore.Parse(bytes.NewReader(line)); err != nil {
			return n
		}
	}
	return 1
}

// ignoreLines counts the lines that are rules, neither blank nor comments.
func ignoreLines(data []byte) int {
	count := 0
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			count++
		}
	}
	return count
}

// walk reads the folder real and calls what it finds there name. The two differ below a symbolic link.
func (r *reader) walk(ctx context.Context, name, real string) error {
	if slices.Contains(r.open, real) {
		return r.reject(name, "symlink-loop", "the symbolic link leads back to a folder above it", "remove the link")
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("folder %s: %w", path.Join(r.dir, name), err)
	}
	entries, err := fs.ReadDir(r.fsys, path.Join(r.dir, real))
	if err != nil {
		return fmt.Errorf("folder %s: %w", path.Join(r.dir, name), err)
	}
	if name != "" && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == ".git" }) {
		return nil // a repository of its own
	}
	r.open = append(r.open, real)
	defer func() { r.open = r.open[:len(r.open)-1] }()
	for _, e := range entries {
		if err := r.entry(ctx, path.Join(name, e.Name()), path.Join(real, e.Name()), e); err != nil {
			return err
		}
	}
	return nil
}

// entry reads one thing that a folder lists.
func (r *reader) entry(ctx context.Context, name, real string, e fs.DirEntry) error {
	if rule, p := r.budget.meet(r.lines); p != "" {
		return r.reject("", rule, p, "release a smaller folder, with fewer lines in .helmignore")
	}
	if e.Name() == ".git" {
		return nil
	}
	info, err := e.Info()
	if err != nil {
		return fmt.Errorf("file %s: %w", path.Join(r.dir, name), err)
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		link := info
		if name == lockFile { // CVE-2025-53547
			return r.reject(name, "symlink-lock", "it is a symbolic link", "commit the file itself: helm dependency update "+r.dir)
		}
		if real, info, err = r.resolve(real); err != nil && r.rules.Ignore(name, link) {
			return nil
		} else if err != nil {
			return err
		}
	}
	switch {
	case r.rules.Ignore(name, info), info.Mode()&fs.ModeIrregular != 0: // a submodule's entry is irregular
		return nil
	case info.IsDir():
		return r.walk(ctx, name, real)
	case !info.Mode().IsRegular():
		return r.reject(name, "irregular", "it is not a regular file", "remove it, or name it in .helmignore")
	}
	return r.add(name, real)
}

// add reads a regular file into the chart.
func (r *reader) add(name, real string) error {
	if p := pathProblem(name); p != "" {
		return r.reject(name, "path", p, "rename the file, or name it in .helmignore")
	}
	data, err := r.read(name, real, maxFile)
	if err != nil {
		return err
	}
	if p := r.budget.spend(len(data)); p != "" {
		return r.reject("", "size", p, "release less, or name what is not needed in .helmignore")
	}
	r.files = append(r.files, file{name: name, data: data})
	return nil
}

// read reads at most limit bytes.
func (r *reader) read(name, real string, limit int) ([]byte, error) {
	f, err := r.fsys.Open(path.Join(r.dir, real))
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", path.Join(r.dir, name), err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", path.Join(r.dir, name), err)
	}
	if len(data) > limit {
		return nil, r.reject(name, "size", fmt.Sprintf("the file is larger than %d bytes", limit), "make it smaller, or name it in .helmignore")
	}
	return data, nil
}

// complete looks at the whole: what Helm would take from elsewhere, and names that one file system cannot hold together.
func (r *reader) complete() error {
	for _, old := range []string{"requirements.yaml", "requirements.lock"} {
		if _, found := find(r.files, old); found {
			return r.rejectAt(1, old, "requirements", "Helm lets this file override Chart.yaml", "move the dependencies to Chart.yaml with apiVersion: v2 and remove the file")
		}
	}
	if name, why := clash(r.files); why != "" {
		return r.reject(name, "collision", why, "rename one of them")
	}
	return nil
}

// reject blames a file. A name that nobody should print is quoted in the message instead.
func (r *reader) reject(name, rule, message, fix string) *Rejected {
	if name != "" && pathProblem(name) != "" {
		return reject(r.dir, Finding{File: r.dir, Rule: rule, Message: fmt.Sprintf("%q: %s", name, message), Fix: fix})
	}
	return r.rejectAt(0, name, rule, message, fix)
}

// rejectAt blames a line of a file that is text.
func (r *reader) rejectAt(line int, name, rule, message, fix string) *Rejected {
	return reject(r.dir, Finding{File: path.Join(r.dir, name), Line: line, Rule: rule, Message: message, Fix: fix})
}

// find returns the file of that name.
func find(files []file, name string) (file, bool) {
	i, found := slices.BinarySearchFunc(files, name, func(f file, name string) int { return strings.Compare(f.name, name) })
	if !found {
		return file{}, false
	}
	return files[i], true
}
