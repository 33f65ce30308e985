package charts

import (
	"bytes"
	"path"
	"slices"
	"strings"
	"time"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	helmyaml "sigs.k8s.io/yaml"
)

// subchart is a chart that lies under charts/ of another.
type subchart struct {
	folder  string // charts/<folder>
	version string
	files   []file
}

// copyIn finds the chart of the dependency's name under charts/, nil when there is none.
func (d dependency) copyIn(files []file) (*subchart, error) {
	var found *subchart
	for _, f := range files {
		folder, below := path.Dir(f.name), path.Base(f.name)
		if below != chartFile || path.Dir(folder) != "charts" || strings.IndexAny(path.Base(folder), "_.") == 0 { // hidden from Helm
			continue
		}
		meta := new(chart.Metadata)
		if err := helmyaml.Unmarshal(f.data, meta); err != nil {
			return nil, d.reject("helm-load", "cannot be looked for: "+f.name+" cannot be read: "+oneLine(err), "mend that file")
		}
		if meta.Name != d.Name {
			continue
		}
		if found != nil {
			return nil, d.reject("dependency-twice", "lies under charts/ twice", "keep one of them; an alias gives one chart two names")
		}
		found = &subchart{folder: folder}
	}
	if found == nil {
		return nil, nil
	}
	found.files = inside(files, found.folder)
	c, err := load(found.files) // a requirements.yaml may say another name and version, and Helm listens to it
	if err != nil {
		return nil, d.reject("helm-load", "cannot be loaded by Helm from "+found.folder+because(err), "mend it: helm lint "+path.Join(d.of.dir, found.folder))
	}
	if c.Name() != d.Name {
		return nil, d.reject("helm-load", "has another name in "+found.folder+"/requirements.yaml", "move what that file says to Chart.yaml, and remove it")
	}
	found.version = c.Metadata.Version
	return found, nil
}

// inside returns the files below a folder, named from there.
func inside(files []file, folder string) []file {
	var below []file
	for _, f := range files {
		if name, ok := strings.CutPrefix(f.name, folder+"/"); ok {
			below = append(below, file{name: name, data: f.data})
		}
	}
	return below
}

// without returns the files that are not below a folder.
func without(files []file, folder string) []file {
	return slices.DeleteFunc(slices.Clone(files), func(f file) bool { return strings.HasPrefix(f.name, folder+"/") })
}

// insert returns files with others in a folder, by name.
func insert(files []file, folder string, others []file) []file {
	all := append(slices.Clone(files), under(folder, others)...)
	slices.SortFunc(all, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return all
}

// sameChart tells whether Helm would pack the same bytes of both.
func sameChart(a, b []file) (bool, error) {
	packed := make([][]byte, 2)
	for i, files := range [][]file{a, b} {
		c, err := load(files)
		if err != nil {
			return false, nil // the other one has been loaded already
		}
		if packed[i], err = save(c, time.Unix(1, 0)); err != nil {
			return false, err
		}
	}
	return bytes.Equal(packed[0], packed[1]), nil
}
