package crash

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/releaser/releaser/internal/lab/chartlab"
	"github.com/releaser/releaser/internal/lab/forge"
	"github.com/releaser/releaser/internal/lab/gitd"
	"github.com/releaser/releaser/internal/lab/gitd/gitdtest"
	"github.com/releaser/releaser/internal/lab/ocid"
	"github.com/releaser/releaser/signing"
)

const (
	platform     = "acme/platform"
	environments = "acme/environments"
	chart        = "voice"
	version      = "0.1.0"
	token        = "ghp_ofTheBot"
	secret       = "of the hooks"
	password     = "a pass word"

	// The daemon reaches both through the door as a proxy, so that what is signed and written holds the same addresses in all
	// worlds, and the ends of two of them are equal to the byte. The forge, to which a token may not go in the clear, has a
	// port of its own; nothing that is written names it.
	gitHost      = "git.example.com"
	registryHost = "registry.example.com"
	hookPath     = "/hook"
)

const configuration = `version: 1
server: {listen: "127.0.0.1:0", metrics: "127.0.0.1:0", webhook: {secretFiles: [hook-secret]}}
github: {apiURL: "FORGE", auth: {tokenFile: token}}
sources:
  - name: platform
    url: http://git.example.com/acme/platform.git
    existing: all
    poll: 24h   # what hooks do not tell is found at the start
    tags: ["{chart}-{version}"]
    charts:
      - path: charts/*
        pins: [{key: image.tag, value: "{commit}"}]
registry: {url: "oci://registry.example.com/charts", plainHTTP: true}
signing: {key: cosign.key, passwordFile: password, formats: [bundle, legacy]}
environmentDefaults:
  repository: acme/environments
  poll: 24h
  files:
    - {path: "{environment}/{chart}/values.yaml", pins: true}
    - {path: "{environment}/{chart}/release.yaml", set: {version: "{version}", digest: "{digest}"}}
environments:
  - {name: dev, from: release}
  - {name: staging, from: dev, promote: auto, merge: auto}
  - {name: prod, from: staging, promote: auto}
`

// keys is one key pair for all worlds: what it signs twice has one signature.
var keys = sync.OnceValues(func() (pair [2]string, err error) {
	private, public, err := signing.GenerateKey([]byte(password))
	return [2]string{string(private), string(public)}, err
})

// place is a folder that the servers of a world keep all that they know in: git, the registry and the forge.
type place string

func (p place) path(parts ...string) string {
	return filepath.Join(append([]string{string(p)}, parts...)...)
}

// newPlace has a chart with a tag, and three environments that hold nothing yet.
func newPlace(t *testing.T) place {
	t.Helper()
	p := place(t.TempDir())
	charts := gitdtest.New(t, p.path("git"), platform+".git", gitd.Features{})
	charts.Tag(chart+"-"+version, charts.Commit("main", chartlab.Small(chart, version)))
	files := ""
	for _, env := range []string{"dev", "staging", "prod"} {
		files += fmt.Sprintf("-- %[1]s/%[2]s/values.yaml --\n# of %[1]s\nimage:\n    tag: \"\" # set by releaser\n"+
			"-- %[1]s/%[2]s/release.yaml --\nversion: \"\"\ndigest: \"\"\n", env, chart)
	}
	gitdtest.New(t, p.path("git"), environments+".git", gitd.Features{}).Commit("main", files)
	return p
}

// copied is the same place again, for another story.
func (p place) copied(t *testing.T) place {
	t.Helper()
	to := place(t.TempDir())
	must(t, os.CopyFS(string(to), os.DirFS(string(p))))
	return to
}

// world is the servers over a place, the door before them, and the folder of the daemon. The servers outlive every daemon.
type world struct {
	*testing.T
	place
	own      string // the daemon's folder; its name is short, as the socket's is limited
	door     *Door
	git      http.Handler
	registry *ocid.Server
	forge    *forge.Server
	address  string // of the door

	mu     sync.Mutex
	daemon *daemon // that runs, if any
}

