package config

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/releaser/releaser/internal/placeholder"
	"github.com/releaser/releaser/internal/scalar"
)

// validator checks what types cannot say. A value that could not be read is not checked again.
type validator struct {
	*decoder
	config *Config
}

// holds tells whether the file has the field, readable or not.
func (v *validator) holds(path string) bool { return v.nodes[path] != nil }

// check notes the problem unless it is fine, or the value was not there or broken anyway.
func (v *validator) check(fine bool, path, message, fix string) {
	if !fine && v.holds(path) {
		v.note(path, message, fix)
	}
}

// require notes that a field is missing.
func (v *validator) require(path, fix string) {
	if !v.holds(path) {
		v.note(path, "the field is missing", fix)
	}
}

func (v *validator) validate() {
	v.require("version", "write version: 1")
	v.check(v.config.Version == 1, "version", "the version is not known", "write version: 1")
	v.server(v.config.Server)
	v.journal(v.config.Journal)
	v.concurrency(v.config.Concurrency)
	v.github(v.config.GitHub)
	v.sources()
	v.registry(v.config.Registry)
	v.signing(v.config.Signing)
	v.environmentDefaults()
	v.environments()
}

func (v *validator) server(s Server) {
	const fix = "write host:port or :port, such as :8080"
	v.check(isListen(s.Listen), "server.listen", "the address cannot be listened on", fix)
	v.check(isListen(s.Metrics), "server.metrics", "the address cannot be listened on", fix)
	if s.Listen == s.Metrics && !strings.HasSuffix(s.Listen, ":0") {
		v.note("server.metrics", "it is the address of server.listen", "write another port, such as :9090")
	}
}

// journal wants the name of a file: the URL itself is a secret.
func (v *validator) journal(j Journal) {
	if j.Postgres == nil {
		return
	}
	const file, fix = "journal.postgres.urlFile", "write the URL into a file, and here the name of that"
	v.require(file, "write the file that holds the URL of the database")
	v.check(!strings.Contains(j.Postgres.URLFile, "://") && !strings.Contains(j.Postgres.URLFile, "password="), file, "the text is an address, not the name of a file", fix) // B59
}

func (v *validator) concurrency(c Concurrency) {
	fix := fmt.Sprintf("write %d or less, or raise releases", c.Releases)
	v.check(c.PerSource <= c.Releases || c.Releases == 0, "concurrency.perSource", "one source would have more releases than there are in all", fix)
}

func (v *validator) github(g GitHub) {
	u, err := url.Parse(g.APIURL)
	switch {
	case err != nil:
		v.note("github.apiURL", "the URL cannot be read", "write https://api.github.com or https://HOST/api/v3")
	case u.User != nil:
		v.note("github.apiURL", "the URL holds credentials", "write it without, and name them in github.auth") // B59
	case u.Scheme != "https" && u.Scheme != "http" || !isHost(strings.ToLower(u.Host)) || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		v.note("github.apiURL", "the URL is not the root of an API", "write https://api.github.com or https://HOST/api/v3")
	case isPlain(g.APIURL):
		v.note("github.apiURL", "a token would cross the network in the clear", "write https instead of http")
	}
	v.one("github.auth", "githubApp", "tokenFile", "tokenEnv")
	v.variable("github.auth.tokenEnv", g.Auth.TokenEnv)
	if g.Auth.GitHubApp != nil {
		v.require("github.auth.githubApp.id", "write the App's ID or client ID")
		v.require("github.auth.githubApp.keyFile", "write the file of the App's private key")
		v.check(matches(`[A-Za-z0-9._-]+`, g.Auth.GitHubApp.ID), "github.auth.githubApp.id", "the ID is none", "write the App's ID or client ID, from its settings on GitHub")
	}
}

// one allows at most one of the fields.
func (v *validator) one(at string, names ...string) {
	first := ""
	for _, name := range names {
		switch {
		case !v.holds(join(at, name)):
		case first == "":
			first = name
		default:
			v.note(join(at, name), "there is "+first+" already", "keep one of "+strings.Join(names, ", "))
		}
	}
}

// variable checks the name of an environment variable.
func (v *validator) variable(path, name string) {
	v.check(matches(`[A-Za-z_][A-Za-z0-9_]*`, name), path, "the text is no name of an environment variable", "write a name such as GITHUB_TOKEN, not its value")
}

func (v *validator) registry(r Registry) {
	v.require("registry", "write registry: {url: oci://HOST/NAMESPACE}")
	if v.holds("registry") {
		v.require("registry.url", "write oci://HOST/NAMESPACE, such as oci://ghcr.io/acme/charts")
	}
	if wrong := wrongRegistry(r.URL); wrong != "" { // B43
		v.check(false, "registry.url", wrong, "write oci://HOST/NAMESPACE, such as oci://ghcr.io/acme/charts; credentials go into auth.dockerConfigFile")
	}
	v.check(!r.PlainHTTP || r.CAFile == "", "registry.caFile", "plain HTTP has no certificates", "remove caFile or plainHTTP")
}

