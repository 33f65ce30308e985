package charts

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"k8s.io/apimachinery/pkg/api/validate/content"
	apischema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apiserver/pkg/endpoints/deprecation"
	"k8s.io/client-go/kubernetes/scheme"
	helmyaml "sigs.k8s.io/yaml"
)

// checkExtensions is Helm's rule on the names of templates.
func (i *inspector) checkExtensions() {
	if !i.holds("templates/") {
		i.report.add(i.helmTemplate(support.WarningSev, "templates", "directory does not exist"))
	}
	for _, f := range i.files {
		if ext := path.Ext(f.name); strings.HasPrefix(f.name, "templates/") && !slices.Contains([]string{".yaml", ".yml", ".tpl", ".txt"}, ext) {
			i.report.add(i.helmTemplate(support.ErrorSev, f.name, "file extension '"+ext+"' not valid. Valid extensions are .yaml, .yml, .tpl, or .txt"))
		}
	}
}

// helmTemplate is a finding in the words of helm lint.
func (i *inspector) helmTemplate(severity int, name, message string) Finding {
	return Finding{Severity: i.severity(severity), File: i.file(name), Rule: "helm-templates", Message: plain(message), Fix: "see helm lint " + i.Dir}
}

// judged tells whether helm lint looks at a template. Its rules stand here once more, for Helm's code renders everything
// again, and builds a table of all of Kubernetes' types for each object. A test compares the two.
func (m *manifests) judged(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return strings.HasPrefix(name, m.chart.Name()+"/templates/") && (ext == ".yaml" || ext == ".yml") && strings.TrimSpace(m.rendered[name]) != ""
}

// own is the name of a template of the chart in the chart.
func (m *manifests) own(name string) string { return strings.TrimPrefix(name, m.chart.Name()+"/") }

// checkIndent looks at how the text begins.
func (m *manifests) checkIndent(name string) {
	if first := firstText(m.rendered[name]); strings.TrimLeft(first, " \t") != first {
		f := m.helmTemplate(support.WarningSev, m.own(name), "the rendered text begins with blanks, by which it may be read as something else")
		f.Line, f.Fix = m.firstIndented(m.own(name)), "begin the template's first line of YAML in the first column"
		m.report.add(f)
	}
}

// firstText is the first line that is not blank.
func firstText(made string) string {
	for line := range strings.Lines(made) {
		if strings.TrimSpace(line) != "" {
			return line
		}
	}
	return ""
}

// checkObject looks at one object of a template.
func (m *manifests) checkObject(at spot, h *head) {
	template, made := m.own(at.template), m.rendered[at.template]
	if fix := nameFixFor(string(h.Kind), string(h.Metadata.Name)); fix != "" {
		f := m.helmTemplate(support.WarningSev, template, "the name of a rendered object is no name for Kubernetes")
		begins := []string{"name:", "metadata:"}
		if f.Fix = fix; h.Metadata.Name == "" {
			f.Fix, begins = "give the object a metadata.name", nil // a name that is there is another object's
		}
		m.report.add(m.atKey(at, f, string(h.Metadata.Name), []string{"metadata.name", "metadata", "kind"}, begins...))
	}
	if message := deprecated(h, m.kube); message != "" {
		f := m.helmTemplate(support.WarningSev, template, message)
		m.report.add(m.atKey(at, f, string(h.APIVersion), []string{"apiVersion"}, "apiVersion: "+string(h.APIVersion), "apiVersion:"))
	}
	switch h.Kind {
	case "Deployment", "ReplicaSet", "DaemonSet", "StatefulSet":
		if !strings.Contains(made, "matchLabels") && !strings.Contains(made, "matchExpressions") {
			f := m.helmTemplate(support.ErrorSev, template, "a "+string(h.Kind)+" must contain matchLabels or matchExpressions")
			f.Fix = "give it a spec.selector"
			m.report.add(m.atKey(at, f, string(h.Kind), []string{"kind"}, "kind: "+string(h.Kind), "kind:"))
		}
	case "List":
		if policyInList(made) {
			f := m.helmTemplate(support.ErrorSev, template, "annotation 'helm.sh/resource-policy' within List objects are ignored")
			m.report.add(m.atKey(at, f, string(h.Kind), []string{"kind"}, "helm.sh/resource-policy:"))
		}
	}
}

