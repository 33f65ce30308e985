package promotion

import (
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/scalar"
)

func TestSignIsReadThroughItsTemplate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, template, text string
		version, digest      string
		problem              string
	}{
		{"version", "{version}", `v: "1.2.3"`, "1.2.3", "", ""},
		{"plain version", "{version}", `v: 1.2.3`, "1.2.3", "", ""},
		{"digest", "{digest}", "v: " + digest("a"), "", digest("a"), ""},
		{"reference", "oci://ghcr.io/acme/charts/{chart}:{version}", "v: oci://ghcr.io/acme/charts/voice-agent:1.2.3", "1.2.3", "", ""},
		{"reference of another chart", "oci://ghcr.io/acme/charts/{chart}:{version}", "v: oci://ghcr.io/acme/charts/other:1.2.3", "", "", `f.yaml:1: v: has "oci://ghcr.io/acme/charts/other:1.2.3" where`},
		{"another environment", "{environment}-{version}", "v: prod-1.2.3", "", "", "f.yaml:1: v: has"},
		{"empty", "{version}", "v:", "", "", ""},
		{"empty text", "{version}", `v: ""`, "", "", ""},
		{"no version", "{version}", "v: latest", "", "", `f.yaml:1: v: has "latest" where "{version}" belongs`},
		{"number", "{version}", "v: 12", "", "", `f.yaml:1: v: has "12"`},
		{"missing key", "{version}", "w: 1", "", "", "f.yaml:1: v: "},
		{"list", "{version}", "v: [1]", "", "", "f.yaml:1: v: "},
		{"twice", "{version}", "v: 1.2.3\nv: 1.2.4", "", "", "f.yaml:2: v: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			env := Environment{Name: "dev", Files: []File{{Path: template("f.yaml"), Set: []Setting{{Key: "v", Value: template(c.template)}}}}}
			var h Holding
			lead, found := leading(signs(env, "voice-agent", map[string][]byte{"f.yaml": []byte(c.text)}, &h))
			if lead.version != c.version || lead.digest != c.digest || found != (c.version+c.digest != "") {
				t.Errorf("read %+v", lead)
			}
			if problems := reasons(h.Problems()); !strings.HasPrefix(problems, c.problem) || c.problem == "" && problems != "" {
				t.Errorf("problems: %s", problems)
			}
		})
	}
}

func TestHandEditShowsBothValues(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{"f.yaml": []byte("image:\n  tag: mine\n  sha: 1234567\nversion: \"0.2.0\"\n")}
	missing, edits := compare(files, []scalar.Edit{
		{File: "f.yaml", Key: "image.tag", Value: "ours"},
		{File: "f.yaml", Key: "image.sha", Value: "1234567"},
		{File: "f.yaml", Key: "version", Value: "0.2.0"},
		{File: "f.yaml", Key: "absent", Value: "x"},
	})
	h := Holding{Missing: missing, Disagreements: edits}
	want := []string{
		"f.yaml:1: absent: ",
		`f.yaml:2: image.tag: has "mine" where "ours" belongs`,
		`f.yaml:3: image.sha: has "1234567 (not a string: quote it)" where "1234567" belongs`,
	}
	got := h.Problems()
	if len(got) != len(want) {
		t.Fatalf("got %q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
}
