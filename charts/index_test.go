package charts_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/releaser/releaser/charts"
)

// fromIndex asks a repository with this index for redis 1.2.3. The archive is the one that it names redis.tgz.
func fromIndex(t *testing.T, index, archive string) (string, error) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/index.yaml":
			fmt.Fprint(w, index)
		case "/redis.tgz":
			fmt.Fprint(w, archive)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	got, err := charts.HTTPS{Hosts: []string{host(t, server.URL)}, Client: server.Client()}.Get(t.Context(), server.URL, "redis", "1.2.3")
	return string(got), err
}

// An index as Helm writes it, as JSON, and as anybody may write YAML.
func TestIndexIsReadHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	for _, index := range []string{
		"apiVersion: v1\nentries:\n  a:\n  - version: 1.2.3\n    urls: [a]\n  redis:\n  - annotations:\n      x: |\n        text\n\n        more\n    version: 1.0.0\n    urls:\n    - no\n" +
			"  - version: 1.2.3\n    urls:\n    - redis.tgz\n  redis-ha:\n  - version: 1.2.3\n    urls: [b]\ngenerated: x\n",
		"entries:\n  redis:\n    - version: 1.2.3\n      urls: [redis.tgz]\n    - version: 1.2.2\n      urls: [no]\n",
		"entries:\n  redis:\n  - description: |-\n      - version: 1.2.3\n    version: 1.2.30\n    urls: [no]\n  - urls:\n    - redis.tgz\n    version: \"1.2.3\"\n",
		"entries: {redis: [{version: 1.2.3, urls: [redis.tgz]}]}\n",
		`{"entries": {"redis": [{"version": "1.2.3", "urls": ["redis.tgz"]}], "a": null}}`,
		"base: &b {version: 1.2.3, urls: [redis.tgz]}\nentries:\n  redis:\n  - *b # 1.2.3\n",
		"entries:\n  \"redis\":\n  - version: 1.2.3\n    urls: [redis.tgz]",
		"other:\n  redis:\n  - {version: 1.2.3, urls: [no]}\nentries:\n  redis:\n  - {version: 1.2.3, urls: [redis.tgz]}\n",
	} {
		if got, err := fromIndex(t, index, "the archive"); err != nil || got != "the archive" {
			t.Errorf("%s: %q, %v", index, got, err)
		}
	}
}

func TestIndexWithoutTheChartOrTheVersionIsRefused(t *testing.T) {
	t.Parallel()
	for _, index := range []string{"", "entries:\n", "entries:\n  redis:\n", "entries:\n  redis:\n  - version: 1.2.30\n    urls: [redis.tgz]\n", "entries:\n  redis-ha:\n  - version: 1.2.3\n    urls: [redis.tgz]\n",
		"entries:\n  redis:\n  - version: 1.2.3\n    urls: []\n", "entries:\n  redis:\n  - null # 1.2.3\n"} {
		_, err := fromIndex(t, index, "the archive")
		unobtainable(t, err, "dependency-version")
	}
}

// B26, B27: the process with the keys parses an index, and its publisher is a stranger.
func TestIndexThatWouldTakeMuchMemoryIsRefused(t *testing.T) {
	const helms = "apiVersion: v1\nentries:\n  redis:\n"
	for name, index := range map[string]string{
		"aliases in an entry":     helms + "  - version: 1.2.3\n    urls: [redis.tgz]\n    " + aliases("keywords"),
		"aliases beside it":       aliases("x") + "entries: {redis: [{version: 1.2.3, urls: [redis.tgz]}]}\n",
		"an alias of itself":      helms + "  - &a {version: 1.2.3, urls: [redis.tgz], x: *a}\n",
		"nesting":                 helms + "  - version: 1.2.3\n    urls: [redis.tgz]\n    x: " + strings.Repeat("[", 200_000) + "\n",
		"nesting as JSON":         `{"entries": {"redis": ` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + `}}`,
		"a long entry":            helms + "  - version: 1.2.3\n    urls: [redis.tgz]\n    keywords: [" + strings.Repeat("a,", 600_000) + "]\n",
		"many entries":            helms + strings.Repeat("  - version: 1.2.3\n    keywords: ["+strings.Repeat("a,", 10_000)+"]\n", 500),
		"not as Helm writes, big": "x: [" + strings.Repeat("a,", 5_000_000) + "]\nentries: {redis: [{version: 1.2.3, urls: [redis.tgz]}]}\n",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := fromIndex(t, index, "the archive")
		runtime.ReadMemStats(&after)
		var u *charts.Unobtainable
		if !errors.As(err, &u) || u.Rule != "dependency-index" || u.Fix == "" {
			t.Errorf("%s: %v", name, err)
		}
		if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 200 {
			t.Errorf("%s took %d MiB", name, used)
		}
	}
}

// Ten thousand versions of other charts and a thousand of this one are 13 MB, of which one entry is parsed.
func TestLargeIndexCostsLittle(t *testing.T) {
	var index strings.Builder
	index.WriteString("apiVersion: v1\nentries:\n")
	entry := func(version int) {
		fmt.Fprintf(&index, "  - description: %s\n    version: 1.2.%d\n    urls:\n    - redis.tgz\n", strings.Repeat("x ", 500), version)
	}
	for chart := range 10 {
		fmt.Fprintf(&index, "  chart-%d:\n", chart)
		for version := range 1000 {
			entry(version)
		}
	}
	index.WriteString("  redis:\n")
	for version := range 1000 {
		entry(version)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := fromIndex(t, index.String(), "the archive")
	runtime.ReadMemStats(&after)
	if err != nil || got != "the archive" {
		t.Errorf("%q, %v", got, err)
	}
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 100 {
		t.Errorf("it took %d MiB", used)
	}
}
