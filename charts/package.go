package charts

import (
	"bytes"
	"maps"
	"slices"
	"time"
)

// Package is a chart as it goes to a registry. Only Pack makes one, and it never changes.
type Package struct {
	id          identity
	tree        Tree
	findings    []Finding
	archive     []byte
	config      []byte
	content     string
	annotations map[string]string
}

// Name is the chart's name.
func (p Package) Name() string { return p.id.name }

// Version is the chart's version, strict SemVer.
func (p Package) Version() string { return p.id.version }

// Library tells that the chart is a library.
func (p Package) Library() bool { return p.id.library }

// Archive is the gzipped tar, as helm package makes it: the one layer of the OCI artifact.
func (p Package) Archive() []byte { return bytes.Clone(p.archive) }

// Config is the chart's metadata in JSON, as helm push makes it: the config of the OCI artifact.
func (p Package) Config() []byte { return bytes.Clone(p.config) }

// Digest is the digest of Archive, sha256:….
func (p Package) Digest() string { return digest(p.archive) }

// Content is the digest of the tar inside Archive. It tells the same content apart from the same bytes, since gzip
// may write other bytes in another version of Go.
func (p Package) Content() string { return p.content }

// Annotations are those of the OCI manifest: Helm's own set, and where the chart comes from.
func (p Package) Annotations() map[string]string { return maps.Clone(p.annotations) }

// Tree is the commit that the chart was made of, without its files. Its time is in UTC and in whole seconds.
func (p Package) Tree() Tree {
	t := p.tree
	t.Files, t.Time = nil, t.Time.UTC().Truncate(time.Second)
	return t
}

// Findings are the lint's warnings.
func (p Package) Findings() []Finding { return slices.Clone(p.findings) }
