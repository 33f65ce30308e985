package config

import (
	"fmt"
	"strings"
	"testing"
)

// wants fails unless exactly this problem is found, and none of its lines holds what must stay secret.
func wants(t *testing.T, want string, replace ...string) {
	t.Helper()
	_, err := load(t, replace...)
	switch {
	case err == nil:
		t.Errorf("%q is accepted", replace[1])
	case !strings.HasPrefix(err.Error(), "conf/releaser.yaml:") || strings.Contains(err.Error(), "\n"):
		t.Errorf("%q: not one line with the file: %v", replace[1], err)
	case !strings.Contains(err.Error(), want):
		t.Errorf("%q: %v, want %s", replace[1], err, want)
	case strings.Contains(err.Error(), "sesame"):
		t.Errorf("%q: the error repeats it: %v", replace[1], err)
	}
}

// B55
func TestAFieldThatDoesNotExistOrNotYetIsRefused(t *testing.T) {
	t.Parallel()
	for _, row := range [][3]string{
		{"version: 1", "version: 1\nsever: {}", ":2:1: sever: there is no such field; did you mean server?"},
		{"version: 1", "version: 1\nServer: {}", "Server: there is no such field; did you mean server?"},
		{"version: 1", "version: 1\nversion: 1", ":2:1: version: the field is on line 1 already; write it once: remove one of the two"},
		{"version: 1", "version: 1\ninclude: [a.yaml]", "include: this version does not support the field yet; remove it"},
		{"version: 1", "version: 1\n\"a\\nb\": 2", `"a\nb": there is no such field; write one of version, server, journal`},
		{"version: 1", "version: 1\n<<: {}", "the key is no name"},
		{"version: 1", "version: 1\n[a]: {}", "the key is no name"},
		{"version: 1", "version: 1\n~: {}", "the key is no name"},
		{"{path: charts/*}", "{path: charts/*, lint: {cluster: true}}", "charts[0].lint.cluster: this version does not support the field yet"},
		{"{path: charts/*}", "{path: charts/*, pin: []}", "charts[0].pin: there is no such field; did you mean pins?"},
		{"from: dev}", "from: dev, gates: {soak: 24h}}", "environments[1].gates: this version does not support the field yet"},
		{"from: dev}", "from: dev, group: a}", "environments[1].group: this version does not support the field yet"},
		{"from: dev}", "from: dev, prereleases: true}", "environments[1].prereleases: this version does not support the field yet"},
		{"from: dev}", "from: dev, constraint: '<2'}", "environments[1].constraint: this version does not support the field yet"},
		{"set: {version:", "set: {a: x, a: y, version:", `set.a: the field is on line 11 already`},
		{"key: cosign.key", "key: awskms:///alias/x", "signing.key: this version does not support keys outside a file yet; write the file of a cosign private key"},
		{"key: cosign.key", "key: keyless", "signing.key: this version does not support keys outside a file yet"},
		{"key: cosign.key", "key: https://x/y", "signing.key: the key is a URL"},
	} {
		wants(t, row[2], row[0], row[1])
	}
}

