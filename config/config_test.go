package config

import (
	"errors"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write what was found into testdata")

// small is a configuration without anything that has a default.
const small = `version: 1
github: {auth: {tokenEnv: GITHUB_TOKEN}}
sources:
  - name: platform
    url: https://github.com/acme/platform.git
    charts: [{path: charts/*}]
registry: {url: oci://ghcr.io/acme/charts}
signing: {key: cosign.key, passwordEnv: COSIGN_PASSWORD}
environmentDefaults:
  repository: acme/environments
  files: [{path: "{environment}/{chart}.yaml", set: {version: "{version}"}}]
environments:
  - {name: dev, from: release}
  - {name: prod, from: dev}
`

// load reads small with some of its text replaced: old, new, old, new.
func load(t *testing.T, replace ...string) (*Config, error) {
	t.Helper()
	text := small
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("the small configuration has no %q", replace[i])
		}
		text = strings.Replace(text, replace[i], replace[i+1], 1)
	}
	return Load("conf/releaser.yaml", []byte(text))
}

func mustLoad(t *testing.T, replace ...string) *Config {
	t.Helper()
	c, err := load(t, replace...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// golden runs the case files: releaser.yaml, and what is said of it or made of it.
func golden(t *testing.T, file string, run func(src []byte) []byte) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil || len(archive.Files) != 2 {
		t.Fatalf("%s: two files are wanted: %v", file, err)
	}
	got := run(archive.Files[0].Data)
	if *update {
		archive.Files[1].Data = got
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := archive.Files[1].Data; string(got) != string(want) {
		t.Errorf("%s: it is\n%s\nwant\n%s", file, got, want)
	}
}

func TestDefaultsAreFilledIn(t *testing.T) {
	t.Parallel()
	golden(t, "testdata/defaults.txtar", func(src []byte) []byte {
		c, err := Load("releaser.yaml", src)
		if err != nil {
			t.Fatal(err)
		}
		text, err := Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return text
	})
}

// B55
func TestEveryProblemIsReportedAtOnceInTheOrderOfTheLines(t *testing.T) {
	t.Parallel()
	golden(t, "testdata/problems.txtar", func(src []byte) []byte {
		_, err := Load("releaser.yaml", src)
		var invalid *Invalid
		if !errors.As(err, &invalid) {
			t.Fatalf("no *Invalid: %v", err)
		}
		for _, p := range invalid.Problems {
			if p.Line < 1 || p.Column < 1 || p.Message == "" || p.Fix == "" {
				t.Errorf("a problem that is not full: %+v", p)
			}
		}
		return []byte(err.Error() + "\n")
	})
}

func TestAbsentPinsAreTheTagAndEmptyPinsAreNone(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, "[{path: charts/*}]", "[{path: a}, {path: b, pins: []}]")
	a, _ := c.Sources[0].Chart("a")
	if len(a.Pins) != 1 || a.Pins[0].File != "values.yaml" || a.Pins[0].Key != "image.tag" || a.Pins[0].Part != "" || a.Pins[0].Value.String() != "{commit}" {
		t.Errorf("absent: %+v", a.Pins)
	}
	if b, _ := c.Sources[0].Chart("b"); len(b.Pins) != 0 {
		t.Errorf("empty: %+v", b.Pins)
	}
}

func TestTheTagOfAnImageIsThePinBesideItOrItsOwn(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]string{
		"image: {key: image.repository}": "image.tag",
		`image: {key: a\.b.image.name}, pins: [{key: x, value: "1"}, {key: a\.b.image.tag, value: x}]`:                   `a\.b.image.tag`,
		"image: {key: repository}, pins: [{key: tag, value: x}]":                                                         "tag",
		"image: {key: 'a[0].repository'}, pins: [{key: 'a[0].tag', value: x}]":                                           "a[0].tag",
		"image: {key: migration.image}, pins: [{key: image.tag, value: x}, {key: migration.image, part: tag, value: x}]": "migration.image",
		"image: {key: 'images[1]'}, pins: [{key: 'images[1]', value: 'ghcr.io/acme/app:{commit}'}]":                      "images[1]",
	} {
		c := mustLoad(t, "{path: charts/*}", "{path: charts/*, "+rule+"}")
		chart := &c.Sources[0].Charts[0]
		if got := chart.ImageTag(); got != want {
			t.Errorf("%s: the tag is %s, want %s", rule, got, want)
		}
		if chart.Image.Wait != 30*time.Minute || len(chart.Image.Hosts) != 0 {
			t.Errorf("%s: %+v", rule, chart.Image)
		}
	}
}

