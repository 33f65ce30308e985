package charts

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// spot is a key in what was rendered.
type spot struct {
	template string // as Helm names it
	document int    // of that template, from 0
	path     string // spec.containers[0].image
}

// origin is a line of a file of the repository.
type origin struct {
	file string
	line int
}

// traced is a value that came out somewhere.
type traced struct {
	spot
	value string
}

// maxLooks is how often a chart is rendered once more for the line of a finding. Each time costs as much as its largest
// templates do, and a chart with many findings must not be refused for the time that it takes to say where they are.
const maxLooks = 20

// trace tells where in the templates a key stands that came out at a spot, with this value. The chart is rendered
// once more with each such key renamed to one that carries a number, in the template and what it includes; when it does not
// render so, in the template alone. What is no key of a template, but comes from the values as a whole, is not found,
// nor is anything in a further template once the chart was rendered maxLooks times for it.
func (m *manifests) trace(at spot, value string) (origin, bool) {
	seen := traced{at, value}
	if from, known := m.origin[seen]; known { // by another environment
		return from, true
	}
	key := at.path[strings.LastIndex(at.path, ".")+1:]
	for _, alone := range []bool{false, true} {
		which := look{key, at.template, alone}
		found, known := m.traced[which]
		if !known {
			if m.looks++; m.looks > maxLooks {
				return origin{}, false
			}
			found = m.origins(which)
			m.traced[which] = found
		}
		if found != nil {
			from, ok := found[at]
			if ok {
				m.origin[seen] = from
			}
			return from, ok
		}
	}
	return origin{}, false
}

// look is what is rendered once more: a template, in which a key is renamed, and in what it may include unless alone.
type look struct {
	key, template string
	alone         bool
}

// origins maps all keys of a name that come out of a template to where they come from, nil when it does not render.
func (m *manifests) origins(which look) map[spot]origin {
	marks := marker{look: which, places: m.places, files: m.files}
	defer marks.mark(m.chart)()
	rendered, err := m.render(m.lenient)
	if err != nil {
		return nil
	}
	found := map[spot]origin{}
	for n, d := range documents(rendered[which.template], readDocument) {
		for path := range keys(d.object) {
			if from, ok := marks.read(path); ok {
				found[spot{which.template, n, marks.plain(path)}] = from
			}
		}
	}
	return found
}

// marker renames keys of templates, and knows where it did.
type marker struct {
	look
	places places
	files  []file
	at     []origin
}

// mark renames the keys in the templates of a chart and those below it, and takes away what is not needed, until undo is called.
func (m *marker) mark(c *chart.Chart) (undo func()) {
	written := regexp.MustCompile(`(^|[\s{,])(["']?)` + regexp.QuoteMeta(m.key) + `(["']?):`)
	before := c.Templates
	undoes := []func(){func() { c.Templates = before }}
	c.Templates = nil
	for _, t := range before {
		full := c.ChartFullPath() + "/" + t.Name
		if full != m.template {
			if !strings.Contains(string(t.Data), "define") {
				continue // it cannot be included
			}
			if m.alone {
				c.Templates = append(c.Templates, t)
				continue
			}
		}
		name := m.places.file(m.files, full)
		lines := strings.Split(string(t.Data), "\n")
		for n, line := range lines {
			if written.MatchString(line) {
				lines[n] = written.ReplaceAllString(line, fmt.Sprintf("${1}${2}%s-mark%d${3}:", m.key, len(m.at)))
				m.at = append(m.at, origin{name, n + 1})
			}
		}
		c.Templates = append(c.Templates, &common.File{Name: t.Name, Data: []byte(strings.Join(lines, "\n"))})
	}
	for _, below := range c.Dependencies() {
		undoes = append(undoes, m.mark(below))
	}
	return func() {
		for _, undo := range undoes {
			undo()
		}
	}
}

// read is the origin of the key at the end of a path, if it was renamed.
func (m *marker) read(path string) (origin, bool) {
	at := strings.LastIndex(path, m.key+"-mark")
	if at < 0 {
		return origin{}, false
	}
	n, err := strconv.Atoi(path[at+len(m.key+"-mark"):])
	if err != nil || n >= len(m.at) || m.at[n].file == "" {
		return origin{}, false
	}
	return m.at[n], true
}

// plain is a path as it is without renaming.
func (m *marker) plain(path string) string {
	return regexp.MustCompile(`\b`+regexp.QuoteMeta(m.key)+`-mark\d+`).ReplaceAllLiteralString(path, m.key)
}

// keys iterates over the keys of all mappings of an object, by their path from the top, with what stands under them.
func keys(object any) func(yield func(path string, value any) bool) {
	return func(yield func(string, any) bool) { walkKeys(object, "", yield) }
}

func walkKeys(v any, at string, yield func(string, any) bool) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			path := strings.TrimPrefix(at+"."+key, ".")
			if !yield(path, v[key]) || !walkKeys(v[key], path, yield) {
				return false
			}
		}
	case []any:
		for n, below := range v {
			if !walkKeys(below, fmt.Sprintf("%s[%d]", at, n), yield) {
				return false
			}
		}
	}
	return true
}
