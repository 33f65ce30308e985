package main

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/releaser/releaser/internal/lab/ocid"
	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/pipeline"
	"github.com/releaser/releaser/signing"
)

// tellRegistry is for a registry that is away, refuses, or is not what it says.
func tellRegistry(p *page) {
	w := p.world()
	l := p.liar(w.registry, "REGISTRY")
	before := func(oldnew ...string) { p.configure(w, append([]string{w.registryHost(), l.host()}, oldnew...)...) }
	before()
	manifests := "/manifests/"
	p.tags(w, "0.1.1")
	p.configure(w, w.registryHost(), "127.0.0.1:1")
	p.types("nobody listens", "verify", "voice-agent:0.1.1")
	p.configure(w, w.registryHost(), "registry.example.com", "plainHTTP: true", "plainHTTP: false")
	p.behind("the proxy is not there", "verify", "voice-agent:0.1.1")
	before("plainHTTP: true", "plainHTTP: false")
	p.types("the registry speaks plain HTTP", "verify", "voice-agent:0.1.1")
	p.tellTLS(w)
	before()
	for _, code := range []int{401, 403, 404, 429, 500} {
		l.tell(func(rw http.ResponseWriter, r *http.Request) bool {
			rw.Header().Set("Retry-After", "3600")
			rw.WriteHeader(code)
			return true
		})
		p.types("the registry answers "+http.StatusText(code), "verify", "voice-agent:0.1.1")
	}
	l.tell(func(rw http.ResponseWriter, r *http.Request) bool {
		http.Redirect(rw, r, "http://elsewhere.example.com"+r.URL.Path, http.StatusTemporaryRedirect)
		return true
	})
	p.types("the registry sends us to a host in the clear", "verify", "voice-agent:0.1.1")
	l.tell(nil)
	p.types("the chart's name is none of a repository", "verify", "Voice_Agent.:0.1.1")
	p.tellCredentials(l, before)

	before()
	l.status("POST", "/blobs/uploads", 403)
	p.types("an upload breaks off", "release", "voice-agent-0.1.1")
	l.status("PUT", manifests, 403)
	p.types("the manifest is not taken", "release", "voice-agent-0.1.1")
	l.status("PUT", manifests, 201)
	p.types("the manifest is taken and is not there", "release", "voice-agent-0.1.1")
	l.tell(nil)
	p.does("release", "voice-agent-0.1.1")
	p.tellBytes(l)
	p.tellConflicts(w, l)
	p.tellDependencies(w)
	p.tellImages(w, l)
}

// tellBytes is for a registry that does not send what it names.
func (p *page) tellBytes(l *liar) {
	const manifests = "/manifests/"
	l.replace("GET", manifests, func(b []byte) []byte { return append(b, ' ') })
	p.types("the registry sends other bytes than it says", "verify", "voice-agent:0.1.1")
	l.replace("GET", manifests, func(b []byte) []byte { return bytes.Repeat([]byte(" "), 5<<20) })
	p.types("the registry sends too much", "verify", "voice-agent:0.1.1")
	l.tell(func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, manifests) {
			return false
		}
		rw.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		_, _ = rw.Write([]byte("hello"))
		return true
	})
	p.types("the manifest is no JSON", "verify", "voice-agent:0.1.1")
	l.status("GET", "/blobs/", 404)
	p.types("a blob is gone", "verify", "voice-agent:0.1.1")
	l.replace("GET", "/blobs/", func(b []byte) []byte { return bytes.ToUpper(b) })
	p.types("a blob was exchanged", "verify", "voice-agent:0.1.1")
	l.replace("GET", "/tags/list", func(b []byte) []byte { return []byte("<html>") })
	p.types("the list of versions is a page", "promote", "release", "dev", "--chart", "voice-agent")
	l.status("GET", "/tags/list", 403)
	p.types("the list of versions cannot be had", "promote", "release", "dev", "--chart", "voice-agent")
	l.tell(nil)
}

