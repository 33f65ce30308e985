//go:build unix

// Package postgres is a real PostgreSQL server for the tests: the one of the system's packages, in a folder of its own.
//
// The promise: it listens on the loopback address only, keeps everything below one temporary folder, and is gone when the
// test is over, also when the test is killed. It is not durable, so that it is fast: no file is ever synced. Each caller of
// Database gets an empty one. Where PostgreSQL is not installed a test is skipped, except under CI=true, where it fails.
package postgres

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Server is one PostgreSQL server.
type Server struct {
	bin, dir string
	port     int
	as       *syscall.SysProcAttr // PostgreSQL refuses to be run by root
	leash    io.Closer            // the server ends when this does
	process  *exec.Cmd
	log      *os.File // what all of them print
}

const (
	role     = "releaser"
	password = "s3cret-of-the-lab"
)

// Password is the one in each URL, for tests that it is shown nowhere.
func (s *Server) Password() string { return password }

// Need finds PostgreSQL or skips the test; under CI=true it fails.
func Need(t testing.TB) {
	t.Helper()
	if _, err := find(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// Start makes a server and waits until it answers.
func Start() (*Server, error) {
	bin, err := find()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin}
	if s.dir, err = os.MkdirTemp("", "postgres"); err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		printed, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		s.Close()
		return nil, fmt.Errorf("postgres: %w\n%s", err, printed)
	}
	return s, nil
}

// find is the folder of the programs: Debian keeps them out of the path, one folder for each version.
func find() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return "", fmt.Errorf("PostgreSQL is not installed; run: apt-get install postgresql")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

func (s *Server) begin() (err error) {
	if s.log, err = os.Create(filepath.Join(s.dir, "log")); err != nil {
		return err
	}
	if err := s.becomeSomebody(); err != nil {
		return err
	}
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(password), 0o644); err != nil {
		return err
	}
	if err := s.run("initdb", "-D", s.data(), "-U", role, "--pwfile", secret, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "-N"); err != nil {
		return err
	}
	return s.listen()
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// becomeSomebody gives the folder to a user who is not root.
func (s *Server) becomeSomebody() error {
	if os.Getuid() != 0 {
		return nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		if who, err = user.Lookup("nobody"); err != nil {
			return err
		}
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	s.as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return os.Chown(s.dir, uid, gid)
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir, cmd.SysProcAttr, cmd.Stdout, cmd.Stderr = s.dir, s.as, s.log, s.log
	cmd.Env = append(os.Environ(), "PGPASSWORD="+password, "LC_ALL=C")
	return cmd
}

func (s *Server) run(name string, args ...string) error {
	if err := s.command(name, args...).Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// listen starts the server on a free port. Another program may take the port in between: then it is another port's turn.
func (s *Server) listen() (err error) {
	for range 5 {
		if s.port, err = freePort(); err != nil {
			return err
		}
		if err = s.serve(); err == nil {
			return nil
		}
		s.stop()
	}
	return err
}

func (s *Server) serve() error {
	// The shell waits at the leash and ends the server when it is let go, also by our death.
	const leash = `"$@" & read -r _; kill -INT $!; wait $!`
	s.process = s.command("postgres")
	postgres := s.process.Path
	s.process.Path = "/bin/sh"
	s.process.Args = []string{"sh", "-c", leash, "sh", postgres, "-D", s.data(), "-p", strconv.Itoa(s.port), "-k", s.dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=300"}
	in, err := s.process.StdinPipe()
	if err != nil {
		return err
	}
	if err := s.process.Start(); err != nil {
		return err
	}
	s.leash = in
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if s.command("pg_isready", "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(s.port)).Run() == nil {
			return nil
		}
	}
	return fmt.Errorf("does not answer on port %d", s.port)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Database makes an empty database and gives its URL.
func (s *Server) Database(ctx context.Context, name string) (string, error) {
	if err := s.SQL(ctx, "postgres", `CREATE DATABASE "`+strings.ReplaceAll(name, `"`, `""`)+`"`); err != nil {
		return "", err
	}
	return s.URL(name), nil
}

// URL is the address of a database.
func (s *Server) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, password), Host: s.Address(), Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Address is where the server listens, host:port.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// SQL says something to a database, as a person would with psql.
func (s *Server) SQL(ctx context.Context, database, statement string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, s.URL(database))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("psql: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// Restart stops the server, as for an upgrade, and starts it again on the same port with the same content.
func (s *Server) Restart() error {
	s.stop()
	return s.serve()
}

func (s *Server) stop() {
	if s.leash != nil {
		s.leash.Close()
		s.process.Wait()
		s.leash = nil
	}
}

// Close stops the server and removes its folder.
func (s *Server) Close() error {
	s.stop()
	if s.log != nil {
		s.log.Close()
	}
	return os.RemoveAll(s.dir)
}
