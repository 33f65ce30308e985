package sandbox_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/releaser/releaser/internal/sandbox"
)

// systemReport answers by raw system calls, as hostile code would.
func systemReport(verb, rest string) string {
	switch verb {
	case "descriptor":
		fd, _ := strconv.Atoi(rest)
		buffer := make([]byte, 64)
		n, err := unix.Pread(fd, buffer, 0)
		return fmt.Sprintf("%s %v", buffer[:max(n, 0)], err)
	case "descriptors":
		return descriptors()
	case "memory-of":
		return strings.Join(memoryOf(rest), "\n")
	case "privileges":
		nothingNew, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
		return fmt.Sprint(nothingNew, err, unix.Setuid(0) == nil)
	case "lookup":
		ask := func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "udp", rest)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := (&net.Resolver{PreferGo: true, Dial: ask}).LookupHost(ctx, "tweet.example.com.")
		return fmt.Sprint(err)
	case "signal":
		return fmt.Sprint(unix.Kill(unix.Getppid(), 0), unix.Tgkill(unix.Getppid(), unix.Getppid(), 0))
	case "fork":
		_, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		return fmt.Sprint(errno)
	case "limits":
		var core, size unix.Rlimit
		_ = unix.Getrlimit(unix.RLIMIT_CORE, &core)
		_ = unix.Getrlimit(unix.RLIMIT_FSIZE, &size)
		return fmt.Sprint(core.Max, size.Max)
	}
	return "what is " + verb + "?"
}

// descriptors lists what is open, by the kind of file: 1 is a pipe, 0 what Go's poller has.
func descriptors() string {
	var open []string
	for fd := range 1024 {
		var stat unix.Stat_t
		if unix.Fstat(fd, &stat) == nil {
			open = append(open, fmt.Sprint(fd, ":", stat.Mode>>12))
		}
	}
	return strings.Join(open, " ")
}

// memoryOf tries all ways to the memory of a process at an address.
func memoryOf(process string) []string {
	var pid int
	var address uintptr
	if _, err := fmt.Sscan(process, &pid, &address); err != nil {
		return []string{err.Error()}
	}
	var tries []string
	try := func(way string, data []byte, err error) {
		tries = append(tries, fmt.Sprintf("%s: %s %v", way, bytes.Trim(data, "\x00"), err))
	}
	data := make([]byte, 16)
	_, err := unix.ProcessVMReadv(pid, []unix.Iovec{{Base: &data[0], Len: 16}}, []unix.RemoteIovec{{Base: address, Len: 16}}, 0)
	try("process_vm_readv", data, err)
	data = make([]byte, 16)
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err == nil {
		_, err = memory.ReadAt(data, int64(address))
		memory.Close()
	}
	try("mem", data, err)
	_, err = os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	try("maps", nil, err)
	try("ptrace", nil, unix.PtraceAttach(pid))
	_, err = unix.PidfdOpen(pid, 0)
	try("pidfd", nil, err)
	return tries
}

func TestMemoryOfTheParentIsOutOfReach(t *testing.T) {
	t.Parallel()
	requires(t, func(p sandbox.Protections) bool { return p.Seccomp && p.Landlock > 0 }, "seccomp and Landlock")
	secret := []byte("tweet in memory\x00")
	question := fmt.Sprint(os.Getpid(), " ", uintptr(unsafe.Pointer(&secret[0])))
	if own := memoryOf(question); !strings.Contains(own[0], "tweet") {
		t.Fatalf("the address leads nowhere: %q", own)
	}
	got, err := run(t, new(sandbox.Box), "memory-of "+question)
	if err != nil || strings.Contains(got, "tweet") {
		t.Errorf("got %q, %v", got, err)
	}
	for _, line := range strings.Split(got, "\n") {
		if !strings.Contains(line, "not permitted") && !strings.Contains(line, "permission denied") {
			t.Errorf("not refused: %s", line)
		}
	}
	if string(secret) != "tweet in memory\x00" {
		t.Error("the secret changed")
	}
}

func TestChildHasNoDescriptorsButItsPipes(t *testing.T) {
	t.Parallel()
	got, err := run(t, new(sandbox.Box), "descriptors")
	if err != nil || !strings.HasPrefix(got, "0:1 1:1 2:1") {
		t.Fatalf("got %q, %v", got, err)
	}
	for _, open := range strings.Fields(got)[3:] {
		if !strings.HasSuffix(open, ":0") {
			t.Errorf("%s is open, of %s", open, got)
		}
	}
}

