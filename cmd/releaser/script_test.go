package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/releaser/releaser/charts"
	"github.com/releaser/releaser/internal/lab/rigs"
	"github.com/releaser/releaser/internal/sandbox"
)

func TestMain(m *testing.M) {
	if sandbox.Main(os.Args, charts.Inspect) {
		return
	}
	if filepath.Base(os.Args[0]) != "releaser" {
		_ = os.Setenv("NO_PROXY", "*") // a proxy would answer for hosts that are not there
	}
	testscript.Main(m, map[string]func(){"releaser": main})
}

// TestTheCommandsAsTheyAreTyped runs the scripts. Beside testscript's own commands they have:
//
//	world                  a registry, a git server, a forge, keys and a configuration in $WORK/world; see newWorld
//	exits CODE PROGRAM …   runs a program, which must exit with the code
//	git DIR ARG…           git as a developer types it, in a working copy of the world
//	merge N                a person merges pull request N of the environments
//	deliver EVENT [BODY]   sends a webhook, signed with the world's secret, to $HOOK until it is answered
//	await FILE TEXT        waits until a file of the environments' main branch holds the text
//	holds FILE TEXT        waits until a file holds the text
//	get URL CODE TEXT      a GET answers with the code and a body that holds the text
//	image NAME DIR         an image is in the registry, tagged with the commit of a working copy of the world
//	json FILE PATH WANT    a value in a JSON file, by the names and numbers on the way to it
//	judge helm|cosign|cosign3   finds a judge and names it in $HELM, $COSIGN or $COSIGN3
//	app LIFE               makes the world private, and releaser a GitHub App whose tokens live so long; git is at $PRIVATE
//	tokens N|N+            so many different tokens were shown to git so far
//	expired                waits until git takes none of the tokens shown so far
//	kept                   no token stands in the last output, a URL, the arguments of a process or a file
//
// and those of hostileCommands.
func TestTheCommandsAsTheyAreTyped(t *testing.T) {
	t.Parallel()
	commands := map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"world": scriptWorld, "exits": scriptExits, "git": scriptGit, "merge": scriptMerge,
		"deliver": scriptDeliver, "await": scriptAwait, "holds": scriptHolds, "image": scriptImage, "get": scriptGet, "json": scriptJSON, "judge": scriptJudge,
		"app": scriptApp, "tokens": scriptTokens, "expired": scriptExpired, "kept": scriptKept,
	}
	maps.Copy(commands, hostileCommands())
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, "NO_PROXY=127.0.0.1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
			e.Values[sceneKey{}] = &scene{TB: e.T().(testing.TB)}
			return nil
		},
		Cmds: commands,
	})
}

// scene is what the commands of one script share.
type scene struct {
	testing.TB
	*world
	gate    *gate // before $PRIVATE
	hostile hostile
}

type sceneKey struct{}

func sceneOf(ts *testscript.TestScript) *scene { return ts.Value(sceneKey{}).(*scene) }

func scriptWorld(ts *testscript.TestScript, _ bool, _ []string) {
	s := sceneOf(ts)
	w, err := newWorld(s.Context(), ts.MkAbs("world"))
	ts.Check(err)
	ts.Defer(func() { _ = w.Close() })
	ts.Check(w.hook.Close()) // the script's own releaser listens there
	ts.Setenv("RELEASER_CONFIG", w.configFile())
	ts.Setenv("REGISTRY", w.registry.Host())
	ts.Setenv("FORGE", w.forgeURL)
	ts.Setenv("HOOK", "http://"+w.hook.Addr().String())
	metrics, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Check(metrics.Close())
	config, err := os.ReadFile(w.configFile())
	ts.Check(err)
	text := strings.Replace(string(config), `metrics: "127.0.0.1:0"`, fmt.Sprintf("metrics: %q", metrics.Addr()), 1)
	ts.Check(os.WriteFile(w.configFile(), []byte(text), 0o644))
	ts.Setenv("METRICS", "http://"+metrics.Addr().String())
	s.world = w
}

func scriptExits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s exits with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

