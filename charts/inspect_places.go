package charts

import (
	"path"
	"strings"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	helmyaml "sigs.k8s.io/yaml"
)

// place is where a chart, the linted one or one below it, can be found.
type place struct {
	folder     string // among the chart's files; "" for the chart itself
	repository string // where a person finds it: in its own folder when it comes by file://
}

// places knows each chart by the path that Helm gives its templates: parent/charts/name, where name may be an alias.
type places map[string]place

// findPlaces reads the Chart.yaml of the chart at dir and of all below it.
func findPlaces(dir string, files []file) places {
	p := places{}
	p.add(files, place{repository: dir}, "")
	return p
}

// add records one chart under its name, or under the path above and the names that its parent gives it.
func (p places) add(files []file, at place, above string, names ...string) {
	meta := new(chart.Metadata)
	f, found := find(files, path.Join(at.folder, chartFile))
	if !found || helmyaml.Unmarshal(f.data, meta) != nil {
		return
	}
	if len(names) == 0 {
		names = []string{meta.Name}
	}
	for _, name := range names {
		full := path.Join(above, name)
		p[full] = at
		for folder, inner := range subcharts(files, at.folder) {
			below := place{folder: path.Join(at.folder, "charts", folder), repository: path.Join(at.repository, "charts", folder)}
			called := []string{inner}
			for _, dep := range meta.Dependencies {
				if dep == nil || dep.Name != inner {
					continue
				}
				if dep.Alias != "" {
					called = append(called, dep.Alias)
				}
				if to, local := strings.CutPrefix(dep.Repository, fileScheme); local {
					below.repository = path.Join(at.repository, to)
				}
			}
			p.add(files, below, path.Join(full, "charts"), called...)
		}
	}
}

// subcharts maps the folders directly below charts/ to the names of the charts in them.
func subcharts(files []file, folder string) map[string]string {
	found := map[string]string{}
	prefix := path.Join(folder, "charts") + "/"
	for _, f := range files {
		name, ok := strings.CutPrefix(f.name, prefix)
		if !ok || path.Base(name) != chartFile || strings.Count(name, "/") != 1 {
			continue
		}
		meta := new(chart.Metadata)
		if helmyaml.Unmarshal(f.data, meta) == nil {
			found[path.Dir(name)] = meta.Name
		}
	}
	return found
}

// file turns the name of a file, as Helm's templates have it, into that of a file in the repository. It is empty
// when no chart has such a file: then the name may be anything, also a value.
func (p places) file(files []file, name string) string {
	name = path.Clean(name)
	for full := path.Dir(name); full != "." && full != "/"; full = path.Dir(full) {
		at, found := p[full]
		if !found {
			continue
		}
		rest := strings.TrimPrefix(name, full+"/")
		if _, found := find(files, path.Join(at.folder, rest)); found {
			return path.Join(at.repository, rest)
		}
	}
	return ""
}
