package sandbox

import (
	"bytes"
	"strings"
	"sync"
	"unicode"
)

// tail keeps the last maxErrors bytes that were written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

// Write never fails and never blocks.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if n > maxErrors {
		p = p[n-maxErrors:]
	}
	if over := len(t.kept) + len(p) - maxErrors; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	t.kept = append(t.kept, p...)
	return n, nil
}

// reason is the line by which Go's runtime says why it ends, else the last line, fit for printing.
func (t *tail) reason() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := ""
	for line := range bytes.Lines(t.kept) {
		text := strings.TrimSpace(string(line))
		if text != "" {
			last = text
		}
		for _, prefix := range []string{"SIGXCPU: ", "fatal error: ", "panic: ", "runtime: ", "runtime/cgo: "} {
			if strings.HasPrefix(text, prefix) {
				return printable(text)
			}
		}
	}
	if last == "" {
		return "it said nothing"
	}
	return printable(last)
}

// own is the first line in Go's runtime's own words, which quote nothing but numbers and types; "" when there is none.
func (t *tail) own() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for line := range bytes.Lines(t.kept) {
		for _, prefix := range []string{"fatal error: ", "panic: runtime error: "} {
			if bytes.HasPrefix(line, []byte(prefix)) {
				return printable(string(line))
			}
		}
	}
	return ""
}

// outOfMemory recognises how Go's runtime dies when the kernel gives it no more memory: for the heap, or for
// the stack of a new thread.
func outOfMemory(reason string) bool {
	for _, sign := range []string{"out of memory", "cannot allocate", "failed to create new OS thread", "pthread_create failed", "newosproc"} {
		if strings.Contains(reason, sign) {
			return true
		}
	}
	return false
}

// printable cuts text to 200 bytes and drops what a terminal would act on.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return r
		}
		return -1
	}, text)
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	return text
}
