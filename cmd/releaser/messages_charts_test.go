package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	helmyaml "sigs.k8s.io/yaml"

	"github.com/releaser/releaser/charts"
)

// tellCharts is for charts that are rejected, by what is wrong with them.
func tellCharts(p *page) {
	p.charts("charts.txtar")
	p.oddFiles()
	for _, c := range [][2]string{
		{"names", "the name or the version"}, {"chartfile", "Chart.yaml"}, {"pins", "a pin: the scalar that a release sets"},
		{"part", "a pin of a part"}, {"tagged", "a pin whose value is no tag"}, {"list", "a pin of an item of a list"}, {"items", "a pin of an item that is empty"}, {"words", "a pin whose key Helm reads as another"},
		{"file", "a pin in a file that is not there"}, {"image", "the image that a release waits for"}, {"latest", "a pin that says nothing"}, {"values", "the values of an environment"},
		{"schema", "values.schema.json"}, {"strict", "what the configuration asks for besides"}, {"templates", "the templates"},
		{"files", "the files of the chart"}, {"links", "symbolic links"}, {"dependencies", "the dependencies and Chart.lock"},
	} {
		p.types(c[1], "lint", filepath.Join(p.dir, c[0]), "--config", filepath.Join(p.dir, "lint.yaml"))
	}
	p.types("a symbolic link to a chart", "lint", filepath.Join(p.dir, "linked/link"), "--config", filepath.Join(p.dir, "lint.yaml"))
}

// charts writes the charts of a txtar file, with the files that every good chart has.
func (p *page) charts(name string) {
	p.Helper()
	check(p, os.Mkdir(filepath.Join(p.dir, ".git"), 0o755))
	archive, err := txtar.ParseFile(filepath.Join("testdata/messages", name))
	check(p, err)
	for _, f := range archive.Files {
		dir, _ := chartOf(f.Name)
		if dir == "" {
			p.write(f.Name, string(f.Data))
			continue
		}
		p.goodChart(dir)
	}
	for _, f := range archive.Files {
		dir, inside := chartOf(f.Name)
		switch file, none := strings.CutSuffix(f.Name, " [none]"); {
		case none:
			check(p, os.Remove(filepath.Join(p.dir, file)))
		case strings.HasPrefix(inside, "templates/"):
			_ = os.Remove(filepath.Join(p.dir, dir, "templates/pod.yaml"))
			p.write(f.Name, string(f.Data))
		case inside == "Chart.lock" && !strings.Contains(string(f.Data), ":"):
			p.write(f.Name, p.lock(dir, strings.Fields(string(f.Data))))
		case dir != "":
			p.write(f.Name, spelled(string(f.Data)))
		}
	}
}

// chartOf splits a name into the folder of the chart and the rest.
func chartOf(name string) (dir, inside string) {
	steps := strings.SplitN(name, "/", 3)
	if len(steps) < 3 {
		return "", name
	}
	return path.Join(steps[0], steps[1]), steps[2]
}

func (p *page) goodChart(dir string) {
	name := path.Base(dir)
	for file, text := range map[string]string{
		"Chart.yaml":         "apiVersion: v2\nname: " + name + "\nversion: 0.1.0\nicon: https://example.com/icon.svg\n",
		"values.yaml":        "image: {repository: ghcr.io/acme/" + name + ", tag: \"\"}\n",
		"templates/pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: \"{{ .Values.image.repository }}:{{ .Values.image.tag }}\"}]}\n",
	} {
		p.write(path.Join(dir, file), text)
	}
}

// spelled writes out what a txtar file cannot hold, or should not.
func spelled(text string) string {
	text = strings.NewReplacer("NUL", "\x00", "MARK", "\ufeff", "LATIN", "\xe9", "UTF16", "\xff\xfe",
		"LONG1100000", strings.Repeat("long ", 220_000), "SPACE240", strings.Repeat("space/", 40)+"s", "RULES", strings.Repeat("a/b/c\n", 201)).Replace(text)
	return text
}

// lock is the Chart.lock that Helm would write for the dependencies, at these versions.
func (p *page) lock(dir string, versions []string) string {
	p.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, dir, "Chart.yaml"))
	check(p, err)
	var meta chart.Metadata
	check(p, helmyaml.Unmarshal(text, &meta))
	lock := chart.Lock{}
	for i, d := range meta.Dependencies {
		lock.Dependencies = append(lock.Dependencies, &chart.Dependency{Name: d.Name, Version: versions[i], Repository: d.Repository})
	}
	both, err := json.Marshal([][]*chart.Dependency{meta.Dependencies, lock.Dependencies})
	check(p, err)
	lock.Digest = fmt.Sprintf("sha256:%x", sha256.Sum256(both))
	out, err := helmyaml.Marshal(lock)
	check(p, err)
	return string(out)
}

