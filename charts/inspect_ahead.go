package charts

import (
	"slices"

	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// installation is an environment, rendered on each Kubernetes version as far as that goes.
type installation struct {
	set       valueSet
	chart     *chart.Chart    // with its dependencies switched on and off
	subcharts map[string]bool // keys of values that are theirs
	values    map[string]any  // merged
	err       error           // of merging
	manifests []*manifests    // one for each version
	panicked  any
}

// install does what no other environment has to wait for. It reports nothing.
func (i *inspector) install(set valueSet) *installation {
	in := &installation{set: set, chart: copied(i.loaded)}
	in.subcharts = foreignKeys(in.chart)
	if in.values, in.err = mergeValues(in.chart, set.values); in.err != nil {
		return in
	}
	for _, kube := range i.kubes {
		m := &manifests{inspector: i, chart: in.chart, set: set, merged: in.values, kube: kube, traced: map[look]map[spot]origin{}}
		m.rendered, m.err = m.render(false)
		in.manifests = append(in.manifests, m)
	}
	return in
}

// copied is a chart as it was loaded, with all below it. Helm changes names, dependencies and values when it looks at
// dependencies; files it only reads, so that copies share them.
func copied(c *chart.Chart) *chart.Chart {
	fresh, meta := *c, *c.Metadata
	meta.Dependencies = slices.Clone(meta.Dependencies)
	for n, dep := range meta.Dependencies {
		if dep != nil {
			fresh := *dep
			meta.Dependencies[n] = &fresh
		}
	}
	fresh.Metadata = &meta
	if c.Values != nil {
		fresh.Values = copiedValue(c.Values).(map[string]any)
	}
	fresh.SetDependencies()
	for _, below := range c.Dependencies() {
		fresh.AddDependency(copied(below))
	}
	return &fresh
}

func copiedValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		fresh := make(map[string]any, len(v))
		for key, below := range v {
			fresh[key] = copiedValue(below)
		}
		return fresh
	case []any:
		fresh := slices.Clone(v)
		for n, below := range v {
			fresh[n] = copiedValue(below)
		}
		return fresh
	}
	return v
}

// queue installs environments on other cores, one ahead of the one that is looked at: each takes memory.
type queue struct {
	inspector *inspector
	left      []valueSet
	next      chan *installation
}

func (i *inspector) queue(sets []valueSet) *queue {
	q := &queue{inspector: i, left: sets, next: make(chan *installation, 1)}
	q.begin()
	return q
}

// begin starts on the next environment, if there is one.
func (q *queue) begin() {
	if len(q.left) == 0 {
		return
	}
	set := q.left[0]
	q.left = q.left[1:]
	go func() {
		in := new(installation)
		defer func() {
			if p := recover(); p != nil {
				in = &installation{panicked: p}
			}
			q.next <- in
		}()
		in = q.inspector.install(set)
	}()
}

// take is the next environment. A panic of the work comes out here, where Inspect catches it.
func (q *queue) take() *installation {
	in := <-q.next
	if in.panicked != nil {
		panic(in.panicked)
	}
	q.begin()
	return in
}
