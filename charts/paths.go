package charts

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// What a chart may be. Helm's own limit is 100 MiB unpacked; a release that Kubernetes can keep is below 1 MiB
// of rendered text, so that these leave room for dashboards, CRDs and the largest public charts.
const (
	maxFile      = 5 << 20                  // bytes of one file
	maxChart     = 32 << 20                 // bytes of a chart with all its dependencies
	maxFiles     = 10_000                   // files of a chart with all its dependencies
	maxEntries   = 20_000                   // files and folders met on the way, ignored ones too
	maxArchive   = 10 << 20                 // bytes of a dependency's archive, packed or unpacked
	maxPacked    = maxChart + 2048*maxFiles // bytes of a packed chart of ours with its tar headers
	maxChartfile = 1 << 20                  // bytes of Chart.yaml or Chart.lock, which end up in a registry's manifest
	maxIgnore    = 16 << 10                 // bytes of .helmignore
	maxYAML      = 32 << 20                 // of all YAML files that Helm parses, as scalar.CheckWithin counts
	maxRules     = 200                      // lines of it, each of which is tried on every path
	maxTries     = 2_000_000                // such trials, in a chart with all its dependencies
	maxPath      = 512                      // bytes of a path in the chart
	maxStep      = 255                      // bytes between two slashes of it, as file systems have it
	maxLevels    = 32                       // names in it, those of charts in charts too; each of them is compared with all others
	maxRecord    = 1 << 20                  // bytes of the config and of the annotations, which are kept beside the archive
)

// budget is what is left of the limits of one chart with all its dependencies.
type budget struct {
	files, bytes   int
	entries, tries int
	yaml           int
}

func newBudget() *budget {
	return &budget{files: maxFiles, bytes: maxChart, entries: maxEntries, tries: maxTries, yaml: maxYAML}
}

// spend takes a file of n bytes from the budget. It says what is over, or nothing.
func (b *budget) spend(n int) string {
	b.files--
	b.bytes -= n
	if b.files < 0 {
		return fmt.Sprintf("the chart has more than %d files", maxFiles)
	}
	if b.bytes < 0 {
		return fmt.Sprintf("the chart has more than %d bytes", maxChart)
	}
	return ""
}

// meet takes from the budget a file or folder that is met, on which so many rules of .helmignore are tried. It says
// which rule is over and why, or nothing.
func (b *budget) meet(rules int) (rule, problem string) {
	b.entries--
	b.tries -= rules
	if b.entries < 0 {
		return "count", fmt.Sprintf("the chart and its dependencies lie among more than %d files and folders", maxEntries)
	}
	if b.tries < 0 {
		return "helmignore", fmt.Sprintf("the lines of .helmignore are tried on files and folders more than %d times", maxTries)
	}
	return "", ""
}

// pathProblem says why a path cannot be packed; it is empty when it can.
func pathProblem(name string) string {
	switch {
	case len(name) > maxPath:
		return fmt.Sprintf("the path has %d bytes, %d are allowed", len(name), maxPath)
	case strings.Count(name, "/") >= maxLevels:
		return fmt.Sprintf("the path has %d levels, %d are allowed", strings.Count(name, "/")+1, maxLevels)
	case slices.ContainsFunc(strings.Split(name, "/"), func(step string) bool { return len(step) > maxStep }):
		return fmt.Sprintf("a name in the path has more than %d bytes", maxStep)
	case !utf8.ValidString(name):
		return "the path is not UTF-8"
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "the path has characters that cannot be seen"
	case strings.Contains(name, `\`):
		return "the path has a backslash, which Helm takes for a separator"
	case path.IsAbs(name) || name == "." || name != path.Clean(name) || name == ".." || strings.HasPrefix(name, "../"):
		return "the path is not clean or leads out of the chart"
	case len(name) > 2 && name[1:3] == ":/":
		return "the path begins like a drive, which Helm refuses"
	}
	return ""
}

// clash says why no file system can hold the files together, and names one of them; both are empty when one can.
func clash(files []file) (name, why string) {
	if a, b := collision(files); a != "" {
		return b, fmt.Sprintf("%q and %q are one file where case or Unicode form does not count", a, b)
	}
	names := map[string]bool{}
	for _, f := range files {
		names[f.name] = true
	}
	for _, f := range files {
		for folder := above(f.name); folder != ""; folder = above(folder) {
			if names[folder] {
				return folder, fmt.Sprintf("%q is a file and a folder", folder)
			}
		}
	}
	return "", ""
}

// collision finds two paths, of files or of folders above them, that differ only by case or by Unicode form. Neither
// reaches over a slash, so that the folders above have what stands before the slashes of both.
func collision(files []file) (string, string) {
	folder := cases.Fold()
	seen := map[string]string{}
	for _, f := range files {
		key := norm.NFC.String(folder.String(norm.NFC.String(f.name)))
		for name := f.name; name != ""; name, key = above(name), above(key) {
			if other, found := seen[key]; found && other != name {
				return other, name
			} else if found {
				break // and with it all folders above
			}
			seen[key] = name
		}
	}
	return "", ""
}

// above is the folder that a path lies in, empty for the top.
func above(name string) string { return name[:max(strings.LastIndexByte(name, '/'), 0)] }
