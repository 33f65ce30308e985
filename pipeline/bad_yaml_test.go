// What is tested here has no concurrency of its own, and takes minutes under the race detector.
//go:build !race

package pipeline

import (
	"fmt"
	"strings"
	"testing"

	"github.com/releaser/releaser/pipeline/promotion"
)

// aliases is a key whose value is 80 kB long, and 400 MB once its aliases are written out.
func aliases(key string) string {
	return key + ": [&a " + strings.Repeat("x", 20_000) + strings.Repeat(", *a", 20_000) + "]\n"
}

// nested is a key whose value is 200,000 lists in each other.
func nested(key string) string { return key + ": " + strings.Repeat("[", 200_000) + "\n" }

// B25
func TestANullDependencyOrABinaryTagIsRejectedAndNothingPanics(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const first = "type: application\n"
	w.push(bad("null", first, first+"dependencies: [null]\n")+
		bad("name", "name: name", "name: !!binary bmFtZQ==")+
		bad("text", first, first+"annotations: {a: !!binary aGk=}\n")+
		bad("own", first, first+"keywords: [!vault a]\n")+
		bad("person", first, first+"maintainers: [null]\n"), "null-1.0.0", "name-1.0.0", "text-1.0.0", "own-1.0.0", "person-1.0.0")
	const fix = "remove the tag and write plain text"
	w.rejects(map[string][]string{
		"null-1.0.0":   {"charts/null/Chart.yaml:5: error: dependency: the dependency is empty", "remove it, or give it a name"},
		"name-1.0.0":   {"charts/name/Chart.yaml:2: error: tag: the tag !!binary is not allowed here", fix},
		"text-1.0.0":   {"charts/text/Chart.yaml:5: error: tag: the tag !!binary is not allowed here", fix},
		"own-1.0.0":    {"charts/own/Chart.yaml:5: error: tag: the tag ", fix},
		"person-1.0.0": {"charts/person/Chart.yaml:1: error: chart-yaml: ", "; "},
	})
}

// B26, B27: whatever file of a chart it is that the process with the keys has to parse.
func TestAYAMLFileThatWouldTakeAllMemoryIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "- {path: charts/*}", `- {path: charts/*, lint: {values: ["values-*.yaml"]}}`)
	want := map[string][]string{}
	for chart, row := range map[string][2]string{ // the file, and what stands in it before the bomb
		"chart": {"Chart.yaml", "apiVersion: v2\nname: CHART\nversion: 1.0.0\n"}, "lock": {"Chart.lock", ""}, "values": {"values.yaml", "image: {tag: x}\n"},
		"sub": {"charts/sub/values.yaml", ""}, "old": {"charts/sub/requirements.yaml", ""}, "env": {"values-prod.yaml", ""},
	} {
		for kind, bomb := range map[string][2]string{
			"wide": {aliases("b"), "too-large: the file is too large or too deep once its aliases are written out; use fewer aliases"},
			"deep": {nested("b"), "exceeded max depth of 10000; "},
		} {
			name := chart + "-" + kind
			w.push(bad(name)+"-- charts/"+name+"/.helmignore --\nvalues-*.yaml\n-- charts/"+name+"/charts/sub/Chart.yaml --\napiVersion: v2\nname: sub\nversion: 1.0.0\n"+
				"-- charts/"+name+"/"+row[0]+" --\n"+strings.ReplaceAll(row[1], "CHART", name)+bomb[0], name+"-1.0.0")
			want[name+"-1.0.0"] = []string{"charts/" + name + "/" + row[0] + ":", ": error: ", bomb[1]}
		}
	}
	w.rejects(want)
}

// B26, B27: the environment's own files, which a pull request changes. The release stands, and other charts go on.
func TestAnEnvironmentsFileThatWouldTakeAllMemoryBlocksItsPullRequest(t *testing.T) {
	t.Parallel()
	for name, row := range map[string][2]string{
		"aliases": {aliases("b"), "dev/bad/values.yaml:1: the file is too large or too deep once its aliases are written out; use fewer aliases"},
		"levels":  {nested("b"), "dev/bad/values.yaml:2: the file is not valid YAML: exceeded max depth of 10000; "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.envs.Commit("main", "-- dev/bad/values.yaml --\nimage: {tag: x}\n"+row[0])
			w.push(small("bad", "1.0.0")+small("mail", "9.0.0"), "bad-1.0.0", "mail-9.0.0")
			w.sweepIs("bad-1.0.0 released", "mail-9.0.0 released")
			blocked, open := w.outcome("bad-1.0.0").Proposals[0], w.outcome("mail-9.0.0").Proposals[0]
			if blocked.State != promotion.Blocked || open.State != promotion.Merged {
				t.Errorf("they are %s and %s", blocked.State, open.State)
			}
			w.says("the reason", blocked.Reason, row[1])
			if prs := w.pullRequests("bad"); len(prs) > 0 {
				t.Errorf("pull requests: %+v", prs)
			}
		})
	}
}