func TestAValueOfTheWrongTypeIsRefused(t *testing.T) {
	t.Parallel()
	for _, row := range [][3]string{
		{"version: 1", "version: '1'", ":1:10: version: the value is text, not a whole number; write a whole number without quotes, such as 1"},
		{"version: 1", "version: 2", "version: the version is not known; write version: 1"},
		{"version: 1", "version: !%0Ax 1", `version: the value is something with the tag "!\nx", not a whole number`},
		{"version: 1", "version: 99999999999999999999", "version: the value is a number, not a whole number"},
		{"version: 1", "version: 0x1", "version: the number cannot be read; write a whole number in plain digits"},
		{"version: 1\n", "", "version: the field is missing; write version: 1"},
		{"name: platform", "name: 1.34", `sources[0].name: the value is a number, not text; write text, in quotes if it looks like something else, such as "1.34"`},
		{"name: platform", "name: 2026-01-01", "the value is a date, not text"},
		{"name: platform", "name: true", "the value is true or false, not text"},
		{"name: platform", "name: [a]", "the value is a list, not text"},
		{"name: platform", "name: !vault a", "the value is something with the tag !vault, not text"},
		{"name: platform", "name:", "there is no value; write text, in quotes"},
		{"name: platform", "name: ''", "the text is empty; write a value, or remove the field"},
		{"name: platform", "name: \"a\\nb\"", "the text holds a line break or another control character"},
		{"name: platform", "name: platform\n    poll: 60", "the value is a number, not a duration; write a number with a unit, such as 30s or 5m"},
		{"name: platform", "name: platform\n    poll: often", "the value is no duration; write a number with a unit"},
		{"name: platform", "name: platform\n    poll: 4s", "the time is too short; write 5s or more"},
		{"name: platform", "name: platform\n    poll: -1h", "the time is too short"},
		{"name: platform", "name: platform\n    existing: some", "the word is not known; write ignore or latest or all"},
		{"name: platform", "name: platform\n    branches: []", "the list is empty; write at least one item, or remove the field for the default"},
		{"name: platform", "name: platform\n    branches: main", "the value is text, not a list"},
		{"name: platform", "name: platform\n    auth: {githubApp: yes}", "the value is text, not true or false"},
		{"{path: charts/*}", "charts/*", "the value is text, not a mapping; write a mapping with path, pins, image, lint"},
		{"{path: charts/*}", "{path: charts/*, pins: }", "pins: there is no value; write a list"},
		{"{path: charts/*}", "&a {path: charts/*}, *a", "sources[0].charts[1]: the value is an alias; write the value out"},
		{"{version: \"{version}\"}", "[version]", "the value is a list, not a mapping"},
	} {
		wants(t, row[2], row[0], row[1])
	}
}

func TestAnImageWhoseTagNoPinGivesIsRefused(t *testing.T) {
	t.Parallel()
	for _, row := range [][2]string{
		{"image: {}", ":6:38: sources[0].charts[0].image.key: the field is missing; write the key of the image's repository, such as image.repository"},
		{"image: image.repository", "image: the value is text, not a mapping; write a mapping with key, wait, hosts"},
		{"image: {key: image..repository}", "image.key: a name is missing; separate names with single dots"},
		{"image: {key: agent.image.repository}", "image.key: no pin sets the tag of this image; pin the key tag beside it or, where it holds repository:tag, this key with part: tag"},
		{"image: {key: image.repository}, pins: []", "image.key: no pin sets the tag"},
		{"image: {key: image.repository}, pins: [{key: image.digest, value: '{commit}'}]", "image.key: no pin sets the tag"},
		{"image: {key: image.repository}, pins: [{file: other.yaml, key: image.tag, value: '{commit}'}]", "image.key: no pin sets the tag"},
		{"image: {key: 'images[0]'}", "image.key: no pin sets the tag"},
		{"image: {key: a.image}, pins: [{key: a.image, part: tag, value: '{commit}'}, {key: a.tag, value: x}]", "image.key: two pins set the tag of this image; remove one of the two"},
		{"image: {key: image.repository, wait: 4s}", "image.wait: the time is too short; write 5s or more"},
		{"image: {key: image.repository, wait: 25h}", "image.wait: the time is too long; write 24h or less"},
		{"image: {key: image.repository, hosts: [https://ghcr.io]}", "image.hosts[0]: the text is no host; write a host such as registry.example.com, without scheme and path"},
		{"image: {key: image.repository, hosts: ['docker.io/library']}", "image.hosts[0]: the text is no host"},
	} {
		wants(t, row[1], "{path: charts/*}", "{path: charts/*, "+row[0]+"}")
	}
}

// B59: whoever writes the address where a file belongs has written a password.
func TestTheJournalIsNamedByAFileAndItsAddressIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, row := range [][2]string{
		{"postgres: {}", ":2:21: journal.postgres.urlFile: the field is missing; write the file that holds the URL of the database"},
		{"postgres: /etc/url", "journal.postgres: the value is text, not a mapping; write a mapping with urlFile"},
		{"postgres: 'postgres://me:sesame@db/journal'", "journal.postgres: the value is text, not a mapping"},
		{"postgres: {url: 'postgres://me:sesame@db/journal', urlFile: a}", "journal.postgres.url: there is no such field; write one of urlFile"},
		{"postgres: {urlFile: 'postgres://me:sesame@db/journal'}", "journal.postgres.urlFile: the text is an address, not the name of a file; write the URL into a file, and here the name of that"},
		{"postgres: {urlFile: 'host=db password=sesame'}", "journal.postgres.urlFile: the text is an address, not the name of a file"},
		{"postgres: {urlFile: '${SESAME}'}", "journal.postgres.urlFile: ${…} is not expanded"},
		{"keep: 59m", "journal.keep: the time is too short; write 1h or more"},
		{"keep: 90d", "journal.keep: the value is no duration"},
	} {
		wants(t, row[1], "version: 1", "version: 1\njournal: {"+row[0]+"}")
	}
}

