// Package config reads releaser's configuration, the one file that says what is watched, how a chart is
// released and where it is promoted to.
//
// The promise: what Load returns is complete and makes sense, with every default filled in, so that nothing
// after it checks or guesses; and what Load refuses it refuses with every problem at once, each with file,
// line, column and what to write instead. Decoding is strict: an unknown or doubled field, a value of the
// wrong type, an anchor, several documents are problems, and so is a field that this version does not
// support yet. Nothing is expanded but the placeholders of package placeholder. Secrets are named by file
// or by environment variable, never held; the package opens no file and looks at no variable, and its errors
// repeat no value that could be a secret. A configuration does not change after it was loaded.
//
// releaser.yaml beside this file shows and explains every field; releaser.schema.json says the same to
// editors. A test keeps the three together.
package config

import (
	"time"

	"github.com/releaser/releaser/internal/placeholder"
)

// The struct tags: yaml is the field's name; default is what an absent field means (several words for a
// list); oneOf are the words allowed; min and max are the least and the most of a duration or a number; placeholders are the ones
// that a template may use; also allows another YAML type ("int") or an empty string ("empty").

// Config is the whole configuration.
type Config struct {
	// Version is the version of this format: 1.
	Version int `yaml:"version"`
	// Server says where the daemon listens.
	Server Server `yaml:"server,omitempty"`
	// Journal says where the daemon keeps what is to be done, and the history of what was.
	Journal Journal `yaml:"journal,omitempty"`
	// Concurrency says how many jobs run at once in one process.
	Concurrency Concurrency `yaml:"concurrency,omitempty"`
	// GitHub is the forge that holds the environments.
	GitHub GitHub `yaml:"github,omitempty"`
	// Sources are the git repositories with charts.
	Sources []Source `yaml:"sources"`
	// Registry is where charts are pushed to.
	Registry Registry `yaml:"registry"`
	// Signing says how charts are signed, and what verifies them.
	Signing Signing `yaml:"signing"`
	// EnvironmentDefaults is what every environment has that does not say otherwise.
	EnvironmentDefaults EnvironmentDefaults `yaml:"environmentDefaults,omitempty"`
	// Environments is the promotion ladder, from the bottom to the top. Without one, a release ends signed.
	Environments []Environment `yaml:"environments,omitempty"`

	file string // where it was read from
}

// Server says where the daemon listens.
type Server struct {
	// Listen is the host:port of the webhook and the health checks.
	Listen string `yaml:"listen,omitempty" default:":8080"`
	// Metrics is the host:port of the metrics.
	Metrics string `yaml:"metrics,omitempty" default:":9090"`
	// Webhook is about the requests that GitHub sends.
	Webhook Webhook `yaml:"webhook,omitempty"`
}

// Webhook is about the requests that GitHub sends.
type Webhook struct {
	// SecretFiles hold one secret each; a request signed with any of them is taken. None: no webhook.
	SecretFiles []string `yaml:"secretFiles,omitempty"`
}

// Journal says where the daemon keeps what is to be done, and the history of what was.
type Journal struct {
	// Postgres is the database that several replicas share; nil for a SQLite file in the daemon's data folder.
	Postgres *Postgres `yaml:"postgres,omitempty"`
	// Keep is how long history is kept.
	Keep time.Duration `yaml:"keep,omitempty" default:"2160h" min:"1h"`
}

// Postgres is a PostgreSQL database.
type Postgres struct {
	// URLFile holds the URL of the database, with the password: a secret. It is read anew for each connection.
	URLFile string `yaml:"urlFile"`
}

// Concurrency says how many jobs of each kind run at once in one process.
type Concurrency struct {
	// Sweeps are looks at a source.
	Sweeps int `yaml:"sweeps,omitempty" default:"16" min:"1" max:"1000"`
	// Releases are tags on their way down the line, of all sources.
	Releases int `yaml:"releases,omitempty" default:"16" min:"1" max:"1000"`
	// PerSource is how many of the releases may be of one source. Unless said it is never more than Releases.
	PerSource int `yaml:"perSource,omitempty" default:"4" min:"1" max:"1000"`
	// Proposals are promotions that become a pull request.
	Proposals int `yaml:"proposals,omitempty" default:"4" min:"1" max:"1000"`
	// Follows are looks at a pull request.
	Follows int `yaml:"follows,omitempty" default:"4" min:"1" max:"1000"`
}

// GitHub is the forge that holds the environments.
type GitHub struct {
	// APIURL is the root of the REST API.
	APIURL string `yaml:"apiURL,omitempty" default:"https://api.github.com"`
	// Auth is who opens pull requests.
	Auth GitHubAuth `yaml:"auth,omitempty"`
}

// GitHubAuth holds one of its fields, or none.
type GitHubAuth struct {
	// GitHubApp is nil when a token is used.
	GitHubApp *GitHubApp `yaml:"githubApp,omitempty"`
	// TokenFile holds a token. It is read anew when it changes.
	TokenFile string `yaml:"tokenFile,omitempty"`
	// TokenEnv is the name of an environment variable that holds a token.
	TokenEnv string `yaml:"tokenEnv,omitempty"`
}

