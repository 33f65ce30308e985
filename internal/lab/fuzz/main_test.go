package main

import (
	"strings"
	"testing"
)

// What comes from people who are not trusted, and the target that sends anything in its place.
func TestEveryReaderOfForeignTextIsFuzzed(t *testing.T) {
	t.Parallel()
	packages, err := find()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, p := range packages {
		for _, target := range p.targets {
			found[target] = strings.TrimPrefix(p.path, "github.com/releaser/releaser/")
		}
	}
	for target, room := range map[string]string{
		"FuzzPattern":                               "pipeline/source",
		"FuzzUnpack":                                "pipeline/source",
		"FuzzSetChangesOneScalarAndNothingElse":     "internal/scalar",
		"FuzzSchemaReadsNothingAndTellsNoValue":     "charts",
		"FuzzTreeIsReadWithinItsFolderAndLimits":    "charts",
		"FuzzArchiveStaysInItsFolderAndLimits":      "charts",
		"FuzzDeliveryActsOnlyWithAGenuineSignature": "internal/web",
		"FuzzLoadExplainsOrRoundTrips":              "config",
		"FuzzAnswersOfGitHub":                       "internal/github",
	} {
		if found[target] != room {
			t.Errorf("%s is in %q, want %s", target, found[target], room)
		}
	}
}