func (v *validator) signing(s Signing) {
	v.require("signing", "write signing: {key: FILE, passwordFile: FILE}")
	if v.holds("signing") && s.Key == "" && len(s.Trusted) == 0 {
		v.require("signing.key", "write the file of a cosign private key, or trusted: [FILE] to verify only")
	}
	scheme, _, isURL := strings.Cut(s.Key, "://")
	switch {
	case isURL && slices.Contains([]string{"awskms", "gcpkms", "azurekms", "hashivault", "k8s", "pkcs11"}, scheme), s.Key == "keyless":
		v.note("signing.key", "this version does not support keys outside a file yet", "write the file of a cosign private key")
	case isURL:
		v.note("signing.key", "the key is a URL", "write the file of a cosign private key")
	}
	v.one("signing", "passwordFile", "passwordEnv")
	v.variable("signing.passwordEnv", s.PasswordEnv)
	if !v.holds("signing.key") {
		v.check(false, "signing.passwordFile", "there is no key that it belongs to", "write signing.key, or remove the field")
		v.check(false, "signing.passwordEnv", "there is no key that it belongs to", "write signing.key, or remove the field")
	}
	for i, format := range s.Formats {
		v.check(slices.Index(s.Formats, format) == i, fmt.Sprintf("signing.formats[%d]", i), "the format is there already", "write it once")
	}
}

func (v *validator) sources() {
	v.require("sources", "write at least one: sources: [{name: NAME, url: URL, charts: [{path: charts/*}]}]")
	v.check(len(v.config.Sources) > 0, "sources", "the list is empty", "write at least one: [{name: NAME, url: URL, charts: [{path: charts/*}]}]")
	names, repositories := map[string]int{}, map[string]int{}
	for i := range v.config.Sources {
		s, at := &v.config.Sources[i], fmt.Sprintf("sources[%d]", i)
		v.source(at, s)
		if first, ok := names[s.Name]; ok && s.Name != "" {
			v.note(at+".name", fmt.Sprintf("sources[%d] has this name", first), "write another name")
		}
		if first, ok := repositories[RepositoryOf(s.URL)]; ok && s.URL != "" {
			v.note(at+".url", fmt.Sprintf("sources[%d] is this repository", first), "make one source of the two, with the charts of both")
		}
		names[s.Name], repositories[RepositoryOf(s.URL)] = i, i
	}
}

func (v *validator) source(at string, s *Source) {
	v.require(at+".name", "write a name, such as platform")
	v.require(at+".url", "write the repository's URL")
	v.require(at+".charts", "write which folders hold charts: [{path: charts/*}]")
	v.check(isLabel(s.Name), at+".name", "the name is no DNS label", "write up to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit")
	if wrong := wrongGit(s.URL); wrong != "" { // B59
		v.check(false, at+".url", wrong, "write https://HOST/PATH, ssh://git@HOST/PATH, git@HOST:PATH or a path such as ./repository.git; a token goes into a file that auth.tokenFile names")
	}
	v.sourceAuth(at, s)
	for i, pattern := range s.Tags {
		v.tagPattern(fmt.Sprintf("%s.tags[%d]", at, i), pattern)
	}
	for i, branch := range s.Branches {
		v.check(isBranch(branch), fmt.Sprintf("%s.branches[%d]", at, i), "the text is no name of a branch", "write a name such as main, without refs/heads/")
	}
	v.hosts(at+".dependencies.hosts", s.Dependencies.Hosts)
	v.check(len(s.Charts) > 0, at+".charts", "the list is empty", "write which folders hold charts: [{path: charts/*}]")
	for i := range s.Charts {
		v.chart(fmt.Sprintf("%s.charts[%d]", at, i), &s.Charts[i])
		for k := range i {
			v.check(s.Charts[k].Path != s.Charts[i].Path, fmt.Sprintf("%s.charts[%d].path", at, i), fmt.Sprintf("charts[%d] takes the same folders, and the first one wins", k), "remove one of the two")
		}
	}
}

// sourceAuth wants credentials that fit the way to the server.
func (v *validator) sourceAuth(at string, s *Source) {
	auth := at + ".auth"
	v.one(auth, "tokenFile", "tokenEnv", "githubApp", "sshKeyFile")
	v.variable(auth+".tokenEnv", s.Auth.TokenEnv)
	isHTTP := strings.HasPrefix(s.URL, "https://") || strings.HasPrefix(s.URL, "http://")
	isSSH := strings.HasPrefix(s.URL, "ssh://") || kindOfURL(s.URL) == scpLike
	for _, name := range []string{"tokenFile", "tokenEnv", "githubApp"} {
		v.check(isHTTP && !isPlain(s.URL) || s.URL == "", join(auth, name), "it works over https alone", "write an https URL, or remove the field")
	}
	v.check(isSSH || s.URL == "", auth+".sshKeyFile", "it works over ssh alone", "write git@HOST:PATH for the url, or use tokenFile")
	if s.Auth.SSHKeyFile != "" {
		v.require(auth+".knownHostsFile", "write the file with the server's host keys, as ssh-keyscan prints them")
	}
	v.check(v.holds(auth+".sshKeyFile"), auth+".knownHostsFile", "there is no sshKeyFile", "write sshKeyFile beside it, or remove the field")
	if isSSH && !v.holds(auth+".sshKeyFile") && wrongGit(s.URL) == "" {
		v.note(auth+".sshKeyFile", "the field is missing, and ssh needs it", "write sshKeyFile and knownHostsFile")
	}
	v.check(!s.Auth.GitHubApp || v.holds("github.auth.githubApp"), auth+".githubApp", "there is no github.auth.githubApp", "write the App there")
	v.check(strings.HasPrefix(s.URL, "https://"), at+".caFile", "it is of use for https alone", "remove it, or write an https URL")
}

