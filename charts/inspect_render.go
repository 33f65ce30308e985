package charts

import (
	"context"
	"encoding/json"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
)

// checkInstallation looks at what helm install would do with an environment, on each Kubernetes version.
func (i *inspector) checkInstallation(in *installation) {
	i.look(in.set, nil)
	defer func() { i.report.with, i.report.in = "", "" }()
	if in.err != nil {
		i.report.add(i.unmergeable(in.set, in.subcharts))
		return
	}
	holds := i.validate(in.chart, in.set, in.values)
	for _, m := range in.manifests {
		i.look(in.set, m.kube)
		if holds {
			m.check()
		} else {
			m.checkLeniently() // Helm installs nothing, but helm lint renders all the same
		}
	}
}

// mergeValues switches dependencies on and off in c and returns the values that its templates would see.
func mergeValues(c *chart.Chart, values map[string]any) (map[string]any, error) {
	if err := chartutil.ProcessDependencies(c, values); err != nil {
		return nil, err
	}
	return util.CoalesceValues(c, values)
}

// unmergeable is the finding for values that Helm cannot merge: there is text where a subchart's values belong.
func (i *inspector) unmergeable(set valueSet, subcharts map[string]bool) Finding {
	f := Finding{Severity: Error, File: i.file(set.name), Rule: "values",
		Message: "the values for a subchart are no mapping", Fix: "write a mapping there, as the subchart's values.yaml is one"}
	for _, from := range []valueSet{{name: valuesFile, top: i.nodes(valuesFile)}, set} {
		for _, key := range slices.Sorted(maps.Keys(subcharts)) {
			at, value := child(from.top, key)
			if value != nil && value.Kind != yaml.MappingNode && value.Kind != yaml.AliasNode && value.ShortTag() != "!!null" {
				f.File, f.Line = i.file(from.name), at.Line
				f.Message = "the values for the subchart " + plain(key) + " are no mapping"
			}
		}
	}
	return f
}

// manifests is an environment on a Kubernetes version, to be rendered.
type manifests struct {
	*inspector
	chart    *chart.Chart // with its dependencies switched on and off
	set      valueSet
	merged   map[string]any // the values of the set over the defaults; templates see copies
	kube     *common.KubeVersion
	lenient  bool              // as far as it goes
	rendered map[string]string // by the name of the template
	err      error             // of rendering
	traced   map[look]map[spot]origin
}

// render makes the manifests, by the name of their template, as helm install would; lenient lets pass what a template
// asks for by required and fail, as helm lint does.
func (m *manifests) render(lenient bool) (map[string]string, error) {
	values, err := m.values()
	if err != nil {
		return nil, err
	}
	return engine.Engine{LintMode: lenient}.RenderWithContext(context.Background(), m.chart, values) // no client: lookup is empty; no DNS
}

// values are what the templates see. They are made anew for each use: a template may change them.
func (m *manifests) values() (common.Values, error) {
	caps := common.DefaultCapabilities.Copy()
	if m.kube != nil {
		caps.KubeVersion = *m.kube
	}
	options := common.ReleaseOptions{Name: "release-name", Namespace: namespace, Revision: 1, IsInstall: true}
	return util.ToRenderValuesWithSchemaValidation(m.chart, m.set.values, options, caps, true)
}

// check looks at what came out.
func (m *manifests) check() {
	if m.err != nil {
		if !m.set.part || !asksForMore(m.err.Error()) {
			m.report.add(m.templateFinding(m.err.Error()))
		}
		m.checkLeniently()
		return
	}
	repositories := m.pinnedRepositories(m.merged)
	m.renders++
	for _, name := range slices.Sorted(maps.Keys(m.rendered)) {
		m.noteCarried(m.rendered[name])
		if path.Base(name) != "NOTES.txt" {
			m.checkTemplate(name, repositories)
		}
	}
}

