package charts

import "strings"

// helmLine finds the line that a message of helm lint is about, 0 when it does not say what it is about.
func (i *inspection) helmLine(name, text string) int {
	if line := lineIn(text); line > 0 {
		return line
	}
	switch {
	case name == chartFile || name == "": // that is, dependencies, which Chart.yaml names
		return i.chartLine(text)
	case strings.HasPrefix(text, "apiVersion "):
		return i.firstLine(name, "apiVersion:")
	case strings.HasPrefix(text, "object kind "):
		return i.firstLine(name, "kind:")
	}
	return 0
}

// chartLine finds the key of Chart.yaml that a message of helm lint is about, and the item that it quotes there.
func (i *inspection) chartLine(text string) int {
	if _, field, unknown := strings.Cut(text, `unknown field "`); unknown {
		field, _, _ = strings.Cut(field, `"`)
		return i.firstLine(chartFile, field+":")
	}
	for _, about := range [][2]string{
		{"chart name", "name"}, {"apiVersion", "apiVersion"}, {"version", "version"}, {"appVersion", "appVersion"},
		{"invalid source", "sources"}, {"icon", "icon"}, {"invalid icon", "icon"}, {"chart type", "type"}, {"dependencies", "dependencies"},
		{"a maintainer", "maintainers"}, {"each maintainer", "maintainers"}, {"invalid email", "maintainers"}, {"invalid url", "maintainers"},
		{"multiple dependencies", "dependencies"}, {"chart directory", "dependencies"}, {"chart metadata", "dependencies"},
	} {
		if strings.HasPrefix(text, about[0]) {
			return i.chartKeyLine(about[1], quotedIn(text))
		}
	}
	return 0
}

// chartKeyLine is the line of the item of a key of Chart.yaml, else of the key.
func (i *inspection) chartKeyLine(key, item string) int {
	top := i.nodes(chartFile)
	if _, value := child(top, key); value != nil {
		if line := scalarLine(value, item); line > 0 {
			return line
		}
	}
	return i.line(chartFile, key)
}

// quotedIn is what helm lint quotes, or the first of the charts that it lists.
func quotedIn(text string) string {
	if _, quoted, found := strings.Cut(text, "'"); found {
		quoted, _, _ = strings.Cut(quoted, "'")
		return quoted
	}
	if at := strings.LastIndex(text, ": "); at >= 0 {
		name, _, _ := strings.Cut(text[at+2:], ",")
		return name
	}
	return ""
}

// firstIndented is the first line of a file of the chart that begins with blanks and has text after them.
func (i *inspection) firstIndented(name string) int {
	f, _ := find(i.files, name)
	for n, line := range strings.Split(string(f.data), "\n") {
		if strings.TrimLeft(line, " \t") != line && strings.TrimSpace(line) != "" {
			return n + 1
		}
	}
	return 0
}
