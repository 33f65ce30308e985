package charts

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	chart "helm.sh/helm/v4/pkg/chart/v2"
)

const fileScheme = "file://"

// Name reads the name and version of the chart at dir from its Chart.yaml and checks both strictly. It reads no
// other file. What the author must change comes back as *Rejected.
func Name(fsys fs.FS, dir string) (name, version string, err error) {
	c, err := openChartfile(fsys, dir)
	if err != nil {
		return "", "", err
	}
	id, err := c.identity()
	return id.name, id.version, err
}

// Local lists the folders of the file:// dependencies of the chart at dir, cleaned and relative to the top of the
// repository, each once, in order of name. It does not look into them: their own dependencies are asked for in
// turn. A dependency outside the repository is *Rejected.
func Local(fsys fs.FS, dir string) (repositoryDirs []string, err error) {
	c, err := openChartfile(fsys, dir)
	if err != nil {
		return nil, err
	}
	for i, dep := range c.meta.Dependencies {
		if !strings.HasPrefix(dep.Repository, fileScheme) {
			continue
		}
		folder, err := c.local(i, dep)
		if err != nil {
			return nil, err
		}
		repositoryDirs = append(repositoryDirs, folder)
	}
	slices.Sort(repositoryDirs)
	return slices.Compact(repositoryDirs), nil
}

// local is the folder of dependency number i in the repository.
func (c *chartfile) local(i int, dep *chart.Dependency) (string, error) {
	at := strings.TrimPrefix(dep.Repository, fileScheme)
	folder := path.Join(c.dir, at)
	if path.IsAbs(at) || strings.ContainsAny(at, "\\\x00") || folder == ".." || strings.HasPrefix(folder, "../") {
		return "", c.reject(c.dependencyLine(i), "dependency-outside",
			fmt.Sprintf("the dependency %q lies outside the repository", dep.Name),
			"give a path from the chart's folder to a folder of this repository, as in file://../name")
	}
	return folder, nil
}

// openChartfile reads the Chart.yaml of the chart at dir and nothing else.
func openChartfile(fsys fs.FS, dir string) (*chartfile, error) {
	data, err := readRaw(fsys, dir, chartFile, maxFile)
	if err != nil {
		return nil, err
	}
	return readChartfile(dir, data)
}