func scriptGit(ts *testscript.TestScript, _ bool, args []string) {
	s := sceneOf(ts)
	ts.Check(s.gitRun(s.Context(), s.path(args[0]), args[1:]...))
}

func scriptMerge(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(sceneOf(ts).forge.MergePullRequest(demoEnvironments, n, "reviewer"))
}

func scriptDeliver(ts *testscript.TestScript, neg bool, args []string) {
	body := `{"repository":{"full_name":"acme/platform","clone_url":"` + sceneOf(ts).git.RepositoryURL(demoPlatform+".git") + `"}}`
	if len(args) > 1 {
		body = args[1]
	}
	mac := hmac.New(sha256.New, []byte(sceneOf(ts).secret))
	_, _ = io.WriteString(mac, body)
	for try := 0; ; try++ {
		r, err := http.NewRequest(http.MethodPost, ts.Getenv("HOOK")+"/webhook/github", strings.NewReader(body))
		ts.Check(err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-GitHub-Event", args[0])
		r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		answer, err := http.DefaultClient.Do(r)
		if err == nil {
			answer.Body.Close()
			if ok := answer.StatusCode < 300; ok == neg {
				ts.Fatalf("the webhook answers %s", answer.Status)
			}
			return
		}
		if try == 300 {
			ts.Check(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func scriptAwait(ts *testscript.TestScript, _ bool, args []string) {
	s := sceneOf(ts)
	for range 600 {
		show := exec.CommandContext(s.Context(), "git", "--git-dir", s.path("git", demoEnvironments+".git"), "show", "main:"+args[0])
		if text, err := show.Output(); err == nil && strings.Contains(string(text), args[1]) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("%s does not hold %s after a minute", args[0], args[1])
}

func scriptHolds(ts *testscript.TestScript, _ bool, args []string) {
	for range 600 {
		if text, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && strings.Contains(string(text), args[1]) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	ts.Fatalf("%s does not hold %q after a minute", args[0], args[1])
}

// scriptImage pushes an index without images, which is all that anybody asks of it.
func scriptImage(ts *testscript.TestScript, _ bool, args []string) {
	s := sceneOf(ts)
	commit, err := exec.CommandContext(s.Context(), "git", "-C", s.path(args[1]), "rev-parse", "HEAD").Output()
	ts.Check(err)
	const kind = "application/vnd.oci.image.index.v1+json"
	r, err := http.NewRequest(http.MethodPut, "http://"+s.registryHost()+"/v2/"+args[0]+"/manifests/"+strings.TrimSpace(string(commit)),
		strings.NewReader(`{"schemaVersion":2,"mediaType":"`+kind+`","manifests":[]}`))
	ts.Check(err)
	r.Header.Set("Content-Type", kind)
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		ts.Fatalf("the registry answers %s", answer.Status)
	}
}

func scriptGet(ts *testscript.TestScript, _ bool, args []string) {
	answer, err := http.Get(args[0])
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	if strconv.Itoa(answer.StatusCode) != args[1] || !strings.Contains(string(body), args[2]) {
		ts.Fatalf("%s answers %s without %q:\n%s", args[0], answer.Status, args[2], body)
	}
}

func scriptJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: json FILE PATH WANT")
	}
	var value any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &value))
	for _, step := range strings.Split(args[1], ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if step == "length" {
				value = len(v)
				continue
			}
			ts.Check(err)
			if i >= len(v) {
				ts.Fatalf("%s: only %d items", args[1], len(v))
			}
			value = v[i]
		default:
			ts.Fatalf("%s: no %s in %v", args[1], step, v)
		}
	}
	if got := fmt.Sprint(value); (got == args[2]) == neg {
		ts.Fatalf("%s is %q, want %q", args[1], got, args[2])
	}
}

func scriptJudge(ts *testscript.TestScript, _ bool, args []string) {
	find := map[string]func(testing.TB) string{"helm": rigs.Helm, "cosign": rigs.Cosign, "cosign3": rigs.Cosign3}
	for _, name := range args {
		ts.Setenv(strings.ToUpper(name), find[name](sceneOf(ts)))
	}
	ts.Setenv("HELM_CACHE_HOME", filepath.Join(ts.Getenv("WORK"), ".helm"))
}
