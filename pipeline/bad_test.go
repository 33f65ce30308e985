// What is tested here has no concurrency of its own, and takes minutes under the race detector.
//go:build !race

package pipeline

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/releaser/releaser/internal/lab/chartlab"
)

// rejects sweeps over bad tags and a good one. Each bad tag is rejected for a reason with these parts, before anything
// of it is pushed, signed or proposed; the good one is released; and a new process finds the same and writes nothing.
func (w *world) rejects(bad map[string][]string) {
	w.Helper()
	w.push(small("mail", "9.0.0"), "mail-9.0.0")
	for _, again := range []bool{false, true} {
		if again {
			w.restart()
			w.writesNothing("a new process", w.sweep)
		} else {
			w.sweep()
		}
		if o := w.outcome("mail-9.0.0"); o.State != Released {
			w.Errorf("the good tag: %s: %s", o.State, o.Reason)
		}
		if len(w.outcomes) != len(bad)+1 {
			w.Errorf("%d outcomes:\n%s", len(w.outcomes), w.reasons())
		}
		for tag, parts := range bad {
			w.isRejected(w.outcome(tag), parts)
		}
	}
	if got := w.catalog(); !slices.Equal(got, []string{"charts/mail", "charts/releaser-baseline"}) {
		w.Errorf("the registry holds %q", got)
	}
	prs, err := w.github.Repository(environments).PullRequests(w.Context(), "", "all")
	w.must(err)
	if len(prs) != 1 || prs[0].Head != "releaser/dev/mail" {
		w.Errorf("pull requests: %+v", prs)
	}
}

func (w *world) isRejected(o Outcome, parts []string) {
	w.Helper()
	if o.State != Rejected {
		w.Errorf("%s: %s: %s", o.Tag, o.State, o.Reason)
	}
	w.says(o.Tag, o.Reason, parts...)
	if slices.ContainsFunc(o.Stages, func(s Stage) bool { return s.Name == "push" }) {
		w.Errorf("%s came as far as %+v", o.Tag, o.Stages)
	}
}

// catalog lists the repositories of the registry, asked for without any code of ours.
func (w *world) catalog() []string {
	w.Helper()
	resp, err := http.Get(w.store.URL() + "/v2/_catalog")
	w.must(err)
	defer resp.Body.Close()
	var list struct{ Repositories []string }
	w.must(json.NewDecoder(resp.Body).Decode(&list))
	slices.Sort(list.Repositories)
	return list.Repositories
}

// bad is the small chart of that name at 1.0.0, with texts in it replaced: pairs of a text and what stands in its place.
func bad(name string, edits ...string) string {
	return strings.NewReplacer(edits...).Replace(small(name, "1.0.0"))
}

// B1
func TestARefThatIsAnOptionIsNotLookedAt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	commit := w.push(small("mail", "9.0.0"))
	w.git.Git("update-ref", "refs/tags/--upload-pack=x", commit)
	w.git.Git("update-ref", "refs/heads/--upload-pack=y", commit)
	w.rejects(nil)
	w.says("the log", w.logged.String(), "refs/tags/--upload-pack=x", "the name begins with a dash", "delete it on the server")
}

// B5
func TestATagOfNoPatternIsPassedOverAndOneOfNoVersionIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(small("bad", "1.2.0"), "v1", "nightly", "bad-latest", "1.2.0", "bad-1.2", "bad-01.2.0", "bad-v1.2.0")
	w.rejects(map[string][]string{
		"bad-1.2":    {`tag "bad-1.2" fits {chart}-{version}, but "1.2" is not a strict SemVer version`, "tag the commit again as bad-MAJOR.MINOR.PATCH"},
		"bad-01.2.0": {`"01.2.0" is not a strict SemVer version`, "without leading zeros"},
		"bad-v1.2.0": {`"v1.2.0" is not a strict SemVer version`, "add the pattern {chart}-v{version} to the source's tags"},
	})
}

