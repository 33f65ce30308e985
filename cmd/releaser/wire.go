package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/config"
	"github.com/releaser/releaser/internal/github"
	"github.com/releaser/releaser/internal/sandbox"
	"github.com/releaser/releaser/pipeline"
	"github.com/releaser/releaser/pipeline/promotion"
	"github.com/releaser/releaser/pipeline/source"
	"github.com/releaser/releaser/registry"
	"github.com/releaser/releaser/signing"
)

// vault is what it takes to look at what was released: the configuration, the registry and the public keys.
type vault struct {
	app      *app
	config   *config.Config
	registry *registry.Registry
	verifier *signing.Verifier
	signer   *signing.Signer // nil without a private key
}

// house is every room, wired from the configuration. Wiring reads the files that the configuration names, and
// asks no network.
type house struct {
	*vault
	log            *slog.Logger
	box            *sandbox.Box
	github         *github.Client // nil without environments and credentials
	sources        []*pipeline.Source
	line           *pipeline.Line
	promoter       *promotion.Promoter
	webhookSecrets [][]byte
}

func (h *house) close() error { return h.box.Close() }

// configNames are where the configuration is looked for when nobody names it.
func configNames() []string { return []string{"releaser.yaml", "/etc/releaser/releaser.yaml"} }

// load reads the configuration.
func (a *app) load() (*config.Config, error) {
	name := a.configFile
	if name == "" {
		name = a.env("RELEASER_CONFIG")
	}
	if name == "" {
		for _, n := range configNames() {
			if _, err := os.Stat(n); err == nil {
				name = n
				break
			}
		}
	}
	if name == "" {
		return nil, usageError{fmt.Errorf("no configuration: give --config FILE or $RELEASER_CONFIG, or write %s; config/releaser.yaml is a documented example",
			strings.Join(configNames(), " or "))}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		step := "name the configuration with --config FILE or $RELEASER_CONFIG"
		if errors.Is(err, fs.ErrPermission) {
			step = "let releaser read it: look at the rights of the file and of the folders above"
		}
		return nil, usageError{fmt.Errorf("%w: %s", err, step)}
	}
	c, err := config.Load(name, text)
	if err != nil {
		return nil, usageError{fmt.Errorf("the configuration is refused:\n%w", err)}
	}
	return c, nil
}

// vault opens the registry and the keys.
func (a *app) vault() (*vault, error) {
	c, err := a.load()
	if err != nil {
		return nil, err
	}
	v := &vault{app: a, config: c}
	if v.registry, err = a.openRegistry(c); err != nil {
		return v, usageError{err}
	}
	if err := v.openKeys(); err != nil {
		return v, usageError{err}
	}
	return v, nil
}

// openRegistry opens the registry; charts that others depend on come from the hosts besides.
func (a *app) openRegistry(c *config.Config, hosts ...string) (*registry.Registry, error) {
	return registry.New(registry.Options{
		URL: c.Registry.URL, DockerConfigFile: c.Path(c.Registry.Auth.DockerConfigFile), CAFile: c.Path(c.Registry.CAFile),
		PlainHTTP: c.Registry.PlainHTTP, DependencyHosts: hosts, UserAgent: readBuild().userAgent(), Proxy: http.ProxyFromEnvironment,
	})
}

// openKeys reads the private key, where there is one, and the public keys that are accepted beside it.
func (v *vault) openKeys() (err error) {
	s := v.config.Signing
	var o signing.Options
	for _, f := range s.Formats {
		o.Formats = append(o.Formats, signing.Format(f))
	}
	for _, name := range s.Trusted {
		pem, err := os.ReadFile(v.config.Path(name))
		if err != nil {
			return fmt.Errorf("signing.trusted: %w; name the file of a public key", err)
		}
		o.TrustedPEM = append(o.TrustedPEM, pem)
	}
	if s.Key == "" {
		v.verifier, err = signing.NewVerifier(o, v.registry)
		return err
	}
	if o.KeyPEM, err = os.ReadFile(v.config.Path(s.Key)); err != nil {
		return fmt.Errorf("signing.key: %w; correct the path, let releaser read the file, or make one with: cosign generate-key-pair", err)
	}
	password, err := v.app.secret("signing.password", v.config.Path(s.PasswordFile), s.PasswordEnv)
	if err != nil {
		return err
	}
	o.Password = []byte(password)
	if v.signer, err = signing.New(o, v.registry); err != nil {
		return err
	}
	v.verifier = v.signer.Verifier
	return nil
}

// secret reads a secret from a file or from the environment variable of that name; "" when neither is given.
func (a *app) secret(field, file, env string) (string, error) {
	text := ""
	switch {
	case file != "":
		return secretIn(field+"File", file)
	case env != "":
		if text = a.env(env); text == "" {
			return "", fmt.Errorf("%sEnv: the environment variable %s is not set; set it for releaser", field, env)
		}
	}
	return text, nil
}

