package sandbox

import "golang.org/x/sys/unix"

const (
	auditArch    = unix.AUDIT_ARCH_AARCH64
	foreignCalls = 0 // none: 32-bit programs are another architecture
)

// deniedHere lists the calls that only this architecture has.
func deniedHere() []uint32 { return nil }