// B11
func TestALinkThatLeavesTheChartIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push("-- secret.yaml --\na: tweet\n"+
		bad("file")+"-- charts/file/files/x -> ../../../secret.yaml --\n"+
		bad("host")+"-- charts/host/templates/x.yaml -> /etc/hostname --\n"+
		bad("folder")+"-- charts/folder/files -> ../.. --\n"+
		"-- charts/chart/Chart.yaml -> ../file/Chart.yaml --\n", "file-1.0.0", "host-1.0.0", "folder-1.0.0", "chart-1.0.0")
	const rule, fix = ": error: symlink-outside: the symbolic link leads out of the chart", "put a copy of the file into the chart"
	w.rejects(map[string][]string{
		"file-1.0.0":   {"charts/file/files/x" + rule, fix},
		"host-1.0.0":   {"charts/host/templates/x.yaml" + rule, fix},
		"folder-1.0.0": {"charts/folder/files" + rule, fix},
		"chart-1.0.0":  {"charts/chart/Chart.yaml" + rule, fix},
	})
}

// B20
func TestANameThatSuitsNoRegistryIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := map[string][]string{}
	for folder, name := range map[string]string{"dots": "..", "upper": "A_b", "lines": `"x\ny"`, "long": strings.Repeat("a", 300), "ours": "releaser-baseline"} {
		tag := folder + "-1.0.0"
		w.push(bad(folder, "name: "+folder+"\n", "name: "+name+"\n"), tag)
		want[tag] = []string{"charts/" + folder + "/Chart.yaml:2: error: name: the name ", "use lower-case letters, digits and '-', at most 63"}
	}
	w.rejects(want)
}

// B21
func TestAVersionThatIsNotTheTagsIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(bad("bad")+bad("loose", "version: 1.0.0", "version: v2.0.0"), "bad-2.0.0", "loose-2.0.0")
	w.rejects(map[string][]string{
		"bad-2.0.0": {"charts/bad/Chart.yaml:5: error: version-tag: the chart is version 1.0.0, the tag bad-2.0.0 says 2.0.0",
			"set the version to 2.0.0 and tag that commit, or tag this one with 1.0.0"},
		"loose-2.0.0": {`charts/loose/Chart.yaml:5: error: version: the version "v2.0.0" is not strict SemVer`, "without a leading v"},
	})
}

// B22
func TestADependencyOutsideTheRepositoryIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(dependent("host", "1.0.0", "x", "1.0.0", "file:///etc")+
		dependent("above", "1.0.0", "x", "1.0.0", "file://../../../x")+
		dependent("through", "1.0.0", "above", "1.0.0", "file://../above")+
		dependent("nowhere", "1.0.0", "x", "1.0.0", "file://../x"), "host-1.0.0", "above-1.0.0", "through-1.0.0", "nowhere-1.0.0")
	const rule, fix = `/Chart.yaml:7: error: dependency-outside: the dependency "x" lies outside the repository`, "as in file://../name"
	w.rejects(map[string][]string{
		"host-1.0.0":    {"charts/host" + rule, fix},
		"above-1.0.0":   {"charts/above" + rule, fix},
		"through-1.0.0": {"charts/above" + rule, fix},
		// Inside, and not there: the author's fault as well, and no server's.
		"nowhere-1.0.0": {"charts/x: error: folder: there is no such folder in the repository", "check the path of the chart"},
	})
}

// B23
func TestADependencyOnAHostThatNobodyAllowedIsRejectedAndTheHostIsNotAsked(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	w := newWorld(t)
	want := map[string][]string{}
	for chart, row := range map[string][2]string{
		"metadata": {"https://169.254.169.254/latest", "dependency-host: the dependency x cannot be had: https://169.254.169.254 is not an allowed host for dependencies"},
		"registry": {"oci://169.254.169.254/latest", "dependency-host: the dependency x cannot be had: "},
		"near":     {server.URL + "/charts", "dependency-host: the dependency x cannot be had: "},
		"plain":    {"http://169.254.169.254/latest", "dependency-repository: the dependency x comes from a repository that is not oci://, https:// or file://"},
	} {
		w.push(dependent(chart, "1.0.0", "x", "1.0.0", row[0]), chart+"-1.0.0")
		want[chart+"-1.0.0"] = []string{"charts/" + chart + "/Chart.yaml:7: error: " + row[1], "put a copy under charts/: helm dependency build"}
	}
	want["registry-1.0.0"][1] = "; "
	w.rejects(want)
	if n := asked.Load(); n > 0 {
		t.Errorf("the host was asked %d times", n)
	}
}