// GitHubApp is a GitHub App; its installation is found by the repository.
type GitHubApp struct {
	// ID is the App's ID or client ID.
	ID string `yaml:"id" also:"int"`
	// KeyFile is the App's private key in PEM.
	KeyFile string `yaml:"keyFile"`
}

// What a source does with tags that are there on first contact.
const (
	ExistingIgnore = "ignore" // leave them alone for ever
	ExistingLatest = "latest" // release the highest version of each chart, ignore the others
	ExistingAll    = "all"    // release them all
)

// What decides the version when a tag and Chart.yaml differ.
const (
	VersionMatch = "match" // nothing: the release is rejected
	VersionSet   = "set"   // the tag
)

// Source is a git repository with charts.
type Source struct {
	// Name is a DNS label, unique in the configuration; logs, metrics and the registry's baseline know the source by it.
	Name string `yaml:"name"`
	// URL is https://…, http://…, ssh://…, user@host:path, file:///… or a path; it holds no credentials.
	URL string `yaml:"url"`
	// Auth is who reads the repository; empty for a public one.
	Auth SourceAuth `yaml:"auth,omitempty"`
	// CAFile is a PEM file with the certificate authorities of an https server, beside the system's.
	CAFile string `yaml:"caFile,omitempty"`
	// Poll is the time between two looks at the tags.
	Poll time.Duration `yaml:"poll,omitempty" default:"1m" min:"5s"`
	// Tags are the patterns of the tags that release something; {version} is required, {chart} is not.
	Tags []string `yaml:"tags,omitempty" default:"{chart}-{version}"`
	// Branches are those from which a released commit must be reachable.
	Branches []string `yaml:"branches,omitempty" default:"main"`
	// Existing is ExistingIgnore, ExistingLatest or ExistingAll.
	Existing string `yaml:"existing,omitempty" default:"ignore" oneOf:"ignore latest all"`
	// Version is VersionMatch or VersionSet.
	Version string `yaml:"version,omitempty" default:"match" oneOf:"match set"`
	// Dependencies says where charts may take their dependencies from.
	Dependencies Dependencies `yaml:"dependencies,omitempty"`
	// Charts says what to release and how; the first entry that matches a folder wins.
	Charts []Chart `yaml:"charts"`
}

// SourceAuth holds a token, the word that the GitHub App is to be used, or an SSH key; or nothing.
type SourceAuth struct {
	// TokenFile holds a token or password for http. It is read anew when it changes.
	TokenFile string `yaml:"tokenFile,omitempty"`
	// TokenEnv is the name of an environment variable that holds it.
	TokenEnv string `yaml:"tokenEnv,omitempty"`
	// GitHubApp uses the App of github.auth.
	GitHubApp bool `yaml:"githubApp,omitempty"`
	// SSHKeyFile is a private key for ssh.
	SSHKeyFile string `yaml:"sshKeyFile,omitempty"`
	// KnownHostsFile holds the server's host keys; it is required with SSHKeyFile.
	KnownHostsFile string `yaml:"knownHostsFile,omitempty"`
}

// Dependencies says where charts may take their dependencies from.
type Dependencies struct {
	// Hosts are the hosts (host or host:port) that oci:// and https:// dependencies may come from. The namespace of
	// registry.url is always allowed; what lies beside it on that host only when the host is listed.
	Hosts []string `yaml:"hosts,omitempty"`
}

// Chart is a rule for the charts of a source.
type Chart struct {
	// Path names the folders that the rule is for: a pattern of path.Match, relative to the repository's top.
	Path string `yaml:"path"`
	// Pins are the values that a release sets. An absent list means image.tag set to {commit}; an empty one
	// means none, and so does nil here.
	Pins []Pin `yaml:"pins"`
	// Image is the container image that has to be there before the chart is released; nil for none.
	Image *Image `yaml:"image,omitempty"`
	// Lint says what the chart must satisfy.
	Lint Lint `yaml:"lint,omitempty"`
}

// Pin is one scalar of a chart that a release sets.
type Pin struct {
	// File is relative to the chart's folder.
	File string `yaml:"file,omitempty" default:"values.yaml"`
	// Key names the scalar, as helm --set does.
	Key string `yaml:"key"`
	// Part is "" for the whole scalar, or "tag" for the tag of a repository:tag text.
	Part string `yaml:"part,omitempty" oneOf:"tag" also:"empty"`
	// Value is what is written.
	Value placeholder.Template `yaml:"value" placeholders:"chart version tag commit"`
}

// Image is the container image of a chart.
type Image struct {
	// Key names the scalar of values.yaml that holds the image's repository, or the whole repository:tag, as helm --set does.
	Key string `yaml:"key"`
	// Wait is how long a release waits for the image before it is rejected, from the first look on.
	Wait time.Duration `yaml:"wait,omitempty" default:"30m" min:"5s" max:"24h"`
	// Hosts are the registries (host or host:port) that may be asked for the image. The host of registry.url always may.
	Hosts []string `yaml:"hosts,omitempty"`
}