// nameFixFor says how to write the name of an object of a kind; it is empty when Kubernetes takes the name as it is.
func nameFixFor(kind, name string) string {
	switch strings.ToLower(kind) {
	case "service":
		if len(validation.IsDNS1035Label(name)) > 0 {
			return "use lower-case letters, digits and '-' in metadata.name, a letter first, and cut it at 63 characters"
		}
	case "namespace":
		if len(validation.IsDNS1123Label(name)) > 0 {
			return "use lower-case letters, digits and '-' in metadata.name, and cut it at 63 characters"
		}
	case "certificatesigningrequest":
	case "role", "clusterrole", "rolebinding", "clusterrolebinding":
		if len(content.IsPathSegmentName(name)) > 0 {
			return "use no / and no % in metadata.name"
		}
	default:
		if len(validation.IsDNS1123Subdomain(name)) > 0 {
			return "use lower-case letters, digits, '-' and '.' in metadata.name, and cut it at 253 characters"
		}
	}
	return ""
}

// deprecated says that an object's type is to go, or has gone, on a Kubernetes version.
func deprecated(h *head, kube *common.KubeVersion) string {
	if kube == nil {
		kube = &common.DefaultCapabilities.KubeVersion
	}
	if h.APIVersion == "" || h.Kind == "" {
		return ""
	}
	kind := apischema.FromAPIVersionAndKind(string(h.APIVersion), string(h.Kind))
	object, err := scheme.Scheme.New(kind)
	if err != nil {
		return "" // none of Kubernetes' own
	}
	major, errMajor := strconv.Atoi(kube.Major)
	minor, errMinor := strconv.Atoi(kube.Minor)
	if errMajor != nil || errMinor != nil || !deprecation.IsDeprecated(object, major, minor) {
		return ""
	}
	object.GetObjectKind().SetGroupVersionKind(kind)
	return deprecation.WarningMessage(object)
}

// policyInList finds an annotation on an item of a list, where Helm does not look for it.
func policyInList(made string) bool {
	var list struct {
		Items []struct {
			Metadata struct{ Annotations map[string]string }
		}
	}
	if helmyaml.Unmarshal([]byte(made), &list) != nil {
		return false
	}
	for _, item := range list.Items {
		if _, found := item.Metadata.Annotations["helm.sh/resource-policy"]; found {
			return true
		}
	}
	return false
}

// atKey gives a finding the line of the first of some keys of an object, of which the very first has this value, else
// the first line of its template that begins in one of these ways.
func (m *manifests) atKey(at spot, f Finding, value string, paths []string, begins ...string) Finding {
	for _, at.path = range paths {
		if from, found := m.trace(at, value); found {
			f.File, f.Line = from.file, from.line
			return f
		}
	}
	for _, begin := range begins {
		if f.Line = m.firstLine(strings.TrimPrefix(f.File, m.Dir+"/"), begin); f.Line > 0 {
			return f
		}
	}
	return f
}

// unreadable is the finding for a manifest that no YAML parser takes, or that is no object. What the parser quotes may be a
// secret; the line is that of the template where the same key stands.
func (m *manifests) unreadable(template string, d document) Finding {
	name := m.places.file(m.files, template)
	f := Finding{Severity: Error, File: name, Rule: "manifest", Message: "the rendered text is not YAML",
		Fix: fmt.Sprintf("indent with nindent and quote with quote in %s; see helm template --debug %s", path.Base(name), m.Dir)}
	lines := strings.Split(string(d.text), "\n")
	for line := lineIn(d.err.Error()); line > 0 && line <= len(lines) && f.Line == 0; line-- {
		if key, _, found := strings.Cut(strings.TrimLeft(lines[line-1], " \t-{"), ":"); found && key != "" {
			f.Line = m.firstLine(strings.TrimPrefix(name, m.Dir+"/"), key+":")
		}
	}
	return f
}
