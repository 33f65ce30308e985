package charts_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/scalar"
)

// imaged pins image.tag, or tag where it says another, in a chart with these values.
func imaged(t *testing.T, values string, pin scalar.Edit) charts.Pinned {
	t.Helper()
	pin.Value = "c0ffee"
	pinned, err := charts.Pin(treeOf(files("-- charts/agent/Chart.yaml --\napiVersion: v2\nname: agent\nversion: 1.4.0\n-- charts/agent/values.yaml --\n"+values),
		"charts/agent", "1.4.0"), []scalar.Edit{pin})
	if err != nil {
		t.Fatal(err)
	}
	return pinned
}

func TestTheImageIsWhatTheValuesNameOnceTheyArePinned(t *testing.T) {
	t.Parallel()
	for values, want := range map[string]string{
		"image: {repository: ghcr.io/acme/agent, tag: latest}":                       "ghcr.io/acme/agent:c0ffee",
		"image: {repository: nginx, tag: ''}":                                        "nginx:c0ffee",
		"image: {registry: ghcr.io, repository: acme/agent, tag: ''}":                "ghcr.io/acme/agent:c0ffee",
		"image: {registry: '', repository: ghcr.io/acme/agent, digest: '', tag: ''}": "ghcr.io/acme/agent:c0ffee",
		"image: {registry: null, repository: acme/agent, digest: ~, tag: ''}":        "acme/agent:c0ffee",
		"image: {registry: 'localhost:5000', repository: acme.d/agent-x, tag: ''}":   "",
		"image: {registry: 'localhost:5000', repository: acme/agent-x, tag: ''}":     "localhost:5000/acme/agent-x:c0ffee",
		"image: {registry: ghcr.io, repository: agent, tag: ''}":                     "ghcr.io/agent:c0ffee",
		"image: {repository: 'whatever stands there', tag: ''}":                      "whatever stands there:c0ffee",
	} {
		got, err := imaged(t, values, scalar.Edit{Key: "image.tag"}).Image("image.repository", "image.tag")
		if (err != nil) != (want == "") || got.Name != want && want != "" {
			t.Errorf("%s: %q, %v, want %s", values, got.Name, err, want)
		}
	}
	for values, pin := range map[string]scalar.Edit{
		"migration: {image: 'ghcr.io/acme/agent:v1'}": {Key: "migration.image", Part: "tag"},
		"migration: {image: 'ghcr.io:443/acme/m:1'}":  {Key: "migration.image", Part: "tag"},
	} {
		got, err := imaged(t, values, pin).Image("migration.image", "migration.image")
		if err != nil || !strings.HasPrefix(got.Name, "ghcr.io") || !strings.HasSuffix(got.Name, ":c0ffee") {
			t.Errorf("%s: %q, %v", values, got.Name, err)
		}
	}
}

func TestValuesThatDoNotNameOneImageAreRejected(t *testing.T) {
	t.Parallel()
	for values, want := range map[string]string{
		"image:\n  tag: ''":                                                 `charts/agent/values.yaml:1: error: image-missing-key: image.repository: image has no key "repository"`,
		"image:\n  tag: ''\n  repository: ''":                               "values.yaml:3: error: image-name: image.repository is empty, a template or no text; write",
		"image:\n  tag: ''\n  repository: null":                             "values.yaml:3: error: image-name: ",
		"image:\n  tag: ''\n  repository: '{{ .Values.secret }}/x'":         "values.yaml:3: error: image-name: ",
		"image:\n  tag: ''\n  repository: {name: x}":                        "values.yaml:3: error: image-not-scalar: ",
		"image:\n  repository: a\n  tag: ''\n  digest: sha256:secret":       "values.yaml:2: error: image-digest: a digest stands beside image.tag, and most templates run the digest; remove the digest",
		"image:\n  repository: secret.io/a\n  tag: ''\n  registry: ghcr.io": "values.yaml:2: error: image-registry: image.repository begins with a registry, and the key registry beside it names one, too; keep one of the two",
		"image:\n  repository: a\n  tag: ''\n  registry: {a: secret}":       "values.yaml:4: error: image-not-scalar: image.registry: ",
	} {
		_, err := imaged(t, values, scalar.Edit{Key: "image.tag"}).Image("image.repository", "image.tag")
		var rejected *charts.Rejected
		if !errors.As(err, &rejected) || rejected.Chart != "agent" || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %s", values, err, want)
		}
	}
	image, err := imaged(t, "image:\n  tag: ''\n  repository: a", scalar.Edit{Key: "image.tag"}).Image("image.repository", "image.tag")
	if err != nil {
		t.Fatal(err)
	}
	why := image.Reject(&charts.Unobtainable{Rule: "image-host", Message: "no", Fix: "do"}).Error()
	if why != "chart agent is rejected: charts/agent/values.yaml:3: error: image-host: no; do" {
		t.Error(why)
	}
}
