// What is tested here has no concurrency of its own, and takes minutes under the race detector.
//go:build !race

package pipeline

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/releaser/releaser/config"
	"github.com/releaser/releaser/internal/sandbox"
)

// template is one template of a chart.
func template(chart, text string) string {
	return "-- charts/" + chart + "/templates/x.yaml --\n" + text + "\n"
}

// schemaText is a schema as it stands.
func schemaText(chart, text string) string {
	return "-- charts/" + chart + "/values.schema.json --\n" + text + "\n"
}

// B34: it has no end, as GHSA-9h84-qmv7-982p has it.
func TestASchemaThatRefersToADeviceIsRejectedAndTheDeviceIsNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(bad("url")+schema("url", "file:///dev/zero")+bad("path")+schema("path", "/dev/zero")+bad("above")+schema("above", "../../../../../../dev/zero"),
		"url-1.0.0", "path-1.0.0", "above-1.0.0")
	want := []string{"/values.schema.json:1: error: schema-ref: the schema refers to a file, outside of itself", "copy what it refers to into the schema"}
	w.rejects(map[string][]string{"url-1.0.0": want, "path-1.0.0": want, "above-1.0.0": want})
}

// B35: as GHSA-5xqw-8hwv-wg92 has it. The good tag is released by the same process.
func TestASchemaOfEndlessReferencesIsStoppedAndTheLineGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.box = &sandbox.Box{Time: 4 * time.Second}
	w.restart()
	const deep = 20_000
	var definitions strings.Builder
	for n := range deep {
		fmt.Fprintf(&definitions, `"d%d": {"allOf": [{"$ref": "#/definitions/d%d"}, {"properties": {"x": {"$ref": "#/definitions/d%d"}}}]},`, n, n+1, n/2)
	}
	w.push(bad("chain")+schemaText("chain", fmt.Sprintf(`{"definitions": {%s "d%d": {"type": "integer"}}, "properties": {"image": {"$ref": "#/definitions/d0"}}}`, definitions.String(), deep))+
		bad("circle")+schemaText("circle", `{"$ref": "#/definitions/a", "definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}}}`),
		"chain-1.0.0", "circle-1.0.0")
	w.rejects(map[string][]string{
		"chain-1.0.0":  {"charts/chain/Chart.yaml:1: error: limit-", "references in a circle"}, // which limit is first, the machine decides
		"circle-1.0.0": {"charts/circle/values.schema.json:1: error: schema-ref: a $ref leads back to itself"},
	})
}

// B36: Helm takes it for a schema that everything fits.
func TestASchemaThatRefersToAURNIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(bad("bad")+schema("bad", "urn:example:any"), "bad-1.0.0")
	w.rejects(map[string][]string{
		"bad-1.0.0": {"charts/bad/values.schema.json:1: error: schema-ref: the schema refers to a urn: address, outside of itself", "copy what it refers to into the schema"},
	})
}

// B37: it fits the committed values, and not the released ones.
func TestASchemaThatForbidsThePinIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(bad("tag")+"-- charts/tag/values.yaml --\nimage:\n  repository: registry.example.com/acme/tag\n  tag:\n"+
		schemaText("tag", `{"properties": {"image": {"properties": {"tag": {"type": "null"}}}}}`)+
		bad("image")+schemaText("image", `{"properties": {"image": {"type": "null"}}}`), "tag-1.0.0", "image-1.0.0")
	w.rejects(map[string][]string{
		"tag-1.0.0":   {"charts/tag/values.yaml:3: error: schema: image.tag ", "see charts/tag/values.schema.json"},
		"image-1.0.0": {"charts/image/values.yaml:2: error: schema: image ", "see charts/image/values.schema.json"},
	})
}