// oddFiles are files that a txtar file cannot hold: links, long names, large files, archives.
func (p *page) oddFiles() {
	link := func(dir, name, target string) {
		p.goodChart(dir)
		file := filepath.Join(p.dir, dir, name)
		_ = os.Remove(file)
		check(p, os.Symlink(target, file))
	}
	link("links/outside", "secret.txt", "/etc/passwd")
	link("links/broken", "notes.txt", "gone.txt")
	link("links/circle", "a", "b")
	link("links/circle", "b", "a")
	link("links/loop", "templates/again", "..")
	link("links/lock", "Chart.lock", "values.yaml")
	p.goodChart("files/large")
	p.write("files/large/dump.bin", strings.Repeat("x", 5<<20+1))
	p.goodChart("files/case")
	p.write("files/case/README.md", "")
	p.write("files/case/readme.md", "")
	p.goodChart("files/hidden")
	p.write("files/hidden/a\u200bb.txt", "")
	p.goodChart("files/backslash")
	p.write(`files/backslash/a\b.txt`, "")
	p.goodChart("files/encoding")
	p.write("files/encoding/caf\xe9.txt", "")
	link("links/chartfile", "Chart.yaml", "no\\thing")
	p.goodChart("linked/real")
	check(p, os.Symlink("real", filepath.Join(p.dir, "linked/link")))
	p.goodChart("files/both")
	p.write("files/both/charts/part-0.1.0.tgz", string(tgz(p, "part/Chart.yaml", "apiVersion: v2\nname: part\nversion: 0.1.0\n")))
	p.goodChart("files/both/charts/part")
	p.goodChart("files/pipe")
	check(p, syscall.Mkfifo(filepath.Join(p.dir, "files/pipe/pipe"), 0o644))
	p.goodChart("files/step")
	p.write("files/step/Chart.yaml", "apiVersion: v2\nname: step\nversion: 0.1.0\n")
	p.goodChart("files/drive")
	p.write("files/drive/c:/a.txt", "")
	for name, archive := range map[string][]byte{
		"plain":   []byte("\x1f\x8b"),
		"nothing": tgz(p, "part/README.md", ""),
		"text":    gzipped(p, "no tar, but a text that is longer than the first block of one, which has five hundred and twelve bytes: "+strings.Repeat("x", 600)),
		"leaves":  tgz(p, "../x", ""),
		"link":    tgz(p, "part/Chart.yaml", "", "part/link@", ""),
		"many":    tgz(p, "part/Chart.yaml", "", "part/a", strings.Repeat("#", 4<<20), "part/b", strings.Repeat("#", 4<<20), "part/c", strings.Repeat("#", 4<<20)),
		"outside": tgz(p, "part/../../x", ""),
		"second":  tgz(p, "part/Chart.yaml", "", "other/x", ""),
		"twice":   tgz(p, "part/Chart.yaml", "", "part/Chart.yaml", ""),
		"hidden":  tgz(p, "part/Chart.yaml", "", "part/a\u200bb", ""),
		"bomb":    tgz(p, "part/Chart.yaml", strings.Repeat("#", 11<<20)),
		"folder":  tgz(p, "part/Chart.yaml", "apiVersion: v2\nname: part\nversion: 0.1.0\n", "part/a", "", "part/a/b", ""),
		"huge":    tgz(p, "part/Chart.yaml", strings.Repeat("#", 6<<20)),
	} {
		dir := "dependencies/archive-" + name
		p.goodChart(dir)
		p.write(dir+"/charts/part-0.1.0.tgz", string(archive))
	}
}

// tgz packs pairs of name and text.
func tgz(t testing.TB, pairs ...string) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for i := 0; i < len(pairs); i += 2 {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: pairs[i], Size: int64(len(pairs[i+1])), Mode: 0o644}
		if name, link := strings.CutSuffix(pairs[i], "@"); link {
			header = &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: "x"}
		}
		check(t, w.WriteHeader(header))
		_, err := w.Write([]byte(pairs[i+1]))
		check(t, err)
	}
	check(t, w.Close())
	check(t, z.Close())
	return out.Bytes()
}

func gzipped(t testing.TB, text string) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write([]byte(text))
	check(t, err)
	check(t, z.Close())
	return out.Bytes()
}

// tellRepositories is for chart repositories on the web that dependencies come from.
func tellRepositories(p *page) {
	index, archive, code := "", "", http.StatusOK
	server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(code)
		if strings.HasSuffix(r.URL.Path, "/index.yaml") {
			_, _ = io.WriteString(rw, index)
			return
		}
		_, _ = io.WriteString(rw, archive)
	}))
	p.Cleanup(server.Close)
	p.call(server.URL, "https://charts.example.com")
	p.call(strings.TrimPrefix(server.URL, "https://"), "charts.example.com")
	host := strings.TrimPrefix(server.URL, "https://")
	get := func(title, url string) {
		p.Helper()
		_, err := charts.HTTPS{Hosts: []string{host}, Client: server.Client()}.Get(p.Context(), url, "part", "0.1.0")
		p.says(title, err)
	}
	get("another host", "https://elsewhere.example.com")
	get("the URL cannot be read", "https://[")
	index = "entries: ["
	get("the index is not YAML", server.URL)
	index = "entries: {part: [{version: 0.2.0, urls: [part-0.2.0.tgz]}]}"
	get("the version is not there", server.URL)
	index = "entries: {part: [{version: 0.1.0, urls: ['https://[']}]}"
	get("the index names no address", server.URL)
	index = "entries: {part: [{version: 0.1.0, urls: ['https://elsewhere.example.com/part.tgz']}]}"
	get("the index sends us elsewhere", server.URL)
	index = "entries: {part: [{version: 0.1.0, urls: [part-0.1.0.tgz], digest: abc}]}"
	get("the archive is another one", server.URL)
	archive = strings.Repeat("x", 10<<20+1)
	get("the archive is too large", server.URL)
	code = http.StatusNotFound
	get("there is no index", server.URL)
	code = http.StatusBadGateway
	get("the server is ill", server.URL)
	_, err := charts.ByScheme{}.Get(p.Context(), "oci://charts.example.com", "part", "0.1.0")
	p.says("nothing is configured for the dependency's kind of repository", err)
}
