package charts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	helmyaml "sigs.k8s.io/yaml"
)

const (
	chartFile  = "Chart.yaml"
	lockFile   = "Chart.lock"
	valuesFile = "values.yaml"
	schemaFile = "values.schema.json"
)

// chartfile is a Chart.yaml, read as Helm reads it, that remembers its lines.
type chartfile struct {
	meta *chart.Metadata
	top  *yaml.Node
	dir  string
}

// readChartfile parses the Chart.yaml of the chart at dir. It refuses what Helm would guess about: keys given
// twice, several documents, and tags such as !!binary.
func readChartfile(dir string, data []byte) (*chartfile, error) {
	c := &chartfile{dir: dir, meta: new(chart.Metadata)}
	if len(data) > maxChartfile {
		return nil, c.reject(0, "size", fmt.Sprintf("the file has %d bytes, %d are allowed", len(data), maxChartfile), "move what is long to README.md")
	}
	left := maxYAML
	if found := unparsable(dir, file{name: chartFile, data: data}, &left); found.Rule != "" {
		return nil, reject(dir, found)
	}
	if err := c.parse(data); err != nil {
		return nil, err
	}
	if err := helmyaml.Unmarshal(data, c.meta); err != nil {
		return nil, c.reject(c.lineOf(err), "chart-yaml", "Helm cannot read it: "+oneLine(err), "compare it with the fields that Helm knows")
	}
	return c, c.check()
}

// parse reads the nodes, for lines and for what decoding hides.
func (c *chartfile) parse(data []byte) error {
	var doc yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return c.reject(0, "syntax", oneLine(err), "mend the YAML")
	}
	if doc.Kind == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return c.reject(0, "syntax", "it is not a mapping", "begin with apiVersion, name and version")
	}
	var second yaml.Node
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return c.reject(second.Line, "syntax", "it has more than one document", "keep the first and remove the others")
	}
	c.top = doc.Content[0]
	return c.strict(c.top)
}

// strict walks the nodes below n for duplicate keys and for tags that turn text into something else. An alias is
// not followed: its anchor stands in the same document.
func (c *chartfile) strict(n *yaml.Node) error {
	if n.Style&yaml.TaggedStyle != 0 && !plainTag(n.ShortTag()) {
		return c.reject(n.Line, "tag", "the tag "+n.ShortTag()+" is not allowed here", "remove the tag and write plain text")
	}
	seen := map[string]bool{}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if seen[child.Value] {
				return c.reject(child.Line, "duplicate-key", fmt.Sprintf("the key %q stands there twice", child.Value), "keep one of them")
			}
			seen[child.Value] = true
		}
		if err := c.strict(child); err != nil {
			return err
		}
	}
	return nil
}

func plainTag(tag string) bool {
	switch tag {
	case "!!str", "!!bool", "!!int", "!!float", "!!null", "!!map", "!!seq":
		return true
	}
	return false
}

// check asks Helm for its opinion, and for the two things that it would let pass and act on wrongly.
func (c *chartfile) check() error {
	if v := c.meta.APIVersion; v != chart.APIVersionV1 && v != chart.APIVersionV2 {
		return c.reject(c.line("apiVersion"), "api-version", fmt.Sprintf("the apiVersion %q is not known", v), "write apiVersion: v2")
	}
	if c.meta.APIVersion == chart.APIVersionV1 && len(c.meta.Dependencies) > 0 {
		return c.reject(c.line("dependencies"), "api-version", "a chart of apiVersion v1 keeps no dependencies here", "write apiVersion: v2")
	}
	for i, dep := range c.meta.Dependencies {
		if dep == nil {
			return c.reject(c.dependencyLine(i), "dependency", "the dependency is empty", "remove it, or give it a name, version and repository")
		}
	}
	return nil
}

// identity checks name and version strictly and returns them as they are written. Both problems are told at once.
func (c *chartfile) identity() (identity, error) {
	id := identity{name: c.scalar("name"), version: c.scalar("version"), library: c.meta.Type == "library"}
	var findings []Finding
	if p := nameProblem(id.name); p != "" {
		findings = append(findings, c.finding(c.line("name"), "name", p, nameFix))
	} else if id.name != c.meta.Name {
		findings = append(findings, c.finding(c.line("name"), "name", "YAML reads the name as something else than text", "put it in quotes"))
	}
	if p := versionProblem(id.version); p != "" {
		findings = append(findings, c.finding(c.line("version"), "version", p, versionFix))
	} else if id.version != c.meta.Version {
		findings = append(findings, c.finding(c.line("version"), "version", "YAML reads the version as something else than text", "put it in quotes"))
	}
	if len(findings) > 0 {
		return id, &Rejected{Chart: c.dir, Findings: findings}
	}
	if err := c.meta.Validate(); err != nil {
		return id, c.reject(c.lineOf(err), "chart-yaml", oneLine(err), "see helm lint "+c.dir)
	}
	return id, nil
}

// value is the node under a key of the top mapping, nil when it is not there.
func (c *chartfile) value(key string) *yaml.Node {
	for i := 0; i+1 < len(c.top.Content); i += 2 {
		if c.top.Content[i].Value == key {
			return c.top.Content[i+1]
		}
	}
	return nil
}

// scalar is the text under a key as it is written, before YAML makes a number of it.
func (c *chartfile) scalar(key string) string {
	if n := c.value(key); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}

// line is where a key's value stands, 0 when the key is missing.
func (c *chartfile) line(key string) int {
	if n := c.value(key); n != nil {
		return n.Line
	}
	return 0
}

// lineOf finds the field that an error of Helm is about: it names one behind a last dot, or quotes the name of a
// dependency that is there twice. 0 when it does neither.
func (c *chartfile) lineOf(err error) int {
	text := err.Error()
	if _, name, found := strings.Cut(text, `name or alias "`); found {
		name, _, _ = strings.Cut(name, `"`)
		for i, dep := range slices.Backward(c.meta.Dependencies) {
			if dep.Name == name || dep.Alias == name {
				return c.dependencyLine(i)
			}
		}
	}
	for _, field := range fieldNamed.FindAllStringSubmatch(text, -1) {
		if line := c.line(field[1]); line > 0 {
			return line
		}
	}
	return 0
}

// fieldNamed is how the libraries name a field of Chart.yaml: chart.metadata.type, Metadata.maintainers.
var fieldNamed = regexp.MustCompile(`(?i:metadata)\.(\w+)`)

// dependencyLine is where the dependency number i begins.
func (c *chartfile) dependencyLine(i int) int {
	if n := c.value("dependencies"); n != nil && i < len(n.Content) {
		return n.Content[i].Line
	}
	return c.line("dependencies")
}

// finding is about a line of Chart.yaml, 0 for one that is not there: it would be added to the file as a whole.
func (c *chartfile) finding(line int, rule, message, fix string) Finding {
	return Finding{Severity: Error, File: path.Join(c.dir, chartFile), Line: max(line, 1), Rule: rule, Message: message, Fix: fix}
}

func (c *chartfile) reject(line int, rule, message, fix string) *Rejected {
	return reject(c.dir, c.finding(line, rule, message, fix))
}