// checkLeniently renders an environment that does not hold as far as that goes, for Helm's rules alone.
func (m *manifests) checkLeniently() {
	m.lenient = true
	if m.rendered, m.err = m.render(true); m.err != nil {
		m.report.add(m.templateFinding(m.err.Error()))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(m.rendered)) {
		if m.judged(name) {
			m.checkTemplate(name, nil)
		}
	}
}

// checkTemplate looks at the objects that one template made.
func (m *manifests) checkTemplate(name string, repositories []repository) {
	judged := m.judged(name)
	if judged {
		m.checkIndent(name)
	}
	for n, d := range documents(m.rendered[name], m.memory.read) {
		h := new(head)
		if d.err == nil && judged {
			d.err = json.Unmarshal(d.json, h)
		}
		if d.err != nil {
			m.report.add(m.unreadable(name, d))
			return
		}
		at := spot{template: name, document: n}
		if judged && d.object != nil {
			m.checkObject(at, h)
		}
		if !m.lenient {
			m.checkImages(at, d.object, repositories)
		}
	}
}

var (
	// oneError is how Helm tells of a template that cannot be read, and of fail and required.
	oneError = regexp.MustCompile(`(?s)(parse|execution) error at \(([^()]+?)(?::(\d+))?(?::\d+)?\): (.*)`)
	// frame is the first line of each step of Helm's way to an error in a template, outermost first.
	frame = regexp.MustCompile(`(?m)^\s*(?:template: )?([^\s:<>"]+/templates/[^\s:<>"]+):(\d+)(?::\d+)?(?::|$)`)
	// call is the function that an error passed through; the text after it may quote its arguments.
	call = regexp.MustCompile(`error calling (\w+)`)
	// harmless are the errors of Go's templates that name keys and types, and no values.
	harmless = regexp.MustCompile(`(?m)(nil pointer evaluating [^\n]*\.\w+$|can't evaluate field \S+ in type \S+|` +
		`wrong type for value; expected \S+; got \S+|template: no template|range can't iterate over|` +
		`wrong number of args for \w+: want [^\n]*? got \d+|incompatible types for comparison|exceeded maximum template depth|nested reference name)`)
)

// asksForMore tells the errors of fail and required from others.
func asksForMore(text string) bool {
	m := oneError.FindStringSubmatch(text)
	return m != nil && m[1] == "execution"
}

// isTemplateError tells a message of Helm's engine from others.
func isTemplateError(text string) bool {
	return oneError.MatchString(text) || frame.MatchString(text) || strings.HasPrefix(text, "rendering template failed")
}

// templateFinding tells an error of Helm's engine: where, and why as far as that quotes no value. What an author
// says by fail or required is told as it is.
func (i *inspector) templateFinding(text string) Finding {
	f := Finding{Severity: Error, File: i.Dir, Rule: "render", Message: "a template fails", Fix: "see helm template --debug " + i.Dir}
	if m := oneError.FindStringSubmatch(text); m != nil && i.places.file(i.files, m[2]) != "" {
		f.File, f.Line = i.places.file(i.files, m[2]), number(m[3])
		if said := plain(m[4]); said != "" {
			f.Message = said
		}
		f.Fix = "set what it asks for in values.yaml, or in the environment's values file"
		if m[1] == "parse" {
			f.Rule, f.Fix = "template-syntax", "mend the template"
		}
		return f
	}
	for _, m := range frame.FindAllStringSubmatch(text, -1) {
		if file := i.places.file(i.files, m[1]); file != "" {
			f.File, f.Line, f.Message = file, number(m[2]), "the template fails here"
		}
	}
	if strings.Contains(text, "calling tpl") {
		f.Message += ", in the function tpl" // whose text may be a value
	} else if m := harmless.FindAllString(text, -1); m != nil {
		f.Message += ": " + plain(m[len(m)-1])
	} else if m := call.FindAllStringSubmatch(text, -1); m != nil {
		f.Message += ", in the function " + m[len(m)-1][1]
	}
	return f
}

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}
