package registry

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
	orasregistry "oras.land/oras-go/v2/registry"
)

const scheme = "oci://"

// place is where charts are kept: a host and, mostly, a namespace on it.
type place struct {
	host      string // host or host:port, lower case
	namespace string // slash-separated; may be empty
}

// CheckURL tells what is wrong with the URL of a registry and what to write instead. It asks no network.
func CheckURL(text string) error {
	_, err := parsePlace(text)
	return err
}

// parsePlace reads oci://host[:port][/namespace] and nothing else: whatever a reader could take for something other than
// it is (a tag, a digest, upper case, dots) is refused.
func parsePlace(text string) (place, error) {
	if strings.Contains(text, "@") {
		// What stands before an @ may be a password: it is not repeated.
		return place{}, errors.New("a registry URL has no user, password or digest in it; " +
			"write oci://HOST/NAMESPACE and name credentials in a docker config file")
	}
	p, wrong, instead := readPlace(text)
	if wrong == "" {
		return p, nil
	}
	instead = scheme + strings.ToLower(instead)
	if _, still, _ := readPlace(instead); still != "" {
		instead = "oci://HOST/NAMESPACE, such as oci://ghcr.io/acme/charts"
	}
	return place{}, fmt.Errorf("registry URL %q %s; write %s", text, wrong, instead)
}

// readPlace returns what is wrong with text, if anything, and what may have been meant, without oci://.
func readPlace(text string) (p place, wrong, instead string) {
	rest, ok := strings.CutPrefix(text, scheme)
	if !ok {
		return place{}, "does not begin with oci://", afterScheme(text)
	}
	p.host, p.namespace, _ = strings.Cut(rest, "/")
	switch i := strings.LastIndex(p.namespace, ":"); {
	case strings.ToLower(rest) != rest:
		return place{}, "has upper case in it", rest
	case !validHost(p.host):
		return place{}, fmt.Sprintf("has no valid host (%q)", p.host), ""
	case i >= 0:
		return place{}, "names one version", p.host + "/" + p.namespace[:i]
	case strings.HasSuffix(rest, "/"):
		return place{}, "ends in a slash", strings.TrimRight(rest, "/")
	}
	if err := validRepository(p.repository("chart")); err != nil {
		return place{}, fmt.Sprintf("has no valid namespace (%q)", p.namespace), ""
	}
	return p, "", ""
}

func afterScheme(text string) string {
	if _, rest, ok := strings.Cut(text, "://"); ok {
		return rest
	}
	return text
}

// validRepository is the grammar of the distribution specification, and the length that registries hold to.
func validRepository(path string) error {
	if len(path) > 255 {
		return fmt.Errorf("repository %.20s… has %d characters, and a registry takes 255", path, len(path))
	}
	return orasregistry.Reference{Repository: path}.ValidateRepository()
}

// repository is the path of a chart's repository on the host.
func (p place) repository(chart string) string {
	if p.namespace == "" {
		return chart
	}
	return p.namespace + "/" + chart
}

var hostPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:[0-9]{1,5})?$`)

// validHost takes a name or an address, with or without a port. A bare IPv6 address stands in brackets.
func validHost(host string) bool {
	if strings.HasPrefix(host, "[") {
		address, port, closed := strings.Cut(host[1:], "]")
		ip, err := netip.ParseAddr(address)
		return closed && err == nil && ip.Is6() && ip.Zone() == "" && validPort(port)
	}
	_, port, found := strings.Cut(host, ":")
	return len(host) <= 255 && hostPattern.MatchString(host) && (!found || validPort(":"+port))
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(port, ":"), 10, 16)
	return port[0] == ':' && err == nil && n > 0
}

// tagOf is the tag of a version, as helm writes it: "+" is not allowed in a tag and becomes "_".
func tagOf(version string) (string, error) {
	tag := strings.ReplaceAll(version, "+", "_")
	if len(tag) > 128 {
		return "", fmt.Errorf("version %.20s… makes a tag of %d characters, and a registry takes 128; write a shorter version", tag, len(tag))
	}
	if err := (orasregistry.Reference{Reference: tag}).ValidateReferenceAsTag(); err != nil {
		return "", fmt.Errorf("version %q makes no valid tag; write a version such as 1.2.3", version)
	}
	return tag, nil
}

// versionOf is the version that a tag stands for; false for the tags of signatures and whatever else is no version.
func versionOf(tag string) (*semver.Version, bool) {
	version, err := semver.StrictNewVersion(strings.Replace(tag, "_", "+", 1))
	return version, err == nil
}
