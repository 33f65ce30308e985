package charts

import (
	"encoding/json"
	"fmt"
	"path"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	helmyaml "sigs.k8s.io/yaml"
)

// readLock reads the Chart.lock of a chart with dependencies and makes sure that it belongs to this Chart.yaml.
// One entry stands for each dependency, in the same order.
func (c *chartfile) readLock(files []file) (*chart.Lock, error) {
	f, found := find(files, lockFile)
	if !found {
		return nil, c.locked(0, "lock-missing", "the chart has dependencies and no Chart.lock")
	}
	if len(f.data) > maxChartfile {
		return nil, c.locked(1, "lock-syntax", fmt.Sprintf("the file has more than %d bytes", maxChartfile))
	}
	lock := new(chart.Lock)
	if err := helmyaml.Unmarshal(f.data, lock); err != nil {
		return nil, c.locked(1, "lock-syntax", oneLine(err))
	}
	sum, err := requirementsDigest(c.meta.Dependencies, lock.Dependencies)
	if err != nil {
		return nil, fmt.Errorf("chart %s: digest of its dependencies: %w", c.dir, err)
	}
	if sum != lock.Digest || !sameDependencies(c.meta.Dependencies, lock.Dependencies) {
		return nil, c.locked(1, "lock-stale", "it does not belong to the dependencies of Chart.yaml")
	}
	return lock, nil
}

// locked is a rejection because of Chart.lock as a whole, which one command mends; line is 0 when it is not there.
func (c *chartfile) locked(line int, rule, message string) *Rejected {
	return reject(c.dir, Finding{File: path.Join(c.dir, lockFile), Line: line, Rule: rule, Message: message, Fix: c.update()})
}

func (c *chartfile) update() string {
	return fmt.Sprintf("run 'helm dependency update %s' and commit Chart.lock", c.dir)
}

// requirementsDigest is the digest that Helm keeps in Chart.lock: the SHA-256 of a JSON list of two lists, the
// dependencies of Chart.yaml and those of Chart.lock.
func requirementsDigest(required, locked []*chart.Dependency) (string, error) {
	text, err := json.Marshal([][]*chart.Dependency{required, locked})
	if err != nil {
		return "", err
	}
	return digest(text), nil
}

// sameDependencies guards against a digest that somebody computed over a lock of other charts.
func sameDependencies(required, locked []*chart.Dependency) bool {
	if len(required) != len(locked) {
		return false
	}
	for i := range required {
		if locked[i] == nil || locked[i].Name != required[i].Name || locked[i].Repository != required[i].Repository {
			return false
		}
	}
	return true
}
