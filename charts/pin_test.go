package charts_test

import (
	"strings"
	"testing"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/scalar"
)

func TestPinChangesOneScalarAndNoOtherByte(t *testing.T) {
	t.Parallel()
	repo := repository(t, "agent.txtar")
	pinned, err := charts.Pin(treeOf(repo, "charts/agent", "1.4.0"), pinTag())
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range pinned.Files() {
		want := string(repo["charts/agent/"+name].Data)
		if name == "values.yaml" {
			want = strings.Replace(want, "tag: latest ", `tag: "`+commit+`" `, 1)
		}
		if got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
		}
	}
	if string(repo["charts/agent/values.yaml"].Data) == pinned.Files()["values.yaml"] {
		t.Error("nothing changed")
	}
}

func TestPinOfChartYAML(t *testing.T) {
	t.Parallel()
	pins := append(pinTag(), scalar.Edit{File: "Chart.yaml", Key: "appVersion", Value: "1.4.0"})
	pinned, err := charts.Pin(treeOf(repository(t, "agent.txtar"), "charts/agent", "1.4.0"), pins)
	if err != nil {
		t.Fatal(err)
	}
	if got := pinned.Files()["Chart.yaml"]; !strings.Contains(got, `appVersion: "1.4.0"   # set at release`) {
		t.Error(got)
	}
}

// With version: set, the tag's version reaches Chart.yaml as a pin.
func TestPinOfTheVersionMakesTheTagAgree(t *testing.T) {
	t.Parallel()
	tree := treeOf(repository(t, "agent.txtar"), "charts/agent", "2.0.0")
	pinned, err := charts.Pin(tree, []scalar.Edit{{File: "Chart.yaml", Key: "version", Value: "2.0.0"}})
	if err != nil {
		t.Fatal(err)
	}
	if pinned.Version() != "2.0.0" {
		t.Error(pinned.Version())
	}
}

func TestLibraryChartIsNotPinned(t *testing.T) {
	t.Parallel()
	pinned, err := charts.Pin(treeOf(repository(t, "agent.txtar"), "charts/lib", "0.3.0"), pinTag())
	if err != nil {
		t.Fatal(err)
	}
	if !pinned.Library() || pinned.Name() != "lib" || pinned.Version() != "0.3.0" {
		t.Errorf("%s %s %t", pinned.Name(), pinned.Version(), pinned.Library())
	}
}

// B29: a SHA of digits alone is written so that no reader takes it for a number.
func TestSHAOfDigitsStaysAString(t *testing.T) {
	t.Parallel()
	repo := repository(t, "agent.txtar")
	for _, sha := range []string{"0123456", "1234567", "12e4567", "0000000", "0x12345"} {
		pkg := pack(t, treeOf(repo, "charts/agent", "1.4.0"), nil, scalar.Edit{Key: "image.tag", Value: sha})
		value, err := scalar.Get([]byte(packed(t, pkg, "agent/values.yaml")), "image.tag", "")
		if err != nil {
			t.Fatal(err)
		}
		if !value.String || value.Text != sha {
			t.Errorf("%s is read back as %+v", sha, value)
		}
	}
}

// B30: a key under an anchor that is used, an alias or a merge key; and keys that are missing or there twice.
func TestPinThatCannotBeSetIsRejected(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values, rule string
		line         int
	}{
		"anchor":    {"image: &a {tag: x}\nother: *a\n", "pin-anchor", 1},
		"alias":     {"base: &a {tag: x}\nimage: *a\n", "pin-alias", 2},
		"merge":     {"base: &a {tag: x}\nimage:\n  <<: *a\n", "pin-merge-key", 2},
		"duplicate": {"image:\n  tag: a\n  tag: b\n", "pin-duplicate-key", 3},
		"missing":   {"image: {repository: a}\n", "pin-missing-key", 0},
		"tag":       {"image: {tag: !!binary YQ==}\n", "pin-tag", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := with(files(plain), "-- charts/x/values.yaml --\n"+c.values)
			_, err := charts.Pin(treeOf(repo, "charts/x", "1.0.0"), pinTag())
			rejected(t, err, "charts/x/values.yaml", c.rule)
			var r *charts.Rejected
			if asRejected(err, &r); c.line > 0 && r.Findings[0].Line != c.line {
				t.Errorf("line %d: %v", r.Findings[0].Line, err)
			}
		})
	}
}

func TestAllWrongPinsAreToldAtOnce(t *testing.T) {
	t.Parallel()
	pins := []scalar.Edit{{Key: "image.tag", Value: "a"}, {Key: "no.such", Value: "a"}, {File: "more.yaml", Key: "a", Value: "a"}, {File: "Chart.yaml", Key: "none", Value: "a"}}
	_, err := charts.Pin(treeOf(files(plain), "charts/x", "1.0.1"), pins)
	rejected(t, err, "charts/x/values.yaml", "pin-missing-key")
	rejected(t, err, "charts/x/more.yaml", "pin-missing-file")
	rejected(t, err, "charts/x/Chart.yaml", "pin-missing-key")
	rejected(t, err, "charts/x/Chart.yaml", "version-tag")
}