// tellImages is for the image that a release waits for.
func (p *page) tellImages(w *world, l *liar) {
	p.configure(w, w.registryHost(), l.host(), `value: "{commit}"}]`, `value: "{commit}"}]`+"\n        image: {key: image.repository}")
	from := func(repository, version string) {
		values, err := os.ReadFile(w.path("platform/charts/voice-agent/values.yaml"))
		check(p, err)
		changed := regexp.MustCompile(`(?m)^  repository: .*$`).ReplaceAllString(string(values), "  repository: "+repository)
		check(p, write(w.path("platform/charts/voice-agent/values.yaml"), []byte(changed)))
		p.tags(w, version)
	}
	from("ghcr.io/acme/voice-agent", "0.5.0")
	p.types("the image is on a host that nobody allowed", "release", "voice-agent-0.5.0")
	from("https://"+l.host()+"/voice-agent", "0.5.1")
	p.types("the image has no name", "release", "voice-agent-0.5.1")
	from(l.host()+"/acme/voice-agent", "0.5.2")
	p.types("the image is not there", "release", "voice-agent-0.5.2")
	l.status("HEAD", "/acme/voice-agent/", 401)
	p.types("the image may not be asked for", "release", "voice-agent-0.5.2")
	l.status("HEAD", "/acme/voice-agent/", 503)
	p.types("the registry of the image is ill", "release", "voice-agent-0.5.2")
	l.tell(nil)
	absent := &pipeline.Absent{Image: "ghcr.io/acme/voice-agent:COMMIT", Tag: "voice-agent-0.5.2", Wait: 30 * time.Minute}
	since := time.Date(2026, 11, 2, 14, 0, 0, 0, time.UTC)
	waiting := pipeline.Outcome{Err: absent}
	p.says("the daemon waits for the image", errors.New(waiting.Timed(since, since).Reason))
	p.says("the image did not come", waiting.Timed(since, since.Add(absent.Wait)).Err)
}

// tellCredentials is for a registry that wants to know who asks.
func (p *page) tellCredentials(l *liar, before func(oldnew ...string)) {
	l.tell(func(rw http.ResponseWriter, r *http.Request) bool {
		rw.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		rw.WriteHeader(http.StatusUnauthorized)
		return true
	})
	p.types("the registry wants a password", "verify", "voice-agent:0.1.1")
	p.write("world/keys/helper.json", `{"credsStore": "nothing-here"}`)
	before("plainHTTP: true", "plainHTTP: true, auth: {dockerConfigFile: keys/helper.json}")
	p.types("the credential helper is not installed", "verify", "voice-agent:0.1.1")
	p.write("world/keys/helpless.json", `{"auths": {"`+l.host()+`": {"auth": "eA=="}}}`)
	before("plainHTTP: true", "plainHTTP: true, auth: {dockerConfigFile: keys/helpless.json}")
	p.types("the docker config has no password", "verify", "voice-agent:0.1.1")
	l.tell(func(rw http.ResponseWriter, r *http.Request) bool {
		rw.Header().Set("WWW-Authenticate", `Bearer realm="http://169.254.169.254/token",service="x"`)
		rw.WriteHeader(http.StatusUnauthorized)
		return true
	})
	p.types("the registry sends us to another host for a token", "verify", "voice-agent:0.1.1")
}

