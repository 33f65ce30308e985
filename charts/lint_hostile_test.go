package charts_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/sandbox"
	"github.com/releaser/releaser/internal/scalar"
)

// hostile lints, in a real child, a chart with this template and this schema.
func hostile(t *testing.T, box *sandbox.Box, template, schema string, rules charts.Rules) (charts.Linted, error) {
	t.Helper()
	text := "-- app/Chart.yaml --\n" + defaultChart + "-- app/values.yaml --\nsecret: tweet\na: {}\n-- app/templates/x.yaml --\n" + template + "\n"
	if schema != "" {
		text += "-- app/values.schema.json --\n" + schema + "\n"
	}
	return lint(t, box, files(text), "app", rules)
}

// refuses checks that the chart is rejected by this rule, and that nothing of canary is told.
func refuses(t *testing.T, linted charts.Linted, err error, rule, canary string) {
	t.Helper()
	got := said(t, linted, err)
	if err == nil || !strings.Contains(got, "error: "+rule+":") {
		t.Errorf("want an error of the rule %s, got:\n%s", rule, got)
	}
	if strings.Contains(got, canary) {
		t.Errorf("it tells %q:\n%s", canary, got)
	}
}

// B32, B33, B34, B36: a reference in a schema leads nowhere, whatever it names.
func TestSchemaReferenceOutOfTheChartIsRejectedAndNotFollowed(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		fmt.Fprint(w, "true")
	}))
	defer server.Close()
	secret := filepath.Join(t.TempDir(), "schema.json")
	if err := os.WriteFile(secret, []byte(`{"title":"tweet"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	box := &sandbox.Box{Spare: true}
	defer box.Close()
	for name, reference := range map[string]string{
		"B32 http":     server.URL + "/x.json",
		"B32 https":    "https://127.0.0.1:1/x.json#/definitions/a",
		"B33 file":     "file://" + secret,
		"B33 relative": "../../../../../.." + secret,
		"B33 beside":   "values.yaml",
		"B34 endless":  "file:///dev/zero",
		"B36 urn":      "urn:example:tweet",
		"no scheme":    "x:tweet",
	} {
		for _, where := range []string{"$ref", "$schema"} {
			text := fmt.Sprintf(`{"properties": {"a": {"%s": %q}}}`, where, reference)
			if where == "$schema" {
				text = fmt.Sprintf(`{"$schema": %q}`, reference)
			}
			linted, err := hostile(t, box, "", text, charts.Rules{})
			t.Log(name)
			refuses(t, linted, err, "schema-ref", "tweet")
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("%d requests were made", n)
	}
}

// B35
func TestDeepChainOfReferencesEndsInARejection(t *testing.T) {
	t.Parallel()
	var definitions strings.Builder
	const deep = 20_000
	for n := range deep {
		fmt.Fprintf(&definitions, `"d%d": {"allOf": [{"$ref": "#/definitions/d%d"}, {"properties": {"x": {"$ref": "#/definitions/d%d"}}}]},`, n, n+1, n/2)
	}
	text := fmt.Sprintf(`{"definitions": {%s "d%d": {"type": "integer"}}, "properties": {"a": {"$ref": "#/definitions/d0"}}}`, definitions.String(), deep)
	linted, err := hostile(t, &sandbox.Box{Time: 2 * time.Second}, "", text, charts.Rules{})
	var r *charts.Rejected
	if !errors.As(err, &r) {
		t.Errorf("got %v %v", linted, err)
	}
	if out, err := hostile(t, new(sandbox.Box), "", "", charts.Rules{}); err != nil {
		t.Errorf("the next chart: %v %v", out, err)
	}
}

// B41
func TestTemplateWithoutEndIsStoppedAtALimit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		template string
		limits   []string
	}{
		"repeat":       {`x: {{ repeat 500000000 "x" }}`, []string{"limit-memory"}},
		"until":        {`x: {{ range until 50000000 }}{{ . }}{{ end }}`, []string{"limit-memory", "limit-cpu", "limit-time"}},
		"huge until":   {`x: {{ until 2000000000 | len }}`, []string{"limit-memory"}},
		"growing list": {`{{ $l := list }}{{ range until 1000000 }}{{ $l = append $l $l }}{{ end }}x: {{ len $l }}`, []string{"limit-memory", "limit-cpu", "limit-time"}},
		"loop":         {`{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}`, []string{"limit-memory", "limit-cpu", "limit-time"}}, // its garbage, where the collector is not quick enough
		"recursion":    {`{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}`, []string{"render", "limit-memory"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := hostile(t, &sandbox.Box{CPU: 2 * time.Second}, c.template, "", charts.Rules{})
			for _, rule := range c.limits {
				if err != nil && strings.Contains(err.Error(), rule+":") {
					return
				}
			}
			t.Errorf("got %v, want one of %q", err, c.limits)
		})
	}
}

// B41. Not parallel: what this process allocates in the meantime is what the test is about. It counts every byte, also those
// that were collected again.
func TestHostileTemplateDoesNotMoveTheMemoryOfTheDaemon(t *testing.T) {
	box := &sandbox.Box{CPU: 2 * time.Second}
	for _, template := range []string{
		`x: {{ repeat 500000000 "x" }}`,
		`{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}`,
		`{{ $l := list }}{{ range until 1000000 }}{{ $l = append $l $l }}{{ end }}x: {{ len $l }}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := hostile(t, box, template, "", charts.Rules{})
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "limit-") {
			t.Errorf("%s: got %v", template, err)
		}
		const allowed = 8 << 20
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > allowed || after.Sys > before.Sys+allowed {
			t.Errorf("%s: %d bytes were allocated, %d more are mapped", template, allocated, after.Sys-before.Sys)
		} else {
			t.Logf("%s: %d bytes were allocated here, %d more are mapped", template, allocated, after.Sys-before.Sys)
		}
	}
}

