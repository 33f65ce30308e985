package config

import (
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/releaser/releaser/internal/scalar"
)

// Path is where a file that the configuration names lies. A relative name is relative to the folder of the
// configuration file, so that a configuration and its files move together and the working folder of the
// daemon does not matter. An empty name stays empty.
func (c *Config) Path(file string) string {
	if file == "" || filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(filepath.Dir(c.file), file)
}

// Remote is the address to read the source from: its URL or, for a path, that path by the rule of Path.
func (c *Config) Remote(s *Source) string {
	if kindOfURL(s.URL) != localPath || filepath.IsAbs(s.URL) {
		return s.URL
	}
	file := c.Path(s.URL)
	if filepath.IsAbs(file) || strings.HasPrefix(file, "../") || file == ".." {
		return file
	}
	return "./" + file
}

// Environment finds an environment by its name.
func (c *Config) Environment(name string) (*Environment, bool) {
	for i := range c.Environments {
		if c.Environments[i].Name == name {
			return &c.Environments[i], true
		}
	}
	return nil, false
}

// Source finds a source by its name.
func (c *Config) Source(name string) (*Source, bool) {
	for i := range c.Sources {
		if c.Sources[i].Name == name {
			return &c.Sources[i], true
		}
	}
	return nil, false
}

// SourceByURL finds the source of a repository, by whichever of its addresses: https and ssh, with or without
// .git, in any case are one repository.
func (c *Config) SourceByURL(address string) (*Source, bool) {
	want := RepositoryOf(address)
	for i := range c.Sources {
		if RepositoryOf(c.Sources[i].URL) == want {
			return &c.Sources[i], true
		}
	}
	return nil, false
}

// Chart finds the rule for the chart in the folder dir: the first one that matches.
func (s *Source) Chart(dir string) (*Chart, bool) {
	for i := range s.Charts {
		if ok, err := path.Match(s.Charts[i].Path, dir); ok && err == nil {
			return &s.Charts[i], true
		}
	}
	return nil, false
}

// ImageTag is the key of values.yaml whose pin gives the tag of the chart's image: the key tag beside that of the
// repository, or the image's own key, which holds repository:tag then.
func (c *Chart) ImageTag() string {
	if tags := c.imageTags(); len(tags) > 0 {
		return tags[0]
	}
	return "" // Load has refused it
}

// imageTags are the pins that give the tag of the image: one, or Load refuses the rule.
func (c *Chart) imageTags() (keys []string) {
	own, err := scalar.ParseKey(c.Image.Key)
	if err != nil {
		return nil
	}
	places := []string{own.String()}
	if last := len(own) - 1; own[last].Key != "" {
		places = append(places, append(own[:last:last], scalar.Step{Key: "tag"}).String())
	}
	for _, p := range c.Pins {
		key, err := scalar.ParseKey(p.Key)
		if err == nil && p.File == "values.yaml" && slices.Contains(places, key.String()) {
			keys = append(keys, p.Key)
		}
	}
	return keys
}

// The kinds of addresses of a git repository.
type urlKind int

const (
	localPath urlKind = iota
	scpLike           // user@host:path
	withScheme
)

func kindOfURL(address string) urlKind {
	before, _, colon := strings.Cut(address, ":")
	switch {
	case strings.Contains(address, "://"):
		return withScheme
	case colon && !strings.Contains(before, "/"):
		return scpLike
	}
	return localPath
}

// RepositoryOf reduces an address to what all addresses of one repository share: host and path, in lower case, whether
// by https or ssh, with or without .git. What is no address, as owner/name, stays as it is.
func RepositoryOf(address string) string {
	host, repository := "", address
	switch kindOfURL(address) {
	case scpLike:
		host, repository, _ = strings.Cut(address, ":")
		host = host[strings.LastIndex(host, "@")+1:]
	case withScheme:
		u, err := url.Parse(address)
		if err != nil {
			return address
		}
		host, repository = u.Hostname(), u.Path
		if port := u.Port(); port != "" && port != map[string]string{"https": "443", "http": "80", "ssh": "22"}[u.Scheme] {
			host += ":" + port
		}
	}
	repository = strings.TrimSuffix(strings.TrimRight(repository, "/"), ".git")
	if host == "" { // a path, where case may matter
		return repository
	}
	return strings.ToLower(host + "/" + strings.TrimLeft(repository, "/"))
}
