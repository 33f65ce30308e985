package charts

import (
	"strings"
	"time"

	"github.com/fluxcd/pkg/oci"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// The annotations of our own. Whatever a chart's author writes below the prefix is dropped.
const (
	// AnnotationPrefix begins all of them.
	AnnotationPrefix = "io.github.releaser."
	// AnnotationContent holds the digest of the uncompressed archive.
	AnnotationContent = AnnotationPrefix + "content"
	// AnnotationPath holds the chart's folder in its repository.
	AnnotationPath = AnnotationPrefix + "path"
	// AnnotationDependency, followed by the name of a fetched dependency, holds the digest of its archive. A dependency
	// of a dependency is named from the top, with dots.
	AnnotationDependency = AnnotationPrefix + "dependency."
)

// annotations are what helm push writes into the manifest, and then the record of where the chart comes from, which
// the author cannot change.
func annotations(meta *chart.Metadata, tree Tree, content string, remote map[string]string) map[string]string {
	all := helmAnnotations(meta)
	origin := oci.Metadata{
		Created:  tree.Time.UTC().Format(time.RFC3339),
		Source:   tree.Source,
		Revision: Revision(tree.Tag, tree.Commit),
	}
	for key, value := range origin.ToAnnotations() {
		all[key] = value
	}
	all[AnnotationContent] = content
	all[AnnotationPath] = tree.Dir
	for name, digest := range remote {
		all[AnnotationDependency+name] = digest
	}
	return all
}

// Revision is a tag and its commit in the words of Flux: <tag>@sha1:<commit>, or sha256 for a repository that uses it.
func Revision(tag, commit string) string {
	algorithm := "sha1"
	if len(commit) == 64 {
		algorithm = "sha256"
	}
	return tag + "@" + algorithm + ":" + commit
}

// helmAnnotations are those that helm push derives from Chart.yaml: blank ones left out, and the author's own, which
// replace all but title and version.
func helmAnnotations(meta *chart.Metadata) map[string]string {
	all := map[string]string{}
	set := func(key, value string) {
		if strings.TrimSpace(value) != "" {
			all[key] = value
		}
	}
	set(ocispec.AnnotationDescription, meta.Description)
	set(ocispec.AnnotationURL, meta.Home)
	set(ocispec.AnnotationAuthors, authors(meta.Maintainers))
	if len(meta.Sources) > 0 {
		set(ocispec.AnnotationSource, meta.Sources[0])
	}
	for key, value := range meta.Annotations {
		if !strings.HasPrefix(key, AnnotationPrefix) {
			all[key] = value
		}
	}
	delete(all, ocispec.AnnotationTitle)
	delete(all, ocispec.AnnotationVersion)
	set(ocispec.AnnotationTitle, meta.Name)
	set(ocispec.AnnotationVersion, meta.Version)
	return all
}

// authors writes maintainers as "name (email), name (email)".
func authors(maintainers []*chart.Maintainer) string {
	list := make([]string, 0, len(maintainers))
	for _, m := range maintainers {
		author := m.Name
		if m.Email != "" {
			author += " (" + m.Email + ")"
		}
		list = append(list, author)
	}
	return strings.Join(list, ", ")
}
