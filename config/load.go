package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/releaser/releaser/internal/scalar"
)

// Load reads a configuration. Name is the file that it comes from: errors begin with it, and relative files
// are relative to its folder. The error is an *Invalid with every problem.
func Load(name string, src []byte) (*Config, error) {
	d := &decoder{nodes: map[string]*yaml.Node{}}
	c := &Config{file: name}
	root, problem := parse(src)
	if problem != nil {
		return nil, &Invalid{File: name, Problems: []Problem{*problem}}
	}
	d.read(root, c)
	v := &validator{decoder: d, config: c}
	v.fillDefaults()
	v.validate()
	if len(d.problems) > 0 {
		slices.SortStableFunc(d.problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, &Invalid{File: name, Problems: d.problems}
	}
	return c, nil
}

// Marshal writes the configuration with everything that Load filled in. Load reads it back as the same.
func Marshal(c *Config) ([]byte, error) {
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(c); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return b.Bytes(), nil
}

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	// Line and Column are where, from 1.
	Line, Column int
	// Path is the field, such as sources[0].poll; empty for the file as a whole.
	Path string
	// Message says what is wrong.
	Message string
	// Fix says what to write instead.
	Fix string
}

// String is "12:5: sources[0].poll: message; fix".
func (p Problem) String() string {
	path := p.Path
	if path != "" {
		path += ": "
	}
	return fmt.Sprintf("%d:%d: %s%s; %s", p.Line, p.Column, path, p.Message, p.Fix)
}

// Invalid is a configuration that was refused.
type Invalid struct {
	// File is its name, as Load was given it.
	File string
	// Problems are all that was found, in the order of the lines.
	Problems []Problem
}

// Error has a line per problem, each with the file's name.
func (e *Invalid) Error() string {
	var lines []string
	for _, p := range e.Problems {
		lines = append(lines, e.File+":"+p.String())
	}
	return strings.Join(lines, "\n")
}

// parse reads the one YAML document of the file.
func parse(src []byte) (root *yaml.Node, problem *Problem) {
	defer func() { // the library panics where it believes that something cannot happen
		if v := recover(); v != nil {
			problem = syntax(fmt.Errorf("%v", v))
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	var doc, more yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0:
		return nil, &Problem{Line: 1, Column: 1, Message: "the file is empty", Fix: "write version: 1, sources, registry and signing"}
	case err != nil:
		return nil, syntax(err)
	}
	switch err := decoder.Decode(&more); {
	case err == nil:
		return nil, &Problem{Line: more.Line, Column: more.Column, Message: "a second YAML document begins here", Fix: "keep one document in the file, without a second ---"}
	case !errors.Is(err, io.EOF):
		return nil, syntax(err)
	}
	return doc.Content[0], nil
}

// syntax turns the library's error into ours, with the line that it names. Of its text only the words that quote nothing
// of the file are repeated: somebody may have written a secret into it.
func syntax(err error) *Problem {
	p := &Problem{Line: 1, Column: 1, Message: "the file is not valid YAML", Fix: "mend the file until it is valid YAML"}
	if found := regexp.MustCompile(`^yaml: line (\d+): `).FindStringSubmatch(err.Error()); found != nil {
		p.Line, _ = strconv.Atoi(found[1])
	}
	if why := scalar.Reason(err); why != "" {
		p.Message += ": " + why
	}
	return p
}
