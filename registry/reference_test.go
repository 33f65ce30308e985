package registry

import (
	"strings"
	"testing"
)

// B43
func TestAURLThatCouldBeMisreadIsRefusedWithWhatToWrite(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"":                                           "write oci://HOST/NAMESPACE",
		"oci://":                                     "write oci://HOST/NAMESPACE",
		"ghcr.io/acme/charts":                        "write oci://ghcr.io/acme/charts",
		"https://ghcr.io/acme/charts":                "write oci://ghcr.io/acme/charts",
		"OCI://ghcr.io/acme":                         "write oci://ghcr.io/acme",
		"oci://ghcr.io/../x":                         "write oci://HOST/NAMESPACE",
		"oci://ghcr.io/acme/../x":                    "write oci://HOST/NAMESPACE",
		"oci://ghcr.io/./x":                          "write oci://HOST/NAMESPACE",
		"oci://ghcr.io//acme":                        "write oci://HOST/NAMESPACE",
		"oci://ghcr.io/acme/":                        "write oci://ghcr.io/acme",
		"oci://ghcr.io/Acme/Charts":                  "write oci://ghcr.io/acme/charts",
		"oci://GHCR.io/acme":                         "write oci://ghcr.io/acme",
		"oci://ghcr.io/acme:1.0.0":                   "write oci://ghcr.io/acme",
		"oci://ghcr.io/acme?a=b":                     "write oci://HOST/NAMESPACE",
		"oci://ghcr.io/acme#a":                       "write oci://HOST/NAMESPACE",
		"oci://ghcr.io/ac me":                        "write oci://HOST/NAMESPACE",
		"oci://ghcr.io/ac\nme":                       "write oci://HOST/NAMESPACE",
		"oci://ghcr.io/%2e%2e":                       "write oci://HOST/NAMESPACE",
		"oci://ghcr.io:0/acme":                       "has no valid host",
		"oci://ghcr.io:70000/acme":                   "has no valid host",
		"oci://ghcr.io:/acme":                        "has no valid host",
		"oci://-x/acme":                              "has no valid host",
		"oci://[::1/acme":                            "has no valid host",
		"oci://[fe80::1%25eth0]/acme":                "has no valid host",
		"oci:///acme":                                "has no valid host",
		"oci://h/" + strings.Repeat("a/", 200) + "x": "has no valid namespace",
	} {
		says(t, CheckURL(url), want)
	}
}

// B43
func TestAURLWithAPasswordInItIsRefusedAndNotRepeated(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"oci://lab:hunter2@ghcr.io/acme",
		"https://lab:hunter2@ghcr.io/acme",
		"oci://lab:hunter2/more@ghcr.io/acme",
		"oci://ghcr.io/acme:hunter2@sha256:aaaa",
	} {
		err := CheckURL(url)
		says(t, err, "write oci://HOST/NAMESPACE")
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error repeats it: %v", err)
		}
	}
}

func TestAURLSaysHostAndNamespace(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]place{
		"oci://ghcr.io/acme/charts":     {"ghcr.io", "acme/charts"},
		"oci://127.0.0.1:5000/a":        {"127.0.0.1:5000", "a"},
		"oci://[::1]:5000/a":            {"[::1]:5000", "a"},
		"oci://registry.example.com":    {"registry.example.com", ""},
		"oci://localhost:5000/a_b/c--d": {"localhost:5000", "a_b/c--d"},
	} {
		if got, err := parsePlace(url); err != nil || got != want {
			t.Errorf("%s is %+v (%v), want %+v", url, got, err, want)
		}
	}
}

func TestATagIsReadBackAsItsVersion(t *testing.T) {
	t.Parallel()
	for version, tag := range map[string]string{
		"1.0.0": "1.0.0", "1.0.0-rc.1": "1.0.0-rc.1", "1.0.0+a": "1.0.0_a", "1.0.0-x+a.b-c": "1.0.0-x_a.b-c",
	} {
		got, err := tagOf(version)
		if err != nil || got != tag {
			t.Errorf("%s has the tag %s (%v), want %s", version, got, err, tag)
		}
		if back, ok := versionOf(got); !ok || back.Original() != version {
			t.Errorf("%s is read back as %v", version, back)
		}
	}
	for _, tag := range []string{"latest", "v1.0.0", "1.0", "sha256-" + strings.Repeat("a", 64), "sha256-" + strings.Repeat("a", 64) + ".sig", "1.0.0_a_b", "01.0.0"} {
		if version, ok := versionOf(tag); ok {
			t.Errorf("the tag %s passes for version %s", tag, version)
		}
	}
}

// B43
func TestAVersionThatMakesNoTagIsRefused(t *testing.T) {
	t.Parallel()
	long := "1.0.0-" + strings.Repeat("a", 123)
	_, err := tagOf(long)
	says(t, err, "a tag of 129 characters", "write a shorter version")
	if _, err := tagOf(long[:128]); err != nil {
		t.Errorf("128 characters: %v", err)
	}
	for _, version := range []string{"", "../x", "1.0.0@sha256:aa", "1.0.0/x", "-1"} {
		if _, err := tagOf(version); err == nil {
			t.Errorf("%q makes a tag", version)
		}
	}
}

func TestARepositoryIsAskedForByTheNameOfAChart(t *testing.T) {
	t.Parallel()
	r := at(t, "127.0.0.1:1")
	for _, name := range []string{"", "..", "a/b", "A", "a b", baselineName, "a:b", "a@b", strings.Repeat("a", 250)} {
		if _, err := r.Repository(name); err == nil {
			t.Errorf("%q has a repository", name)
		}
	}
	one, err := r.Repository("voice")
	if err != nil {
		t.Fatal(err)
	}
	two, err := r.Repository("voice")
	if err != nil || one != two {
		t.Errorf("the same chart has two handles (%v)", err)
	}
	if !one.SkipReferrersGC || one.Reference.String() != "127.0.0.1:1/charts/voice" {
		t.Errorf("%s, SkipReferrersGC %v", one.Reference, one.SkipReferrersGC)
	}
}
