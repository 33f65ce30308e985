package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/releaser/releaser/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Main(os.Args, attack)
	if err := restrict(); err != nil {
		log.Fatal(err)
	}
	os.Exit(m.Run())
}

// attack is the work of this package's children: each input is a hostile computation, and the output says how far it came.
func attack(input []byte) []byte {
	verb, rest, _ := strings.Cut(string(input), " ")
	switch verb {
	case "echo":
		return []byte(rest)
	case "memory":
		for hoard := bytes.Repeat([]byte("x"), 1<<20); ; {
			hoard = append(hoard, hoard...)
		}
	case "spin":
		for i := 0; ; i++ {
			_ = i
		}
	case "sleep":
		time.Sleep(time.Minute)
	case "huge":
		return make([]byte, 5<<20)
	case "exit":
		code, _ := strconv.Atoi(rest)
		os.Exit(code)
	case "panic":
		panic(rest)
	case "index":
		return []byte{rest[len(rest)]}
	case "print":
		fmt.Println(rest)
		return []byte("printed")
	}
	return []byte(report(verb, rest))
}

// report answers what a child sees of the world.
func report(verb, rest string) string {
	switch verb {
	case "environ":
		return strings.Join(os.Environ(), "\n")
	case "arguments":
		return strings.Join(os.Args, "\n")
	case "read":
		data, err := os.ReadFile(rest)
		return fmt.Sprintf("%s %v", data, err)
	case "write":
		return fmt.Sprint(os.WriteFile(rest, []byte("x"), 0o600))
	case "list":
		entries, err := os.ReadDir(rest)
		return fmt.Sprint(len(entries), " ", err)
	case "parent":
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", os.Getppid()))
		return fmt.Sprintf("%s %v", data, err)
	case "dial":
		network, address, _ := strings.Cut(rest, " ")
		conn, err := net.DialTimeout(network, address, time.Second)
		if err == nil {
			_, err = conn.Write([]byte("x"))
		}
		return fmt.Sprint(err)
	case "exec":
		return fmt.Sprint(exec.Command(rest).Run())
	}
	return systemReport(verb, rest)
}

func run(t *testing.T, b *sandbox.Box, input string) (string, error) {
	t.Helper()
	if b.Dir == "" {
		b.Dir = t.TempDir()
	}
	output, err := b.Run(t.Context(), []byte(input))
	left, _ := os.ReadDir(b.Dir)
	if len(left) != 0 {
		t.Errorf("%s: %d job folders are left", input, len(left))
	}
	return string(output), err
}

func TestOutputComesBack(t *testing.T) {
	t.Parallel()
	b := new(sandbox.Box)
	for range 2 {
		got, err := run(t, b, "echo hello")
		if got != "hello" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if got, err := run(t, b, "echo "); got != "" || err != nil {
		t.Errorf("empty output: got %q, %v", got, err)
	}
}

func TestWorkEndsAtItsLimits(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3<<20)
	for _, c := range []struct {
		name, input, limit string
		box                *sandbox.Box
	}{
		{name: "sleep", input: "sleep", limit: sandbox.Time, box: &sandbox.Box{Time: 100 * time.Millisecond}},
		{name: "output", input: "huge", limit: sandbox.Output},
		{name: "output below the limit", input: "echo " + long},
		{name: "input", input: "echo " + strings.Repeat(long, 17), limit: sandbox.Input},
		{name: "exit", input: "exit 3", limit: sandbox.Crash},
		{name: "exit that looks like success", input: "exit 0", limit: sandbox.Crash},
		{name: "panic", input: "panic boom", limit: sandbox.Crash},
		{name: "memory", input: "memory", limit: sandbox.Memory},
		{name: "CPU", input: "spin", limit: sandbox.CPU, box: &sandbox.Box{CPU: time.Second, Time: 5 * time.Minute}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS != "linux" && (c.limit == sandbox.Memory || c.limit == sandbox.CPU) {
				t.Skip("the kernel's limits are used on Linux only")
			}
			if c.box == nil {
				c.box = new(sandbox.Box)
			}
			output, err := run(t, c.box, c.input)
			var killed *sandbox.Killed
			switch {
			case c.limit == "" && err != nil:
				t.Error(err)
			case c.limit != "" && (!errors.As(err, &killed) || killed.Limit() != c.limit):
				t.Errorf("got %v, want the limit %q", err, c.limit)
			case c.limit != "" && output != "":
				t.Errorf("%d bytes of output beside the error", len(output))
			}
		})
	}
}

