package promotion

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/releaser/releaser/internal/github"
	"github.com/releaser/releaser/internal/lab/chartlab"
	"github.com/releaser/releaser/internal/lab/forge"
	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/gitd/gitdtest"
	"github.com/releaser/releaser/internal/lab/ocid/mem"
	"github.com/releaser/releaser/internal/lab/openapi"
	"github.com/releaser/releaser/internal/scalar"
	"github.com/releaser/releaser/registry"
	"github.com/releaser/releaser/signing"
)

const (
	repository = "acme/environments"
	chart      = "voice-agent"
	token      = "ghp_ofTheBot"
)

// world is everything that promotion meets: a GitHub with a repository of environments, behind GitHub's own
// description of its API, a registry with signed charts, and a promoter between them.
type world struct {
	*testing.T
	git      *gitdtest.Repo
	forge    *forge.Server
	url      string
	registry *registry.Registry
	asks     func() int // how often the registry was asked
	signer   *signing.Signer
	options  Options
	*Promoter
}

// newWorld has three environments that hold nothing yet. change may alter them, by name.
func newWorld(t *testing.T, change func(ladder map[string]*Environment)) *world {
	t.Helper()
	return newWorldOf(t, forge.Options{}, change)
}

// newWorldOf has a GitHub of a certain kind.
func newWorldOf(t *testing.T, o forge.Options, change func(ladder map[string]*Environment)) *world {
	t.Helper()
	w := &world{T: t, git: gitdtest.New(t, t.TempDir(), repository+".git", gitd.Features{})}
	w.git.Commit("main", "the environments\n"+files("dev", "", "")+files("staging", "", "")+files("prod", "", ""))
	w.startForge(o)
	w.startRegistry()
	dev, staging, prod := environment("dev", FromRelease), environment("staging", "dev"), environment("prod", "staging")
	staging.Promote = Auto
	if change != nil {
		change(map[string]*Environment{"dev": &dev, "staging": &staging, "prod": &prod})
	}
	w.options.Environments = []Environment{dev, staging, prod}
	w.options.Registry, w.options.Verifier = w.registry, w.signer
	w.options.Pins = func(source, path string) []Pin {
		if source != chartlab.Source || path != "charts/"+chart {
			return nil
		}
		return []Pin{{Key: "image.tag", Value: template("{commit}")}}
	}
	w.restart()
	return w
}

func environment(name, from string) Environment {
	env := staging()
	env.Name, env.From, env.Promote, env.Merge = name, from, "", ""
	return env
}

// files are an environment's files of the chart as people write them. Nothing is quoted or placed as a
// machine would.
func files(env, version, digest string) string {
	return fmt.Sprintf(`-- %[1]s/%[2]s/values.yaml --
# Ask the voice team before you change this.
replicas:   2   # calls at night
image:
    repository: ghcr.io/acme/voice
    tag: %[3]s
env: [ "A", 'B' ]


-- %[1]s/%[2]s/release.yaml --
version: "%[4]s" # set by releaser
digest: "%[5]s"
`, env, chart, tagIf(version), version, digest)
}

func tagIf(version string) string {
	if version == "" {
		return `""`
	}
	return `"` + commitOf(version) + `"`
}

// commitOf is the commit that a version of the chart was made from. It is all digits for some.
func commitOf(version string) string {
	return (strings.Repeat(strings.NewReplacer(".", "", "-", "e", "rc", "ab").Replace(version), 40))[:40]
}

func (w *world) startForge(o forge.Options) {
	w.Helper()
	server, err := forge.New(o)
	w.must(err)
	w.Cleanup(server.Close)
	w.must(server.AddRepository(forge.Repository{FullName: repository, Dir: w.git.Dir(), Private: true}))
	server.AddToken(forge.Token{Value: token, Login: "releaser"})
	front := httptest.NewServer(openapi.Judge(w.T, server))
	w.Cleanup(front.Close)
	w.forge, w.url = server, front.URL
}

// keyPEM is one signing key for all tests, as making and opening one is slow on purpose.
var keyPEM = sync.OnceValues(func() ([]byte, error) {
	private, _, err := signing.GenerateKey([]byte("pw"))
	return private, err
})

func (w *world) startRegistry() {
	w.Helper()
	server, err := mem.Start(mem.Options{})
	w.must(err)
	w.Cleanup(func() { server.Close() })
	w.asks = func() int { return server.Tally().Total() }
	w.registry, err = registry.New(registry.Options{URL: "oci://" + server.Host() + "/charts", PlainHTTP: true})
	w.must(err)
	key, err := keyPEM()
	w.must(err)
	w.signer, err = signing.New(signing.Options{KeyPEM: key, Password: []byte("pw")}, w.registry)
	w.must(err)
}

// protection requires checks.
func protection(checks ...string) forge.Protection { return forge.Protection{Contexts: checks} }

// restart is a new process: nothing is remembered.
func (w *world) restart() {
	w.Helper()
	c, err := github.New(github.Options{APIURL: w.url + forge.Prefix, Token: github.Static(token), Unpaced: true})
	w.must(err)
	w.options.GitHub = c
	w.Promoter = New(w.options)
}

