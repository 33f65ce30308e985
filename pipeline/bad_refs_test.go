// What is tested here has no concurrency of its own, and takes minutes under the race detector.
//go:build !race

package pipeline

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// lying is a world whose git server lists more references than there are, all at one commit.
func lying(t *testing.T, names ...string) *world {
	t.Helper()
	var behind http.Handler
	var commit string
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/info/refs") {
			behind.ServeHTTP(rw, r)
			return
		}
		answer := httptest.NewRecorder()
		behind.ServeHTTP(answer, r)
		body := bytes.TrimSuffix(answer.Body.Bytes(), []byte("0000"))
		for _, name := range names {
			line := commit + " " + name + "\n"
			body = fmt.Appendf(body, "%04x%s", len(line)+4, line)
		}
		rw.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		rw.Write(append(body, "0000"...)) //nolint:errcheck // the client notices
	}))
	t.Cleanup(server.Close)
	w := newWorld(t, "GIT/", server.URL+"/")
	behind, commit = w.server, w.push(small("mail", "9.0.0"))
	return w
}

// notLookedAt checks that the log tells of each reference, escaped, and why it is not looked at.
func (w *world) notLookedAt(refs map[string]string) {
	w.Helper()
	var lines []string
	for line := range strings.Lines(w.logged.String()) {
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' || r > '~' }) {
			w.Errorf("the log holds what a terminal may obey: %q", line)
		}
		lines = append(lines, line)
	}
	for ref, why := range refs {
		if !slices.ContainsFunc(lines, func(line string) bool {
			return strings.Contains(line, ref) && strings.Contains(line, why+"; delete it on the server")
		}) {
			w.Errorf("the log does not say that %s has %q:\n%s", ref, why, w.logged.String())
		}
	}
}

// B2: as CVE-2026-71557 has it, from a server that git itself would not be.
func TestARefThatLeadsOutOfItsFolderIsNotLookedAt(t *testing.T) {
	t.Parallel()
	w := lying(t, "../../config", "refs/tags/../../x", "refs/tags/mail-1.0.0/../../heads/main", "refs/heads/../x")
	w.rejects(nil)
	w.notLookedAt(map[string]string{
		"../../config": `\"..\" in the name`, "refs/tags/../../x": `\"..\" in the name`,
		"refs/tags/mail-1.0.0/../../heads/main": `\"..\" in the name`, "refs/heads/../x": `\"..\" in the name`,
	})
}

// B3
func TestARefWithControlCharactersIsNotLookedAtAndLoggedEscaped(t *testing.T) {
	t.Parallel()
	w := lying(t, "refs/tags/mail-1.0.0\x1b[31m", "refs/tags/mail-1.0.1\x7f", "refs/tags/mail-1.\r0.2")
	w.rejects(nil)
	const why = "control characters in the name"
	w.notLookedAt(map[string]string{`mail-1.0.0\\x1b[31m`: why, `mail-1.0.1\\x7f`: why, `mail-1.\\r0.2`: why})
}

