package promotion

import (
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/placeholder"
)

func template(text string) placeholder.Template {
	t, err := placeholder.Parse(text)
	if err != nil {
		panic(err)
	}
	return t
}

// staging is an environment as the example configuration has it.
func staging() Environment {
	return Environment{
		Name: "staging", From: "dev", Repository: "acme/environments", Branch: "main",
		Files: []File{
			{Path: template("{environment}/{chart}/values.yaml"), Pins: true},
			{Path: template("{environment}/{chart}/release.yaml"), Set: []Setting{
				{Key: "version", Value: template("{version}")}, {Key: "digest", Value: template("{digest}")},
			}},
		},
	}
}

func pins() []Pin {
	return []Pin{{Key: "image.tag", Value: template("{commit:12}")}}
}

func digest(c string) string { return "sha256:" + strings.Repeat(c, 64) }

func release() Release {
	return Release{Chart: "voice-agent", Version: "0.2.0", Digest: digest("b"), Commit: strings.Repeat("0123456789", 4), Tag: "voice-agent-0.2.0"}
}

func TestOnlyTheConfiguredKeysChange(t *testing.T) {
	t.Parallel()
	values := "# voice\r\nimage:\r\n  repository: ghcr.io/acme/voice\r\n  tag: '0123456' # pinned\r\nreplicas:   3"
	files := map[string][]byte{
		"staging/voice-agent/values.yaml":  []byte(values),
		"staging/voice-agent/release.yaml": []byte("version: 0.1.0\ndigest: \"" + digest("a") + "\"\n\n"),
		"README":                           []byte("hello"),
	}
	changed, problems := apply(files, Edits(staging(), release(), pins()))
	if len(problems) > 0 || len(changed) != 2 {
		t.Fatalf("changed %q, problems %v", changed, problems)
	}
	if got, want := string(changed["staging/voice-agent/values.yaml"]), strings.Replace(values, "0123456", "012345678901", 1); got != want {
		t.Errorf("values: %q", got)
	}
	if got, want := string(changed["staging/voice-agent/release.yaml"]), "version: \"0.2.0\"\ndigest: \""+digest("b")+"\"\n\n"; got != want {
		t.Errorf("release: %q", got)
	}
	if again, problems := apply(changed, Edits(staging(), release(), pins())); len(again) > 0 || len(problems) > 0 {
		t.Errorf("a second edit changes %q, %v", again, problems)
	}
}

func TestAllThatIsMissingIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	edits := Edits(staging(), release(), append(pins(), Pin{Key: "worker.tag", Value: template("{tag}")}))
	_, problems := apply(map[string][]byte{"staging/voice-agent/values.yaml": []byte("image: {}\n")}, edits)
	text := strings.Join(problems, "\n")
	for _, want := range []string{
		"staging/voice-agent/values.yaml:1: image.tag: ", "staging/voice-agent/values.yaml:1: worker.tag: ",
		"staging/voice-agent/release.yaml: no such file: create it with the keys version, digest",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("not said: %s\nsaid: %s", want, text)
		}
	}
}

func TestDiffShowsTheLinesThatChange(t *testing.T) {
	t.Parallel()
	before := map[string][]byte{"a": []byte("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12"), "b": []byte("x\n"), "c": []byte("same\n")}
	after := map[string][]byte{"a": []byte("1\n2\n3\n4\nFIVE\n6\n7\n8\n9\n10\n11\nTWELVE"), "b": []byte("y\n"), "c": []byte("same\n")}
	want := `--- a/a
+++ b/a
@@ -2,11 +2,11 @@
 2
 3
 4
-5
+FIVE
 6
 7
 8
 9
 10
 11
-12
\ No newline at end of file
+TWELVE
\ No newline at end of file
--- a/b
+++ b/b
@@ -1,1 +1,1 @@
-x
+y
`
	if got := diff(before, after); got != want {
		t.Errorf("got\n%s", got)
	}
}

// B54
func TestNameThatMakesABadRefIsRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "a..b", "x.lock", "a@{b", "a/b", "A", "a b", "a.b", "-a", "a.", ".a", "a~1", "a^", "a:b", "a\nb", strings.Repeat("a", 64)} {
		env := staging()
		if err := env.check(name); err == nil {
			t.Errorf("chart %q passed", name)
		}
		env.Name = name
		if err := env.check("voice-agent"); err == nil {
			t.Errorf("environment %q passed", name)
		}
	}
	if err := staging().check("voice-agent-2"); err != nil {
		t.Error(err)
	}
}

// B57
func TestPathThatLeavesTheRepositoryIsRefused(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"../prod.yaml", "/etc/passwd", "a/../../b", "", "a//b", "./a"} {
		env := Environment{Name: "dev", Files: []File{{Path: template(path)}}}
		if err := env.check("voice-agent"); err == nil {
			t.Errorf("%q passed", path)
		}
	}
}
