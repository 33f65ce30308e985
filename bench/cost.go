package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cost is what one release cost.
type cost struct {
	wall  time.Duration // until the forge had the pull request
	cpu   time.Duration // user and system time of all processes of the side
	child time.Duration // of that, what the daemon's children took
	peak  int64         // bytes of memory, of all processes of the side that ran at the same time
	asked []asked
}

// requests counts those to one server, all of them when it is empty.
func (c cost) requests(server string) int {
	n := 0
	for _, a := range c.asked {
		if server == "" || a.server == server {
			n++
		}
	}
	return n
}

// tick is the unit of the times in /proc/<pid>/stat, which Linux fixes for all programs.
const tick = 10 * time.Millisecond

// spent is the CPU time of a process, those of its threads included that have ended, and of its children that have ended
// and were waited for. The first is the scheduler's and exact. Of the second the kernel tells others only whole ticks of
// user and of system time: one release may be wrong by two of them, many are right in their mean.
func spent(pid int) (own, children time.Duration, err error) {
	var clock unix.Timespec
	// A clock of another process has its number upside down, above three bits: 2 is the scheduler's (see clock_getcpuclockid).
	if err := unix.ClockGettime(int32(^pid<<3|2), &clock); err != nil {
		return 0, 0, fmt.Errorf("the CPU clock of process %d: %w", pid, err)
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("the bench reads /proc, so it runs on Linux only: %w", err)
	}
	// The second field is a name that may hold anything, in parentheses; cutime and cstime are the fields 16 and 17.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 15 {
		return 0, 0, errors.New("/proc/<pid>/stat has too few fields")
	}
	for _, field := range fields[13:15] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, 0, err
		}
		children += time.Duration(n) * tick
	}
	return time.Duration(clock.Nano()), children, nil
}

// median is the middle one, or the mean of the two in the middle.
func median[T float64 | time.Duration](all []T) T {
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
