package chartlab_test

import (
	"slices"
	"testing"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/lab/chartlab"
)

func TestSmallChartBecomesAPackage(t *testing.T) {
	t.Parallel()
	a := chartlab.Package(t, chartlab.Small("voice", "1.2.3"), chartlab.Options{})
	b := chartlab.Package(t, chartlab.Small("voice", "1.2.3"), chartlab.Options{})
	if a.Name() != "voice" || a.Version() != "1.2.3" || a.Library() || a.Digest() != b.Digest() {
		t.Errorf("%s %s %t %s %s", a.Name(), a.Version(), a.Library(), a.Digest(), b.Digest())
	}
	if got := a.Annotations()["org.opencontainers.image.revision"]; got != "voice-1.2.3@sha1:"+chartlab.Commit {
		t.Error(got)
	}
	if errors := slices.DeleteFunc(a.Findings(), func(f charts.Finding) bool { return f.Severity == charts.Info }); len(errors) > 0 {
		t.Logf("warnings: %v", errors)
	}
}

func TestOtherOptionsGiveAnotherPackage(t *testing.T) {
	t.Parallel()
	text := chartlab.Small("voice", "1.2.3")
	a := chartlab.Package(t, text, chartlab.Options{})
	b := chartlab.Package(t, text, chartlab.Options{Commit: "0123456789012345678901234567890123456789"})
	if a.Digest() == b.Digest() || a.Content() == b.Content() {
		t.Error("two commits, one digest")
	}
}

func TestLibraryBecomesAPackage(t *testing.T) {
	t.Parallel()
	pkg := chartlab.Package(t, chartlab.Small("voice", "1.2.3")+chartlab.Library("lib", "0.1.0"), chartlab.Options{Dir: "charts/lib"})
	if !pkg.Library() || pkg.Name() != "lib" {
		t.Errorf("%s %t", pkg.Name(), pkg.Library())
	}
}