// B38, B39, B40: neither the cluster, nor the name service, nor the environment answers a template.
func TestTemplateLearnsNothingOfTheMachine(t *testing.T) {
	t.Setenv("RELEASER_CANARY", "tweet")
	box := new(sandbox.Box)
	for _, template := range []string{
		`{{ if getHostByName "localhost" }}{{ fail "resolved" }}{{ end }}`,
		`{{ if lookup "v1" "Secret" "default" "x" }}{{ fail "found" }}{{ end }}`,
		`{{ if .Files.Get "/etc/passwd" }}{{ fail "read" }}{{ end }}`,
		`{{ range $name, $_ := .Files.Glob "../**" }}{{ fail "listed" }}{{ end }}`,
		`{{ if ne (osBase "/proc/self/environ") "environ" }}{{ fail "odd" }}{{ end }}`,
	} {
		if linted, err := hostile(t, box, template, "", charts.Rules{}); err != nil {
			t.Errorf("%s: %v %v", template, linted, err)
		}
	}
	for _, template := range []string{`{{ env "RELEASER_CANARY" }}`, `{{ expandenv "$RELEASER_CANARY" }}`} {
		linted, err := hostile(t, box, template, "", charts.Rules{})
		refuses(t, linted, err, "template-syntax", "tweet")
	}
}

