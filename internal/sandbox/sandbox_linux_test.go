package sandbox_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

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
	self.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=/tmp"}
	self.Dir = "/"
	output, err := self.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	if !bytes.Contains(output, []byte("PASS: TestEnvironmentOfTheParentIsHiddenFromItsUser")) {
		t.Errorf("the test as nobody did not run:\n%s", output)
	}
}
