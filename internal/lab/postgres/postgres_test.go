//go:build unix

package postgres

import (
	"os"
	"testing"
)

func TestAServerServesDatabasesOfItsOwnAndLeavesNothing(t *testing.T) {
	t.Parallel()
	Need(t)
	s, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, name := range []string{"one", `t"wo`} {
		if _, err := s.Database(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SQL(t.Context(), "one", "CREATE TABLE t (a int)"); err != nil {
		t.Fatal(err)
	}
	if err := s.SQL(t.Context(), `t"wo`, "SELECT * FROM t"); err == nil {
		t.Error("the second database has the table of the first")
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := s.SQL(t.Context(), "one", "SELECT * FROM t"); err != nil {
		t.Error("after a restart:", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
		t.Error("its folder is still there:", err)
	}
	if err := s.SQL(t.Context(), "one", "SELECT 1"); err == nil {
		t.Error("it answers after Close")
	}
}