// B20: names that Helm takes and a registry or Kubernetes does not.
func TestBadNameIsRejected(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"..", ".", "A_b", "a_b", `"x\ny"`, strings.Repeat("a", 300), strings.Repeat("a", 64), "a.b", "-a", "a-", "Ünï", `""`, `"a b"`,
		"a/b", "releaser-baseline", "null", "[a]", "1e3", "0123", "!!binary YQ==",
	} {
		repo := replace(t, files(plain), "charts/x/Chart.yaml", "name: x", "name: "+name)
		var r *charts.Rejected
		if err := readError(repo); !asRejected(err, &r) || r.Findings[0].Line != 2 && r.Findings[0].Line != 0 {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := charts.Name(repo, "charts/x"); !asRejected(err, &r) {
			t.Errorf("Name: %s: %v", name, err)
		}
	}
}

func TestGoodNamesPass(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"x", "voice-agent", "a--b", "3scale", strings.Repeat("a", 63)} {
		repo := replace(t, files(plain), "charts/x/Chart.yaml", "name: x", "name: "+name)
		if got, version, err := charts.Name(repo, "charts/x"); err != nil || got != name || version != "1.0.0" {
			t.Errorf("%s: %q %q %v", name, got, version, err)
		}
	}
}

func TestVersionThatIsNotStrictIsRejected(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"v1.0.0", "1.0", "1", "01.0.0", "1.0.0-01", "latest", `""`, "1.0.0_a", "'1.0.0 '", "1.0.0-" + strings.Repeat("a", 200)} {
		repo := replace(t, files(plain), "charts/x/Chart.yaml", "version: 1.0.0", "version: "+version)
		rejected(t, readError(repo), "charts/x/Chart.yaml", "version")
	}
}

// B21: a version that is not the tag's is never released silently.
func TestVersionOtherThanTheTagIsRejected(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.0.1", "1.0.0-rc.1", "1.0.0+a"} {
		_, err := charts.Pin(treeOf(files(plain), "charts/x", version), nil)
		rejected(t, err, "charts/x/Chart.yaml", "version-tag")
	}
}

func TestWithoutATagTheVersionIsTheCharts(t *testing.T) {
	t.Parallel()
	pinned, err := charts.Pin(charts.Tree{Files: files(plain), Dir: "charts/x"}, nil)
	if err != nil || pinned.Version() != "1.0.0" {
		t.Errorf("%s %v", pinned.Version(), err)
	}
}

// B25: a null dependency, a YAML tag, and what else a parser might stumble over.
func TestOddChartYAMLIsRejectedWithoutAPanic(t *testing.T) {
	t.Parallel()
	const start = "apiVersion: v2\nname: x\nversion: 1.0.0\n"
	for name, text := range map[string]string{
		"null dependency":   start + "dependencies: [null]\n",
		"binary":            start + "description: !!binary YQ==\n",
		"own tag":           start + "description: !x a\n",
		"binary key":        start + "!!binary YQ==: a\n",
		"duplicate":         start + "version: 1.0.0\n",
		"deep duplicate":    start + "annotations: {a: b, a: c}\n",
		"two documents":     start + "---\nname: y\n",
		"list":              "- a\n",
		"empty":             "",
		"text":              "a",
		"broken":            start + "a: [\n",
		"wrong type":        start + "dependencies: {a: b}\n",
		"null maintainer":   start + "maintainers: [null]\n",
		"no apiVersion":     "name: x\nversion: 1.0.0\n",
		"apiVersion v3":     "apiVersion: v3\nname: x\nversion: 1.0.0\n",
		"v1 dependencies":   "apiVersion: v1\nname: x\nversion: 1.0.0\ndependencies: [{name: a, version: 1.0.0}]\n",
		"alias of itself":   start + "annotations: &a {b: *a}\n",
		"name by merge key": "a: &a {name: x}\n<<: *a\napiVersion: v2\nversion: 1.0.0\n",
		"unknown type":      start + "type: thing\n",
		"large":             start + "description: " + strings.Repeat("x", 2<<20) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repo := files(plain)
			repo["charts/x/Chart.yaml"].Data = []byte(text)
			var r *charts.Rejected
			if err := readError(repo); !asRejected(err, &r) {
				t.Errorf("%v", err)
			}
		})
	}
}

func FuzzChartYAMLNeverPanics(f *testing.F) {
	f.Add("apiVersion: v2\nname: x\nversion: 1.0.0\ndependencies: [null]\n")
	f.Add("name: !!binary YQ==\n<<: {}\n? [a]\n: b\n")
	f.Fuzz(func(t *testing.T, text string) {
		repo := files(plain)
		repo["charts/x/Chart.yaml"].Data = []byte(text)
		name, version, err := charts.Name(repo, "charts/x")
		if err != nil {
			return
		}
		pinned, err := charts.Pin(treeOf(repo, "charts/x", version), nil)
		if err != nil {
			t.Fatalf("Name takes it, Pin does not: %v", err)
		}
		if pinned.Name() != name {
			t.Errorf("%q and %q", pinned.Name(), name)
		}
	})
}