// tellDependencies is for dependencies in the registry.
func (p *page) tellDependencies(w *world) {
	check(p, os.MkdirAll(filepath.Join(p.dir, "shop/.git"), 0o755))
	locked := "0.1.0"
	chart := func(dependency string) {
		p.goodChart("shop/charts/shop")
		p.write("shop/charts/shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\ndependencies: [{"+dependency+"}]\n")
		p.write("shop/charts/shop/Chart.lock", p.lock("shop/charts/shop", []string{locked}))
	}
	lint := func(title string) { p.types(title, "lint", filepath.Join(p.dir, "shop")) }
	p.configure(w, "    url: ", "    dependencies: {hosts: [\""+w.registryHost()+"\"]}\n    url: ")
	ours := `repository: "oci://` + w.registryHost() + `/charts"`
	chart("name: part, version: 0.1.0, " + ours)
	lint("a dependency of ours is not released yet")
	chart(`name: part, version: 0.1.0, repository: "oci://` + w.registryHost() + `/others"`)
	lint("a dependency of others is not there")
	p.pushes(w, "charts/thing", "0.1.0", `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"DIGEST","size":2},"layers":[]}`)
	chart("name: thing, version: 0.1.0, " + ours)
	lint("a dependency is no chart")
	p.pushes(w, "charts/large", "0.1.0", `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"DIGEST","size":2},"layers":[{"mediaType":"application/vnd.cncf.helm.chart.content.v1.tar+gzip","digest":"DIGEST","size":99999999}]}`)
	chart("name: large, version: 0.1.0, " + ours)
	lint("a dependency is too large")
	p.pushes(w, "charts/small", "0.1.0", `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"DIGEST","size":2},"layers":[{"mediaType":"application/vnd.cncf.helm.chart.content.v1.tar+gzip","digest":"DIGEST","size":2}]}`)
	chart("name: small, version: 0.1.0, " + ours)
	lint("a dependency is no archive")
	locked = "0.4.0"
	chart("name: voice-agent, version: 0.4.0, " + ours)
	lint("the tag of a dependency was moved")
}

// tellTLS is for a registry with a certificate that nobody knows.
func (p *page) tellTLS(w *world) {
	authority, err := door.NewAuthority()
	check(p, err)
	secure, err := ocid.Start(ocid.Options{TLS: authority})
	check(p, err)
	p.Cleanup(func() { check(p, secure.Close()) })
	p.call(secure.Host(), "REGISTRY")
	p.configure(w, w.registryHost(), secure.Host(), "plainHTTP: true", "plainHTTP: false")
	p.types("the registry's certificate is of an unknown authority", "verify", "voice-agent:0.1.1")
}

// tellConflicts is for versions that are there and are something else.
func (p *page) tellConflicts(w *world, l *liar) {
	git := func(args ...string) { p.Helper(); check(p, w.gitRun(p.Context(), w.path("platform"), args...)) }
	p.configure(w, w.registryHost(), l.host(), `value: "{commit}"`, `value: "{commit:12}"`)
	p.types("the version is there, and the pins were other ones", "release", "voice-agent-0.1.1")
	p.configure(w, w.registryHost(), l.host(), "acme/platform.git", "acme/other.git", "name: platform", "name: other")
	_, err := w.git.Create(p.Context(), "acme/other.git", gitFeatures)
	check(p, err)
	git("push", "--quiet", w.git.RepositoryURL("acme/other.git"), "main", "--tags")
	p.types("the version is there, and another source made it", "release", "voice-agent-0.1.1")
	p.tags(w, "0.1.2")
	git("push", "--quiet", w.git.RepositoryURL("acme/other.git"), "main", "--tags")
	p.types("the chart belongs to another source", "release", "voice-agent-0.1.2")
	p.configure(w, w.registryHost(), l.host())
	p.tags(w, "0.1.3")
	p.does("release", "voice-agent-0.1.3")
	git("commit", "--quiet", "--allow-empty", "--message", "again")
	git("tag", "--force", "voice-agent-0.1.3")
	git("push", "--quiet", "--force", "origin", "HEAD:refs/heads/main", "voice-agent-0.1.3")
	p.types("the tag was moved to another commit", "release", "voice-agent-0.1.3")
	p.pushes(w, "charts/voice-agent", "0.3.0", `{"schemaVersion":2,"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"DIGEST","size":2},"layers":[]}`)
	p.types("somebody else pushed the version: verify", "verify", "voice-agent:0.3.0")
	p.tags(w, "0.3.0")
	p.types("somebody else pushed the version: release", "release", "voice-agent-0.3.0")
	p.pushes(w, "charts/releaser-baseline", "fresh", `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"DIGEST","size":2},"layers":[]}`)
	p.configure(w, w.registryHost(), l.host(), "existing: all", "existing: ignore", "name: platform", "name: fresh")
	p.shows("something else stands where the baseline of a source should be", "once")
	p.pushes(w, "charts/releaser-baseline", "fresh", `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.releaser.baseline.v1+json","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"DIGEST","size":2},"layers":[{"mediaType":"application/vnd.releaser.baseline.v1+json","digest":"DIGEST","size":2}]}`)
	p.shows("the baseline of another source stands there", "once")
	p.configure(w, w.registryHost(), l.host())
	p.retag(w, "0.1.1", "0.4.0")
	p.types("a tag of the registry was moved: verify", "verify", "voice-agent:0.4.0")
	p.tags(w, "0.4.0")
	p.types("a tag of the registry was moved: release", "release", "voice-agent-0.4.0")
	p.retag(w, "0.1.1", "0.5.0", func(manifest string) string {
		config := regexp.MustCompile(`("config":\{"mediaType":"[^"]*","digest":)"[^"]*","size":[0-9]+`)
		return config.ReplaceAllString(manifest, `$1"`+p.uploads(w, "charts/voice-agent", "no")+`","size":2`)
	})
	p.types("the config of a version is no JSON", "verify", "voice-agent:0.5.0")
}

