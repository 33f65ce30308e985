package scalar

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseKeyReadsWhatHelmSetWrites(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]Path{
		"tag":                          {{Key: "tag"}},
		"image.tag":                    {{Key: "image"}, {Key: "tag"}},
		`a\.b.c`:                       {{Key: "a.b"}, {Key: "c"}},
		`app\.kubernetes\.io/name`:     {{Key: "app.kubernetes.io/name"}},
		"list[0].x":                    {{Key: "list"}, {Index: 0}, {Key: "x"}},
		"list[10][2]":                  {{Key: "list"}, {Index: 10}, {Index: 2}},
		"[1].x":                        {{Index: 1}, {Key: "x"}},
		`a\[0\]`:                       {{Key: "a[0]"}},
		`back\\slash`:                  {{Key: `back\slash`}},
		"with blank.größe.a-b_c/d=e,f": {{Key: "with blank"}, {Key: "größe"}, {Key: "a-b_c/d=e,f"}},
	} {
		got, err := ParseKey(key)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", key, got, err)
		}
		if got.String() != key {
			t.Errorf("%s prints as %s", key, got)
		}
	}
}

func TestAKeyThatCannotBeReadSaysWhatToWrite(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"":                        "a name is missing; separate",
		".a":                      "a name is missing",
		"a.":                      "a name is missing",
		"a..b":                    "a name is missing",
		"a.[0]":                   "a name is missing",
		"a[name=x].b":             "[name=x] is no index; name the item by its number from 0, such as list[0]; selectors such as [name=x] are not supported yet",
		"a[]":                     "[] is no index",
		"a[-1]":                   "[-1] is no index",
		"a[01]":                   "[01] is no index",
		"a[1":                     "a bracket is not closed",
		"a[99999999999999999999]": "is no index",
		"a[0]b":                   "text follows a bracket; write a dot there, such as list[0].tag",
		"a]":                      "a backslash or a bracket stands alone",
		`a\`:                      "a backslash or a bracket stands alone",
	} {
		if _, err := ParseKey(key); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", key, err, want)
		}
	}
}
