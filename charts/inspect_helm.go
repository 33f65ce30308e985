package charts

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/rules"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/ignore"
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

// helmLint runs Helm's own rules: all of them on the defaults, those on templates for every environment and every
// Kubernetes version too. Helm reads a folder, so the chart is written to one. Its look at the schema is left out:
// it would follow references to anywhere.
func (i *inspector) helmLint(sets []valueSet, library bool) error {
	dir, err := os.MkdirTemp("", "lint-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := writeFiles(dir, i.files); err != nil {
		return err
	}
	for n, set := range sets {
		for k, kube := range i.kubes {
			i.look(set, kube)
			linter := support.Linter{ChartDir: dir}
			if n == 0 && k == 0 {
				linter = lint.RunAll(dir, set.values, namespace, lint.WithKubeVersion(kube), lint.WithSkipSchemaValidation(true))
			} else {
				rules.Templates(&linter, namespace, set.values, rules.TemplateLinterKubeVersion(kube), rules.TemplateLinterSkipSchemaValidation(true))
			}
			for _, m := range linter.Messages {
				if !library || m.Path != valuesFile || m.Severity != support.InfoSev { // a library needs no values.yaml
					i.report.add(i.helmFinding(dir, m))
				}
			}
		}
	}
	i.report.with, i.report.in = "", ""
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

// writeFiles lays the chart out in a folder. .helmignore stays away: it has been obeyed, and dependencies are none of its business.
func writeFiles(dir string, files []file) error {
	for _, f := range files {
		if f.name == ignore.HelmIgnore {
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
	switch {
	case name == "templates" && isTemplateError(text):
		return i.templateFinding(text)
	case name == valuesFile && strings.HasPrefix(text, "unable to parse YAML"):
		return badValues(f.File, m.Err)
	case strings.HasPrefix(name, "templates/") && strings.HasPrefix(text, "unable to parse YAML"):
		return unreadable(f.File)
	case strings.HasPrefix(text, "document starts with an illegal indent"):
		f.Message = "the rendered text begins with blanks, by which it may be read as something else"
		f.Line = i.firstIndented(name)
		f.Fix = "begin the template's first line of YAML in the first column"
	case strings.HasPrefix(text, "object name does not conform"):
		f.Line = i.firstLine(name, "name:", "metadata:")
		f.Message = "the name of a rendered object is no name for Kubernetes"
		f.Fix = "use lower-case letters, digits and '-' in metadata.name, and cut it at 63 characters"
	case strings.HasPrefix(text, "a ") && strings.Contains(text, "must contain matchLabels"):
		text, _, _ = strings.Cut(text, ",")
		kind := strings.Fields(text)[1]
		f.Line = i.firstLine(name, "kind: "+kind, "kind:")
		f.Message = plain(text)
		f.Fix = "give it a spec.selector"
	default:
		text = ordered(text)
		f.Line = i.helmLine(name, text)
		f.Message = plain(redact(text))
	}
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

// unreadable is the finding for a manifest that no YAML parser takes. What the parser quotes may be a secret.
func unreadable(file string) Finding {
	return Finding{Severity: Error, File: file, Rule: "manifest", Message: "the rendered text is not YAML",
		Fix: fmt.Sprintf("see helm template --debug; indent with nindent and quote with quote in %s", path.Base(file))}
}
