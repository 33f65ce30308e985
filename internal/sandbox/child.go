package sandbox

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
)

// title is argument zero of a child, and what ps shows of it.
const title = "releaser (sandbox)"

// limits is what a child imposes on itself. It travels as the child's only argument.
type limits struct {
	CPU    uint64 `json:"cpu"`    // seconds
	Memory uint64 `json:"memory"` // bytes above what is mapped when the child is ready
}

func (l limits) args() []string {
	text, _ := json.Marshal(l)
	return []string{title, string(text)}
}

// environment is all that a child has. A child lives shortly: GOGC spares it the collector below 64 MiB of heap, which an
// ordinary chart never needs, and the soft memory limit makes Go collect before the hard one kills. UTC keeps one result
// on all machines.
func (l limits) environment(dir string) []string {
	return []string{
		"GOTRACEBACK=none", "GOMAXPROCS=2", "GOGC=1600", "GOMEMLIMIT=" + strconv.FormatUint(l.Memory/4*3, 10),
		"TMPDIR=" + dir, "TZ=UTC",
	}
}

// asChild reads a command line that args made.
func asChild(args []string) (limits, bool) {
	var l limits
	if len(args) != 2 || args[0] != title || json.Unmarshal([]byte(args[1]), &l) != nil {
		return limits{}, false
	}
	return l, l.CPU > 0 && l.Memory > 0
}

// Main does the work and exits when this process was started by a Box; args is os.Args. In every other
// process it hides the memory and the environment of the process from others of the same user (Linux,
// PR_SET_DUMPABLE) and returns false at once. It is called first in main, and first in TestMain of each package
// whose tests use a Box. work gets the input and returns the output; when it panics, Run returns *Killed.
func Main(args []string, work func(input []byte) (output []byte)) (ran bool) {
	l, child := asChild(args)
	if !child {
		hide()
		return false
	}
	if err := serve(l, work); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
	return true
}

// serve confines the process, says so, reads the input, works and answers.
func serve(l limits, work func([]byte) []byte) error {
	in, out := os.Stdin, os.Stdout
	os.Stdout = os.Stderr // a stray print must not become part of the answer
	log.SetOutput(io.Discard)
	protections, err := confine(l)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(protections); err != nil {
		return err
	}
	input, err := receive(in)
	if errors.Is(err, io.EOF) {
		return nil // a spare that was never used
	}
	if err != nil {
		return err
	}
	return send(out, work(input))
}

func receive(in io.Reader) ([]byte, error) {
	var size uint64
	if err := binary.Read(in, binary.BigEndian, &size); err != nil {
		return nil, err
	}
	if size > maxInput {
		return nil, fmt.Errorf("input of %d bytes", size)
	}
	input := make([]byte, size)
	_, err := io.ReadFull(in, input)
	return input, err
}

func send(out io.Writer, output []byte) error {
	if err := binary.Write(out, binary.BigEndian, uint64(len(output))); err != nil {
		return err
	}
	_, err := out.Write(output)
	return err
}