// B38, B39: what a name server or a cluster would say is empty, and neither is asked. The chart is released as it is.
func TestATemplateAsksNeitherANameServerNorACluster(t *testing.T) {
	var asked atomic.Int32
	cluster := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer cluster.Close()
	t.Setenv("HELM_KUBEAPISERVER", cluster.URL)
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "config"))
	kube := "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n" +
		"users: [{name: u, user: {token: x}}]\nclusters: [{name: c, cluster: {server: " + cluster.URL + "}}]\n"
	if err := os.WriteFile(os.Getenv("KUBECONFIG"), []byte(kube), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.push(bad("dns")+template("dns", `{{ with getHostByName (printf "%s.localhost" .Chart.Name) }}{{ fail . }}{{ end }}{{ with getHostByName "localhost" }}{{ fail . }}{{ end }}`)+
		bad("cluster")+template("cluster", `{{ with lookup "v1" "Secret" "default" "" }}{{ fail "found" }}{{ end }}{{ with lookup "v1" "Node" "" "x" }}{{ fail "found" }}{{ end }}`),
		"dns-1.0.0", "cluster-1.0.0")
	w.sweepIs("cluster-1.0.0 released", "dns-1.0.0 released")
	if n := asked.Load(); n > 0 {
		t.Errorf("the cluster was asked %d times", n)
	}
}

// B40
func TestATemplateThatReadsTheEnvironmentIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(bad("env")+template("env", "a: b\n---\nx: {{ env \"PATH\" }}")+bad("expand")+template("expand", `x: {{ expandenv "$PATH" }}`), "env-1.0.0", "expand-1.0.0")
	w.rejects(map[string][]string{
		"env-1.0.0":    {"charts/env/templates/x.yaml:3: error: template-syntax: ", "; "},
		"expand-1.0.0": {"charts/expand/templates/x.yaml:1: error: template-syntax: ", "; "},
	})
	if strings.Contains(w.reasons()+w.logged.String(), os.Getenv("PATH")) {
		t.Error("the path is told")
	}
}

// B42
func TestNoPluginOfHelmOrHelperOfGitIsExecuted(t *testing.T) {
	dir := t.TempDir()
	canary, script := filepath.Join(dir, "canary"), filepath.Join(dir, "evil", "run")
	manifest := "name: evil\nversion: 1.0.0\nusage: x\ndescription: x\ncommand: " + script + "\nhooks: {install: " + script + "}\n" +
		"downloaders: [{command: run, protocols: [evil, oci, https, file]}]\n"
	if err := errors.Join(os.MkdirAll(filepath.Dir(script), 0o755), os.WriteFile(script, []byte("#!/bin/sh\necho $0 >> "+canary+"\n"), 0o755),
		os.WriteFile(filepath.Join(dir, "evil", "plugin.yaml"), []byte(manifest), 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"HELM_PLUGINS", "HELM_DATA_HOME", "HELM_CONFIG_HOME", "HELM_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(name, dir)
	}
	for _, name := range []string{"HELM_BIN", "HELM_POST_RENDERER", "GIT_ASKPASS", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_PROXY_COMMAND", "GIT_EXTERNAL_DIFF", "SSH_ASKPASS", "EDITOR", "PAGER"} {
		t.Setenv(name, script)
	}
	w := newWorld(t)
	w.push(bad("bad")+"-- charts/bad/plugin.yaml --\n"+manifest+"-- charts/bad/evil/plugin.yaml --\n"+manifest+dependent("loads", "1.0.0", "lib", "1.0.0", "evil://host/x"),
		"bad-1.0.0", "loads-1.0.0")
	w.sweepIs("bad-1.0.0 released", "loads-1.0.0 rejected")
	w.says("the reason", w.outcome("loads-1.0.0").Reason, "charts/loads/Chart.yaml:7: error: dependency-repository: the dependency lib comes from a repository that is not oci://, https:// or file://")
	if text, err := os.ReadFile(canary); err == nil {
		t.Errorf("executed: %s", text)
	}
}

// B42: there is no field that could name one.
func TestAConfigurationThatNamesAPluginIsRefused(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"plugins: [x]", "postRenderer: x", "helm: {plugins: x}"} {
		_, err := config.Load("releaser.yaml", []byte(strings.Replace(configuration, "{path: charts/*}", "{path: charts/*, "+field+"}", 1)))
		name, _, _ := strings.Cut(field, ":")
		if err == nil || !strings.Contains(err.Error(), "releaser.yaml:10:26: sources[0].charts[0]."+name+": there is no such field") {
			t.Errorf("%s: %v", field, err)
		}
	}
}