// B24
func TestADependencyThatIsNotAsLockedIsRejectedWithTheCommandThatMendsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	unlocked, _, _ := strings.Cut(dependent("unlocked", "1.0.0", "lib", "1.0.0", "file://../lib"), "-- charts/unlocked/Chart.lock")
	stale := strings.Replace(dependent("stale", "1.0.0", "lib", "1.0.0", "file://../lib"), "  version: 1.0.0\n", "  version: ^1.0.0\n", 1)
	w.push(chartlab.Library("lib", "1.0.0")+unlocked+stale+dependent("other", "1.0.0", "lib", "1.0.1", "file://../lib"),
		"unlocked-1.0.0", "stale-1.0.0", "other-1.0.0")
	w.rejects(map[string][]string{
		"unlocked-1.0.0": {"charts/unlocked/Chart.lock: error: lock-missing: ", "run 'helm dependency update charts/unlocked' and commit Chart.lock"},
		"stale-1.0.0":    {"charts/stale/Chart.lock:1: error: lock-stale: ", "run 'helm dependency update charts/stale' and commit Chart.lock"},
		"other-1.0.0": {"charts/other/Chart.yaml:7: error: lock-version: the dependency lib is version 1.0.0 (charts/lib), Chart.lock says 1.0.1",
			"run 'helm dependency update charts/other' and commit Chart.lock"},
	})
}

// B30
func TestAPinUnderAnAnchorAnAliasOrAMergeKeyIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(bad("anchor")+"-- charts/anchor/values.yaml --\nimage: &i\n  tag: \"\"\nother: *i\n"+
		bad("alias")+"-- charts/alias/values.yaml --\nt: &t x\nimage:\n  tag: *t\n"+
		bad("merge")+"-- charts/merge/values.yaml --\nbase: &b {tag: x}\nimage:\n  <<: *b\n",
		"anchor-1.0.0", "alias-1.0.0", "merge-1.0.0")
	w.rejects(map[string][]string{
		"anchor-1.0.0": {"charts/anchor/values.yaml:1: error: pin-anchor: image.tag: ", "; "},
		"alias-1.0.0":  {"charts/alias/values.yaml:3: error: pin-alias: image.tag: ", "; "},
		"merge-1.0.0":  {"charts/merge/values.yaml:2: error: pin-merge-key: image.tag: ", "write the key out in this mapping"},
	})
}

// B32
func TestASchemaThatRefersToAServerIsRejectedAndTheServerIsNotAsked(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		fmt.Fprint(w, "true")
	}))
	defer server.Close()
	w := newWorld(t)
	w.push(bad("bad")+schema("bad", server.URL+"/schema.json"), "bad-1.0.0")
	w.rejects(map[string][]string{
		"bad-1.0.0": {"charts/bad/values.schema.json:1: error: schema-ref: the schema refers to an http: address, outside of itself", "copy what it refers to into the schema"},
	})
	if n := asked.Load(); n > 0 {
		t.Errorf("the server was asked %d times", n)
	}
}

