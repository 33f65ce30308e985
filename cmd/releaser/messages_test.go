package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write docs/messages.md as it is now")

const messagesFile = "../../docs/messages.md"

// messagesHead is the beginning of docs/messages.md.
const messagesHead = `# Every message, as a user meets it

Made by running releaser: ` + "`go test ./cmd/releaser -run Messages -update`" + ` writes this file anew, and a test fails when it is not what releaser
says today, or when the code can say something that is not here. A line with # says what was done, a line with $ is
what was typed.

To find a message here, search for a piece of it that has no name, number, path or hash of yours in it. What differs from run to run is
written in capitals: ` + "`COMMIT`, `DIGEST`, `REGISTRY`, `FORGE`, `PORT`" + `.

The rules: what happened, where (file:line), why, and what to do next, on one line where that is possible; lower case; no stack;
no value that may be secret.
`

// TestMessagesReadAsTheyDidBefore runs every section for real and compares the whole with docs/messages.md. One section alone:
// go test ./cmd/releaser -run Messages/sections/GitHub -update
func TestMessagesReadAsTheyDidBefore(t *testing.T) {
	got := tellAll(t)
	if *update {
		check(t, os.WriteFile(messagesFile, []byte(got), 0o644))
	}
	want, err := os.ReadFile(messagesFile)
	check(t, err)
	if got != string(want) {
		t.Errorf("docs/messages.md is not what releaser says; read the difference, then: go test ./cmd/releaser -run Messages -update\n%s",
			firstDifference(got, string(want)))
	}
}

// tellAll tells the sections at once, each into its own page.
func tellAll(t *testing.T) string {
	sections := []struct {
		title string
		tell  func(*page)
	}{
		{"The command line", tellUsage},
		{"The configuration", tellConfiguration},
		{"The files that the configuration names", tellFiles},
		{"Tags that are not released", tellTags},
		{"Reading git", tellGit},
		{"Charts that are rejected", tellCharts},
		{"Dependencies from chart repositories", tellRepositories},
		{"The registry", tellRegistry},
		{"Signatures", tellSigning},
		{"Promotions", tellPromotion},
		{"GitHub", tellGitHub},
		{"Statuses of commits", tellStatuses},
		{"The webhook", tellWebhook},
		{"The daemon", tellDaemon},
	}
	pages := make([]string, len(sections))
	t.Run("sections", func(t *testing.T) {
		for i, s := range sections {
			t.Run(s.title, func(t *testing.T) {
				t.Parallel()
				p := newPage(t)
				s.tell(p)

				pages[i] = fmt.Sprintf("\n## %s\n\n```text\n%s```\n", s.title, strings.TrimLeft(p.text.String(), "\n"))
			})
		}
	})
	for i, s := range sections {
		if pages[i] == "" { // -run left it out
			pages[i] = before(t, s.title)
		}
	}
	return messagesHead + strings.Join(pages, "")
}

// before is a section as docs/messages.md has it.
func before(t *testing.T, title string) string {
	text, err := os.ReadFile(messagesFile)
	check(t, err)
	_, section, _ := strings.Cut(string(text), "\n## "+title+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	return "\n## " + title + "\n" + section
}

// firstDifference shows the first lines that differ.
func firstDifference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d\n  is:  %s\n  was: %s", i+1, a[i], b[i])
		}
	}
	return "one of them ends earlier"
}

// page is a section that is being written.
type page struct {
	*testing.T
	dir  string            // of this section, "" in what is written
	env  map[string]string // of the commands
	text strings.Builder
	// names are written for what differs from run to run.
	names []string
}

func newPage(t *testing.T) *page {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	check(t, err)
	return &page{T: t, dir: dir, env: map[string]string{}, names: []string{dir + "/", "", dir, "."}}
}

// call gives what differs from run to run a name.
func (p *page) call(is, name string) { p.names = append([]string{is, name}, p.names...) }

// note writes what was done before the next command.
func (p *page) note(format string, args ...any) { fmt.Fprintf(&p.text, "\n# "+format+"\n", args...) }

// types runs a command in this process, as main would, and writes what it says of what went wrong.
func (p *page) types(title string, args ...string) (out string) {
	p.Helper()
	p.note("%s", title)
	return p.again(args...)
}

// again runs a command under the same title.
func (p *page) again(args ...string) (out string) {
	p.Helper()
	var said bytes.Buffer
	code := run(p.Context(), args, p.streams(&said))
	if code == exitDone {
		p.Errorf("releaser %s: it is done, and nothing is wrong:\n%s", strings.Join(args, " "), said.String())
	}
	fmt.Fprintf(&p.text, "$ releaser %s\n%s", p.plain(strings.Join(args, " ")), p.faults(said.String()))
	return said.String()
}

