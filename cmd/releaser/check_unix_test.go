//go:build unix

package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/postgres"
)

func TestCheckAsksTheDatabaseOfTheJournalAndShowsNoPassword(t *testing.T) {
	t.Parallel()
	postgres.Need(t)
	server, err := postgres.Start()
	check(t, err)
	t.Cleanup(func() { check(t, server.Close()) })
	good, err := server.Database(t.Context(), "journal")
	check(t, err)
	p := newPage(t)
	w := p.world()
	p.configure(w, "version: 1", "version: 1\njournal: {postgres: {urlFile: keys/journal}}")
	for _, row := range []struct {
		url, want string
		code      int
	}{
		{good, "ok      journal: PostgreSQL answers, and the user may create tables there\n", exitDone},
		{strings.Replace(good, server.Password(), "not-"+server.Password(), 1), "FAILED  journal: PostgreSQL cannot be reached: ", exitFailed},
		{server.URL("nowhere"), `database "nowhere" does not exist`, exitFailed},
	} {
		check(t, os.WriteFile(w.path("keys/journal"), []byte(row.url+"\n"), 0o600))
		for _, output := range []string{"text", "json"} {
			var said bytes.Buffer
			if code := run(t.Context(), []string{"check", "-o", output}, p.streams(&said)); code != row.code {
				t.Errorf("it exits with %d, want %d", code, row.code)
			}
			if text := said.String(); strings.Contains(text, server.Password()) || output == "text" && !strings.Contains(text, row.want) {
				t.Errorf("it says\n%s\nwant %s, without the password", text, row.want)
			}
		}
	}
}