func TestTheJournalIsAFileOfItsOwnUnlessADatabaseIsNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Journal{
		"version: 1":              {Keep: 90 * 24 * time.Hour},
		"version: 1\njournal: {}": {Keep: 90 * 24 * time.Hour},
		"version: 1\njournal: {keep: 1h, postgres: {urlFile: url}}": {Keep: time.Hour, Postgres: &Postgres{URLFile: "url"}},
	} {
		if got := mustLoad(t, "version: 1", text).Journal; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func TestWhoWantsFewReleasesAtOnceNeedsNotSayHowManyOfASource(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Concurrency{
		"{}":                        {Sweeps: 16, Releases: 16, PerSource: 4, Proposals: 4, Follows: 4},
		"{releases: 2, follows: 1}": {Sweeps: 16, Releases: 2, PerSource: 2, Proposals: 4, Follows: 1},
		"{releases: 1000}":          {Sweeps: 16, Releases: 1000, PerSource: 4, Proposals: 4, Follows: 4},
		"{perSource: 9}":            {Sweeps: 16, Releases: 16, PerSource: 9, Proposals: 4, Follows: 4},
	} {
		if got := mustLoad(t, "version: 1", "version: 1\nconcurrency: "+text).Concurrency; got != want {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func TestPromoteAndMergeAreNotInheritedAndManualUnlessSaid(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, "{name: dev, from: release}", "{name: dev, from: release, merge: auto, poll: 10s}", "{name: prod, from: dev}", "{name: prod, from: dev, files: [{path: '{chart}', set: {d: '{digest}'}}], branch: live}")
	dev, _ := c.Environment("dev")
	prod, _ := c.Environment("prod")
	if dev.Promote != Auto || dev.Merge != Auto || dev.Poll != 10*time.Second || dev.Branch != "main" || len(dev.Files) != 1 {
		t.Errorf("dev: %+v", dev)
	}
	if prod.Promote != Manual || prod.Merge != Manual || prod.Poll != time.Minute || prod.Branch != "live" || prod.Repository != "acme/environments" || prod.Files[0].Path.String() != "{chart}" {
		t.Errorf("prod: %+v", prod)
	}
	if _, ok := c.Environment("none"); ok {
		t.Error("there is an environment that nobody configured")
	}
}

func TestTheFirstEntryThatMatchesAFolderWins(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, "[{path: charts/*}]", "[{path: charts/a, pins: []}, {path: charts/*}, {path: .}]")
	s := &c.Sources[0]
	for dir, want := range map[string]string{"charts/a": "charts/a", "charts/b": "charts/*", ".": ".", "charts/a/b": "", "other": ""} {
		rule, ok := s.Chart(dir)
		if ok != (want != "") || ok && rule.Path != want {
			t.Errorf("%s: %+v, %v", dir, rule, ok)
		}
	}
}

func TestFilesAreRelativeToTheConfigurationsFolder(t *testing.T) {
	t.Parallel()
	for _, row := range [][3]string{
		{"/etc/releaser/releaser.yaml", "cosign.key", "/etc/releaser/cosign.key"},
		{"conf/releaser.yaml", "keys/../cosign.key", "conf/cosign.key"},
		{"releaser.yaml", "cosign.key", "cosign.key"},
		{"conf/releaser.yaml", "/abs", "/abs"},
		{"conf/releaser.yaml", "", ""},
	} {
		c, err := Load(row[0], []byte(small))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Path(row[1]); got != row[2] {
			t.Errorf("%s in %s is %s", row[1], row[0], got)
		}
	}
	for url, want := range map[string]string{
		"./charts.git": "./conf/charts.git", "../charts.git": "./charts.git", "../../x": "../x", ".": "./conf", "/srv/x": "/srv/x",
		"https://h/p": "https://h/p", "git@h:p": "git@h:p", "file:///p": "file:///p",
	} {
		c := mustLoad(t)
		if got := c.Remote(&Source{URL: url}); got != want {
			t.Errorf("%s is read from %s, want %s", url, got, want)
		}
	}
}

func TestASourceIsFoundByAnyAddressOfItsRepository(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, "registry:", "  - {name: other, url: 'ssh://git@git.example.com:2222/a/b', auth: {sshKeyFile: k, knownHostsFile: h}, charts: [{path: '*'}]}\nregistry:")
	for address, want := range map[string]string{
		"https://github.com/acme/platform.git":  "platform",
		"https://github.com/Acme/Platform":      "platform",
		"https://github.com:443/acme/platform/": "platform",
		"git@github.com:acme/platform.git":      "platform",
		"ssh://git@github.com/acme/platform":    "platform",
		"git://github.com/acme/platform.git":    "platform",
		"ssh://git@git.example.com:2222/a/b":    "other",
		"https://git.example.com/a/b":           "",
		"https://github.com/acme/platform2":     "",
		"https://evil.example/acme/platform":    "",
		"acme/platform":                         "",
		"":                                      "",
		"https://%zz":                           "",
	} {
		s, ok := c.SourceByURL(address)
		if ok != (want != "") || ok && s.Name != want {
			t.Errorf("%s: %+v, %v", address, s, ok)
		}
	}
	if s, ok := c.Source("other"); !ok || s.Name != "other" {
		t.Error("the source is not found by its name")
	}
	if _, ok := c.Source("none"); ok {
		t.Error("there is a source that nobody configured")
	}
}

func TestWhatMarshalWritesIsReadAsTheSame(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("releaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{small, string(src)} {
		once, err := Load("releaser.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		written, err := Marshal(once)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := Load("releaser.yaml", written)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(once, twice) {
			t.Errorf("it is read as another configuration:\n%s", written)
		}
	}
}

func TestGitHubAppIDsAreNumbersOrText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"123456": "123456", `"123456"`: "123456", "Iv23liABC": "Iv23liABC"} {
		c := mustLoad(t, "{tokenEnv: GITHUB_TOKEN}", "{githubApp: {id: "+text+", keyFile: app.pem}}")
		if got := c.GitHub.Auth.GitHubApp; got == nil || got.ID != want || got.KeyFile != "app.pem" {
			t.Errorf("%s: %+v", text, got)
		}
	}
}
