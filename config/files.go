package config

import (
	"path/filepath"
	"slices"
)

// Files are the files that decide what a daemon does, beside the charts: the configuration itself, where Load was given
// its name, and each file that it names. They are as Path gives them, sorted, each once. Whoever watches them learns of
// a new token, key or rule.
func (c *Config) Files() []string {
	named := slices.Concat(c.Server.Webhook.SecretFiles, c.GitHub.files(),
		[]string{c.Registry.Auth.DockerConfigFile, c.Registry.CAFile, c.Signing.Key, c.Signing.PasswordFile}, c.Signing.Trusted)
	if c.file != "" {
		named = append(named, filepath.Base(c.file))
	}
	if c.Journal.Postgres != nil {
		named = append(named, c.Journal.Postgres.URLFile)
	}
	for _, s := range c.Sources {
		named = append(named, s.CAFile, s.Auth.TokenFile, s.Auth.SSHKeyFile, s.Auth.KnownHostsFile)
	}
	var files []string
	for _, name := range named {
		if name != "" {
			files = append(files, c.Path(name))
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

func (g *GitHub) files() []string {
	if g.Auth.GitHubApp != nil {
		return []string{g.Auth.GitHubApp.KeyFile, g.Auth.TokenFile}
	}
	return []string{g.Auth.TokenFile}
}
