package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestASecondProcessOnTheSameFolderIsAClearError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opened(t, Options{Dir: dir})
	_, err := Open(t.Context(), Options{Dir: dir})
	if !errors.Is(err, ErrInUse) {
		t.Fatal(err)
	}
	for _, want := range []string{dir, fmt.Sprint("process ", os.Getpid()), "--data-dir", "postgres"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestAFolderIsFreeAgainAfterClose(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a folder", "of 100% new?#names")
	for range 3 {
		j, err := Open(t.Context(), Options{Dir: dir})
		must(t, err)
		must(t, j.Ask(t.Context(), Sweep{"web"}))
		must(t, j.Close())
		must(t, j.Close())
	}
	info, err := os.Stat(filepath.Join(dir, "journal.db"))
	must(t, err)
	if folder, _ := os.Stat(dir); folder.Mode().Perm() != 0o700 || info.Size() == 0 {
		t.Errorf("%v, %d bytes", folder.Mode(), info.Size())
	}
}

// F27
func TestABrokenFileIsSetAsideAndANewOneBegun(t *testing.T) {
	t.Parallel()
	for name, destroy := range map[string]func(t *testing.T, file string){
		"no database": func(t *testing.T, file string) {
			must(t, os.WriteFile(file, []byte(strings.Repeat("this is no database\n", 1000)), 0o600))
		},
		"cut short": func(t *testing.T, file string) {
			info, err := os.Stat(file)
			must(t, err)
			must(t, os.Truncate(file, info.Size()/2/4096*4096))
		},
		"pages of noise": func(t *testing.T, file string) {
			f, err := os.OpenFile(file, os.O_RDWR, 0)
			must(t, err)
			_, err = f.WriteAt([]byte(strings.Repeat("noise", 3000)), 4096)
			must(t, errors.Join(err, f.Close()))
		},
		"of a newer releaser": func(t *testing.T, file string) {
			j := opened(t, Options{Dir: filepath.Dir(file)})
			_, err := j.db.Exec("INSERT INTO releaser_schema (version) VALUES (999)")
			must(t, errors.Join(err, j.Close()))
		},
		"of a newer River": func(t *testing.T, file string) {
			j := opened(t, Options{Dir: filepath.Dir(file)})
			_, err := j.db.Exec("INSERT INTO river_migration (line, version) VALUES ('main', 7)")
			must(t, errors.Join(err, j.Close()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			j := opened(t, Options{Dir: dir})
			must(t, j.Ask(t.Context(), Sweep{"web"}))
			must(t, j.Close())
			if j.SetAside != "" {
				t.Fatal("a good file was set aside")
			}
			destroy(t, filepath.Join(dir, "journal.db"))
			j = opened(t, Options{Dir: dir})
			if !strings.HasPrefix(j.SetAside, filepath.Join(dir, "journal.db.broken-")) {
				t.Fatalf("set aside is %q", j.SetAside)
			}
			if _, err := os.Stat(j.SetAside); err != nil {
				t.Error(err)
			}
			run(t, j, idle())
			must(t, j.Ask(t.Context(), Sweep{"web"}))
			until(t, "the new one works", func() bool { return stands(t, j, Sweep{"web"}).State == Succeeded })
		})
	}
}

// F26
func TestAFileThatAnotherProgramHasLockedIsWaitedForAWhile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := opened(t, Options{Dir: dir})
	before := j.Beat()
	run(t, j, idle())
	until(t, "the first look", func() bool { return j.Beat().After(before) })
	release := lockFile(t, filepath.Join(dir, "journal.db"))
	if err := j.Ask(t.Context(), Sweep{"web"}); err == nil || !strings.Contains(err.Error(), "locked") {
		t.Error("asking ended with", err)
	}
	release()
	must(t, j.Ask(t.Context(), Sweep{"web"}))
	until(t, "done", func() bool { return stands(t, j, Sweep{"web"}).State == Succeeded })
}

func lockFile(t *testing.T, file string) (release func()) {
	t.Helper()
	db, err := openDB(file)
	must(t, err)
	conn, err := db.Conn(t.Context())
	must(t, err)
	_, err = conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE")
	must(t, err)
	return func() {
		_, err := conn.ExecContext(t.Context(), "ROLLBACK")
		must(t, errors.Join(err, conn.Close(), db.Close()))
	}
}

// F28: the limit is SQLite's own on the pages of a file, which answers as a full disk does.
func TestAFullDiskIsAnErrorAndAVerdictWaitsForRoom(t *testing.T) {
	t.Parallel()
	j := opened(t, Options{Dir: t.TempDir()})
	job := Release{"web", "web-1.0.0", "c0ffee"}
	began, goOn := make(chan bool), make(chan bool)
	h := idle()
	h.Release = func(context.Context, Release) Verdict {
		began <- true
		<-goOn
		return Rejected(errors.New(strings.Repeat("much to say ", 300)))
	}
	run(t, j, h)
	must(t, j.Ask(t.Context(), job))
	<-began
	_, err := j.db.Exec("PRAGMA max_page_count = 1") // as many as there are
	must(t, err)
	full := func() (err error) {
		for i := 0; err == nil && i < 10000; i++ {
			err = j.Note(t.Context(), Entry{Source: "web", Err: strings.Repeat("x", 1000)})
		}
		return err
	}
	if err := full(); err == nil || !strings.Contains(err.Error(), "full") {
		t.Fatal("the disk is not full:", err)
	}
	goOn <- true
	time.Sleep(500 * time.Millisecond)
	_, err = j.db.Exec("PRAGMA max_page_count = 1000000")
	must(t, err)
	until(t, "the verdict is written", func() bool { return stands(t, j, job).State == Refused })
}

func TestTheFileIsForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() // anybody may read it
	must(t, os.Chmod(dir, 0o755))
	opened(t, Options{Dir: dir})
	files, err := filepath.Glob(filepath.Join(dir, "journal.db*"))
	must(t, err)
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Error(file, info.Mode(), err)
		}
	}
	if len(files) == 0 {
		t.Error("there is no file")
	}
}

func TestAFolderMayBeNamedFromWhereTheProcessIs(t *testing.T) {
	t.Chdir(t.TempDir())
	opened(t, Options{Dir: "here/and there"})
	if _, err := os.Stat("here/and there/journal.db"); err != nil {
		t.Error(err)
	}
}

func TestAFolderThatCannotBeWrittenIsAnErrorThatNamesIt(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	_, err := Open(t.Context(), Options{Dir: filepath.Join(file, "dir")})
	if err == nil || !strings.Contains(err.Error(), file) || errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
