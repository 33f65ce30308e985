package journal

import (
	"errors"
	"strings"
	"testing"

	"github.com/releaser/releaser/internal/lab/postgres"
)

func reach(t *testing.T, url string) error {
	t.Helper()
	return Reach(t.Context(), func() (string, error) { return url, nil })
}

func TestADatabaseIsReachedTwiceAndNothingIsMadeThere(t *testing.T) {
	t.Parallel()
	server := started(t)
	url, err := server.Database(t.Context(), "reached")
	must(t, err)
	must(t, reach(t, url))
	must(t, reach(t, url))
	must(t, server.SQL(t.Context(), "reached", `DO $$ BEGIN
		IF EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace) THEN RAISE 'something was made'; END IF; END $$`))
	opened(t, Options{URL: func() (string, error) { return url, nil }})
	must(t, reach(t, url))
}

func TestWhoCannotReachTheDatabaseIsToldWhatToDoAndNoPassword(t *testing.T) {
	t.Parallel()
	server := started(t)
	good, err := server.Database(t.Context(), "unreached")
	must(t, err)
	for _, url := range append(badURLs(good, server),
		server.URL("n0where"),
		strings.Replace(good, "sslmode=disable", "sslmode=require", 1),
		strings.Replace(strings.Replace(good, "sslmode=disable", "", 1), server.Password(), "wr0ng-"+server.Password(), 1),
		"postgres://127.0.0.1:1/"+server.Password()+"@db.example.com/journal", // 1/… was meant for the password
	) {
		tells(t, reach(t, url), server, "PostgreSQL")
	}
	gone := errors.New("the file is gone")
	if err := Reach(t.Context(), func() (string, error) { return "", gone }); !errors.Is(err, gone) {
		t.Error(err)
	}
}

func TestWhoMayCreateNoTablesIsToldWhatTheOwnerHasToRun(t *testing.T) {
	t.Parallel()
	server := started(t)
	good, err := server.Database(t.Context(), "guarded")
	must(t, err)
	run := func(statement string) { t.Helper(); must(t, server.SQL(t.Context(), "guarded", statement)) }
	run(`CREATE ROLE "Guest of it" LOGIN PASSWORD '` + server.Password() + `'`)
	guest := strings.Replace(good, "releaser:", "Guest%20of%20it:", 1)
	const grant = `GRANT USAGE, CREATE ON SCHEMA public TO "Guest of it"`
	tells(t, reach(t, guest), server, grant)
	run(`REVOKE ALL ON SCHEMA public FROM PUBLIC`)
	tells(t, reach(t, guest), server, grant)
	run(grant)
	must(t, reach(t, guest))
	opened(t, Options{URL: func() (string, error) { return guest, nil }})
	run(`ALTER ROLE "Guest of it" SET default_transaction_read_only = on`)
	tells(t, reach(t, guest), server, "name the primary server in the URL")
}

// tells wants an error of one line that ends with what to do.
func tells(t *testing.T, err error, server *postgres.Server, want string) {
	t.Helper()
	if err == nil {
		t.Error("it is reached")
		return
	}
	text := err.Error()
	if !strings.Contains(text, want) || !strings.Contains(text, "; ") || strings.Contains(text, "\n") || strings.Contains(text, server.Password()) {
		t.Errorf("%s\nwant %s, in one line without the password", text, want)
	}
	t.Log(text)
}
