package charts

import (
	"slices"

	"github.com/releaser/releaser/internal/scalar"
)

// file is one regular file of a chart: its slash-separated name below the chart's folder, and its bytes.
// Nobody changes data in place.
type file struct {
	name string
	data []byte
}

// identity is what Chart.yaml says of a chart, checked.
type identity struct {
	name    string
	version string
	library bool
}

// Pinned is a chart whose configured scalars carry the release. Only Pin makes one.
type Pinned struct {
	tree  Tree
	id    identity
	files []file        // what the chart's folder holds, edited, by name
	pins  []scalar.Edit // what was set, File never empty; of a library chart those of Chart.yaml
}

// Name is the chart's name, fit for a registry and for Kubernetes.
func (p Pinned) Name() string { return p.id.name }

// Version is the chart's version, strict SemVer without a leading v.
func (p Pinned) Version() string { return p.id.version }

// Library tells that the chart only lends templates to others and is never rendered alone.
func (p Pinned) Library() bool { return p.id.library }

// Vendored is a pinned chart with every dependency beside it, at the locked version. Only Vendor makes one.
type Vendored struct {
	pinned Pinned
	files  []file            // the pinned files and those of the dependencies under charts/<name>/, by name; no archives
	remote map[string]string // name of a fetched dependency to the digest of its archive
}

// Name is the chart's name.
func (v Vendored) Name() string { return v.pinned.id.name }

// Version is the chart's version.
func (v Vendored) Version() string { return v.pinned.id.version }

// Library tells that the chart is a library.
func (v Vendored) Library() bool { return v.pinned.id.library }

// Linted is a vendored chart that the lint let pass. Only Lint makes one.
type Linted struct {
	vendored Vendored
	findings []Finding // warnings and information, no errors
}

// Name is the chart's name.
func (l Linted) Name() string { return l.vendored.pinned.id.name }

// Version is the chart's version.
func (l Linted) Version() string { return l.vendored.pinned.id.version }

// Library tells that the chart is a library.
func (l Linted) Library() bool { return l.vendored.pinned.id.library }

// Findings are the lint's warnings.
func (l Linted) Findings() []Finding { return slices.Clone(l.findings) }