func TestCrashTellsItsReasonInOnePrintableLine(t *testing.T) {
	t.Parallel()
	_, err := run(t, new(sandbox.Box), "panic boom\x1b[31m "+strings.Repeat("z", 1000)+"\nsecond")
	if err == nil || !strings.Contains(err.Error(), "panic: boom") {
		t.Fatalf("got %v", err)
	}
	if strings.ContainsAny(err.Error(), "\x1b\n") || len(err.Error()) > 400 {
		t.Errorf("not one short printable line: %q", err)
	}
}

// What ends a process in Go's own words may be shown to everybody; what a panic says may be a secret that the work was given.
func TestCauseOfACrashQuotesNothingOfTheWork(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]string{
		"panic tweet":                 "exit status 2",
		"panic x\nfatal error: tweet": "exit status 2",
		"index tweet":                 "exit status 2, panic: runtime error: index out of range [5] with length 5",
		"exit 3":                      "exit status 3",
	} {
		_, err := run(t, new(sandbox.Box), input)
		var killed *sandbox.Killed
		if !errors.As(err, &killed) || killed.Cause() != want {
			t.Errorf("%s: got %v, want the cause %q", input, err, want)
		}
	}
}

func TestStrayPrintIsNoOutput(t *testing.T) {
	t.Parallel()
	got, err := run(t, new(sandbox.Box), "print noise")
	if got != "printed" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestEndOfTheCallerIsNoVerdictOnTheWork(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := new(sandbox.Box).Run(ctx, []byte("sleep"))
	var killed *sandbox.Killed
	if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &killed) {
		t.Errorf("got %v", err)
	}
}

func TestAtMostParallelChildrenWork(t *testing.T) {
	t.Parallel()
	b := &sandbox.Box{Parallel: 1, Time: 200 * time.Millisecond}
	begin := time.Now()
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { _, _ = b.Run(t.Context(), []byte("sleep")) })
	}
	all.Wait()
	if took := time.Since(begin); took < 600*time.Millisecond {
		t.Errorf("three sleeps of 200 ms took %v", took)
	}
}

func TestSpareChildDoesTheNextWork(t *testing.T) {
	t.Parallel()
	b := &sandbox.Box{Spare: true, Dir: t.TempDir()}
	for range 5 {
		got, err := b.Run(t.Context(), []byte("echo x"))
		if string(got) != "x" || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(b.Dir); len(left) != 0 {
		t.Errorf("%d job folders are left after Close", len(left))
	}
	if got, err := b.Run(t.Context(), []byte("echo y")); string(got) != "y" || err != nil {
		t.Errorf("after Close: got %q, %v", got, err)
	}
}

func TestEnvironmentIsNotInherited(t *testing.T) {
	t.Setenv("RELEASER_CANARY", "tweet")
	b := new(sandbox.Box)
	for _, verb := range []string{"environ", "arguments", "parent"} {
		got, err := run(t, b, verb)
		if err != nil || strings.Contains(got, "tweet") || strings.Contains(got, "RELEASER_CANARY") {
			t.Errorf("%s: got %q, %v", verb, got, err)
		}
	}
}

func TestWorkStartsInAnEmptyFolderOfItsOwn(t *testing.T) {
	t.Parallel()
	b := new(sandbox.Box)
	if got, err := run(t, b, "list ."); got != "0 <nil>" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := run(t, b, "write here"); got != "<nil>" || err != nil {
		t.Errorf("write: got %q, %v", got, err)
	}
}

func TestOrdinaryCommandLineIsNoChild(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		nil,
		{"releaser"},
		{"releaser (sandbox)"},
		{"releaser (sandbox)", "lint"},
		{"releaser (sandbox)", "{}"},
		{"releaser", `{"cpu":10,"memory":1}`},
		{"releaser (sandbox)", `{"cpu":10,"memory":1}`, "more"},
	} {
		if sandbox.Main(args, func([]byte) []byte { t.Error("worked"); return nil }) {
			t.Errorf("%q was taken for a child", args)
		}
	}
}