func newWorld(t *testing.T, p place) *world {
	t.Helper()
	w := &world{T: t, place: p}
	var err error
	w.registry, err = ocid.New(ocid.Options{Dir: p.path("registry")})
	must(t, err)
	t.Cleanup(func() { w.registry.Close() })
	w.git = gitd.New(p.path("git"), gitd.Options{})
	w.forge, err = forge.New(forge.Options{
		URL: "https://forge.example.com", GitURL: "http://" + gitHost, File: p.path("forge.json"), RateLimit: 1 << 30,
		// Commits bear their time, and so do pull requests. Here it stands still.
		Now: func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) },
	})
	must(t, err)
	t.Cleanup(w.forge.Close)
	w.door = New(http.HandlerFunc(w.serve))
	w.listen()
	w.forge.AddToken(forge.Token{Value: token, Login: "releaser"})
	for _, name := range []string{platform, environments} {
		must(t, w.forge.AddRepository(forge.Repository{FullName: name, Dir: p.path("git", name+".git"), Private: true}))
	}
	w.furnish()
	return w
}

// listen opens the door. What the forge tells the daemon passes it uncounted: that is not the daemon's request.
func (w *world) listen() {
	w.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == hookPath {
			w.relay(rw, r)
			return
		}
		w.door.ServeHTTP(rw, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	w.Cleanup(server.Close)
	w.address = server.Listener.Addr().String()
}

// serve finds the server by the host that was asked for.
func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	r.URL.Scheme, r.URL.Host = "", "" // no server is asked as a proxy
	r.RequestURI = r.URL.RequestURI()
	switch r.Host {
	case gitHost:
		w.git.ServeHTTP(rw, r)
	case registryHost:
		w.registry.ServeHTTP(rw, r)
	case w.address:
		w.forge.ServeHTTP(rw, r)
	default:
		w.Errorf("the daemon asks %s for %s", r.Host, r.URL)
		http.NotFound(rw, r)
	}
}

// relay takes an event to the daemon that runs now, wherever it listens. While none runs the event is lost.
func (w *world) relay(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	d := w.daemon
	w.mu.Unlock()
	if d == nil {
		http.Error(rw, "no daemon runs", http.StatusBadGateway)
		return
	}
	req := r.Clone(r.Context())
	req.RequestURI, req.URL.Scheme, req.URL.Host, req.URL.Path = "", "http", d.listens, "/webhook/github"
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	rw.WriteHeader(resp.StatusCode)
}

// furnish writes the daemon's folder.
func (w *world) furnish() {
	w.Helper()
	var err error
	w.own, err = os.MkdirTemp("", "crash-")
	must(w.T, err)
	w.Cleanup(func() { _ = os.RemoveAll(w.own) })
	pair, err := keys()
	must(w.T, err)
	for name, text := range map[string]string{
		"releaser.yaml": strings.ReplaceAll(configuration, "FORGE", "http://"+w.address+forge.Prefix),
		"cosign.key":    pair[0], "password": password, "token": token, "hook-secret": secret,
	} {
		must(w.T, os.WriteFile(filepath.Join(w.own, name), []byte(text), 0o600))
	}
}

// hook makes the forge tell the daemon what happens.
func (w *world) hook() {
	w.Helper()
	for _, name := range []string{platform, environments} {
		must(w.T, w.forge.SetHook(name, forge.Hook{URL: "http://" + w.address + hookPath, Secret: secret}))
	}
}

// merge is what a person does to an open pull request.
func (w *world) merge(branch string) {
	w.Helper()
	must(w.T, w.forge.MergePullRequest(environments, w.open(branch), "ann"))
}

// end is all that the servers know, by name: every ref with its commit, every tag with its manifest, and every pull request.
// Commits and digests stand for all that they are made from. The one thing left out is the numbers that the forge gives to
// things inside, as two writes of the same may draw two.
type end map[string]string

