package charts

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// Vendor puts every dependency of a chart beside it, at the version that Chart.lock names. A file:// dependency is read
// from the same commit, with its own dependencies in turn; a copy of it under charts/ must say the same. A copy of a
// remote dependency is used as it is; where there is none, get fetches it. Nothing is written anywhere.
//
// A lock that is missing or out of date, and a dependency that is not what the lock says, is *Rejected with the
// command that mends it.
func Vendor(ctx context.Context, p Pinned, get Getter) (Vendored, error) {
	v := &vendor{fsys: p.tree.Files, get: get, budget: newBudget(), read: map[string][]file{}, remote: map[string]string{}}
	for _, f := range p.files {
		v.budget.spend(len(f.data)) // within limits: Pin has counted them
	}
	files, err := v.chart(ctx, p.tree.Dir, "", p.files)
	if err == nil {
		err = packable(p.tree.Dir, files)
	}
	if err != nil {
		return Vendored{}, named(p.id.name, err)
	}
	return Vendored{pinned: p, files: files, remote: v.remote}, nil
}

// named gives a rejection the name of the chart that is released, whichever folder it was found in.
func named(name string, err error) error {
	var r *Rejected
	if errors.As(err, &r) {
		return &Rejected{Chart: name, Findings: r.Findings}
	}
	return err
}

// vendor is the work on one chart and on the file:// dependencies below it.
type vendor struct {
	fsys   fs.FS
	get    Getter
	budget *budget
	open   []string          // the folders that the work is in, to find circles
	read   map[string][]file // what lies in the folders of file:// dependencies, unpinned and without their own
	remote map[string]string
}