// says writes what a room or a server answers.
func (p *page) says(title string, err error) {
	p.Helper()
	if err == nil {
		p.Errorf("%s: nothing is wrong", title)
		return
	}
	p.note("%s", title)
	p.text.WriteString(p.faults(err.Error() + "\n"))
}

var (
	// dull are the lines of a command that went well so far.
	dull = regexp.MustCompile(`(?m)^(  (find|checkout|pin|image|vendor|lint|package|push|sign|propose) +(ok|failed) .*|ok    .*|  oci://\S+|  sha256:\S+|  signed \(.*|TAG  .*|\S+ +(released|rejected|failed|waiting|ignored)  .*|time=\S+ level=INFO .*)\n`)
	// logged is what the daemon's log has around a message.
	logged  = regexp.MustCompile(`time=\S+ level=(WARN|ERROR) `)
	commits = regexp.MustCompile(`\b[0-9a-f]{40}\b`)
	shorts  = regexp.MustCompile(`\b(commit|at) [0-9a-f]{12}\b`)
	// diffs are what a promotion would change, which is no message.
	diffs   = regexp.MustCompile(`(?m)^--- a/.*\n\+\+\+ .*\n(@@.*\n([ +-].*\n)+)+`)
	digests = regexp.MustCompile(`sha256:[0-9a-f]{64}`)
	ports   = regexp.MustCompile(`127\.0\.0\.1:[0-9]{4,5}`)
	tags    = regexp.MustCompile(`sha256-[0-9a-f]{64}`)
	heads   = regexp.MustCompile(`sha256:[0-9a-f]{12}\b`)
	clocks  = regexp.MustCompile(`limit-(time|cpu)`)
	dials   = regexp.MustCompile(`read tcp 127\.0\.0\.1:[0-9]+->`)
	// lookups end in another way where no name server can be reached.
	lookups = regexp.MustCompile(`lookup no-such-host\.invalid[^;]*`)
	uploads = regexp.MustCompile(`upload of the (config|archive)`)
)

// faults are the lines that say what is wrong, plain.
func (p *page) faults(text string) string {
	text = diffs.ReplaceAllString(text, "")
	text = logged.ReplaceAllString(dull.ReplaceAllString(text, ""), "level=$1 ")
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return p.plain(text)
}

func (p *page) plain(text string) string {
	text = strings.NewReplacer(p.names...).Replace(text)
	text = dials.ReplaceAllString(text, "read tcp ")
	text = lookups.ReplaceAllString(text, "lookup no-such-host.invalid: no such host")
	text = uploads.ReplaceAllString(text, "upload of the archive") // they go side by side
	text = clocks.ReplaceAllString(text, "limit-time")             // whichever is met first
	text = tags.ReplaceAllString(text, "sha256-DIGEST")
	text = digests.ReplaceAllString(text, "DIGEST")
	text = heads.ReplaceAllString(text, "sha256:DIGESTDIGEST")
	text = commits.ReplaceAllString(text, "COMMIT")
	text = shorts.ReplaceAllString(text, "$1 COMMIT")
	text = ports.ReplaceAllString(text, "127.0.0.1:PORT")
	return text
}

// write puts a file into the section's folder.
func (p *page) write(name, text string) string {
	p.Helper()
	file := filepath.Join(p.dir, name)
	check(p, write(file, []byte(text)))
	return file
}

// extract writes the files of a txtar file of testdata/messages.
func (p *page) extract(name string) (names []string) {
	p.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata/messages", name))
	check(p, err)
	for _, f := range archive.Files {
		p.write(f.Name, string(f.Data))
		names = append(names, f.Name)
	}
	return names
}

// world is a registry, a git server, a forge and a configuration, in the folder world of the section.
func (p *page) world() *world {
	p.Helper()
	ctx, stop := context.WithCancel(context.Background())
	w, err := newWorld(ctx, filepath.Join(p.dir, "world"))
	check(p, err)
	p.Cleanup(func() { check(p, w.Close()); stop() })
	check(p, w.hook.Close())
	metrics, err := net.Listen("tcp", "127.0.0.1:0")
	check(p, err)
	check(p, metrics.Close())
	p.call(w.registryHost(), "REGISTRY")
	p.call(w.forgeURL, "https://FORGE")
	p.call(w.git.URL(), "https://GIT")
	p.call(filepath.Join(p.dir, "world")+"/", "")
	p.env["RELEASER_CONFIG"] = w.configFile()
	return w
}

// configure uses the world's configuration with other words in it.
func (p *page) configure(w *world, oldnew ...string) {
	p.Helper()
	text, err := os.ReadFile(w.configFile())
	check(p, err)
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(string(text), oldnew[i]) {
			p.Fatalf("the configuration has no %q", oldnew[i])
		}
	}
	changed := strings.NewReplacer(oldnew...).Replace(string(text))
	file := filepath.Join(w.dir, "other.yaml")
	check(p, os.WriteFile(file, []byte(changed), 0o644))
	p.env["RELEASER_CONFIG"] = file
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
