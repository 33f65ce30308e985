package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"
)

// tellUsage is for mistakes in the command line.
func tellUsage(p *page) {
	p.types("a command that there is not", "frobnicate")
	p.types("a flag that there is not", "status", "--nope")
	p.types("an argument is missing", "promote", "staging")
	p.types("an argument too many", "lint", "a", "b")
	p.types("another output", "version", "-o", "xml")
	p.types("another log", "version", "--log-format", "xml")
	p.types("there is no configuration", "status")
	p.types("the configuration that is named is not there", "status", "--config", filepath.Join(p.dir, "nowhere.yaml"))
	check(p, os.Chmod(p.write("closed.yaml", lintOnly), 0))
	asNobody(func() {
		p.types("the configuration may not be read", "status", "--config", filepath.Join(p.dir, "closed.yaml"))
	})
	p.write("demo/README.md", "")
	p.types("a demo in a folder that is in use", "demo", "--dir", filepath.Join(p.dir, "demo"))
	p.write("empty/README.md", "")
	p.types("lint where no chart is", "lint", filepath.Join(p.dir, "empty"))
	p.types("lint of a folder that is not there", "lint", filepath.Join(p.dir, "gone"))
	p.write("shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n")
	p.write("elsewhere.yaml", lintOnly)
	p.types("lint of a chart that no rule is for", "lint", filepath.Join(p.dir, "shop"), "--config", filepath.Join(p.dir, "elsewhere.yaml"))

	w := p.world()
	p.types("release of a tag that is not there", "release", "voice-agent-9.9.9")
	p.types("release from a source that is not there", "release", "voice-agent-9.9.9", "--source", "shop")
	p.types("promote to an environment that is not there", "promote", "dev", "production")
	p.types("promote what has no release", "promote", "dev", "staging")
	p.types("verify what is nowhere below the registry", "verify", "oci://elsewhere.example.com/charts/voice-agent:0.1.0")
	p.types("verify what is no reference", "verify", "production")
	p.types("verify an environment that holds nothing", "verify", "dev")
	p.types("verify a version that is not there", "verify", "voice-agent:9.9.9")
	p.types("verify what is no version", "verify", "voice-agent:newest")
	p.types("verify what is no digest", "verify", "voice-agent@sha256:abc")
	p.person(w, "main", "dev/shop/release.yaml", "version: \"1.0.0\"\n")
	p.person(w, "main", "dev/blog/release.yaml", "version: \"1.0.0\"\n")
	p.types("promote a version of more than one chart", "promote", "dev", "staging", "--version", "1.0.0")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	check(p, err)
	defer taken.Close()
	p.call(taken.Addr().String(), "127.0.0.1:8080")
	p.configure(w, w.hook.Addr().String(), taken.Addr().String())
	p.types("serve where something listens", "serve")
	p.configure(w, "127.0.0.1:0", taken.Addr().String())
	p.types("serve where something listens on the port for metrics", "serve")
}

const lintOnly = `version: 1
sources: [{name: here, url: https://example.com/here.git, charts: [{path: charts/*}]}]
registry: {url: "oci://localhost/charts"}
signing: {trusted: [cosign.pub]}
`

// tellConfiguration is for what a configuration may get wrong. Every problem is told at once.
func tellConfiguration(p *page) {
	for _, name := range p.extract("config.txtar") {
		p.types(strings.TrimSuffix(name, ".yaml")+": a configuration with problems", "check", "--config", filepath.Join(p.dir, name))
	}
}

