package pipeline

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/config"
	"github.com/releaser/releaser/internal/github"
	"github.com/releaser/releaser/internal/lab/chartlab"
	"github.com/releaser/releaser/internal/lab/forge"
	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/gitd/gitdtest"
	"github.com/releaser/releaser/internal/lab/ocid"
	"github.com/releaser/releaser/internal/lab/ocid/door"
	"github.com/releaser/releaser/internal/lab/ocid/mem"
	"github.com/releaser/releaser/internal/lab/openapi"
	"github.com/releaser/releaser/internal/sandbox"
	"github.com/releaser/releaser/pipeline/promotion"
	"github.com/releaser/releaser/pipeline/source"
	"github.com/releaser/releaser/registry"
	"github.com/releaser/releaser/signing"
)

// box is the one sandbox of all tests: they run at once, and each child is warm when it is needed.
var box = &sandbox.Box{Spare: true}

func TestMain(m *testing.M) {
	sandbox.Main(os.Args, charts.Inspect)
	code := m.Run()
	_ = box.Close()
	os.Exit(code)
}

const (
	platform     = "acme/platform"
	environments = "acme/environments"
	token        = "ghp_ofTheBot"
	password     = "a pass word"
)

// configuration is what every world has, unless a test changes a line of it.
const configuration = `version: 1
github: {apiURL: FORGE, auth: {tokenFile: token}}
sources:
  - name: platform
    url: GIT/acme/platform.git
    existing: all
    tags: ["{chart}-{version}"]
    version: match
    charts:
      - {path: charts/*}
registry: {url: "oci://REGISTRY/charts", plainHTTP: true}
signing: {key: cosign.key, passwordFile: password, formats: [bundle, legacy]}
environmentDefaults:
  repository: acme/environments
  files:
    - {path: "{environment}/{chart}/values.yaml", pins: true}
    - {path: "{environment}/{chart}/release.yaml", set: {version: "{version}", digest: "{digest}"}}
environments:
  - {name: dev, from: release, merge: auto}
`

// world is everything that the line meets: a git server, a registry, a GitHub behind GitHub's own description of its
// API, a key, a configuration; and between them the line, wired as the program wires it.
type world struct {
	*testing.T
	dir    string
	git    *gitdtest.Repo // the charts
	server *gitd.Server
	store  *door.Door
	forge  *forge.Server
	envs   *gitdtest.Repo // the environments
	config *config.Config
	box    *sandbox.Box // nil is the one of all tests
	logged bytes.Buffer

	// What a restart makes anew.
	registry *registry.Registry
	signer   *signing.Signer
	github   *github.Client
	promoter *promotion.Promoter
	line     *Line
	source   *Source
	sweeper  *Sweeper

	outcomes []Outcome
	stages   []string
	failure  error // of the last round of promotions
}

// newWorld has a registry with a referrers API, and no charts yet. Edits are pairs of a text of the configuration and
// what stands in its place.
func newWorld(t *testing.T, edits ...string) *world {
	t.Helper()
	server, err := mem.Start(mem.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return newWorldWith(t, server, edits...)
}

// onBoth runs a test with a registry of each kind: one has a referrers API, the other, as GHCR, has none.
func onBoth(t *testing.T, test func(t *testing.T, store *door.Door)) {
	t.Run("with referrers", func(t *testing.T) {
		t.Parallel()
		server, err := mem.Start(mem.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
		test(t, server)
	})
	t.Run("without referrers", func(t *testing.T) {
		t.Parallel()
		server, err := ocid.Start(ocid.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
		test(t, server.Door)
	})
}

func newWorldWith(t *testing.T, store *door.Door, edits ...string) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir(), store: store}
	root := t.TempDir()
	w.git = gitdtest.New(t, root, platform+".git", gitd.Features{})
	w.envs = gitdtest.New(t, root, environments+".git", gitd.Features{})
	w.server = gitdtest.Serve(t, root, gitd.Options{})
	w.envs.Commit("main", holding("dev", "voice")+holding("dev", "mail")+holding("dev", "bad"))
	url := w.startForge()
	pair, err := keys()
	w.must(err)
	for name, text := range map[string]string{"token": token, "password": password + "\n", "cosign.key": pair[0], "cosign.pub": pair[1]} {
		w.must(os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600))
	}
	w.configure(url, edits)
	w.restart()
	return w
}

