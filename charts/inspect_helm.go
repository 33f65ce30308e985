package charts

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/lint/rules"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
)

// namespace is the one that helm lint and helm template use.
const namespace = "default"

// kubeVersions parses the configured versions. None is one nil, by which Helm understands the one that it knows.
func kubeVersions(texts []string) ([]*common.KubeVersion, error) {
	var versions []*common.KubeVersion
	for _, text := range texts {
		version, err := common.ParseKubeVersion(text)
		if err != nil {
			return nil, err
		}
		versions = append(versions, version)
	}
	if len(versions) == 0 {
		versions = append(versions, nil)
	}
	return versions, nil
}

// kubeFits tells whether a chart's kubeVersion allows a version.
func kubeFits(constraint string, kube *common.KubeVersion) bool {
	return chartutil.IsCompatibleRange(constraint, kube.String())
}

// helmLint runs Helm's own rules but for those on templates, see checkAsHelm, and its look at the schema: it would follow
// references to anywhere. Helm reads a folder, so that those files that it looks at are written to one: no more of them
// than can make it say something.
func (i *inspector) helmLint(library bool) error {
	dir, err := os.MkdirTemp("", "lint-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	linter := support.Linter{ChartDir: dir}
	whole := i.holds("crds/") || !dependenciesAgree(i.loaded)
	if err := writeFiles(dir, i.files, whole); err != nil {
		return err
	}
	rules.Chartfile(&linter)
	rules.ValuesWithOverrides(&linter, map[string]any{}, true)
	if whole {
		rules.Dependencies(&linter)
		rules.Crds(&linter)
	}
	for _, m := range linter.Messages {
		if !library || m.Path != valuesFile || m.Severity != support.InfoSev { // a library needs no values.yaml
			i.report.add(i.helmFinding(dir, m))
		}
	}
	return nil
}

// look says what is looked at from now on, for findings that the defaults do not have.
func (i *inspector) look(set valueSet, kube *common.KubeVersion) {
	var parts []string
	if set.name != valuesFile {
		parts = append(parts, "with "+set.name)
	}
	if kube != nil && kube != i.kubes[0] {
		parts = append(parts, "on Kubernetes "+kube.String())
	}
	i.report.with, i.report.in = strings.Join(parts, " "), i.file(set.name)
}

// dependenciesAgree tells that Helm's rule on dependencies has nothing to say: Chart.yaml names all that lie under charts/,
// and no other. That it names none twice Helm's loader has seen to.
func dependenciesAgree(c *chart.Chart) bool {
	there, named := map[string]bool{}, map[string]bool{}
	for _, sub := range c.Dependencies() {
		there[sub.Name()] = true
	}
	for _, dep := range c.Metadata.Dependencies {
		named[dep.Name] = true
	}
	return maps.Equal(there, named)
}

// writeFiles lays out in a folder what the rules of helmLint look at, of the whole chart or of its own two files.
func writeFiles(dir string, files []file, whole bool) error {
	for _, f := range files {
		switch {
		case f.name == chartFile || f.name == valuesFile:
		case whole && (parsedFile.MatchString(f.name) || strings.Contains("/"+f.name, "/crds/")):
		default:
			continue
		}
		name := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// helmFinding turns a message of helm lint into a finding of ours. Helm's texts may quote what was rendered; those are replaced.
func (i *inspector) helmFinding(dir string, m support.Message) Finding {
	text := strings.ReplaceAll(m.Err.Error(), dir+"/", "")
	name := strings.Trim(strings.TrimPrefix(m.Path, dir), "/")
	f := Finding{Severity: i.severity(m.Severity), File: path.Join(i.Dir, name), Rule: helmRule(name), Fix: "see helm lint " + i.Dir}
	if name == valuesFile && strings.HasPrefix(text, "unable to parse YAML") {
		return badValues(f.File, m.Err)
	}
	text = ordered(text)
	f.Line = i.helmLine(name, text)
	f.Message = plain(redact(text))
	return f
}

// ordered sorts the list of charts at the end of a message about dependencies, which Helm meets in any order.
func ordered(text string) string {
	before, list, found := strings.Cut(text, "dependencies: ")
	if !found {
		return text
	}
	names := strings.Split(list, ",")
	slices.Sort(names)
	return before + "dependencies: " + strings.Join(names, ", ")
}

func (i *inspector) severity(helm int) Severity {
	switch {
	case helm == support.ErrorSev, helm == support.WarningSev && i.Rules.Strict:
		return Error
	case helm == support.WarningSev:
		return Warning
	}
	return Info
}

// helmRule names the part of helm lint that a message comes from.
func helmRule(name string) string {
	switch top, _, _ := strings.Cut(name, "/"); top {
	case chartFile:
		return "helm-chart"
	case valuesFile:
		return "helm-values"
	case "templates":
		return "helm-templates"
	case "crds":
		return "helm-crds"
	}
	return "helm-dependencies"
}
