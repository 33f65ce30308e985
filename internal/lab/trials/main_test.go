package main

import (
	"reflect"
	"strings"
	"testing"
)

const page = "| label | what happens | test |\n|---|---|---|\n" +
	"| B01 | Rejected. | `pipeline.TestA`, `pipeline/source.TestB/a case` |\n" +
	"| B02 | Nothing. | not yet: it does not exist |\n" +
	"| F01 | The same end. | `cmd/releaser/testdata/script/line.txtar` |\n"

func TestThePageIsReadRowByRow(t *testing.T) {
	t.Parallel()
	want := []trial{
		{"B01", "Rejected.", []test{{"pipeline", "TestA"}, {"pipeline/source", "TestB"}}},
		{"B02", "Nothing.", nil},
		{"F01", "The same end.", []test{{"cmd/releaser", scripts + "/line"}}},
	}
	if got := read(page); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestARowIsOKWhenAllItsTestsPassed(t *testing.T) {
	t.Parallel()
	ended := map[test]string{}
	said := `{"Action":"run","Test":"TestA"}
{"Action":"pass","Test":"TestA"}
{"Action":"pass"}
`
	if err := listen(strings.NewReader(said), "pipeline", ended); err != nil {
		t.Fatal(err)
	}
	ended[test{"pipeline/source", "TestB"}] = "skip"
	var out strings.Builder
	if red := show(&out, read(page), ended); red != 2 {
		t.Errorf("%d rows are not ok", red)
	}
	for _, part := range []string{
		"B01  FAILED   Rejected. (pipeline/source.TestB: skipped)", "B02  not yet  Nothing.", "F01  FAILED   The same end. (cmd/releaser.TestTheCommandsAsTheyAreTyped/line: did not run)",
	} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%q is not in\n%s", part, &out)
		}
	}
	ended[test{"pipeline/source", "TestB"}], ended[test{"cmd/releaser", scripts + "/line"}] = "pass", "pass"
	if red := show(&out, read(page), ended); red != 0 {
		t.Errorf("%d rows are not ok", red)
	}
}