// B4
func TestATagThatOnlyLooksLikeAVersionIsNotLookedAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	commit := w.push(small("mail", "9.0.0"))
	names := []string{"mail-9.\u0660.0", "m\u0430il-9.0.0", "mail-\uff19.0.0", "mail-9\u20240.0", "mail-9.0.0\u2028", "mail-9.0.0\u200b", "mail\u20109.0.0"}
	want := map[string]string{}
	for _, name := range names {
		w.git.Tag(name, commit)
		want[strings.ReplaceAll(strings.Trim(fmt.Sprintf("%+q", name), `"`), `\`, `\\`)] = "characters beyond ASCII in the name"
	}
	w.rejects(nil)
	w.notLookedAt(want)
}

// B6: a registry writes the + of a version as _, so that both would be one tag there.
func TestOfTwoVersionsWithOneTagInTheRegistryTheSecondIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(small("voice", "1.0.0+a"), "voice-1.0.0+a", "voice-1.0.0_a")
	w.sweepIs("voice-1.0.0_a rejected", "voice-1.0.0+a released")
	w.says("the reason", w.outcome("voice-1.0.0_a").Reason, `"1.0.0_a" is not a strict SemVer version`, "tag the commit again as voice-MAJOR.MINOR.PATCH")
	digest := w.resolve("voice", "1.0.0+a").Digest()
	// The other way round somebody else has pushed 1.0.0_b, by hand: it has the tag that 1.0.0+b would have.
	w.copyTag("voice", "1.0.0_a", "1.0.0_b")
	w.push(small("voice", "1.0.0+b"), "voice-1.0.0+b")
	w.sweepIs("voice-1.0.0+b rejected")
	w.says("the reason", w.outcome("voice-1.0.0+b").Reason, "1.0.0+b", "; ")
	if got := w.resolve("voice", "1.0.0+a").Digest(); got != digest {
		t.Errorf("1.0.0+a is %s now, was %s", got, digest)
	}
}

// copyTag gives a manifest of the registry a second tag, by hand.
func (w *world) copyTag(chart, from, to string) {
	w.Helper()
	resp, err := http.Get(w.store.URL() + "/v2/charts/" + chart + "/manifests/" + from)
	w.must(err)
	defer resp.Body.Close()
	manifest, err := io.ReadAll(resp.Body)
	w.must(err)
	put, err := http.NewRequest(http.MethodPut, w.store.URL()+"/v2/charts/"+chart+"/manifests/"+to, bytes.NewReader(manifest))
	w.must(err)
	put.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	done, err := http.DefaultClient.Do(put)
	w.must(err)
	defer done.Body.Close()
	if done.StatusCode != http.StatusCreated {
		w.Fatalf("the registry answers %s", done.Status)
	}
}

// B7
func TestABranchNamedLikeATagReleasesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tagged := w.push(small("voice", "1.0.0"), "voice-1.0.0")
	w.git.Commit("voice-1.0.0", small("voice", "1.0.0")+"-- charts/voice/evil.txt --\nx\n")
	w.git.Commit("refs/tags/voice-1.0.0", small("voice", "1.0.0")+"-- charts/voice/evil.txt --\nx\n")
	w.git.Commit("voice-2.0.0", small("voice", "2.0.0"))
	w.sweepIs("voice-1.0.0 released")
	if got := w.resolve("voice", "1.0.0").Commit(); got != tagged {
		t.Errorf("the release is of %s, the tag of %s", got, tagged)
	}
}

// B8
func TestATagThatLeadsToNoCommitIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	commit := w.push(bad("a"))
	blob, tree := w.git.Git("rev-parse", "main:charts/a/Chart.yaml"), w.git.Git("rev-parse", "main^{tree}")
	w.git.Tag("blob-1.0.0", blob)
	w.git.Tag("tree-1.0.0", tree)
	w.git.Annotate("inside-1.0.0", w.git.Annotate("inner", blob))
	for at := range 12 { // a circle cannot be made, as a tag has the name of what it says; this is as good as endless
		commit = w.git.Annotate(fmt.Sprintf("deep-1.0.%d", at), commit)
	}
	for at := range 10 {
		w.git.Git("update-ref", "-d", fmt.Sprintf("refs/tags/deep-1.0.%d", at))
	}
	const fix = "tag the commit that shall be released"
	w.rejects(map[string][]string{
		"blob-1.0.0":   {"tag blob-1.0.0: not a commit: " + blob + " is a blob", fix},
		"tree-1.0.0":   {"tag tree-1.0.0: not a commit: " + tree + " is a tree", fix},
		"inside-1.0.0": {"tag inside-1.0.0: not a commit: " + blob + " is a blob", fix},
		"deep-1.0.10":  {"tag deep-1.0.10: not a commit: a tag of a tag, more than 10 deep", fix},
		"deep-1.0.11":  {"tag deep-1.0.11: not a commit: a tag of a tag, more than 10 deep", fix},
	})
}

// B9: git lists all tags at once, so that there is nothing to page through; what a listing may be is bounded.
func TestAHundredThousandTagsAreReadOnceAndCostNothingButTheirNames(t *testing.T) {
	w := newWorld(t, "existing: all", "existing: latest")
	commit := w.push(small("voice", "50000.0.0"))
	var packed strings.Builder
	for n := range 50_000 {
		fmt.Fprintf(&packed, "%s refs/tags/nightly-%d\n%s refs/tags/voice-%d.0.0\n", commit, n, commit, n+1)
	}
	w.must(os.WriteFile(filepath.Join(w.git.Dir(), "packed-refs"), []byte(packed.String()), 0o644))
	sweep := func() {
		w.outcomes = nil
		swept, err := w.sweeper.Sweep(t.Context(), w.source)
		w.must(err)
		if want := (Swept{Tags: 100_000, Unmatched: 50_000, Before: 49_999}); swept != want {
			t.Errorf("the sweep counts %+v, want %+v", swept, want)
		}
		if len(w.outcomes) != 1 || w.outcomes[0].State != Released || w.outcomes[0].Tag != "voice-50000.0.0" {
			t.Errorf("%d outcomes:\n%s", len(w.outcomes), w.reasons())
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if n := w.requests(sweep); n > 4 { // listing, commit, its files
		t.Errorf("%d requests", n)
	}
	w.says("the log", w.logged.String(), "first contact: tags that were there before are left alone", "tags=49999")
	w.restart()
	w.writesNothing("a new process", sweep)
	w.restart()
	if n := w.requests(sweep); n > 1 {
		t.Errorf("%d requests to find that all is done", n)
	}
	runtime.ReadMemStats(&after)
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 1500 {
		t.Errorf("three sweeps took %d MiB", used)
	}
}
