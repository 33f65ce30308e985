package charts

import (
	"fmt"
	"regexp"

	"github.com/Masterminds/semver/v3"
)

const (
	// maxName is what Kubernetes allows in a label and in the name of a Service, where charts put their name.
	maxName = 63
	// maxVersion is what the OCI distribution specification allows in a tag.
	maxVersion = 128
	// baselineName is the registry repository in which releaser keeps its own record.
	baselineName = "releaser-baseline"
)

// labelPattern is an RFC 1123 label. Kubernetes takes it as the start of any name, OCI as a path component and git
// as a part of a branch. Dots would pass OCI, but not a Service; underscores are what releaser's own branches begin with.
var labelPattern = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// nameProblem says why name cannot be a chart's name; it is empty when it can.
func nameProblem(name string) string {
	switch {
	case name == "":
		return "the chart has no name"
	case len(name) > maxName:
		return fmt.Sprintf("the name has %d characters, Kubernetes allows %d", len(name), maxName)
	case !labelPattern.MatchString(name):
		return fmt.Sprintf("the name %q does not fit a registry and Kubernetes", name)
	case name == baselineName:
		return fmt.Sprintf("the name %s is taken by releaser's own record in the registry: choose another", baselineName)
	}
	return ""
}

const nameFix = "use lower-case letters, digits and '-', at most 63, with a letter or digit at both ends"

// versionProblem says why version cannot be released; it is empty when it can. Helm would take v1.0.0 and 1.0,
// but lists only strict versions of a registry.
func versionProblem(version string) string {
	if version == "" {
		return "the chart has no version"
	}
	if len(version) > maxVersion {
		return fmt.Sprintf("the version has %d characters, a registry allows %d", len(version), maxVersion)
	}
	if _, err := semver.StrictNewVersion(version); err != nil {
		return fmt.Sprintf("the version %q is not strict SemVer", version)
	}
	return ""
}

const versionFix = "write three numbers as in 1.2.3 or 1.2.3-rc.1, in quotes, without a leading v"
