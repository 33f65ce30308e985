package charts

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"

	"github.com/releaser/releaser/internal/scalar"
)

// repository is an image repository whose tag or digest is pinned, as one environment names it.
type repository struct {
	names  []string        // with and without the registry beside it
	key    string          // where it stands in the values, for messages
	values map[string]bool // the pins' values: the release
}

// checkPins refuses a release that would not say what it releases.
func (i *inspector) checkPins() {
	for _, pin := range i.Pins {
		if pin.Value != "" && pin.Value != "latest" {
			continue
		}
		f, _ := find(i.files, pin.File)
		value, _ := scalar.Get(f.data, pin.Key, pin.Part)
		i.report.add(Finding{Severity: Error, File: i.file(pin.File), Line: value.Line, Rule: "pin-value",
			Message: fmt.Sprintf("the pin %s is empty or latest", pin.Key), Fix: "pin it to {commit} or {version} in the configuration"})
	}
}

// noteCarried remembers the pins whose value stands in a manifest.
func (i *inspector) noteCarried(text string) {
	for _, pin := range i.valuesPins() {
		if pin.Value != "" && strings.Contains(text, pin.Value) {
			i.carried[pin.Value] = true
		}
	}
}

// checkCarried warns of pins that change nothing, once all environments have been seen.
func (i *inspector) checkCarried() {
	for _, pin := range i.valuesPins() {
		if i.renders == 0 || pin.Value == "" || i.carried[pin.Value] {
			continue
		}
		f, _ := find(i.files, valuesFile)
		value, _ := scalar.Get(f.data, pin.Key, pin.Part)
		i.report.add(Finding{Severity: Warning, File: i.file(valuesFile), Line: value.Line, Rule: "pin-unused",
			Message: fmt.Sprintf("no rendered manifest carries the pin %s", pin.Key), Fix: "use the key in a template, or pin another"})
	}
}

// pinnedRepositories finds the image repositories that the pins belong to: the text before a pinned part, or the
// key "repository" beside a pinned key "tag" or "digest", with or without the key "registry" there. An environment that
// takes these keys away runs what the defaults name, or something else, but no other release of it.
func (m *manifests) pinnedRepositories(values map[string]any) []repository {
	found := map[string]*repository{}
	for _, pin := range m.valuesPins() {
		keys, err := scalar.ParseKey(pin.Key)
		if err != nil {
			continue
		}
		names := m.repositoryNames(values, keys, pin)
		if names == nil {
			names = m.repositoryNames(m.loaded.Values, keys, pin)
		}
		if names == nil {
			continue
		}
		if found[names[0]] == nil {
			found[names[0]] = &repository{names: names, key: pin.Key, values: map[string]bool{}}
		}
		found[names[0]].values[pin.Value] = true
	}
	var all []repository
	for _, name := range slices.Sorted(maps.Keys(found)) {
		all = append(all, *found[name])
	}
	return all
}

// repositoryNames are the names that values give the repository of a pin, nil when they give none.
func (m *manifests) repositoryNames(values map[string]any, keys scalar.Path, pin scalar.Edit) []string {
	text := func(v any) string {
		text, _ := v.(string)
		return m.evaluated(text)
	}
	if pin.Part == "tag" {
		name, _, _ := splitImage(text(descend(values, keys)))
		return nonempty(name)
	}
	if last := keys[len(keys)-1].Key; last != "tag" && last != "digest" {
		return nil
	}
	beside, _ := descend(values, keys[:len(keys)-1]).(map[string]any)
	names := nonempty(text(beside["repository"]))
	if registry := text(beside["registry"]); registry != "" && names != nil {
		names = append(names, registry+"/"+names[0])
	}
	return names
}

func nonempty(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// evaluated is a text of the values as the function tpl makes it, or as it is when it is no template that renders.
func (m *manifests) evaluated(text string) string {
	if !strings.Contains(text, "{{") {
		return text
	}
	const name = "templates/evaluated"
	before := m.chart.Templates
	defer func() { m.chart.Templates = before }()
	m.chart.Templates = []*common.File{{Name: name, Data: []byte(text)}}
	for _, t := range before {
		if strings.HasPrefix(path.Base(t.Name), "_") { // what text may include
			m.chart.Templates = append(m.chart.Templates, t)
		}
	}
	rendered, err := m.render(true)
	if err != nil {
		return text
	}
	return strings.TrimSpace(rendered[m.chart.Name()+"/"+name])
}

// splitImage takes an image reference apart. A colon before the last slash belongs to a port.
func splitImage(image string) (name, tag, digest string) {
	name, digest, _ = strings.Cut(image, "@")
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		name, tag = name[:colon], name[colon+1:]
	}
	return name, tag, digest
}

