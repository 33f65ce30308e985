//go:build unix

package sandbox

import (
	"os"
	"syscall"
)

// ownGroup puts a child, and what it might start, where one signal reaches all.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// killGroup is called before the child is reaped, so that the number is still its own.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

// killed tells that the child ended by the signal that cannot be caught.
func killed(state *os.ProcessState) bool {
	status, ok := state.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}