// tellFiles is for the files that the configuration names: keys, tokens, certificates.
func tellFiles(p *page) {
	w := p.world()
	key := func(name string, text []byte) { check(p, os.WriteFile(w.path("keys", name), text, 0o600)) }
	check(p, os.Mkdir(w.path("keys/folder"), 0o755))
	key("empty", nil)
	key("text", []byte("hello\n"))
	key("blank", []byte("to ken\n"))
	pub, err := os.ReadFile(w.path("keys/cosign.pub"))
	check(p, err)
	key("two.pub", append(append([]byte{}, pub...), pub...))
	key("weak.pub", weakKey(p))
	key("odd.pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}))
	key("plain.key", plainKey(p))
	key("ed25519.key", sealedKey(p, w, ed25519Key(p)))
	key("junk.key", sealedKey(p, w, []byte("junk")))
	key("docker.json", []byte(`{"auths": [`))
	key("url", []byte("journal.example.com:5432\n"))
	key("refused", []byte("postgres://releaser:s3cret@127.0.0.1:1/journal?sslmode=disable\n"))

	signing := "signing: {key: keys/cosign.key, passwordFile: keys/cosign.password, formats: [bundle, legacy]}"
	for _, c := range []struct{ title, old, new string }{
		{"the private key is not there", "keys/cosign.key", "keys/gone.key"},
		{"the private key is no key", "keys/cosign.key", "keys/text"},
		{"the private key is not encrypted", "keys/cosign.key", "keys/plain.key"},
		{"the private key is of another kind than cosign's", "keys/cosign.key", "keys/ed25519.key"},
		{"the private key holds something else", "keys/cosign.key", "keys/junk.key"},
		{"the password is wrong", "keys/cosign.password", "keys/text"},
		{"the password's file is empty", "keys/cosign.password", "keys/empty"},
		{"the password's file is not there", "keys/cosign.password", "keys/gone"},
		{"the password's environment variable is not set", "passwordFile: keys/cosign.password", "passwordEnv: COSIGN_PASSWORD"},
		{"a trusted key is not there", signing, "signing: {trusted: [keys/gone.pub]}"},
		{"a trusted key is no key", signing, "signing: {trusted: [keys/text]}"},
		{"two trusted keys are in one file", signing, "signing: {trusted: [keys/two.pub]}"},
		{"a trusted key is too weak", signing, "signing: {trusted: [keys/weak.pub]}"},
		{"a trusted key cannot be read", signing, "signing: {trusted: [keys/odd.pub]}"},
		{"the registry's CA file is not there", "plainHTTP: true", "caFile: keys/gone.pem"},
		{"the registry's CA file holds no certificate", "plainHTTP: true", "caFile: keys/text"},
		{"the registry's credentials are not there", "plainHTTP: true", "plainHTTP: true, auth: {dockerConfigFile: keys/gone.json}"},
		{"the registry's credentials are no docker config", "plainHTTP: true", "plainHTTP: true, auth: {dockerConfigFile: keys/docker.json}"},
		{"the registry's credentials are a folder", "plainHTTP: true", "plainHTTP: true, auth: {dockerConfigFile: keys/folder}"},
		{"GitHub's token is not there", "keys/forge-token", "keys/gone"},
		{"GitHub's token is empty", "keys/forge-token", "keys/empty"},
		{"GitHub's token has a blank in it", "keys/forge-token", "keys/blank"},
		{"GitHub's token is in no environment variable", "tokenFile: keys/forge-token", "tokenEnv: GITHUB_TOKEN"},
		{"the App's key is not there", "tokenFile: keys/forge-token", "githubApp: {id: 7, keyFile: keys/gone.pem}"},
		{"the App's key is no key", "tokenFile: keys/forge-token", "githubApp: {id: 7, keyFile: keys/text}"},
		{"the webhook's secret is not there", "keys/webhook-secret", "keys/gone"},
		{"the webhook's secret is empty", "keys/webhook-secret", "keys/empty"},
		{"the URL of the journal's database is not there", "version: 1", "version: 1\njournal: {postgres: {urlFile: keys/gone}}"},
		{"the URL of the journal's database is empty", "version: 1", "version: 1\njournal: {postgres: {urlFile: keys/empty}}"},
		{"the URL of the journal's database is none", "version: 1", "version: 1\njournal: {postgres: {urlFile: keys/url}}"},
		{"the journal's database does not answer", "version: 1", "version: 1\njournal: {postgres: {urlFile: keys/refused}}"},
	} {
		p.configure(w, c.old, c.new)
		p.types(c.title, "check")
	}
	p.configure(w, signing, "signing: {trusted: [keys/cosign.pub]}")
	p.types("a release without a private key", "once")
}

func weakKey(t testing.TB) []byte {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	check(t, err)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	check(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func plainKey(t testing.TB) []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func ed25519Key(t testing.TB) []byte {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	return der
}

// sealedKey encrypts what is inside as cosign does, with the world's password.
func sealedKey(t testing.TB, w *world, inside []byte) []byte {
	password, err := os.ReadFile(w.path("keys/cosign.password"))
	check(t, err)
	box, err := encrypted.Encrypt(inside, password)
	check(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: box})
}