// named tells whether an image's name is this repository, perhaps behind a registry's host. A mirror may put more
// before a name of several parts; before a single word it would be another image.
func (r repository) named(image string) bool {
	if slices.Contains(r.names, image) {
		return true
	}
	host, rest, found := strings.Cut(image, "/")
	if !found || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return false
	}
	return slices.ContainsFunc(r.names, func(name string) bool {
		return rest == name || strings.Contains(name, "/") && strings.HasSuffix(rest, "/"+name)
	})
}

// runs tells whether an image of this repository is the release. Kubernetes takes a digest and then does not look at
// the tag. A tag may say more than the pin, as v1.2.3 or 1.2.3-rootless do, but not another number.
func (r repository) runs(tag, digest string) bool {
	if digest != "" {
		return r.values[digest]
	}
	for value := range r.values {
		if value != "" && containsWord(tag, value) {
			return true
		}
	}
	return false
}

// containsWord finds value in text where it is not a part of a longer number.
func containsWord(text, value string) bool {
	for at := 0; at+len(value) <= len(text); at++ {
		end := at + len(value)
		if text[at:end] == value && (at == 0 || !digit(text[at-1]) || !digit(value[0])) &&
			(end == len(text) || !digit(text[end]) || !digit(value[len(value)-1])) {
			return true
		}
	}
	return false
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// checkImages looks at every image of one rendered object.
func (m *manifests) checkImages(at spot, object any, repositories []repository) {
	for where, value := range keys(object) {
		image, ok := value.(string)
		if !ok || where != "image" && !strings.HasSuffix(where, ".image") {
			continue
		}
		name, tag, digest := splitImage(image)
		container := strings.Contains(where, "ontainers[")
		pin := slices.IndexFunc(repositories, func(r repository) bool { return r.named(name) })
		at.path = where
		switch {
		case !container && tag == "" && digest == "":
			continue // a setting that names a repository
		case pin >= 0 && !repositories[pin].runs(tag, digest):
			m.report.add(m.atImage(at, image, repositories[pin].key, Finding{Severity: Error, Rule: "image-pin",
				Message: fmt.Sprintf("%s of the %s has the repository of the pin %s and another tag or digest", m.shown(where), m.kindOf(object), repositories[pin].key),
				Fix:     "use the pinned key for the tag of that image, without a digest that is not pinned"}))
		case pin < 0 && digest == "" && (tag == "" || tag == "latest") && container:
			m.report.add(m.atImage(at, image, "", Finding{Severity: Warning, Rule: "image-tag",
				Message: fmt.Sprintf("%s of the %s has the tag latest or none", m.shown(where), m.kindOf(object)), Fix: "name a version or a digest"}))
		}
	}
}

// kindOf names the kind of an object where a template has that word; elsewhere it may be any value.
func (m *manifests) kindOf(object any) string {
	fields, _ := object.(map[string]any)
	kind, _ := fields["kind"].(string)
	if kind == "" || !m.written(kind) {
		return "object"
	}
	return plain(kind)
}

// shown is the path of an image with the steps that templates have a word for, or Kubernetes.
func (m *manifests) shown(where string) string {
	return pathStep.ReplaceAllStringFunc(plain(where), func(name string) string {
		if podStep.MatchString(name) || m.written(name) {
			return name
		}
		return "…"
	})
}

// written tells whether a template has that word.
func (m *manifests) written(word string) bool {
	return slices.ContainsFunc(m.files, func(f file) bool {
		return strings.Contains(f.name, "templates/") && strings.Contains(string(f.data), word)
	})
}

var (
	// pathStep is one key in a path.
	pathStep = regexp.MustCompile(`[^.\[\]]+`)
	// podStep is a key on the way to the containers of a workload of Kubernetes, or a place in a list.
	podStep = regexp.MustCompile(`^(?:spec|template|jobTemplate|items|containers|initContainers|ephemeralContainers|image|[0-9]+)$`)
)

// atImage gives a finding the place of an image: its line in a template, else in the values that hold the
// image as it is, else that of the pin. Where none of them is known, the first image of the template is named, which may be another.
func (m *manifests) atImage(at spot, image, pin string, f Finding) Finding {
	if from, found := m.trace(at, image); found {
		f.File, f.Line = from.file, from.line
		return f
	}
	for _, from := range []valueSet{m.set, {name: valuesFile, top: m.nodes(valuesFile)}} {
		if line := scalarLine(from.top, image); line > 0 {
			f.File, f.Line = m.file(from.name), line
			return f
		}
	}
	values, _ := find(m.files, valuesFile)
	if value, err := scalar.Get(values.data, pin, ""); err == nil {
		f.File, f.Line = m.file(valuesFile), value.Line
		return f
	}
	f.File = m.places.file(m.files, at.template)
	if f.Line = m.firstLine(strings.TrimPrefix(f.File, m.Dir+"/"), "image:"); f.Line > 0 {
		f.Message += ", perhaps in this line"
	}
	return f
}
