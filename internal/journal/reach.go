package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Reach tells whether Open would reach the PostgreSQL database at the URL and may create tables in it. It creates none and
// takes no lock, however often it is called. No secret of the URL is in its error, which is one line and says what to do.
func Reach(ctx context.Context, url func() (string, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 2*askPatience)
	defer cancel()
	conn, err := Options{URL: url}.connect(ctx)
	var refused *pgconn.ConnectError
	if errors.As(err, &refused) {
		// What it says itself holds more of the URL: a password with a slash in it would be taken for the database's name.
		return fmt.Errorf("PostgreSQL cannot be reached: %s; look whether the server runs, and at the host, user, password and database of the URL", oneLine(refused.Unwrap()))
	}
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return mayCreate(ctx, conn)
}

// mayCreate asks the server for what creating a table takes: a schema where the user may do it, and a server that writes.
func mayCreate(ctx context.Context, conn *pgx.Conn) error {
	var may, readOnly bool
	var user, schema string
	err := conn.QueryRow(ctx, `SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false), current_setting('transaction_read_only') = 'on',
		quote_ident(current_user), quote_ident(coalesce(current_schema(), 'public'))`).Scan(&may, &readOnly, &user, &schema)
	switch {
	case err != nil:
		return fmt.Errorf("PostgreSQL does not answer: %s; look at the log of the server", oneLine(err))
	case readOnly:
		return errors.New("PostgreSQL takes no writes here: it is a standby, or default_transaction_read_only is on; name the primary server in the URL")
	case !may:
		return fmt.Errorf("user %s may not create tables in the database; let its owner run there: GRANT USAGE, CREATE ON SCHEMA %s TO %s", user, schema, user)
	}
	return nil
}

// oneLine is an error without its line breaks: one line is there for each address of the server, with TLS and without.
func oneLine(err error) string {
	return strings.Join(slices.Compact(strings.Split(err.Error(), "\n")), "; ")
}