// dry is a promoter without hands.
func (w *world) dry() *Promoter {
	o := w.options
	o.Hands = Idle{}
	return New(o)
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// push puts a version of the chart into the registry, unsigned.
func (w *world) push(version string) registry.Pushed {
	w.Helper()
	pkg := chartlab.Package(w.T, chartlab.Small(chart, version), chartlab.Options{Commit: commitOf(version)})
	pushed, err := w.registry.Push(w.Context(), pkg, nil)
	w.must(err)
	return pushed
}

// release puts a signed version of the chart into the registry.
func (w *world) release(version string) signing.Signed {
	w.Helper()
	signed, err := w.signer.Sign(w.Context(), w.push(version))
	w.must(err)
	return signed
}

// person commits to a branch as people do, by git.
func (w *world) person(branch, text string) string {
	w.Helper()
	old := strings.Repeat("0", 40)
	if w.git.Git("for-each-ref", "refs/heads/"+branch) != "" {
		old = w.git.Git("rev-parse", branch)
	}
	commit := w.git.Commit(branch, text)
	w.must(w.forge.Pushed(repository, "person", []forge.Update{{Ref: "refs/heads/" + branch, Old: old, New: commit}}))
	return commit
}

// move puts a branch elsewhere, as a push does.
func (w *world) move(branch, commit string) {
	w.Helper()
	old := w.git.Git("rev-parse", branch)
	w.git.Git("update-ref", "refs/heads/"+branch, commit)
	w.must(w.forge.Pushed(repository, "person", []forge.Update{{Ref: "refs/heads/" + branch, Old: old, New: commit}}))
}

// round is one Round, each environment's outcome as "dev opened 0.1.0".
func (w *world) round() string {
	w.Helper()
	proposals, err := w.Round(w.Context(), chart)
	w.must(err)
	return told(proposals)
}

func told(proposals []Proposal) string {
	var all []string
	for _, p := range proposals {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", p.Environment, p.State, p.To)))
	}
	return strings.Join(all, ", ")
}

// roundIs runs a round, expects an outcome, and then that a second one writes nothing.
func (w *world) roundIs(want string) {
	w.Helper()
	if got := w.round(); got != want {
		w.Errorf("round: %s\n want: %s", got, want)
	}
	w.forge.ForgetRequests()
	again := w.round()
	if n := w.forge.Writes(); n != 0 {
		w.Errorf("a second round wrote %d times: %s", n, again)
	}
}

// promote is a person's command.
func (w *world) promote(from, to, version string) (Proposal, error) {
	w.Helper()
	return w.Promote(w.Context(), Request{From: from, To: to, Chart: chart, Version: version})
}

// merge is a person's click on an environment's open pull request.
func (w *world) merge(env string) {
	w.Helper()
	w.must(w.forge.MergePullRequest(repository, w.pr(env).Number, "person"))
}

// pr is the newest pull request of an environment; Number is 0 when there is none.
func (w *world) pr(env string) github.PullRequest {
	w.Helper()
	all, err := w.options.GitHub.Repository(repository).PullRequests(w.Context(), branchName(env, chart), "all")
	w.must(err)
	if len(all) == 0 {
		return github.PullRequest{}
	}
	return all[0]
}

// file is a file at a branch or commit, byte for byte.
func (w *world) file(at, path string) string {
	w.Helper()
	files, err := w.options.GitHub.Repository(repository).Files(w.Context(), w.git.Git("rev-parse", at), []string{path})
	w.must(err)
	return string(files[path])
}

// holds checks what an environment's branch says, to the byte.
func (w *world) holds(env, version, digest string) {
	w.Helper()
	for _, f := range txtar.Parse([]byte(files(env, version, digest))).Files {
		if got := w.file("main", f.Name); got != string(f.Data) {
			w.Errorf("%s:\n%s\nwant:\n%s", f.Name, got, f.Data)
		}
	}
}

// requests counts what a function asks of GitHub.
func (w *world) requests(f func()) int {
	w.forge.ForgetRequests()
	f()
	return len(w.forge.RequestLog())
}

// lose drops the answer of the next write to a path, after it was done.
func (w *world) lose(method, path string) {
	done := false
	w.forge.Fault(func(r *http.Request) forge.Failure {
		if done || r.Method != method || !strings.Contains(r.URL.Path, path) {
			return forge.Failure{}
		}
		done = true
		return forge.Failure{After: true, Drop: true}
	})
}

// dieAfter ends the process after the first write to a path: no other request gets through.
func (w *world) dieAfter(path string) {
	dead := false
	w.forge.Fault(func(r *http.Request) forge.Failure {
		if dead {
			return forge.Failure{Drop: true}
		}
		dead = r.Method != http.MethodGet && strings.Contains(r.URL.Path, path)
		return forge.Failure{After: dead, Drop: dead}
	})
}

// comments counts the comments under an environment's pull request.
func (w *world) comments(env string) int {
	w.Helper()
	return strings.Count(w.talk(env), "<!-- releaser: foreign commits -->")
}

// talk is the page that the API gives of the comments.
func (w *world) talk(env string) string {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), http.MethodGet,
		fmt.Sprintf("%s%s/repos/%s/issues/%d/comments", w.url, forge.Prefix, repository, w.pr(env).Number), nil)
	w.must(err)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	w.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	w.must(err)
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(text))
}

// library puts a signed library chart into the registry.
func (w *world) library(name, version string) signing.Signed {
	w.Helper()
	pushed, err := w.registry.Push(w.Context(), chartlab.Package(w.T, chartlab.Library(name, version), chartlab.Options{Pins: []scalar.Edit{}}), nil)
	w.must(err)
	signed, err := w.signer.Sign(w.Context(), pushed)
	w.must(err)
	return signed
}
