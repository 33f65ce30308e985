package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	landlocksys "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// executable is the running program itself, even when its file was replaced since.
func executable() (string, error) { return "/proc/self/exe", nil }

// hide takes /proc/<pid>/environ, mem, maps and fd of this process away from other processes of its user, and
// core dumps and debuggers with them. Root still sees everything.
func hide() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// confine takes everything away from this process that it does not need. A protection that the kernel does not
// have is left out and told; one that fails is an error.
func confine(l limits) (Protections, error) {
	var p Protections
	if err := closeInherited(); err != nil {
		return p, fmt.Errorf("descriptors: %w", err)
	}
	statm, err := os.Open("/proc/self/statm") // opened now: no file can be opened later
	if err != nil {
		return p, err
	}
	defer statm.Close()
	hide()
	if err := limit(l); err != nil {
		return p, fmt.Errorf("limits: %w", err)
	}
	if p.Landlock, err = onlyThisFolder(); err != nil {
		return p, fmt.Errorf("landlock: %w", err)
	}
	if p.Seccomp, err = filterCalls(); err != nil {
		return p, fmt.Errorf("seccomp: %w", err)
	}
	if err := limitMemory(statm, l.Memory); err != nil {
		return p, fmt.Errorf("memory limit: %w", err)
	}
	p.Limits = true
	return p, nil
}

// closeInherited closes all descriptors but the first three and those that Go's own poller made, which lead nowhere.
func closeInherited() error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= 2 {
			continue
		}
		what, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || what == "anon_inode:[eventpoll]" || what == "anon_inode:[eventfd]" {
			continue // gone already: it was the listing itself
		}
		unix.Close(fd)
	}
	return nil
}

// limit sets all limits but that on memory. At the limit on CPU time Go's runtime is told by SIGXCPU, on which it
// says so and dies; a second later the kernel kills. Only the first can be told from a kill by someone else.
func limit(l limits) error {
	for resource, value := range map[int]unix.Rlimit{
		unix.RLIMIT_CPU:    {Cur: l.CPU, Max: l.CPU + 1},
		unix.RLIMIT_FSIZE:  {Cur: maxInput, Max: maxInput},
		unix.RLIMIT_NOFILE: {Cur: 64, Max: 64},
		unix.RLIMIT_CORE:   {},
	} {
		if err := lower(resource, value); err != nil {
			return err
		}
	}
	return nil
}

// lower sets a limit, or leaves the one that is there when that is lower still: only root may raise it.
func lower(resource int, value unix.Rlimit) error {
	var now unix.Rlimit
	if err := unix.Getrlimit(resource, &now); err != nil {
		return err
	}
	value.Cur, value.Max = min(value.Cur, now.Cur), min(value.Max, now.Max)
	return unix.Setrlimit(resource, &value)
}

// onlyThisFolder leaves the process the files of its working directory, as far as this kernel's Landlock goes.
func onlyThisFolder() (version int, err error) {
	version, err = landlocksys.LandlockGetABIVersion()
	if err != nil || version < 1 {
		return 0, nil // not built in, switched off, or hidden by a container's profile
	}
	// Best effort only chooses among the kernel's versions: there is one.
	return version, landlock.V11.BestEffort().Restrict(landlock.RWDirs("."))
}

// limitMemory allows extra bytes of address space above what is mapped now. Go maps more than a gigabyte that
// it never touches, so that a fixed number would say nothing.
func limitMemory(statm io.Reader, extra uint64) error {
	text, err := io.ReadAll(statm)
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(bytes.TrimSpace(text)), " ")
	pages, err := strconv.ParseUint(first, 10, 64)
	if err != nil {
		return err
	}
	value := pages*uint64(os.Getpagesize()) + extra
	return lower(unix.RLIMIT_AS, unix.Rlimit{Cur: value, Max: value})
}
