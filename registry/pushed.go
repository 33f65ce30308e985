package registry

import (
	"encoding/hex"
	"maps"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/releaser/releaser/charts"
)

// Pushed is a version of a chart as the registry holds it. Only a Registry makes one, from a manifest that it read from
// there or wrote there, by the digest that it computed itself, and only of what releaser pushed.
type Pushed struct {
	chart, version string
	repository     string // host/namespace/chart
	tag            string // in the registry
	desc           ocispec.Descriptor
	layer          ocispec.Descriptor
	config         ocispec.Descriptor
	annotations    map[string]string
	origin         origin
	library        bool
	fresh          bool
}

// origin is what the annotations of a version say of where it comes from.
type origin struct {
	source, tag, commit string
	path, content       string
	created             time.Time
}

// originOf reads the record that releaser leaves on each version; false when it is missing or not whole, which makes the
// version a stranger's.
func originOf(annotations map[string]string) (origin, bool) {
	o := origin{
		source:  annotations[ocispec.AnnotationSource],
		path:    annotations[charts.AnnotationPath],
		content: annotations[charts.AnnotationContent],
	}
	var ok bool
	o.tag, o.commit, ok = parseRevision(annotations[ocispec.AnnotationRevision])
	created, err := time.Parse(time.RFC3339, annotations[ocispec.AnnotationCreated])
	o.created = created
	return o, ok && err == nil && o.source != "" && o.path != "" && o.content != ""
}

// revision is the annotation that says tag and commit.
func (o origin) revision() string { return charts.Revision(o.tag, o.commit) }

// parseRevision is the inverse of charts.Revision: "<tag>@sha1:<commit>", or sha256 for repositories of that kind.
func parseRevision(text string) (tag, commit string, ok bool) {
	i := strings.LastIndex(text, "@")
	if i <= 0 {
		return "", "", false
	}
	kind, commit, _ := strings.Cut(text[i+1:], ":")
	size := map[string]int{"sha1": 40, "sha256": 64}[kind]
	if _, err := hex.DecodeString(commit); err != nil || size == 0 || len(commit) != size {
		return "", "", false
	}
	return text[:i], commit, true
}

// Chart is the name of the chart.
func (p Pushed) Chart() string { return p.chart }

// Version is the chart's version, strict SemVer.
func (p Pushed) Version() string { return p.version }

// Digest is the digest of the manifest, "sha256:…". It is what is signed and promoted.
func (p Pushed) Digest() string { return p.desc.Digest.String() }

// Repository is host/namespace/chart.
func (p Pushed) Repository() string { return p.repository }

// Reference is oci://host/namespace/chart:tag, a valid reference for every tool. A "+" of the version is "_" in it. Helm
// takes it too, except with a "+" in the version: then it reads neither form, and wants --version beside the repository.
func (p Pushed) Reference() string { return scheme + p.repository + ":" + p.tag }

// Descriptor is that of the manifest: media type, digest and size.
func (p Pushed) Descriptor() ocispec.Descriptor { return p.desc }

// Source is the URL of the git repository that the version comes from.
func (p Pushed) Source() string { return p.origin.source }

// Tag is the git tag that released the version.
func (p Pushed) Tag() string { return p.origin.tag }

// Commit is the full name of the commit that the tag pointed at.
func (p Pushed) Commit() string { return p.origin.commit }

// Path is the chart's folder in that commit.
func (p Pushed) Path() string { return p.origin.path }

// Content is the digest of the archive before compression, as the annotation has it. Equal content is equal in every
// file, whoever compressed it. Push compares it with the archive; Resolve repeats it unproved, and nothing may be decided
// by it then: what vouches for a version that was resolved is the signature of its digest.
func (p Pushed) Content() string { return p.origin.content }

// Created is the time of the commit.
func (p Pushed) Created() time.Time { return p.origin.created }

// Library tells that the chart only lends templates to others: it is released, and not promoted.
func (p Pushed) Library() bool { return p.library }

// Annotations is a copy of all annotations of the manifest.
func (p Pushed) Annotations() map[string]string { return maps.Clone(p.annotations) }

// New tells that the call that returned this uploaded it; false when it was there before.
func (p Pushed) New() bool { return p.fresh }