// secretIn reads a secret from the file that a field names.
func secretIn(field, file string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w; write the secret there, or correct the path", field, err)
	}
	text := strings.TrimRight(string(content), "\r\n")
	if text == "" {
		return "", fmt.Errorf("%s: %s is empty; write the secret into it", field, file)
	}
	return text, nil
}

// house opens everything.
func (a *app) house() (*house, error) {
	v, err := a.vault()
	if err != nil {
		return nil, err
	}
	return v.house()
}

func (v *vault) house() (*house, error) {
	h := &house{vault: v, log: v.app.logger(), box: &sandbox.Box{}}
	if err := errors.Join(h.openGitHub(), h.openSources()); err != nil {
		return nil, usageError{err}
	}
	h.promoter = h.newPromoter(nil)
	h.line = &pipeline.Line{Sandbox: h.box, Registry: h.registry, Signer: h.signer, Promoter: h.promoter, Observe: h.logStage}
	return h, nil
}

// releasing is the house of a command that releases: it needs the private key.
func (a *app) releasing() (*house, error) {
	h, err := a.house()
	if err == nil && h.signer == nil {
		return nil, usageError{errors.New("signing.key is missing: releases cannot be signed; make a key with cosign generate-key-pair and name its file")}
	}
	return h, err
}

func (h *house) openGitHub() error {
	if len(h.config.Environments) == 0 && h.config.GitHub.Auth == (config.GitHubAuth{}) {
		return nil
	}
	tokens, err := h.tokens()
	if err != nil {
		return err
	}
	h.github, err = github.New(github.Options{APIURL: h.config.GitHub.APIURL, Token: tokens, UserAgent: readBuild().userAgent()})
	return err
}

// tokens is who we are at GitHub.
func (h *house) tokens() (github.TokenSource, error) {
	auth := h.config.GitHub.Auth
	switch {
	case auth.GitHubApp != nil:
		return h.gitHubApp()
	case auth.TokenFile != "":
		return github.File(h.config.Path(auth.TokenFile)), nil
	case auth.TokenEnv != "":
		token, err := h.app.secret("github.auth.token", "", auth.TokenEnv)
		return github.Static(token), err
	}
	return nil, errors.New("environments need github.auth: give githubApp or tokenFile, so that pull requests can be opened")
}

func (h *house) gitHubApp() (*github.App, error) {
	app := h.config.GitHub.Auth.GitHubApp
	key, err := os.ReadFile(h.config.Path(app.KeyFile))
	if err != nil {
		return nil, fmt.Errorf("github.auth.githubApp.keyFile: %w; download one from the App's settings", err)
	}
	return github.NewApp(github.AppOptions{ID: app.ID, KeyPEM: key, APIURL: h.config.GitHub.APIURL, UserAgent: readBuild().userAgent()})
}

// newPromoter makes a promoter that writes with the hands; nil for GitHub's.
func (h *house) newPromoter(hands promotion.Hands) *promotion.Promoter {
	var ladder []promotion.Environment
	for _, e := range h.config.Environments {
		ladder = append(ladder, environment(e))
	}
	return promotion.New(promotion.Options{
		GitHub: h.github, Registry: h.registry, Verifier: h.verifier, Environments: ladder, Pins: h.pins, Files: h.files(), Hands: hands,
	})
}

// dryPromoter is one whose hands write nothing.
func (h *house) dryPromoter() *promotion.Promoter { return h.newPromoter(promotion.Idle{}) }

func environment(e config.Environment) promotion.Environment {
	rung := promotion.Environment{
		Name: e.Name, From: e.From, Repository: e.Repository, Branch: e.Branch,
		Promote: promotion.Mode(e.Promote), Merge: promotion.Mode(e.Merge),
	}
	for _, f := range e.Files {
		file := promotion.File{Path: f.Path, Pins: f.Pins}
		for key, value := range f.Set {
			file.Set = append(file.Set, promotion.Setting{Key: key, Value: value})
		}
		rung.Files = append(rung.Files, file)
	}
	return rung
}

// pins are the configured pins of a chart's values.yaml, by the source and the folder that the registry remembers.
func (h *house) pins(sourceURL, dir string) []promotion.Pin {
	s, ok := h.config.SourceByURL(sourceURL)
	if !ok {
		return nil
	}
	rule, ok := s.Chart(dir)
	if !ok {
		return nil
	}
	return pinsOf(rule)
}

func pinsOf(rule *config.Chart) (pins []promotion.Pin) {
	for _, p := range rule.Pins {
		if p.File == "values.yaml" {
			pins = append(pins, promotion.Pin{Key: p.Key, Part: p.Part, Value: p.Value})
		}
	}
	return pins
}

