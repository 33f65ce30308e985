package main

import (
	"runtime"
	"syscall"
)

// asNobody does something with the rights on files of nobody, where this process is root and may do all.
func asNobody(do func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const nobody = 65534
	_ = syscall.Setfsuid(nobody)
	defer func() { _ = syscall.Setfsuid(syscall.Geteuid()) }()
	do()
}
