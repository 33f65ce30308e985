package charts

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"time"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
)

// Pack makes the archive that helm package would make, with the commit's time for a clock, and all that a registry
// keeps beside it. The same commit gives the same bytes, however often and wherever it is packed.
//
// Helm can only write an archive to a file: Pack uses a folder of its own in the system's temporary folder and removes it.
func Pack(l Linted) (Package, error) {
	tree := l.vendored.pinned.tree
	if err := recordable(tree); err != nil {
		return Package{}, err
	}
	c, err := load(l.vendored.files)
	if err != nil {
		return Package{}, fmt.Errorf("chart %s: %w", l.Name(), err)
	}
	archive, err := save(c, tree.Time)
	if err != nil {
		return Package{}, fmt.Errorf("chart %s: %w", l.Name(), err)
	}
	meta, err := readBack(l, archive)
	if err != nil {
		return Package{}, reject(l.Name(), Finding{File: tree.Dir, Rule: "archive", Message: oneLine(err), Fix: "compare it with helm package " + tree.Dir})
	}
	config, err := json.Marshal(meta)
	if err != nil {
		return Package{}, fmt.Errorf("chart %s: %w", l.Name(), err)
	}
	content, err := contentDigest(archive)
	if err != nil {
		return Package{}, fmt.Errorf("chart %s: %w", l.Name(), err)
	}
	p := Package{
		id: l.vendored.pinned.id, tree: tree, findings: l.Findings(),
		archive: archive, config: config, content: content,
		annotations: annotations(meta, tree, content, l.vendored.remote),
	}
	if err := p.keepable(); err != nil {
		return Package{}, err
	}
	return p, nil
}

// keepable makes sure that what stands beside the archive is not more than is read back from a registry. JSON writes
// some characters with six.
func (p Package) keepable() error {
	encoded, err := json.Marshal(p.annotations)
	if err != nil {
		return fmt.Errorf("chart %s: %w", p.Name(), err)
	}
	if size := max(len(p.config), len(encoded)); size > maxRecord {
		return reject(p.Name(), Finding{File: path.Join(p.tree.Dir, chartFile), Rule: "size",
			Message: fmt.Sprintf("a registry would have to keep %d bytes of it, %d are allowed", size, maxRecord), Fix: "move what is long to README.md"})
	}
	return nil
}

// recordable makes sure that the tree says what the annotations must record. A zero time would make Helm ask the clock.
func recordable(t Tree) error {
	if t.Source == "" || t.Tag == "" || t.Commit == "" || t.Time.IsZero() {
		return errors.New("a tree without source, tag, commit and time cannot be packed: name a tag")
	}
	return nil
}

// save writes the archive of c as Helm does. It stamps c.
func save(c *chart.Chart, at time.Time) ([]byte, error) {
	settle(c, at.UTC().Truncate(time.Second))
	dir, err := os.MkdirTemp("", "releaser-pack-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	name, err := chartutil.Save(c, dir)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(name)
}

// settle takes out of a chart what differs from one load to the next: the times of its files, and the order of its
// dependencies, which Helm's loader takes from a map. A lock keeps the time that stands in it; Helm would write the
// clock's for a lock without one.
func settle(c *chart.Chart, at time.Time) {
	locks := map[*chart.Lock]time.Time{}
	order(c, locks)
	c.StampModTimes(at)
	for lock, generated := range locks {
		lock.Generated = generated
	}
}

// order sorts the dependencies below c and notes the times of the locks on the way.
func order(c *chart.Chart, locks map[*chart.Lock]time.Time) {
	if c.Lock != nil && !c.Lock.Generated.IsZero() {
		locks[c.Lock] = c.Lock.Generated
	}
	deps := slices.Clone(c.Dependencies())
	slices.SortFunc(deps, func(a, b *chart.Chart) int {
		return cmp.Or(cmp.Compare(a.Name(), b.Name()), cmp.Compare(a.Metadata.Version, b.Metadata.Version))
	})
	c.SetDependencies(deps...)
	for _, dep := range deps {
		order(dep, locks)
	}
}

// readBack opens the archive as a stranger would, within limits and then by Helm, which must find the chart that was linted.
func readBack(l Linted, archive []byte) (*chart.Metadata, error) {
	folder, _, err := unpack(archive, maxPacked, newBudget())
	if err != nil {
		return nil, fmt.Errorf("the archive that Helm made cannot be read back: %w", err)
	}
	c, err := loader.LoadArchive(bytes.NewReader(archive))
	if err != nil {
		return nil, fmt.Errorf("the archive that Helm made cannot be loaded: %w", err)
	}
	if folder != l.Name() || c.Name() != l.Name() || c.Metadata.Version != l.Version() {
		return nil, fmt.Errorf("the archive that Helm made holds %s %s in %s", c.Name(), c.Metadata.Version, folder)
	}
	return c.Metadata, nil
}

// contentDigest is the digest of the tar inside the archive. The bytes of gzip may change with the version of Go; these do not.
func contentDigest(archive []byte) (string, error) {
	zipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, zipped); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

// digest is the OCI name of some bytes.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