func TestFileOfTheParentIsNotThere(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(secret, []byte("tweet"), 0o600); err != nil {
		t.Fatal(err)
	}
	requires(t, func(p sandbox.Protections) bool { return p.Landlock > 0 }, "Landlock")
	b := new(sandbox.Box)
	for _, path := range []string{secret, "/etc/passwd", "/proc/self/environ"} {
		got, err := run(t, b, "read "+path)
		if err != nil || !strings.Contains(got, "permission denied") || strings.Contains(got, "tweet") {
			t.Errorf("%s: got %q, %v", path, got, err)
		}
	}
	if got, err := run(t, b, "write "+secret); err != nil || !strings.Contains(got, "permission denied") {
		t.Errorf("write: got %q, %v", got, err)
	}
}

func TestNetworkIsRefused(t *testing.T) {
	t.Parallel()
	requires(t, func(p sandbox.Protections) bool { return p.Seccomp }, "seccomp")
	b := &sandbox.Box{Dir: t.TempDir()}
	for network, address := range listeners(t) {
		got, err := run(t, b, "dial "+network+" "+address)
		if err != nil || !strings.Contains(got, "operation not permitted") {
			t.Errorf("%s: got %q, %v", network, got, err)
		}
	}
}

// listeners opens one of each kind. Whoever reaches one fails the test.
func listeners(t *testing.T) map[string]string {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	short, err := os.MkdirTemp("", "s") // a socket's path has about 100 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	unix, err := net.Listen("unix", filepath.Join(short, "s"))
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []net.Listener{tcp, unix} {
		go func() {
			if conn, err := l.Accept(); err == nil {
				conn.Close()
				t.Errorf("a child reached %v", l.Addr())
			}
		}()
	}
	t.Cleanup(func() {
		tcp.Close()
		unix.Close()
		_ = udp.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, _, _ := udp.ReadFrom(make([]byte, 16)); n > 0 {
			t.Error("a child sent a datagram")
		}
		udp.Close()
		os.RemoveAll(short)
	})
	return map[string]string{"tcp": tcp.Addr().String(), "udp": udp.LocalAddr().String(), "unix": unix.Addr().String()}
}

func TestProgramIsRefused(t *testing.T) {
	t.Parallel()
	requires(t, func(p sandbox.Protections) bool { return p.Seccomp }, "seccomp")
	got, err := run(t, new(sandbox.Box), "exec /bin/true")
	if err != nil || !strings.Contains(got, "not permitted") && !strings.Contains(got, "permission denied") {
		t.Errorf("got %q, %v", got, err)
	}
}

// requires skips a test that this kernel cannot pass, and says what it lacks. In CI that is a failure: there, what the
// sandbox promises has to be shown.
func requires(t *testing.T, has func(sandbox.Protections) bool, what string) {
	t.Helper()
	p, err := new(sandbox.Box).Protections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !has(p) {
		if os.Getenv("CI") == "true" {
			t.Fatalf("this system has no %s, and CI needs it: %v", what, p)
		}
		t.Skipf("this system has no %s: %v", what, p)
	}
}

func TestProtectionsAreTold(t *testing.T) {
	t.Parallel()
	p, err := new(sandbox.Box).Protections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(p)
	if p.Limits != (runtime.GOOS == "linux") {
		t.Errorf("limits: %v on %s", p.Limits, runtime.GOOS)
	}
	for _, c := range []struct {
		p    sandbox.Protections
		want string
	}{
		{sandbox.Protections{}, "nothing is in force on this system"},
		{sandbox.Protections{Limits: true}, "in force: limits on memory and CPU; missing: Landlock (no files), seccomp (no network, no programs)"},
		{sandbox.Protections{Limits: true, Landlock: 7, Seccomp: true}, "in force: limits on memory and CPU, Landlock (no files), seccomp (no network, no programs)"},
	} {
		if got := c.p.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
