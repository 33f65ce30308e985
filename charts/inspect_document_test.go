package charts

import (
	"fmt"
	"strings"
	"testing"
)

func TestADocumentThatSeveralEnvironmentsHaveIsReadOnce(t *testing.T) {
	t.Parallel()
	var m memory
	all := func(rendered string) (read []document) {
		for _, d := range documents(rendered, m.read) {
			read = append(read, d)
		}
		return read
	}
	dev, prod := all("a: 1\n---\nb: dev\n"), all("a: 1\n---\nb: prod\n")
	if &dev[0].json[0] != &prod[0].json[0] {
		t.Error("what both have was read twice")
	}
	if got := fmt.Sprint(dev[0].object, dev[1].object, prod[0].object, prod[1].object); got != "map[a:1] map[b:dev] map[a:1] map[b:prod]" {
		t.Error(got)
	}
}

func TestADocumentThatCannotBeReadStaysSo(t *testing.T) {
	t.Parallel()
	var m memory
	for range 2 {
		if d := m.read([]byte("a: [")); d.err == nil || d.object != nil {
			t.Errorf("%v, %v", d.object, d.err)
		}
	}
}

// A little text with aliases makes much JSON.
func TestWhatIsRememberedOfDocumentsIsBounded(t *testing.T) {
	t.Parallel()
	var m memory
	for n := range 50 {
		text := fmt.Sprintf("n: %d\na: &a %q\nb: [%s*a]\n", n, strings.Repeat("x", 1000), strings.Repeat("*a, ", 99))
		if d := m.read([]byte(text)); d.err != nil || len(d.json) < 100_000 {
			t.Fatalf("%d bytes of JSON, %v", len(d.json), d.err)
		}
	}
	size := 0
	for text, d := range m.known {
		size += len(text) + len(d.json)
	}
	if size == 0 || size > maxRemembered {
		t.Errorf("%d bytes are remembered, at most %d may be", size, maxRemembered)
	}
}
