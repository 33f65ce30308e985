package config

import (
	"net"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// matches is a whole-text match. Patterns are RE2, so that no text takes long.
func matches(pattern, text string) bool {
	return regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(text)
}

// isLabel accepts a DNS label: it is a good ref part, path part and Kubernetes name as well.
func isLabel(name string) bool {
	return len(name) <= 63 && matches(`[a-z0-9]([a-z0-9-]*[a-z0-9])?`, name)
}

// isBranch accepts what git takes for a branch (git check-ref-format), in printable ASCII.
func isBranch(name string) bool {
	if !matches(`[!-~]+`, name) || len(name) > 200 || strings.ContainsAny(name, `~^:?*[\`) || strings.Contains(name, "..") ||
		strings.Contains(name, "@{") || name == "@" || name == "HEAD" || strings.HasPrefix(name, "-") || strings.HasSuffix(name, ".") {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}

// isInside accepts a relative, clean, slash-separated path that stays below where it starts, outside .git.
func isInside(name string) bool {
	if name == "" || path.IsAbs(name) || path.Clean(name) != name || strings.Contains(name, `\`) {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." || strings.EqualFold(part, ".git") {
			return false
		}
	}
	return true
}

// isHost accepts a host name or address in lower case, with a port or without.
func isHost(host string) bool {
	name, port := host, ""
	if h, p, err := net.SplitHostPort(host); err == nil {
		name, port = h, p
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return false
		}
	}
	if ip, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return ip.Zone() == "" && ip.Is6() == strings.HasPrefix(host, "[")
	}
	const label = `[a-z0-9]([a-z0-9-]*[a-z0-9])?`
	return len(name) <= 253 && matches(label+`(\.`+label+`)*`, name)
}

// isListen accepts host:port, where the host may be left out and the port may be 0.
func isListen(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil && (host == "" || isHost(host) || net.ParseIP(host) != nil)
}

// wrongRegistry tells what is wrong with the URL of a registry, by the grammar of the OCI distribution
// specification; "" for nothing. What stands before an @ may be a password, so no value is repeated.
func wrongRegistry(text string) string {
	rest, ok := strings.CutPrefix(text, "oci://")
	host, repository, slash := strings.Cut(rest, "/")
	const component = `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
	switch {
	case !ok:
		return "the URL does not begin with oci://"
	case strings.Contains(rest, "@"):
		return "the URL holds a user, a password or a digest"
	case strings.ToLower(rest) != rest:
		return "the URL has upper case in it"
	case !isHost(host):
		return "the URL has no valid host"
	case strings.Contains(repository, ":"):
		return "the URL names a tag"
	case slash && (len(repository) > 128 || !matches(component+`(/`+component+`)*`, repository)):
		return "the URL has no valid namespace"
	}
	return ""
}

// wrongGit tells what is wrong with the address of a git repository; "" for nothing. The address may hold a
// token, so it is never repeated.
func wrongGit(address string) string {
	switch kindOfURL(address) {
	case localPath:
		if strings.HasPrefix(address, "-") || !matches(`\.|(\.{0,2}/).*`, address) {
			return "the address is neither a URL nor a path that begins with /, ./ or ../"
		}
		return ""
	case scpLike:
		host, repository, _ := strings.Cut(address, ":")
		user, host, at := strings.Cut(host, "@")
		if !at || !matches(`[A-Za-z0-9._-]+`, user) || !isHost(strings.ToLower(host)) || !matches(`[!-~]+`, repository) || strings.HasPrefix(strings.TrimLeft(repository, "/"), "-") {
			return "the ssh address cannot be read"
		}
		return ""
	}
	u, err := url.Parse(address)
	if err != nil {
		return "the URL cannot be read"
	}
	return wrongURL(u)
}

func wrongURL(u *url.URL) string {
	_, password := u.User.Password()
	switch {
	case password || u.User != nil && u.Scheme != "ssh":
		return "the URL holds credentials"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "the URL has a query or a fragment"
	case u.Scheme == "file" && u.Host == "" && strings.HasPrefix(u.Path, "/"):
		return ""
	case u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "ssh":
		return "the URL's scheme is not known"
	case !isHost(strings.ToLower(u.Host)):
		return "the URL has no valid host"
	case strings.Trim(u.Path, "/") == "" || strings.HasPrefix(strings.TrimLeft(u.Path, "/"), "-"):
		return "the URL names no repository"
	}
	return ""
}

// isPlain tells whether an address would carry a token over the network in the clear: http, and not to this machine.
func isPlain(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())
}