// B33
func TestASchemaThatRefersToAFileIsRejectedAndNothingOfTheFileIsTold(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "schema.json")
	if err := os.WriteFile(file, []byte(`{"title": "tweet", "type": "tweet"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.push(bad("bad")+schema("bad", "file://"+file)+bad("near")+schema("near", "values.yaml"), "bad-1.0.0", "near-1.0.0")
	want := []string{"/values.schema.json:1: error: schema-ref: the schema refers to a file, outside of itself", "copy what it refers to into the schema"}
	w.rejects(map[string][]string{"bad-1.0.0": want, "near-1.0.0": want})
	if strings.Contains(w.reasons()+w.logged.String(), "tweet") {
		t.Errorf("it tells what is in the file:\n%s", w.reasons())
	}
}

// schema is a schema with one reference.
func schema(chart, reference string) string {
	return fmt.Sprintf("-- charts/%s/values.schema.json --\n{\"properties\": {\"image\": {\"$ref\": %q}}}\n", chart, reference)
}

// B41
func TestATemplateWithoutEndIsStoppedAndTheLineGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	template := func(chart, text string) string { return "-- charts/" + chart + "/templates/x.yaml --\n" + text + "\n" }
	w.push(bad("until")+template("until", `x: {{ range until 50000000 }}{{ . }}{{ end }}`)+
		bad("repeat")+template("repeat", `x: {{ repeat 500000000 "x" }}`), "until-1.0.0", "repeat-1.0.0")
	const fix = "look in its templates and its schema for loops, repeat, until" // which limit is first, the machine decides
	w.rejects(map[string][]string{
		"until-1.0.0":  {"charts/until/Chart.yaml:1: error: limit-", fix},
		"repeat-1.0.0": {"charts/repeat/Chart.yaml:1: error: limit-", fix},
	})
}

// B29. Unquoted, each of these would be a number to whoever reads the values.
func TestACommitThatLooksLikeANumberIsWrittenAsText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "- {path: charts/*}", `- {path: charts/*, pins: [{key: image.tag, value: "{commit:7}"}]}`)
	for i, form := range []string{`^[1-9][0-9]{6}`, `^0[0-7]{6}`, `^[1-9][0-9]{0,4}e[0-9]+`} {
		version := fmt.Sprintf("1.%d.0", i)
		commit := w.commitLike(small("voice", version), regexp.MustCompile(form+"$"))
		w.git.Tag("voice-"+version, commit)
		w.sweepIs("voice-" + version + " released")
		_, before, _ := strings.Cut(small("voice", version), "values.yaml --\n")
		before, _, _ = strings.Cut(before, "-- ")
		after := w.released("voice", version, "values.yaml")
		if want := strings.Replace(before, `tag: ""`, `tag: "`+commit[:7]+`"`, 1); after != want {
			t.Errorf("%s: values.yaml is\n%s\nwant\n%s", commit, after, want)
		}
		for where, text := range map[string]string{"the chart": after, "dev": w.environment("dev/voice/values.yaml")} {
			var values struct{ Image struct{ Tag any } }
			w.must(yaml.Unmarshal([]byte(text), &values))
			if values.Image.Tag != commit[:7] {
				t.Errorf("%s: %s has the tag %#v", commit, where, values.Image.Tag)
			}
		}
	}
	w.restart()
	w.writesNothing("a new process", func() { w.sweepIs("voice-1.0.0 released", "voice-1.1.0 released", "voice-1.2.0 released") })
}

// commitLike commits the text to main in such words that the first seven digits of the commit's name have a form.
func (w *world) commitLike(text string, form *regexp.Regexp) string {
	w.Helper()
	plain := w.git.Git("cat-file", "commit", w.push(text))
	for n := range 1_000_000 {
		commit := fmt.Sprintf("%s\n\n%d\n", plain, n)
		name := fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "commit %d\x00%s", len(commit), commit)))
		if form.MatchString(name[:7]) {
			if got := w.git.GitInput(commit, "hash-object", "-t", "commit", "-w", "--stdin"); got != name {
				w.Fatalf("git says %s, not %s", got, name)
			}
			w.git.Git("update-ref", "refs/heads/main", name)
			return name
		}
	}
	w.Fatalf("no commit is like %s", form)
	return ""
}

func TestAFileNameThatNoDiskMayHoldRejectsItsChartAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `"{chart}-{version}"`, `"{chart}-{version}", "v{version}"`)
	w.push(bad("bad") + bad("voice"))
	commit := w.graft("charts/bad", "100644 blob "+w.git.GitInput("x", "hash-object", "-w", "--stdin")+"\t.GIT")
	for _, tag := range []string{"bad-1.0.0", "voice-1.0.0", "v1.0.0"} {
		w.git.Tag(tag, commit)
	}
	w.sweepIs("bad-1.0.0 rejected", "v1.0.0 bad rejected", "v1.0.0 voice released", "voice-1.0.0 released")
	w.says("the reasons", w.reasons(), "bad file name", "charts/bad")
}