func TestChildCannotGainPrivileges(t *testing.T) {
	t.Parallel()
	requires(t, func(p sandbox.Protections) bool { return p.Seccomp }, "seccomp")
	root := os.Getuid() == 0
	if got, err := run(t, new(sandbox.Box), "privileges"); got != fmt.Sprint("1 <nil> ", root) || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// B38. A name is asked for by UDP. The listener of listeners fails the test when anything arrives.
func TestNameServerIsNotAsked(t *testing.T) {
	t.Parallel()
	requires(t, func(p sandbox.Protections) bool { return p.Seccomp }, "seccomp")
	server := listeners(t)["udp"]
	got, err := run(t, &sandbox.Box{Dir: t.TempDir()}, "lookup "+server)
	if err != nil || !strings.Contains(got, "operation not permitted") {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestOpenFileOfTheParentIsNotInherited(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("tweet"), 0o600); err != nil {
		t.Fatal(err)
	}
	low, err := unix.Open(file, unix.O_RDONLY, 0) // without O_CLOEXEC, as C libraries do
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(low)
	fd, err := unix.FcntlInt(uintptr(low), unix.F_DUPFD, 500) // where nothing of the child's own lies
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	got, err := run(t, new(sandbox.Box), fmt.Sprint("descriptor ", fd))
	if err != nil || strings.Contains(got, "tweet") || !strings.Contains(got, "bad file descriptor") {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestOtherProcessesAreOutOfReach(t *testing.T) {
	t.Parallel()
	requires(t, func(p sandbox.Protections) bool { return p.Seccomp }, "seccomp")
	b := new(sandbox.Box)
	for verb, want := range map[string]string{
		"signal": "operation not permitted operation not permitted",
		"fork":   "operation not permitted",
	} {
		if got, err := run(t, b, verb); got != want || err != nil {
			t.Errorf("%s: got %q, %v", verb, got, err)
		}
	}
}

func TestCoreFilesAndLargeFilesAreRefused(t *testing.T) {
	t.Parallel()
	if got, err := run(t, new(sandbox.Box), "limits"); got != fmt.Sprint("0 ", 48<<20) || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// Another process of the same user, outside any sandbox, is what PR_SET_DUMPABLE is for. Root reads everything
// all the same (CAP_SYS_PTRACE): there, only Landlock keeps a child out, as TestEnvironmentIsNotInherited shows.
func TestEnvironmentOfTheParentIsHiddenFromItsUser(t *testing.T) {
	t.Parallel()
	data, err := exec.Command("cat", fmt.Sprintf("/proc/%d/environ", os.Getpid())).CombinedOutput()
	if os.Getuid() == 0 {
		t.Skip("root may read the memory of every process; TestAllOfThisHoldsWithoutPrivileges runs this as nobody")
	}
	if err == nil || !bytes.Contains(data, []byte("Permission denied")) {
		t.Errorf("got %q, %v", data, err)
	}
}

func TestAllOfThisHoldsWithoutPrivileges(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("there are no privileges to give up")
	}
	self := exec.Command("/proc/self/exe", "-test.v", "-test.skip=WithoutPrivileges|Limits")
	self.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	self.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=/tmp", restricted + "=1"}
	self.Dir = "/"
	output, err := self.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, name := range []string{"TestEnvironmentOfTheParentIsHiddenFromItsUser", "TestThisIsARestrictedPod", "TestMemoryOfTheParentIsOutOfReach"} {
		if !bytes.Contains(output, []byte("PASS: "+name)) && !bytes.Contains(output, []byte("SKIP: "+name)) {
			t.Errorf("%s did not run as nobody:\n%s", name, output)
		}
	}
	if !bytes.Contains(output, []byte("PASS: TestThisIsARestrictedPod")) {
		t.Errorf("it was no restricted pod:\n%s", output)
	}
}

// restricted is the variable by which the tests start again with the rights of a restricted pod.
const restricted = "SANDBOX_TEST_RESTRICTED"

// restrict gives up, before anything else, what a restricted pod does not have: the way to more privileges. The user is
// no longer root, and has no capabilities.
func restrict() error {
	if os.Getenv(restricted) != "1" {
		return nil
	}
	runtime.LockOSThread() // the flag is the thread's that executes
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Exec("/proc/self/exe", os.Args, append(slices.DeleteFunc(os.Environ(), func(v string) bool { return v == restricted+"=1" }), restricted+"=2"))
}

func TestThisIsARestrictedPod(t *testing.T) {
	t.Parallel()
	if os.Getenv(restricted) == "" {
		t.Skip("TestAllOfThisHoldsWithoutPrivileges runs this as nobody")
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"NoNewPrivs:\t1", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "Uid:\t65534\t65534\t65534\t65534"} {
		if !bytes.Contains(status, []byte(want)) {
			t.Errorf("no %q in\n%s", want, status)
		}
	}
}