func TestConcurrencyIsAFewOfEachKindAndOfOneSourceNoMoreThanOfAll(t *testing.T) {
	t.Parallel()
	for _, row := range [][2]string{
		{"2", "concurrency: the value is a number, not a mapping; write a mapping with sweeps, releases, perSource, proposals, follows"},
		{"{sweeps: 0}", ":2:23: concurrency.sweeps: the number is too small; write 1 or more"},
		{"{releases: 0}", "concurrency.releases: the number is too small"},
		{"{releases: -1, perSource: 4}", "concurrency.releases: the number is too small"},
		{"{proposals: 1001}", "concurrency.proposals: the number is too large; write 1000 or less"},
		{"{follows: 99999999999999999}", "concurrency.follows: the number is too large"},
		{"{follows: 0x2}", "concurrency.follows: the number cannot be read"},
		{"{follows: many}", "concurrency.follows: the value is text, not a whole number"},
		{"{perSource: 17}", "concurrency.perSource: one source would have more releases than there are in all; write 16 or less, or raise releases"},
		{"{perSource: 3, releases: 2}", ":2:26: concurrency.perSource: one source would have more releases than there are in all; write 2 or less, or raise releases"},
	} {
		wants(t, row[1], "version: 1", "version: 1\nconcurrency: "+row[0])
	}
}

func TestAFileThatIsNoConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "1:1: the file is empty; write version: 1, sources, registry and signing",
		"# nothing\n":             "1:1: the file is empty",
		"---\n":                   "2:1: the file is empty; write a mapping with version",
		"- a\n":                   "1:1: the value is a list, not a mapping; write a mapping with version",
		"version: 1\n\tb: 2\n":    "2:1: the file is not valid YAML: found a tab character that violates indentation; mend",
		"version: 1\n---\na: b\n": "2:1: a second YAML document begins here; keep one document",
		"a: \xff":                 "1:1: the file is not valid YAML",
		"a: &x [*x]":              "a: there is no such field",
		"a: *x":                   "1:1: the file is not valid YAML: unknown anchor; mend the file until it is valid YAML",
	} {
		if _, err := Load("f.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), "f.yaml:"+want) && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// A token that was pasted without quotes may begin like an alias, a tag or an anchor.
func TestNothingOfAFileThatIsNoYAMLIsRepeated(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"a: *sesame\n", "a: &sesame [\n", "a: !sesame!x y\n", "a: @sesame\n", "a: \"\\sesame\"\n", "sesame\nb: [\n", "%sesame\n---\n", "a: |sesame\n", "a: !!binary sesame%\n",
	} {
		if _, err := Load("f.yaml", []byte(text)); err == nil || strings.Contains(err.Error(), "sesame") || !strings.Contains(err.Error(), "; ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// B43
func TestARegistryURLIsAHostAndANamespaceAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"oci://ghcr.io/acme/charts", "oci://localhost:5000", "oci://127.0.0.1:5000/a", "oci://[::1]:5000/a", "oci://r.example.com/a__b/c-d.e"} {
		mustLoad(t, "oci://ghcr.io/acme/charts", `"`+url+`"`)
	}
	for url, want := range map[string]string{
		"https://ghcr.io/acme":                           "the URL does not begin with oci://; write oci://HOST/NAMESPACE, such as oci://ghcr.io/acme/charts",
		"ghcr.io/acme":                                   "the URL does not begin with oci://",
		"oci://ghcr.io/acme/../x":                        "no valid namespace",
		"oci://ghcr.io/./x":                              "no valid namespace",
		"oci://ghcr.io//x":                               "no valid namespace",
		"oci://ghcr.io/acme/":                            "no valid namespace",
		"oci://ghcr.io/Acme":                             "the URL has upper case in it",
		"oci://me:sesame@ghcr.io/acme":                   "the URL holds a user, a password or a digest",
		"oci://ghcr.io/acme:v1":                          "the URL names a tag",
		"oci://ghcr.io/acme:v1@sha256:sesame":            "the URL holds a user, a password or a digest",
		"oci://ghcr.io/acme:" + strings.Repeat("a", 129): "the URL names a tag",
		"oci://ghcr.io/" + strings.Repeat("a", 200):      "no valid namespace",
		"oci://ghcr.io/a?b=c":                            "no valid namespace",
		"oci:///acme":                                    "no valid host",
		"oci://-x/acme":                                  "no valid host",
		"oci://ghcr.io:0/acme":                           "no valid host",
		"oci://ghcr.io:99999/acme":                       "no valid host",
		"oci://::1/acme":                                 "no valid host",
	} {
		wants(t, want, "oci://ghcr.io/acme/charts", `"`+url+`"`)
	}
	wants(t, "plain HTTP has no certificates", "{url: oci://ghcr.io/acme/charts}", "{url: oci://ghcr.io/acme/charts, plainHTTP: true, caFile: x}")
}

// B59
func TestASourceURLHoldsNoCredentialsAndIsNeverRepeated(t *testing.T) {
	t.Parallel()
	const url = "https://github.com/acme/platform.git"
	for _, good := range []string{"http://127.0.0.1:8080/a.git", "https://h/a/b/c", "file:///srv/a.git", "/srv/a.git", "./a.git", "../a.git", "."} {
		mustLoad(t, url, good)
	}
	for _, good := range []string{"ssh://git@h/a.git", "ssh://git@h:2222/a.git", "git@h:a/b.git", "ssh://h/a"} {
		mustLoad(t, url, good+"\n    auth: {sshKeyFile: id, knownHostsFile: known_hosts}")
	}
	for bad, want := range map[string]string{
		"https://x-access-token:ghs_sesame@github.com/a/b": "the URL holds credentials; write https://HOST/PATH",
		"https://sesame@github.com/a/b":                    "the URL holds credentials",
		"ssh://git:sesame@github.com/a/b":                  "the URL holds credentials",
		"https://github.com/a/b?access_token=sesame":       "the URL has a query or a fragment",
		"https://github.com/a/b#sesame":                    "the URL has a query or a fragment",
		"https://github.com":                               "the URL names no repository",
		"https:///a/b":                                     "the URL has no valid host",
		"https://github.com/%zz":                           "the URL cannot be read",
		"ftp://h/sesame":                                   "the URL's scheme is not known",
		"ext::sh -c sesame":                                "the ssh address cannot be read",
		"--upload-pack=sesame":                             "the address is neither a URL nor a path",
		"h:--upload-pack=sesame":                           "the ssh address cannot be read",
		"git@h:-x":                                         "the ssh address cannot be read",
		"ssh://git@h/-x":                                   "the URL names no repository",
		"acme/platform":                                    "the address is neither a URL nor a path",
		"ghp_sesame":                                       "the value looks like a secret itself; put it into a file",
	} {
		wants(t, want, url, `"`+bad+`"`)
	}
	wants(t, "github.apiURL: the URL holds credentials", "{auth: {token", "{apiURL: 'https://me:sesame@h', auth: {token")
	wants(t, "github.apiURL: the URL is not the root of an API", "{auth: {token", "{apiURL: 'api.github.com', auth: {token")
	wants(t, "github.apiURL: a token would cross the network in the clear", "{auth: {token", "{apiURL: 'http://github.example.com/api/v3', auth: {token")
}

// B56
func TestNothingIsExpandedAndNoSecretIsTaken(t *testing.T) {
	t.Parallel()
	for _, row := range [][3]string{
		{"key: cosign.key", "key: '${HOME}/cosign.key'", "signing.key: ${…} is not expanded; write the value itself"},
		{"acme/environments", "${OWNER}/environments", "${…} is not expanded"},
		{"\"{version}\"}}]", "\"${GITHUB_TOKEN}\"}}]", "{GITHUB_TOKEN} is no placeholder here; use one of {chart}, {version}, {tag}, {commit}, {commit:N} with N from 1 to 64, {digest}, {environment}"},
		{"tokenEnv: GITHUB_TOKEN", "tokenEnv: ghp_sesame", "github.auth.tokenEnv: the value looks like a secret itself; put it into a file or an environment variable"},
		{"tokenEnv: GITHUB_TOKEN", "tokenFile: github_pat_sesame", "the value looks like a secret itself"},
		{"tokenEnv: GITHUB_TOKEN", "tokenEnv: se-same sesame", "the text is no name of an environment variable; write a name such as GITHUB_TOKEN, not its value"},
		{"passwordEnv: COSIGN_PASSWORD", "passwordEnv: sesame!", "signing.passwordEnv: the text is no name of an environment variable"},
		{"key: cosign.key", "key: \"-----BEGIN ENCRYPTED sesame\\n\"", "signing.key: the value looks like a secret itself"},
	} {
		wants(t, row[2], row[0], row[1])
	}
}

// B57
func TestAPathThatLeavesItsFolderIsRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"../prod.yaml", "/etc/x", "a/../../b", "a//b", "./a", "a/", `a\b`, ".git/config", "a/.GIT/x"} {
		wants(t, "sources[0].charts[0].path: the pattern cannot be read, or leaves its folder; write a clean relative path, such as charts/*", "charts/*", "'"+bad+"'")
		wants(t, "pins[0].file: the path leaves the chart's folder", "{path: charts/*}", "{path: a, pins: [{file: '"+bad+"', key: a, value: x}]}")
		wants(t, "lint.values[0]: the pattern cannot be read, or leaves its folder", "{path: charts/*}", "{path: a, lint: {values: ['"+bad+"']}}")
		wants(t, "environmentDefaults.files[0].path: the path leaves the repository", "{environment}/{chart}.yaml", `{environment}/{chart}/`+strings.ReplaceAll(bad, `\`, `\\`)+"/../../..")
	}
	wants(t, "the pattern cannot be read", "charts/*", "'charts/[a'")
	for _, bad := range []string{"../{chart}.yaml", "/{chart}", "{chart}/..", "{chart}//x", ".git/{chart}"} {
		wants(t, "environmentDefaults.files[0].path: the path leaves the repository", "{environment}/{chart}.yaml", bad)
	}
}

// B54
func TestANameThatWouldMakeABadRefIsRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"a..b", "x.lock", "@{", "A", "-a", "a-", "a_b", "a/b", "é", "a b", strings.Repeat("a", 64), "~", "a\u2028"} {
		if _, err := load(t, "name: prod", fmt.Sprintf("name: %q", bad)); err == nil || !strings.Contains(err.Error(), "environments[1].name: the") {
			t.Errorf("environment %q: %v", bad, err)
		}
		if _, err := load(t, "name: platform", fmt.Sprintf("name: %q", bad)); err == nil || !strings.Contains(err.Error(), "sources[0].name: the") {
			t.Errorf("source %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"a..b", "x.lock", "x.lock/a", "@{", "@", "HEAD", "-a", "/a", "a/", "a//b", ".a", "a.", "a b", "a~1", "a^", "a:b", "a?", "a*", "[a", "é"} {
		wants(t, "sources[0].branches[0]: the text is no name of a branch; write a name such as main, without refs/heads/", "name: platform", fmt.Sprintf("name: platform\n    branches: [%q]", bad))
		wants(t, "environments[1].branch: the text is no name of a branch", "from: dev", fmt.Sprintf("from: dev, branch: %q", bad))
	}
	wants(t, "environments[1].branch: the branch is one of releaser's own", "from: dev", "from: dev, branch: releaser/dev/a")
	mustLoad(t, "name: platform", "name: platform\n    branches: [main, release/1.x, feature_a]")
}

// B58: patterns are no regular expressions, so that nothing can be slow or unanchored.
func TestATagPatternHasTheVersionOnceInASCII(t *testing.T) {
	t.Parallel()
	mustLoad(t, "name: platform", "name: platform\n    tags: ['{chart}-{version}', '{chart}-v{version}', '{chart}/v{version}', '{chart}/{version}', 'v{version}', '{version}']")
	for bad, want := range map[string]string{
		"{chart}":            "the pattern has no {version}; write a pattern such as \"{chart}-{version}\"",
		"":                   "the text is empty",
		"v.*":                "the pattern has no {version}",
		"{version}{version}": "the pattern has a placeholder twice",
		"{commit}-{version}": "{commit} is no placeholder here; write a pattern",
		"{version":           `"{" without "}"`,
		"é{version}":         "the pattern holds a blank or a character outside ASCII",
		"a {version}":        "the pattern holds a blank",
		"{version}\u200b":    "the pattern holds a blank or a character outside ASCII",
	} {
		wants(t, want, "name: platform", fmt.Sprintf("name: platform\n    tags: [%q]", bad))
	}
}

func TestASourceNeedsCredentialsThatFitItsURL(t *testing.T) {
	t.Parallel()
	const name, url = "name: platform", "https://github.com/acme/platform.git"
	for _, row := range [][2]string{
		{"auth: {tokenFile: a, tokenEnv: B}", "auth.tokenEnv: there is tokenFile already; keep one of tokenFile, tokenEnv, githubApp, sshKeyFile"},
		{"auth: {githubApp: true}", "auth.githubApp: there is no github.auth.githubApp; write the App there"},
		{"auth: {knownHostsFile: a}", "auth.knownHostsFile: there is no sshKeyFile"},
		{"auth: {sshKeyFile: a, knownHostsFile: b}", "auth.sshKeyFile: it works over ssh alone"},
	} {
		wants(t, row[1], name, name+"\n    "+row[0])
	}
	for _, row := range [][2]string{
		{"git@h:a", "auth.sshKeyFile: the field is missing, and ssh needs it; write sshKeyFile and knownHostsFile"},
		{"git@h:a\n    auth: {sshKeyFile: a}", "auth.knownHostsFile: the field is missing; write the file with the server's host keys"},
		{"./a.git\n    auth: {tokenFile: a}", "auth.tokenFile: it works over https alone"},
		{"http://h/a\n    caFile: a", "sources[0].caFile: it is of use for https alone"},
	} {
		wants(t, row[1], url, row[0])
	}
	mustLoad(t, "{tokenEnv: GITHUB_TOKEN}", "{githubApp: {id: 1, keyFile: k}}", name, name+"\n    auth: {githubApp: true}")
}

func TestWhatContradictsItselfOrIsIncompleteIsRefused(t *testing.T) {
	t.Parallel()
	second := func(name, url string) string {
		return "  - {name: " + name + ", url: '" + url + "', charts: [{path: a}]}\nregistry:"
	}
	for _, row := range [][3]string{
		{"version: 1", "version: 1\nserver: {listen: '8080'}", "server.listen: the address cannot be listened on; write host:port or :port"},
		{"version: 1", "version: 1\nserver: {metrics: ':99999'}", "server.metrics: the address cannot be listened on"},
		{"version: 1", "version: 1\nserver: {metrics: ':8080'}", "server.metrics: it is the address of server.listen"},
		{"{tokenEnv: GITHUB_TOKEN}", "{}", "github.auth: environments need somebody who opens pull requests"},
		{"{tokenEnv: GITHUB_TOKEN}", "{githubApp: {id: 1}}", "github.auth.githubApp.keyFile: the field is missing"},
		{"{tokenEnv: GITHUB_TOKEN}", "{githubApp: {id: a b, keyFile: k}}", "github.auth.githubApp.id: the ID is none"},
		{"registry:", second("platform", "/x"), "sources[1].name: sources[0] has this name"},
		{"registry:", second("b", "https://GitHub.com/acme/Platform"), "sources[1].url: sources[0] is this repository"},
		{"charts: [{path: charts/*}]", "charts: []", "sources[0].charts: the list is empty"},
		{"[{path: charts/*}]", "[{path: a}, {path: a}]", "charts[1].path: charts[0] takes the same folders, and the first one wins"},
		{"[{path: charts/*}]", "[{}]", "charts[0].path: the field is missing"},
		{"{path: charts/*}", "{path: a, pins: [{value: x}]}", "pins[0].key: the field is missing"},
		{"{path: charts/*}", "{path: a, pins: [{key: x}]}", "pins[0].value: the field is missing"},
		{"{path: charts/*}", "{path: a, pins: [{key: 'a[x=y]', value: x}]}", "pins[0].key: [x=y] is no index; name the item by its number from 0"},
		{"{path: charts/*}", "{path: a, pins: [{key: a, value: '{digest}'}]}", "pins[0].value: {digest} is no placeholder here; use one of {chart}, {version}, {tag}, {commit}, {commit:N}"},
		{"{path: charts/*}", "{path: a, pins: [{key: a, value: x, part: digest}]}", "pins[0].part: the word is not known; write tag"},
		{"{path: charts/*}", "{path: a, pins: [{key: a, value: x}, {key: a, value: y, part: tag}]}", "pins[1].key: pins[0] sets this key"},
		{"{path: charts/*}", "{path: a, pins: [{file: Chart.yaml, key: version, value: x}]}", "pins[0].key: a chart's name and version are no pins"},
		{"{path: charts/*}", "{path: a, lint: {kubeVersions: ['1']}}", "lint.kubeVersions[0]: the text is no version of Kubernetes"},
		{"{path: charts/*}", "{path: a, lint: {kubeVersions: [1.34]}}", "lint.kubeVersions[0]: the value is a number, not text"},
		{"name: platform", "name: platform\n    dependencies: {hosts: ['https://x']}", "dependencies.hosts[0]: the text is no host; write a host such as registry.example.com"},
		{"{key: cosign.key, passwordEnv: COSIGN_PASSWORD}", "{}", "signing.key: the field is missing; write the file of a cosign private key, or trusted: [FILE]"},
		{"{key: cosign.key, passwordEnv", "{trusted: [a], passwordEnv", "signing.passwordEnv: there is no key that it belongs to"},
		{"passwordEnv:", "passwordFile: a, passwordEnv:", "signing.passwordEnv: there is passwordFile already"},
		{"passwordEnv:", "formats: [bundle, sbom], passwordEnv:", "signing.formats[1]: the word is not known; write bundle or legacy"},
		{"passwordEnv:", "formats: [bundle, bundle], passwordEnv:", "signing.formats[1]: the format is there already"},
		{"acme/environments", "https://github.com/acme/environments", "environmentDefaults.repository: the text is no repository of GitHub; write owner/name"},
		{"acme/environments", "acme/environments.git", "environmentDefaults.repository: the text is no repository of GitHub"},
		{"{environment}/{chart}.yaml", "{environment}.yaml", "files[0].path: the path has no {chart}, so that charts would write over each other"},
		{"{environment}/{chart}.yaml", "{chart}/{version}", "files[0].path: {version} is no placeholder here; use one of {chart}, {environment}"},
		{"{environment}/{chart}.yaml", "{chart}.yaml", "environments[1].files[0].path: environment dev writes the same file"},
		{"set: {version:", "set: {a..b:", `set["a..b"]: a name is missing`},
		{"from: dev}", "from: dev, files: [{path: '{chart}', set: {a: '{version}'}}, {path: '{chart}/x'}]}", "environments[1].files[1]: nothing is written to the file"},
		{"from: dev}", "from: dev, files: [{path: '{chart}', set: {a: '{version}'}}, {path: '{chart}', pins: true}]}", "environments[1].files[1].path: environment prod writes the same file"},
		{"from: dev}", "from: dev, files: [{path: '{chart}', pins: true}]}", "environments[1].files: no file says which release runs here; write {version} or {digest}"},
		{"from: dev}", "from: dev, files: []}", "environments[1].files: no file says what runs here"},
		{"from: dev}", "from: staging}", "environments[1].from: there is no such environment; write release or dev"},
		{"from: dev}", "from: prod}", "environments[1].from: the environment takes from itself"},
		{"from: release}", "from: prod}", "environments[0].from: the environment stands below; write release, or move that environment up"},
		{"name: prod", "name: dev", "environments[1].name: the name is taken by an environment above"},
		{"name: prod", "name: release", "environments[1].name: the name is taken: release is where releases come from"},
		{"from: release}", "from: release, promote: manual}", "environments[0].promote: a release always proposes itself"},
		{"from: dev}", "from: dev, merge: always}", "environments[1].merge: the word is not known; write auto or manual"},
		{", from: dev}", "}", "environments[1].from: the field is missing"},
	} {
		wants(t, row[2], row[0], row[1])
	}
}
