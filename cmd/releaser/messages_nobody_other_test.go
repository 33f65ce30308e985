//go:build !linux

package main

// asNobody does something with the rights of this process, which is not root.
func asNobody(do func()) { do() }