func (h *house) openSources() error {
	for i := range h.config.Sources {
		rules := &h.config.Sources[i]
		auth, err := h.sourceAuth(rules)
		if err != nil {
			return fmt.Errorf("source %s: %w", rules.Name, err)
		}
		repository, err := source.Open(source.Options{Name: rules.Name, URL: h.config.Remote(rules), Auth: auth, CAFile: h.config.Path(rules.CAFile)})
		if err != nil {
			return err
		}
		patterns, err := source.ParsePatterns(rules.Tags)
		if err != nil {
			return fmt.Errorf("source %s: %w", rules.Name, err)
		}
		s := &pipeline.Source{Rules: rules, Git: repository, Patterns: patterns, Getter: h.app.newGetter(h.config, rules)}
		s.Listing = &pipeline.Listing{Git: repository, Only: source.Only{Tags: patterns.Heads(), Branches: rules.Branches}}
		if err := h.openForge(s); err != nil {
			return err
		}
		h.sources = append(h.sources, s)
	}
	return nil
}

// openForge finds the source on GitHub, if it lies there: to ask whether it has changed, by its own token or else by
// ours, and to say on its commits what became of its tags.
func (h *house) openForge(s *pipeline.Source) (err error) {
	reader, auth := h.github, s.Rules.Auth
	if tokens := h.tokensOf(auth); tokens != nil {
		o := github.Options{APIURL: h.config.GitHub.APIURL, Token: tokens, UserAgent: readBuild().userAgent()}
		if reader, err = github.New(o); err != nil {
			return err
		}
	}
	if reader != nil {
		s.Listing.GitHub, _ = reader.Holds(h.config.Remote(s.Rules))
	}
	if h.github != nil {
		if there, ok := h.github.Holds(h.config.Remote(s.Rules)); ok {
			s.Statuses = there
		}
	}
	return nil
}

// tokensOf is the token of a source that has its own; nil for one that has none, a key, or the App, which we are.
func (h *house) tokensOf(auth config.SourceAuth) github.TokenSource {
	switch {
	case auth.TokenFile != "":
		return github.File(h.config.Path(auth.TokenFile))
	case auth.TokenEnv != "":
		return github.Static(h.app.env(auth.TokenEnv))
	}
	return nil
}

func (h *house) sourceAuth(s *config.Source) (source.Auth, error) {
	a := s.Auth
	switch {
	case a.TokenFile != "":
		return source.TokenFile(h.config.Path(a.TokenFile)), nil
	case a.TokenEnv != "":
		token, err := h.app.secret("auth.token", "", a.TokenEnv)
		return source.Auth{TokenOrigin: "$" + a.TokenEnv, Token: fixed(token)}, err
	case a.SSHKeyFile != "":
		return source.Auth{SSHKeyFile: h.config.Path(a.SSHKeyFile), KnownHostsFile: h.config.Path(a.KnownHostsFile)}, nil
	case a.GitHubApp:
		app, err := h.gitHubApp()
		if err != nil {
			return source.Auth{}, err
		}
		name, err := ownerAndName(s.URL)
		return source.Auth{TokenOrigin: "github.auth.githubApp", Token: func(ctx context.Context) (string, string, error) {
			token, err := app.Token(ctx, name)
			return "x-access-token", token, err
		}}, err
	}
	return source.Auth{}, nil
}

func fixed(token string) func(context.Context) (string, string, error) {
	return func(context.Context) (string, string, error) { return "x-access-token", token, nil }
}

// ownerAndName is what GitHub calls a repository, out of its URL.
func ownerAndName(url string) (string, error) {
	parts := strings.Split(strings.TrimSuffix(strings.TrimSuffix(url, "/"), ".git"), "/")
	if len(parts) < 5 || !strings.HasPrefix(url, "http") {
		return "", errors.New("auth.githubApp reads over https://: write the URL as https://github.com/owner/name.git")
	}
	return parts[len(parts)-2] + "/" + parts[len(parts)-1], nil
}

func (h *house) openWebhook() error {
	for i, name := range h.config.Server.Webhook.SecretFiles {
		secret, err := secretIn(fmt.Sprintf("server.webhook.secretFiles[%d]", i), h.config.Path(name))
		if err != nil {
			return err
		}
		h.webhookSecrets = append(h.webhookSecrets, []byte(secret))
	}
	return nil
}

// environments are the environments' repositories, and how often each is looked at.
func (h *house) environments() map[string]time.Duration {
	every := map[string]time.Duration{}
	for _, e := range h.config.Environments {
		if now, ok := every[e.Repository]; !ok || e.Poll < now {
			every[e.Repository] = e.Poll
		}
	}
	return every
}

// newGetter fetches dependencies for one source, from the hosts that this source may.
func (a *app) newGetter(c *config.Config, s *config.Source) charts.Getter {
	oci := opening(func() (charts.Getter, error) { return a.openRegistry(c, s.Dependencies.Hosts...) })
	return charts.ByScheme{"oci": oci, "https": charts.HTTPS{Hosts: s.Dependencies.Hosts}}
}

// opening is a getter that is opened when a chart first needs it: most charts fetch nothing, and lint is offline for them.
type opening func() (charts.Getter, error)

// Get implements charts.Getter.
func (o opening) Get(ctx context.Context, repository, name, version string) ([]byte, error) {
	getter, err := o()
	if err != nil {
		return nil, err
	}
	return getter.Get(ctx, repository, name, version)
}
