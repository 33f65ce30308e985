//go:build unix

package charts_test

import (
	"syscall"
	"time"
)

// spent is the processor time of this process, and of its children that have ended.
func spent() (own, children time.Duration) {
	of := func(who int) time.Duration {
		var u syscall.Rusage
		_ = syscall.Getrusage(who, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return of(syscall.RUSAGE_SELF), of(syscall.RUSAGE_CHILDREN)
}
