package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// watch finds out how much memory a process and all that it starts take together.
type watch struct {
	quit chan struct{}
	done chan int64
}

// newWatch looks every few milliseconds, until stop. The kernel keeps the peak of each process (VmHWM), so that what is
// missed is only what one takes in its last moments.
func newWatch(root int) *watch {
	w := &watch{quit: make(chan struct{}), done: make(chan int64, 1)}
	go func() {
		most := int64(0)
		for {
			most = max(most, resident(root, ""))
			select {
			case <-w.quit:
				w.done <- most
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	return w
}

// stop returns the largest sum that was seen, in bytes. It is called once.
func (w *watch) stop() int64 {
	close(w.quit)
	return <-w.done
}

// resident is the sum of the peaks of a process and of all below it that are there now. A process that bears its
// parent's command line is about to become another one, and still shows its parent's memory.
func resident(pid int, parent string) int64 {
	command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if string(command) == parent {
		return 0
	}
	sum := peak(pid)
	for _, child := range children(pid) {
		sum += resident(child, string(command))
	}
	return sum
}

// peak is the largest resident size that a process has had, in bytes; 0 when it is gone.
func peak(pid int) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10
		}
	}
	return 0
}

// children are the processes that a process has started and that have not ended.
func children(pid int) (all []int) {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(all, child)
			}
		}
	}
	return all
}
