package charts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	"sigs.k8s.io/yaml"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/lab/rigs"
)

// helm runs the helm command of the module that we link, with a home of its own.
func helm(t *testing.T, home string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), rigs.Helm(t), args...)
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("helm %q: %v\n%s", args, err, out)
	}
}

// What `helm dependency update` and `helm package` make of the same commit, and what releaser makes without them.
func TestPackageIsWhatHelmPackageMakes(t *testing.T) {
	t.Parallel()
	home, repo := t.TempDir(), repository(t, "agent.txtar")
	write(t, home, repo)
	helm(t, home, "dependency", "build", "charts/greeter")
	helm(t, home, "dependency", "build", "charts/agent")
	helm(t, home, "package", "charts/agent", "--destination", "out")
	archive, err := os.ReadFile(filepath.Join(home, "out/agent-1.4.0.tgz"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, e := range unpacked(t, archive) {
		want[e.Name] = e.Data
	}
	ours := unpacked(t, pack(t, treeOf(repo, "charts/agent", "1.4.0"), nil).Archive())
	for _, e := range ours {
		if got, found := want[e.Name]; !found || got != e.Data {
			t.Errorf("%s:\n%s\nhelm has\n%s", e.Name, e.Data, got)
		}
	}
	if len(ours) != len(want) {
		t.Errorf("%d files, helm has %d", len(ours), len(want))
	}
}

func TestHelmTakesThePackage(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	archive := filepath.Join(home, "agent.tgz")
	if err := os.WriteFile(archive, agent(t, repository(t, "agent.txtar")).Archive(), 0o600); err != nil {
		t.Fatal(err)
	}
	helm(t, home, "template", "r", archive)
	helm(t, home, "lint", archive)
}

func TestLockDigestIsHelms(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	write(t, home, with(repository(t, "agent.txtar"), "-- charts/agent/Chart.lock --\n"))
	helm(t, home, "dependency", "update", "charts/agent")
	meta, lock := new(chart.Metadata), new(chart.Lock)
	for name, into := range map[string]any{"Chart.yaml": meta, "Chart.lock": lock} {
		data, err := os.ReadFile(filepath.Join(home, "charts/agent", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(data, into); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := charts.RequirementsDigest(meta.Dependencies, lock.Dependencies); err != nil || got != lock.Digest {
		t.Errorf("%s %v, helm says %s", got, err, lock.Digest)
	}
}