// tellSigning is for signatures.
func tellSigning(p *page) {
	w := p.world()
	l := p.liar(w.registry, "REGISTRY")
	p.configure(w, w.registryHost(), l.host())
	manifests := "/manifests/sha256"
	p.tags(w, "0.1.1")
	l.status("PUT", manifests, 403)
	p.types("the signature is not taken", "release", "voice-agent-0.1.1")
	l.tell(nil)
	p.types("the chart has no signature", "verify", "voice-agent:0.1.1")
	p.types("what is not signed is not promoted", "promote", "release", "dev", "--chart", "voice-agent")
	l.status("PUT", manifests, 403)
	p.tags(w, "0.1.0")
	p.types("the signature of another version is not taken", "release", "voice-agent-0.1.0")
	l.tell(nil)
	p.types("no version is signed", "promote", "release", "dev", "--chart", "voice-agent")
	l.tell(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, manifests) {
			rw.WriteHeader(http.StatusCreated)
			return true
		}
		return false
	})
	p.types("the registry says that it took the signature, and has none", "release", "voice-agent-0.1.1")
	l.tell(nil)
	p.does("release", "voice-agent-0.1.1")
	_, pub, err := signing.GenerateKey([]byte("x"))
	check(p, err)
	p.write("world/keys/other.pub", string(pub))
	p.configure(w, w.registryHost(), l.host(),
		"signing: {key: keys/cosign.key, passwordFile: keys/cosign.password, formats: [bundle, legacy]}", "signing: {trusted: [keys/other.pub]}")
	p.types("the signature is of a key that is not trusted", "verify", "voice-agent:0.1.1")
	p.types("a version that is not trusted is not promoted", "promote", "release", "dev", "--chart", "voice-agent", "--version", "0.1.1")
	l.status("GET", manifests, 403)
	p.types("the signatures cannot be read", "verify", "voice-agent:0.1.1")
	l.replace("GET", ".sig", func(b []byte) []byte { return []byte(`{}`) })
	p.types("something else has the name of a signature", "verify", "voice-agent:0.1.1")
	l.replace("GET", ".sig", func(b []byte) []byte { return bytes.Repeat([]byte(" "), 5<<20) })
	p.types("a signature is too large", "verify", "voice-agent:0.1.1")
	p.tellMoved(w, l)
}

// tellMoved is for a tag that somebody moves, or closes, between its push and its signature.
func (p *page) tellMoved(w *world, l *liar) {
	p.configure(w, w.registryHost(), l.host())
	var seen atomic.Int32 // a command asks for two things at once
	p.tags(w, "0.1.2")
	l.tell(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/manifests/0.1.2") {
			if seen.Add(1) > 1 {
				r.URL.Path = strings.Replace(r.URL.Path, "0.1.2", "0.1.1", 1)
			}
		}
		return false
	})
	p.types("the tag is moved in the registry before it is signed", "release", "voice-agent-0.1.2")
	seen.Store(0)
	p.tags(w, "0.1.3")
	l.tell(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/manifests/0.1.3") || seen.Add(1) <= 1 {
			return false
		}
		rw.WriteHeader(http.StatusForbidden)
		return true
	})
	p.types("the tag cannot be read before it is signed", "release", "voice-agent-0.1.3")
}