// B28: YAML readers take the first of them, the last or none.
func TestAKeyThatStandsThereTwiceIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(bad("parent")+"-- charts/parent/values.yaml --\nimage: {tag: a}\nb: 1\nimage: {tag: b}\n"+
		bad("leaf")+"-- charts/leaf/values.yaml --\nimage:\n  tag: a\n  \"tag\": b\n"+
		bad("chart", "version: 1.0.0", "version: 1.0.0\nversion: 1.0.0"), "parent-1.0.0", "leaf-1.0.0", "chart-1.0.0")
	w.rejects(map[string][]string{
		"parent-1.0.0": {`charts/parent/values.yaml:3: error: pin-duplicate-key: image.tag: the document has the key "image" on line 1 already`, "keep one of them"},
		"leaf-1.0.0":   {`charts/leaf/values.yaml:3: error: pin-duplicate-key: image.tag: image has the key "tag" on line 2 already`, "keep one of them"},
		"chart-1.0.0":  {`charts/chart/Chart.yaml:6: error: duplicate-key: the key "version" stands there twice`, "keep one of them"},
	})
}

// B31: every other byte of the released file is the committed one.
func TestOddBytesOfAValuesFileAreReleasedAsTheyAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const repository = "repository: registry.example.com/acme/voice"
	var want []string
	for n, text := range []string{
		"image:\r\n  " + repository + " # ours\r\n  tag: \"\" # set\r\n# the end\r\n",
		"\ufeffimage:\n  " + repository + "\n  tag: \"\"\n",
		"# \u00e4\n\n\n---\n# begins here\nimage: {tag: \"\",   " + repository + "} # \ttail\n...\n# more",
		"image:\n    tag:      \"\"\t\n    " + repository + "\n\n\n \n",
	} {
		version := fmt.Sprintf("1.%d.0", n)
		w.push(small("voice", version))
		commit := w.add("charts/voice/values.yaml", []byte(text))
		w.git.Tag("voice-"+version, commit)
		want = append(want, "voice-"+version+" released")
		w.sweepIs(want[n])
		if got, want := w.released("voice", version, "values.yaml"), strings.Replace(text, `""`, `"`+commit+`"`, 1); got != want {
			t.Errorf("released\n%q, want\n%q", got, want)
		}
	}
	w.restart()
	w.writesNothing("a new process", func() { w.sweepIs(want...) })
}

// B31: where a reader might see something else than Helm does, nothing is guessed.
func TestAValuesFileThatReadersDisagreeOnIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := map[string][]string{}
	const utf8 = "save the file as plain UTF-8"
	for chart, row := range map[string][3]string{
		"two":    {"image: {tag: a}\n---\nimage: {tag: b}\n", ":2: error: pin-documents: the file holds several YAML documents", "keep one document in the file, without a second ---"},
		"mark":   {"image: {tag: a}\n---\n", ":2: error: pin-documents: the file holds several YAML documents", "keep one document in the file, without a second ---"},
		"bom":    {"image: {tag: a} # \ufeff\n", ":1: error: pin-encoding: a byte order mark stands inside the file", utf8},
		"wide":   {"\xff\xfei\x00m\x00", ":1: error: pin-encoding: the file is UTF-16", utf8},
		"latin":  {"# \xe4\nimage: {tag: a}\n", ":1: error: pin-encoding: the file is not valid UTF-8", utf8},
		"nul":    {"image: {tag: a}\n# \x00\n", ":2: error: pin-encoding: the file holds a NUL byte", utf8},
		"blocks": {"image:\n  tag: >-\n    a\n", ":2: error: pin-multiline: image.tag: ", "write it on one line"},
	} {
		w.push(bad(chart))
		w.git.Tag(chart+"-1.0.0", w.add("charts/"+chart+"/values.yaml", []byte(row[0])))
		want[chart+"-1.0.0"] = []string{"charts/" + chart + "/values.yaml" + row[1], row[2]}
	}
	w.rejects(want)
}
