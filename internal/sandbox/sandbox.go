// Package sandbox runs one hostile computation in a child process that holds nothing.
//
// A Box executes the program that it is part of once more, hands the child its input, and returns the child's
// output or an error; there is no third case. The child has an empty environment, an empty folder to work
// in, and none of the descriptors, keys and files of its parent. It is killed at a limit of memory, CPU
// time, wall clock or output. Where the kernel has them, Landlock leaves it no file but its folder, and
// seccomp no socket and no other program. Protections tells what is in force; outside Linux nothing is, and
// the child is merely another process.
//
// The program calls Main before anything else, with the one computation that its children do. A child is
// known by its command line: argument zero is the title "releaser (sandbox)", with the blank and the brackets, and
// exactly one argument with the limits as JSON follows. A shell makes no such argument zero unless told to.
//
// What is trusted is the program itself: the child is the same code, and becomes harmless before it reads its
// first byte of input. The computation should be a pure function; what it prints is dropped, but for the
// last 64 KiB on standard error, which tell why it died.
package sandbox

import (
	"fmt"
	"strings"
	"time"
)

const (
	maxInput  = 48 << 20 // bytes
	maxOutput = 4 << 20  // bytes
	maxErrors = 64 << 10 // bytes of standard error that are kept

	startTime = 30 * time.Second // for a child to become ready; it is ours, not the work's
	waitDelay = time.Second      // between the kill and giving up on the pipes
)

// The names of limits that Killed.Limit returns.
const (
	Time   = "time"   // wall clock
	CPU    = "cpu"    // processor time
	Memory = "memory" // address space
	Output = "output" // more than 4 MiB
	Input  = "input"  // more than 48 MiB; no child was started
	Crash  = "crash"  // the child ended by itself, without output
)

// Killed is the error of work that was stopped at a limit, or that died of itself. Doing the same work again
// ends the same way. Every other error of Run is the machine's or the caller's, and may pass.
type Killed struct {
	// By is the limit, one of the constants above.
	By string
	// Detail says more, in one line. Of a crash it may quote what the work was given.
	Detail string
	// Ended is how a crash ended the process, in one line that quotes nothing of the work.
	Ended string
}

// Limit is the name of the limit: "time", "cpu", "memory", "output", "input" or "crash".
func (k *Killed) Limit() string { return k.By }

// Cause is Ended, for those who know of this type only what it can do.
func (k *Killed) Cause() string { return k.Ended }

// Error names the limit and the detail.
func (k *Killed) Error() string {
	if k.By == Crash {
		return "the sandboxed work crashed: " + k.Detail
	}
	return fmt.Sprintf("the sandboxed work was stopped at its %s limit: %s", k.By, k.Detail)
}

// Protections tells what holds a child, as the child itself found it.
type Protections struct {
	// Limits is true when the kernel limits memory, CPU time, file size and descriptors.
	Limits bool `json:"limits"`
	// Landlock is the version of Landlock's interface that is in force, 0 when none is. From version 4 on it
	// also stops TCP, from 6 on signals.
	Landlock int `json:"landlock"`
	// Seccomp is true when every socket and the start of every program is refused.
	Seccomp bool `json:"seccomp"`
}

// String lists the protections in force and those that are missing.
func (p Protections) String() string {
	var have, lack []string
	add := func(in bool, name string) {
		if in {
			have = append(have, name)
		} else {
			lack = append(lack, name)
		}
	}
	add(p.Limits, "limits on memory and CPU")
	add(p.Landlock > 0, "Landlock (no files)")
	add(p.Seccomp, "seccomp (no network, no programs)")
	switch {
	case len(have) == 0:
		return "nothing is in force on this system"
	case len(lack) == 0:
		return "in force: " + strings.Join(have, ", ")
	}
	return "in force: " + strings.Join(have, ", ") + "; missing: " + strings.Join(lack, ", ")
}