// Whether a chart needs a schema for its values.
const (
	SchemaOptional = "optional"
	SchemaRequired = "required"
)

// Lint says what a chart must satisfy.
type Lint struct {
	// Values are patterns, relative to the chart's folder, of the values files that are each laid over the defaults.
	Values []string `yaml:"values,omitempty"`
	// Strict turns the warnings of Helm's own lint into errors.
	Strict bool `yaml:"strict,omitempty"`
	// KubeVersions are the Kubernetes versions to render for; none means Helm's own default.
	KubeVersions []string `yaml:"kubeVersions,omitempty"`
	// Schema is SchemaOptional or SchemaRequired.
	Schema string `yaml:"schema,omitempty" default:"optional" oneOf:"required optional"`
}

// Registry is an OCI registry.
type Registry struct {
	// URL is oci://host[:port]/namespace.
	URL string `yaml:"url"`
	// Auth is who pushes.
	Auth RegistryAuth `yaml:"auth,omitempty"`
	// CAFile is a PEM file with the registry's certificate authorities, beside the system's.
	CAFile string `yaml:"caFile,omitempty"`
	// PlainHTTP talks to the registry without TLS.
	PlainHTTP bool `yaml:"plainHTTP,omitempty"`
}

// RegistryAuth is who pushes to the registry.
type RegistryAuth struct {
	// DockerConfigFile is a docker config.json; its credential helpers are used too.
	DockerConfigFile string `yaml:"dockerConfigFile,omitempty"`
}

// The forms of a signature.
const (
	FormatBundle = "bundle" // a Sigstore bundle as OCI 1.1 referrer: cosign v3, Flux
	FormatLegacy = "legacy" // a .sig tag: cosign v2, Kyverno
)

// Signing says how charts are signed, and what verifies them.
type Signing struct {
	// Key is the file of an encrypted cosign private key. Without one, releaser can only verify.
	Key string `yaml:"key,omitempty"`
	// PasswordFile holds the key's password.
	PasswordFile string `yaml:"passwordFile,omitempty"`
	// PasswordEnv is the name of an environment variable that holds it.
	PasswordEnv string `yaml:"passwordEnv,omitempty"`
	// Trusted are files of public keys whose signatures are accepted too.
	Trusted []string `yaml:"trusted,omitempty"`
	// Formats are the forms in which signatures are written: FormatBundle, FormatLegacy.
	Formats []string `yaml:"formats,omitempty" default:"bundle legacy" oneOf:"bundle legacy"`
}

// EnvironmentDefaults is what every environment has that does not say otherwise.
type EnvironmentDefaults struct {
	// Repository is the repository of the environment's files, owner/name on GitHub.
	Repository string `yaml:"repository,omitempty"`
	// Branch is the branch that is deployed.
	Branch string `yaml:"branch,omitempty" default:"main"`
	// Poll is the time between two looks at the branch.
	Poll time.Duration `yaml:"poll,omitempty" default:"1m" min:"5s"`
	// Files are what a promotion edits.
	Files []File `yaml:"files,omitempty"`
}

// FromRelease is the From of an environment that takes releases as they come.
const FromRelease = "release"

// Who starts something.
const (
	Manual = "manual" // a person, by a command or on GitHub
	Auto   = "auto"   // releaser
)

// Environment is a rung of the promotion ladder.
type Environment struct {
	// Name is a DNS label, unique in the ladder.
	Name string `yaml:"name"`
	// From is FromRelease, or the name of an environment above this one in the list.
	From string `yaml:"from"`
	// Repository, Branch, Poll and Files are as in EnvironmentDefaults; Files replaces all of the defaults'.
	Repository string `yaml:"repository,omitempty"`
	// Branch is the branch that is deployed.
	Branch string `yaml:"branch,omitempty"`
	// Poll is the time between two looks at the branch.
	Poll time.Duration `yaml:"poll,omitempty" min:"5s"`
	// Files are what a promotion edits.
	Files []File `yaml:"files,omitempty"`
	// Promote is who proposes what From holds: Manual or Auto. It is always Auto where From is FromRelease, as a
	// release proposes itself.
	Promote string `yaml:"promote,omitempty" oneOf:"auto manual"`
	// Merge is who merges the pull request once its checks are green: Manual or Auto.
	Merge string `yaml:"merge,omitempty" default:"manual" oneOf:"auto manual"`
}

// File is a file of an environment.
type File struct {
	// Path is relative to the repository's top; {chart} is required.
	Path placeholder.Template `yaml:"path" placeholders:"environment chart"`
	// Pins writes every pin of the chart's values.yaml under its key.
	Pins bool `yaml:"pins,omitempty"`
	// Set is what to write under which key.
	Set map[string]placeholder.Template `yaml:"set,omitempty" placeholders:"chart version tag commit digest environment"`
}
