// Command cut makes testdata/github.json, the part of GitHub's own API description that the lab needs.
//
// It keeps the operations and webhooks of operations.txt with all that they refer to, and leaves out what no
// validator reads: prose, examples and hints for documentation. The same input gives the same bytes. Fetch the input
// in an empty folder, then run the cut at the top of this repository:
//
//	npm pack @octokit/openapi@23.0.2
//	tar -xzf octokit-openapi-23.0.2.tgz package/generated/api.github.com.json
//	go run ./internal/lab/openapi/cut -in DIR/package/generated/api.github.com.json
package main

import (
	_ "embed"
	"flag"
	"fmt"
	"os"
	"strings"
)

//go:embed operations.txt
var operations string

func main() {
	in := flag.String("in", "", "GitHub's description, api.github.com.json")
	out := flag.String("out", "internal/lab/openapi/testdata/github.json", "the file to write")
	flag.Parse()
	if err := run(*in, *out); err != nil {
		fmt.Fprintln(os.Stderr, "cut:", err)
		os.Exit(1)
	}
}

func run(in, out string) error {
	data, err := os.ReadFile(in)
	if err != nil {
		return fmt.Errorf("%w; -in names the description: see go doc ./internal/lab/openapi/cut", err)
	}
	small, err := Cut(data, wanted(operations))
	if err != nil {
		return err
	}
	return os.WriteFile(out, small, 0o644)
}

// wanted reads a list, one name a line, without comments.
func wanted(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			names = append(names, line)
		}
	}
	return names
}