// B42
func TestHelmPluginInTheEnvironmentIsNotExecuted(t *testing.T) {
	dir, canary := t.TempDir(), filepath.Join(t.TempDir(), "canary")
	plugin := filepath.Join(dir, "evil")
	script := filepath.Join(plugin, "run")
	manifest := "name: evil\nversion: 1.0.0\nusage: x\ndescription: x\ncommand: " + script + "\nhooks: {install: " + script + "}\n"
	if err := errors.Join(os.MkdirAll(plugin, 0o755),
		os.WriteFile(script, []byte("#!/bin/sh\ntouch "+canary+"\n"), 0o755),
		os.WriteFile(filepath.Join(plugin, "plugin.yaml"), []byte(manifest), 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"HELM_PLUGINS", "HELM_DATA_HOME", "HELM_CONFIG_HOME"} {
		t.Setenv(name, dir)
	}
	t.Setenv("HELM_POST_RENDERER", script)
	for range 2 {
		if _, err := hostile(t, new(sandbox.Box), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}", "", charts.Rules{}); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("the plugin was executed")
	}
}

// refusing is a Sandbox that answers as told.
type refusing struct {
	output string
	err    error
}

func (r refusing) Run(context.Context, []byte) ([]byte, error) { return []byte(r.output), r.err }

func TestAnswerOfTheSandboxIsNotTrusted(t *testing.T) {
	t.Parallel()
	passing := files("-- app/Chart.yaml --\n" + defaultChart + "-- app/values.yaml --\n")
	for name, box := range map[string]refusing{
		"nothing":     {},
		"no JSON":     {output: "ok"},
		"failure":     {output: `{"failure": "disk\u001b[31m full"}`},
		"no severity": {output: `{"findings": [{"rule": "x"}]}`},
		"error":       {err: errors.New("no memory")},
	} {
		_, err := lint(t, box, passing, "app", charts.Rules{})
		var r *charts.Rejected
		if err == nil || errors.As(err, &r) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	control, _ := json.Marshal(map[string]any{"findings": []charts.Finding{{Severity: charts.Warning, Rule: "x", Message: "a\x1b[31m\nb"}}})
	linted, err := lint(t, refusing{output: string(control)}, passing, "app", charts.Rules{})
	if err != nil || len(linted.Findings()) != 1 || linted.Findings()[0].Message != "a[31m b" {
		t.Errorf("got %v, %v", linted.Findings(), err)
	}
}

func TestLimitOfTheSandboxRejectsTheChart(t *testing.T) {
	t.Parallel()
	passing := files("-- app/Chart.yaml --\n" + defaultChart + "-- app/values.yaml --\n")
	for _, limit := range []string{"time", "cpu", "memory", "output", "input", "crash"} {
		box := refusing{err: fmt.Errorf("wrapped: %w", &sandbox.Killed{By: limit, Detail: "tweet", Ended: "exit status 2"})}
		_, err := lint(t, box, passing, "app", charts.Rules{})
		rejected(t, err, "app/Chart.yaml", "limit-"+limit)
		if strings.Contains(err.Error(), "tweet") || !strings.Contains(err.Error(), ": exit status 2;") {
			t.Errorf("%s: the detail may be a value: %v", limit, err)
		}
	}
}

func TestConfigurationThatCannotBeUsedIsNoFaultOfTheChart(t *testing.T) {
	t.Parallel()
	passing := files("-- app/Chart.yaml --\n" + defaultChart + "-- app/values.yaml --\n")
	for _, rules := range []charts.Rules{{KubeVersions: []string{"newest"}}, {Values: []string{"[a"}}} {
		_, err := lint(t, here{}, passing, "app", rules)
		var r *charts.Rejected
		if err == nil || errors.As(err, &r) {
			t.Errorf("%+v: got %v", rules, err)
		}
	}
}

// B11, for values files, which may lie outside of the package.
func TestValuesFileBehindALinkOutOfTheChartIsRejected(t *testing.T) {
	t.Parallel()
	fsys := files("-- secret.yaml --\na: tweet\n-- app/.helmignore --\nvalues-*.yaml\n-- app/Chart.yaml --\n" + defaultChart +
		"-- app/values.yaml --\n-- app/values-x.yaml -> ../secret.yaml --\n")
	linted, err := lint(t, here{}, fsys, "app", charts.Rules{Values: []string{"values-*.yaml"}})
	var r *charts.Rejected
	if !errors.As(err, &r) || strings.Contains(said(t, linted, err), "tweet") {
		t.Errorf("got %v, %v", linted, err)
	}
}

func TestManyFindingsAreCounted(t *testing.T) {
	t.Parallel()
	values, schema := "", []string{}
	for n := range 250 {
		values += fmt.Sprintf("key%03d: tweet\n", n)
		schema = append(schema, fmt.Sprintf(`"key%03d": {"type": "integer"}`, n))
	}
	fsys := files("-- app/Chart.yaml --\n" + defaultChart + "-- app/values.yaml --\n" + values +
		"-- app/templates/x.yaml --\n-- app/values.schema.json --\n{\"properties\": {" + strings.Join(schema, ",") + "}}\n")
	linted, err := lint(t, here{}, fsys, "app", charts.Rules{})
	got := findings(t, linted, err)
	if len(got) != 101 || got[100].Message != "there are 150 more findings" || got[100].Severity != charts.Error {
		t.Errorf("got %d, the last is %v", len(got), got[len(got)-1])
	}
}

// B25. Most such charts are refused before; Inspect must stand by itself.
func TestOddChartfileIsRejectedWithoutAPanic(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"null dependency": defaultChart + "dependencies: [null]\n",
		"binary":          strings.Replace(defaultChart, "name: app", "name: !!binary YXBw", 1) + "description: !!binary aGk=\n",
		"list":            "- a\n",
		"empty":           "",
		"null maintainer": defaultChart + "maintainers: [null]\n",
		"null values":     defaultChart,
	} {
		fsys := files("-- app/values.yaml --\na: !!binary aGk=\nb: ~\n-- app/templates/x.yaml --\n")
		fsys["app/Chart.yaml"] = files("-- x --\n" + text)["x"]
		output := charts.Inspect(charts.EncodeInspection(t, fsys, "app"))
		if !json.Valid(output) || strings.Contains(string(output), `"crash"`) {
			t.Errorf("%s: got %s", name, output)
		}
	}
}

// The pin is laid over an environment that still carries the older tag, and over nothing that it does not set.
func TestPinIsLaidOverEachEnvironment(t *testing.T) {
	t.Parallel()
	fsys := files("-- app/Chart.yaml --\n" + defaultChart + `-- app/values.yaml --
image: {repository: acme/app, tag: ""}
list: [{image: acme/app:x}]
-- app/values-a.yaml --
image: {tag: ""}
-- app/values-b.yaml --
image: {tag: 1234567}
list: [{image: "acme/app:old"}]
-- app/values-c.yaml --
image: {pullPolicy: Never}
-- app/templates/x.yaml --
{{ $want := "0123456" }}
{{ if ne .Values.image.tag $want }}{{ fail (print "tag " .Values.image.tag) }}{{ end }}
{{ range .Values.list }}{{ if not (hasPrefix "acme/app:0123456" .image) }}{{ fail .image }}{{ end }}{{ end }}
pin: {{ .Values.image.tag }}
`)
	_, err := lint(t, here{}, fsys, "app", charts.Rules{Values: []string{"values-*.yaml"}},
		scalar.Edit{Key: "image.tag", Value: "0123456"}, scalar.Edit{Key: "list[0].image", Part: "tag", Value: "0123456"})
	if err != nil {
		t.Error(err)
	}
}
