//go:build linux && !amd64 && !arm64

package sandbox

// filterCalls has no list for this architecture.
func filterCalls() (bool, error) { return false, nil }