// chart returns the files of the chart at dir with its dependencies. above is the path of charts that leads there.
func (v *vendor) chart(ctx context.Context, dir, above string, files []file) ([]file, error) {
	c, err := chartfileOf(dir, files)
	if err != nil {
		return nil, err
	}
	if _, err := c.identity(); err != nil {
		return nil, err
	}
	if strings.Count(above, ".") >= maxLevels/2 { // two levels for each: charts/<name>
		return nil, c.reject(0, "dependency-depth", "it is a dependency of a dependency, too many times over", "depend on it directly, and not through "+above)
	}
	var broken *archiveError
	if files, err = flatten(files, v.budget); errors.As(err, &broken) {
		return nil, reject(dir, Finding{File: path.Join(dir, broken.name), Rule: "dependency-archive",
			Message: "the archive is refused: " + oneLine(broken.err), Fix: "pack it again: helm package"})
	}
	if err == nil {
		err = checkParsed(dir, files, v.budget)
	}
	if err != nil || len(c.meta.Dependencies) == 0 {
		return files, err
	}
	lock, err := c.readLock(files)
	if err != nil {
		return nil, err
	}
	v.open = append(v.open, dir)
	defer func() { v.open = v.open[:len(v.open)-1] }()
	for i, dep := range c.meta.Dependencies {
		d := dependency{of: c, number: i, Dependency: dep, locked: lock.Dependencies[i].Version, path: above + dep.Name}
		again, err := d.checkTwice(lock)
		if err != nil {
			return nil, err
		}
		if again {
			continue
		}
		if files, err = v.place(ctx, d, files); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// dependency is one entry of a Chart.yaml and what the lock says of it.
type dependency struct {
	*chart.Dependency
	of     *chartfile
	number int
	locked string
	path   string // names from the released chart down, with dots
}

func (d dependency) reject(rule, message, fix string) *Rejected {
	return d.of.reject(d.of.dependencyLine(d.number), rule, fmt.Sprintf("the dependency %s %s", d.Name, message), fix)
}

// place returns files with the dependency among them.
func (v *vendor) place(ctx context.Context, d dependency, files []file) ([]file, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("dependency %s: %w", d.Name, err)
	}
	if p := nameProblem(d.Name); p != "" {
		return nil, d.reject("dependency-name", "has a name that is not allowed: "+p, nameFix)
	}
	copied, err := d.copyIn(files)
	if err != nil {
		return nil, err
	}
	switch scheme, _, _ := strings.Cut(d.Repository, "://"); {
	case d.Repository == "":
		return files, d.checkUnpacked(copied)
	case scheme == "file":
		return v.placeLocal(ctx, d, files, copied)
	case copied != nil:
		return files, d.checkVersion(copied.version, "the copy under charts/")
	case scheme != "oci" && scheme != "https":
		return nil, d.reject("dependency-repository", "comes from a repository that is not oci://, https:// or file://", "write its URL in full; names of helm repo add and plain http are not known here; or put a copy under charts/: helm dependency build")
	}
	if _, err := semver.NewVersion(d.locked); err != nil {
		return nil, d.reject("lock-version", "is locked at what is no version", d.of.update())
	}
	archive, err := v.fetch(ctx, d)
	if err != nil {
		return nil, err
	}
	return v.placeArchive(d, files, archive)
}

// placeLocal takes the dependency from the tree.
func (v *vendor) placeLocal(ctx context.Context, d dependency, files []file, copied *subchart) ([]file, error) {
	dir, err := d.of.local(d.number, d.Dependency)
	if err != nil {
		return nil, err
	}
	if slices.Contains(v.open, dir) {
		return nil, d.reject("dependency-circle", "leads back to this chart", "take it out of "+path.Join(dir, chartFile)+" or of this file")
	}
	inner, err := v.readOnce(ctx, dir)
	if err != nil {
		return nil, err
	}
	if inner, err = v.chart(ctx, dir, d.path+".", inner); err != nil {
		return nil, err
	}
	if err := d.checkIdentity(inner, dir); err != nil {
		return nil, err
	}
	if copied == nil {
		return d.put(files, inner)
	}
	if path.Join(d.of.dir, copied.folder) == dir {
		return insert(without(files, copied.folder), copied.folder, inner), nil
	}
	same, err := sameChart(inner, copied.files)
	if err != nil {
		return nil, err
	}
	if !same {
		return nil, d.reject("dependency-copy", "has a copy under charts/ that is not what "+dir+" holds at this commit",
			d.of.update()+" and charts/, or remove the copy")
	}
	return files, nil
}

// readOnce reads the chart at dir. Each time after the first it counts the same files again, since they are packed again.
func (v *vendor) readOnce(ctx context.Context, dir string) ([]file, error) {
	known, found := v.read[dir]
	if !found {
		files, err := readChart(ctx, v.fsys, dir, v.budget)
		if err == nil {
			v.read[dir] = files
		}
		return files, err
	}
	for _, f := range known {
		if p := v.budget.spend(len(f.data)); p != "" {
			return nil, reject(dir, Finding{File: dir, Rule: "size", Message: p, Fix: "take fewer dependencies"})
		}
	}
	return known, nil
}

// placeArchive takes the dependency from a fetched archive.
func (v *vendor) placeArchive(d dependency, files []file, archive []byte) ([]file, error) {
	_, inner, err := unpack(archive, maxArchive, v.budget)
	if err == nil {
		inner, err = flatten(inner, v.budget)
	}
	if err != nil {
		return nil, d.reject("dependency-archive", "is refused: "+oneLine(err), "ask its publisher, or take another version: "+d.of.update())
	}
	if err := checkParsed(path.Join(d.of.dir, "charts", d.Name), inner, v.budget); err != nil {
		return nil, err
	}
	if err := d.checkIdentity(inner, "as it was fetched"); err != nil {
		return nil, err
	}
	v.remote[d.path] = digest(archive)
	return d.put(files, inner)
}

// put adds the files of a dependency that is not under charts/ yet. Its folder must not hold another chart.
func (d dependency) put(files, inner []file) ([]file, error) {
	folder := "charts/" + d.Name
	if len(inside(files, folder)) > 0 {
		return nil, d.reject("dependency-copy", "has its name on the folder "+path.Join(d.of.dir, folder)+", which holds something else", "rename or remove that folder")
	}
	return insert(files, folder, inner), nil
}

// fetch asks the getter and tells the author of what no retry mends.
func (v *vendor) fetch(ctx context.Context, d dependency) ([]byte, error) {
	if v.get == nil {
		return nil, fmt.Errorf("%s: the dependency %s is not under charts/ and nothing may be fetched here; run 'helm dependency build %s'",
			path.Join(d.of.dir, chartFile), d.Name, d.of.dir)
	}
	archive, err := v.get.Get(ctx, d.Repository, d.Name, d.locked)
	var no *Unobtainable
	if errors.As(err, &no) {
		return nil, d.reject(no.Rule, "cannot be had: "+no.Message, no.Fix)
	}
	if err != nil {
		return nil, fmt.Errorf("dependency %s %s: %w", d.Name, d.locked, err)
	}
	return archive, nil
}

// checkIdentity makes sure that files are the chart that the lock names.
func (d dependency) checkIdentity(files []file, from string) error {
	c, err := load(files)
	if err != nil {
		return d.reject("helm-load", "cannot be loaded by Helm"+because(err), "mend it, or take another version")
	}
	if c.Name() != d.Name {
		return d.reject("dependency-name", fmt.Sprintf("is named %q where it comes from", c.Name()), "write that name, then "+d.of.update())
	}
	return d.checkVersion(c.Metadata.Version, from)
}

// checkTwice refuses two charts of one name: Helm packs them into one folder. One chart under two
// aliases is welcome, and is there already the second time.
func (d dependency) checkTwice(lock *chart.Lock) (again bool, err error) {
	for _, other := range lock.Dependencies[:d.number] {
		if other.Name != d.Name {
			continue
		}
		if other.Version != d.locked || other.Repository != d.Repository {
			return false, d.reject("dependency-twice", "stands there twice, at two versions or from two repositories", "keep one; an alias gives one chart two names")
		}
		again = true
	}
	return again, nil
}

func (d dependency) checkVersion(version, from string) error {
	if version == d.locked {
		return nil
	}
	return d.reject("lock-version", fmt.Sprintf("is version %s (%s), Chart.lock says %s", version, from, d.locked), d.of.update())
}

// checkUnpacked is for a dependency without a repository, which Helm expects under charts/. Helm locks the wanted range.
func (d dependency) checkUnpacked(copied *subchart) error {
	if copied == nil {
		return d.reject("dependency-missing", "names no repository and is not under charts/", "add charts/"+d.Name+", or write its repository")
	}
	wanted, err := semver.NewConstraint(d.locked)
	if err != nil {
		return d.reject("dependency-version", "asks for a version that cannot be read", "write a version or a range as in ^1.2.0")
	}
	version, err := semver.NewVersion(copied.version)
	if err != nil || !wanted.Check(version) {
		return d.reject("lock-version", fmt.Sprintf("is version %s under charts/, Chart.lock says %s", copied.version, d.locked), d.of.update())
	}
	return nil
}