func (w *world) end() end {
	w.Helper()
	all := end{}
	for _, name := range []string{platform, environments} {
		w.refs(name, all)
	}
	w.manifests(all)
	w.pulls(all)
	return all
}

func (w *world) refs(repository string, all end) {
	w.Helper()
	r, err := gitd.Init(w.Context(), w.path("git", repository+".git"), gitd.Features{})
	must(w.T, err)
	refs, err := r.Git(w.Context(), "for-each-ref", "--format=%(refname) %(objectname) %(subject)")
	must(w.T, err)
	for line := range strings.Lines(refs) {
		name, commit, _ := strings.Cut(strings.TrimSpace(line), " ")
		all["git "+repository+" "+name] = commit
	}
}

// manifests reads the registry. It has no referrers API: what refers to a manifest stands under a tag, as at GHCR.
func (w *world) manifests(all end) {
	w.Helper()
	var catalog struct{ Repositories []string }
	w.read("/v2/_catalog?n=1000", &catalog)
	for _, repository := range catalog.Repositories {
		var list struct{ Tags []string }
		w.read("/v2/"+repository+"/tags/list", &list)
		for _, tag := range list.Tags {
			answer := w.ask("/v2/" + repository + "/manifests/" + tag)
			all["registry "+repository+":"+tag] = answer.Header().Get("Docker-Content-Digest") + " " + answer.Body.String()
		}
	}
}

// ask asks the registry past the door.
func (w *world) ask(path string) *httptest.ResponseRecorder {
	answer, request := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil)
	request.Header.Set("Accept", "*/*")
	request.Header.Add("Accept", "application/vnd.oci.image.manifest.v1+json")
	request.Header.Add("Accept", "application/vnd.oci.image.index.v1+json")
	w.registry.ServeHTTP(answer, request)
	return answer
}

func (w *world) read(path string, into any) {
	w.Helper()
	answer := w.ask(path)
	if answer.Code == http.StatusOK {
		must(w.T, json.Unmarshal(answer.Body.Bytes(), into))
	}
}

// pull is what the forge's file keeps of a pull request.
type pull struct {
	Number                                       int
	Title, Body, State, Author, Head, Base       string
	HeadSHA, BaseSHA, MergeSHA, MergedBy, Before string
	Labels                                       []string
	Comments                                     []struct{ Login, Body string }
}

func (w *world) forgeFile() (file struct {
	Repositories map[string]struct {
		Pulls    []pull
		Statuses map[string][]struct{ State, Context, Description string }
	}
}) {
	w.Helper()
	text, err := os.ReadFile(w.path("forge.json"))
	must(w.T, err)
	must(w.T, json.NewDecoder(bytes.NewReader(text)).Decode(&file))
	return file
}

func (w *world) pulls(all end) {
	w.Helper()
	for name, repository := range w.forgeFile().Repositories {
		for _, p := range repository.Pulls {
			all[fmt.Sprintf("forge %s #%d", name, p.Number)] = fmt.Sprintf("%+v", p)
		}
		for commit, statuses := range repository.Statuses {
			all["forge "+name+" status of "+commit] = fmt.Sprintf("%+v", statuses)
		}
	}
}

// open is the number of the open pull request from a branch, 0 when there is none.
func (w *world) open(branch string) int {
	w.Helper()
	for _, p := range w.forgeFile().Repositories[environments].Pulls {
		if p.State == "open" && p.Head == branch {
			return p.Number
		}
	}
	return 0
}

// against lists what differs.
func (e end) against(want end) string {
	names := map[string]bool{}
	for name := range e {
		names[name] = true
	}
	for name := range want {
		names[name] = true
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if e[name] != want[name] {
			fmt.Fprintf(&b, "%s\n  is   %s\n  want %s\n", name, cmp.Or(e[name], "not there"), cmp.Or(want[name], "not there"))
		}
	}
	return b.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