// configure loads the configuration with the edits.
func (w *world) configure(forgeURL string, edits []string) {
	w.Helper()
	text := configuration
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			w.Fatalf("%q is not in the configuration", edits[i])
		}
		text = strings.ReplaceAll(text, edits[i], edits[i+1])
	}
	text = strings.NewReplacer("FORGE", forgeURL+forge.Prefix, "GIT", w.server.URL(), "REGISTRY", w.store.Host()).Replace(text)
	var err error
	w.config, err = config.Load(filepath.Join(w.dir, "releaser.yaml"), []byte(text))
	w.must(err)
}

// keys is one key pair for all tests, as making one is slow on purpose.
var keys = sync.OnceValues(func() (pair [2]string, err error) {
	private, public, err := signing.GenerateKey([]byte(password))
	return [2]string{string(private), string(public)}, err
})

// holding is an environment that holds nothing of a chart yet, as people write it.
func holding(env, chart string) string {
	return fmt.Sprintf("-- %[1]s/%[2]s/values.yaml --\n# of %[1]s\nimage:\n    tag: \"\" # set by releaser\n"+
		"-- %[1]s/%[2]s/release.yaml --\nversion: \"\"\ndigest: \"\"\n", env, chart)
}

func (w *world) startForge() (url string) {
	w.Helper()
	server, err := forge.New(forge.Options{})
	w.must(err)
	w.Cleanup(server.Close)
	w.must(server.AddRepository(forge.Repository{FullName: environments, Dir: w.envs.Dir(), Private: true}))
	server.AddToken(forge.Token{Value: token, Login: "releaser"})
	front := httptest.NewServer(openapi.Judge(w.T, server))
	w.Cleanup(front.Close)
	w.forge = server
	return front.URL
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// restart is a new process: every room is opened anew from the configuration, and nothing is remembered.
func (w *world) restart() {
	w.Helper()
	w.openRegistry()
	w.openGitHub()
	rules := &w.config.Sources[0]
	repository, err := source.Open(source.Options{Name: rules.Name, URL: w.config.Remote(rules)})
	w.must(err)
	patterns, err := source.ParsePatterns(rules.Tags)
	w.must(err)
	w.source = &Source{Rules: rules, Git: repository, Patterns: patterns, Getter: charts.ByScheme{"oci": w.registry, "https": charts.HTTPS{}}}
	w.line = &Line{Sandbox: cmp.Or(w.box, box), Registry: w.registry, Signer: w.signer, Promoter: w.promoter, Observe: w.observe}
	w.sweeper = &Sweeper{
		Line: w.line, Known: NewKnown(), Log: slog.New(slog.NewTextHandler(&w.logged, nil)),
		Done: func(o Outcome) { w.outcomes = append(w.outcomes, o) },
	}
}

func (w *world) observe(e Event) { w.stages = append(w.stages, e.Stage.Name) }

func (w *world) openRegistry() {
	w.Helper()
	var err error
	w.registry, err = registry.New(registry.Options{URL: w.config.Registry.URL, PlainHTTP: w.config.Registry.PlainHTTP})
	w.must(err)
	key, err := os.ReadFile(w.config.Path(w.config.Signing.Key))
	w.must(err)
	options := signing.Options{KeyPEM: key, Password: []byte(password)}
	for _, f := range w.config.Signing.Formats {
		options.Formats = append(options.Formats, signing.Format(f))
	}
	for _, name := range w.config.Signing.Trusted {
		pem, err := os.ReadFile(w.config.Path(name))
		w.must(err)
		options.TrustedPEM = append(options.TrustedPEM, pem)
	}
	w.signer, err = signing.New(options, w.registry)
	w.must(err)
}

func (w *world) openGitHub() {
	w.Helper()
	var err error
	w.github, err = github.New(github.Options{
		APIURL: w.config.GitHub.APIURL, Token: github.File(w.config.Path(w.config.GitHub.Auth.TokenFile)), Unpaced: true,
	})
	w.must(err)
	var ladder []promotion.Environment
	for _, e := range w.config.Environments {
		ladder = append(ladder, rung(e))
	}
	w.promoter = promotion.New(promotion.Options{
		GitHub: w.github, Registry: w.registry, Verifier: w.signer, Environments: ladder, Pins: w.pins,
	})
}

func rung(e config.Environment) promotion.Environment {
	env := promotion.Environment{
		Name: e.Name, From: e.From, Repository: e.Repository, Branch: e.Branch,
		Promote: promotion.Mode(e.Promote), Merge: promotion.Mode(e.Merge),
	}
	for _, f := range e.Files {
		file := promotion.File{Path: f.Path, Pins: f.Pins}
		for _, key := range slices.Sorted(maps.Keys(f.Set)) {
			file.Set = append(file.Set, promotion.Setting{Key: key, Value: f.Set[key]})
		}
		env.Files = append(env.Files, file)
	}
	return env
}

func (w *world) pins(sourceURL, dir string) (pins []promotion.Pin) {
	s, ok := w.config.SourceByURL(sourceURL)
	if !ok {
		return nil
	}
	rule, ok := s.Chart(dir)
	if !ok {
		return nil
	}
	for _, p := range rule.Pins {
		if p.File == "values.yaml" {
			pins = append(pins, promotion.Pin{Key: p.Key, Part: p.Part, Value: p.Value})
		}
	}
	return pins
}

// push commits charts to main and tags the commit.
func (w *world) push(text string, tags ...string) (commit string) {
	w.Helper()
	commit = w.git.Commit("main", text)
	for _, tag := range tags {
		w.git.Tag(tag, commit)
	}
	return commit
}

// small is the text of a chart that has nothing wrong.
func small(name, version string) string { return chartlab.Small(name, version) }

// release carries a tag down the line by hand, as the command does.
func (w *world) release(tag string) Outcome {
	w.Helper()
	refs, err := w.source.Git.Refs(w.Context())
	w.must(err)
	found, ok := refs.Tag(tag)
	if !ok {
		w.Fatalf("there is no tag %s", tag)
	}
	w.stages = nil
	outcomes := w.line.Tag(w.Context(), w.source, refs, found)
	if len(outcomes) != 1 {
		w.Fatalf("%s: %d outcomes", tag, len(outcomes))
	}
	return outcomes[0]
}

// sweep is one sweep, which must come to its end.
func (w *world) sweep() {
	w.Helper()
	w.outcomes = nil
	_, err := w.sweeper.Sweep(w.Context(), w.source)
	w.must(err)
}

// sweepIs is one sweep with these outcomes in this order, each as "tag state", or "tag chart state" where a tag
// releases several charts.
func (w *world) sweepIs(want ...string) {
	w.Helper()
	w.sweep()
	var got []string
	for _, o := range w.outcomes {
		name := o.Tag
		if o.Chart != "" && !strings.HasPrefix(o.Tag, o.Chart) {
			name += " " + o.Chart
		}
		got = append(got, name+" "+string(o.State))
	}
	if g, all := strings.Join(got, "\n"), strings.Join(want, "\n"); g != all {
		w.Errorf("the sweep comes to:\n%s\nwant:\n%s\n%s", g, all, w.reasons())
	}
}

func (w *world) reasons() string {
	var all strings.Builder
	for _, o := range w.outcomes {
		if o.Reason != "" {
			fmt.Fprintf(&all, "%s %s: %s\n", o.Tag, o.Chart, o.Reason)
		}
	}
	return all.String()
}

// outcome is what the last sweep told of a tag.
func (w *world) outcome(tag string) Outcome {
	w.Helper()
	for _, o := range w.outcomes {
		if o.Tag == tag {
			return o
		}
	}
	w.Fatalf("nothing was told of %s", tag)
	return Outcome{}
}

// writesNothing runs what must change neither the registry nor the forge.
func (w *world) writesNothing(what string, do func()) {
	w.Helper()
	before := w.store.Tally()
	w.forge.ForgetRequests()
	do()
	if n := w.store.Tally().Since(before); n.Writes() != 0 {
		w.Errorf("%s writes to the registry: %s", what, n)
	}
	if n := w.forge.Writes(); n != 0 {
		w.Errorf("%s writes %d times to the forge", what, n)
	}
}

// requests counts what a function asks of git.
func (w *world) requests(do func()) int {
	before := w.server.Requests()
	do()
	return w.server.Requests() - before
}

// resolve is a version as the registry has it.
func (w *world) resolve(chart, version string) registry.Pushed {
	w.Helper()
	p, err := w.registry.Resolve(w.Context(), chart, version)
	w.must(err)
	return p
}

// absent makes sure that the registry has nothing of a chart, and the forge no pull request for it.
func (w *world) absent(chart string) {
	w.Helper()
	if versions, err := w.registry.Versions(w.Context(), chart); err != nil || len(versions) > 0 {
		w.Errorf("%s is in the registry: %v, %v", chart, versions, err)
	}
	if prs := w.pullRequests(chart); len(prs) > 0 {
		w.Errorf("%s has pull requests: %+v", chart, prs)
	}
}

// pullRequests are those of a chart's branch for dev, the newest first.
func (w *world) pullRequests(chart string) []github.PullRequest {
	w.Helper()
	prs, err := w.github.Repository(environments).PullRequests(w.Context(), "releaser/dev/"+chart, "all")
	w.must(err)
	return prs
}

// released is a file of a released chart, byte for byte.
func (w *world) released(chart, version, name string) string {
	w.Helper()
	text, ok := w.contents(chart, version)[chart+"/"+name]
	if !ok {
		w.Fatalf("%s %s holds no %s", chart, version, name)
	}
	return text
}

// packed are the names of the files of a released chart, sorted.
func (w *world) packed(chart, version string) []string {
	w.Helper()
	return slices.Sorted(maps.Keys(w.contents(chart, version)))
}

// contents are the files of a released chart.
func (w *world) contents(chart, version string) map[string]string {
	w.Helper()
	archive, err := w.registry.Pull(w.Context(), w.resolve(chart, version))
	w.must(err)
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	w.must(err)
	all := map[string]string{}
	for r := tar.NewReader(unzipped); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		w.must(err)
		data, err := io.ReadAll(r)
		w.must(err)
		all[header.Name] = string(data)
	}
}

// environment is a file at the head of the environments' branch.
func (w *world) environment(path string) string {
	w.Helper()
	files, err := w.github.Repository(environments).Files(w.Context(), w.envs.Git("rev-parse", "main"), []string{path})
	w.must(err)
	return string(files[path])
}

// roundIs is one round of promotions for all charts, each proposal as "environment chart state version".
func (w *world) roundIs(want ...string) {
	w.Helper()
	var got []string
	w.failure = Promote(w.Context(), w.promoter, func(p promotion.Proposal) {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", p.Environment, p.Chart, p.State, p.To)))
	})
	if g, all := strings.Join(got, "\n"), strings.Join(want, "\n"); g != all {
		w.Errorf("the round comes to:\n%s\nwant:\n%s", g, all)
	}
}

// down is a forge that is ill.
func down(*http.Request) forge.Failure {
	return forge.Failure{Status: http.StatusBadGateway, Message: "ill"}
}

// says checks that a text holds each of the parts.
func (w *world) says(what, text string, parts ...string) {
	w.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			w.Errorf("%s does not say %q:\n%s", what, part, text)
		}
	}
}