// tagPattern checks what is not the business of the room that matches tags.
func (v *validator) tagPattern(at, pattern string) {
	const fix = `write a pattern such as "{chart}-{version}" or "v{version}"`
	t, err := placeholder.Parse(pattern, "chart", "version")
	switch {
	case pattern == "": // said already
	case err != nil:
		message, _, _ := strings.Cut(err.Error(), "; ")
		v.note(at, message, fix)
	case !t.Uses("version"):
		v.note(at, "the pattern has no {version}", fix)
	case strings.Count(pattern, "{version}") > 1 || strings.Count(pattern, "{chart}") > 1:
		v.note(at, "the pattern has a placeholder twice", fix)
	case !matches(`[!-~]+`, pattern):
		v.note(at, "the pattern holds a blank or a character outside ASCII", fix)
	case t.Uses("chart") && !matches(`.*\{chart\}.+\{version\}.*`, pattern):
		v.note(at, "nothing parts {chart} from a {version} behind it", fix)
	}
}

func (v *validator) chart(at string, c *Chart) {
	v.require(at+".path", "write a folder, such as charts/*")
	v.glob(at+".path", c.Path, "charts/*")
	if v.holds(at + ".pins") {
		v.pins(at+".pins", c.Pins)
	}
	if c.Image != nil {
		v.image(at+".image", c)
	}
	for i, pattern := range c.Lint.Values {
		v.glob(fmt.Sprintf("%s.lint.values[%d]", at, i), pattern, "values-*.yaml")
	}
	for i, version := range c.Lint.KubeVersions {
		v.check(matches(`v?1\.[0-9]+(\.[0-9]+)?`, version), fmt.Sprintf("%s.lint.kubeVersions[%d]", at, i), "the text is no version of Kubernetes", `write a version such as "1.34"`)
	}
}

func (v *validator) hosts(at string, hosts []string) {
	for i, host := range hosts {
		v.check(isHost(host), fmt.Sprintf("%s[%d]", at, i), "the text is no host", "write a host such as registry.example.com, without scheme and path")
	}
}

// image wants exactly one pin to say which tag of the image is released.
func (v *validator) image(at string, c *Chart) {
	v.require(at+".key", "write the key of the image's repository, such as image.repository")
	v.key(at+".key", c.Image.Key)
	v.hosts(at+".hosts", c.Image.Hosts)
	if _, err := scalar.ParseKey(c.Image.Key); err != nil {
		return // said already
	}
	tags := c.imageTags()
	v.check(len(tags) > 0, at+".key", "no pin sets the tag of this image", "pin the key tag beside it or, where it holds repository:tag, this key with part: tag")
	v.check(len(tags) < 2, at+".key", "two pins set the tag of this image", "remove one of the two")
}

// glob checks a pattern of path.Match that stays below where it starts.
func (v *validator) glob(at, pattern, example string) {
	_, err := path.Match(pattern, "")
	v.check(err == nil && isInside(pattern), at, "the pattern cannot be read, or leaves its folder", "write a clean relative path, such as "+example) // B57
}

func (v *validator) pins(at string, pins []Pin) {
	first := map[[2]string]int{}
	for i, p := range pins {
		pin, place := fmt.Sprintf("%s[%d]", at, i), [2]string{p.File, p.Key}
		v.pin(pin, p)
		if other, ok := first[place]; ok && p.Key != "" {
			v.note(pin+".key", fmt.Sprintf("pins[%d] sets this key", other), "write another key, or remove one of the two")
		}
		first[place] = i
	}
}

func (v *validator) pin(at string, p Pin) {
	v.require(at+".key", "write the key to set, such as image.tag")
	v.require(at+".value", `write what to set, such as "{commit}"`)
	v.check(isInside(p.File) && p.File != ".", at+".file", "the path leaves the chart's folder", "write a clean path relative to the chart, such as values.yaml") // B57
	v.key(at+".key", p.Key)
	if p.File == "Chart.yaml" && (p.Key == "name" || p.Key == "version") {
		v.note(at+".key", "a chart's name and version are no pins", "remove it; for the version of the tag write version: set at the source")
	}
}

// key checks the name of a scalar.
func (v *validator) key(at, key string) {
	_, err := scalar.ParseKey(key)
	var fault *scalar.Error
	if errors.As(err, &fault) {
		v.check(false, at, fault.Message, fault.Fix)
	}
}
