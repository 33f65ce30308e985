package sandbox

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// process is a child as its parent sees it. It does one piece of work, or none, and is gone.
type process struct {
	cmd         *exec.Cmd
	dir         string // the job folder
	limits      limits
	stdin       io.WriteCloser
	pipe        *os.File // the read end of standard output
	stdout      *bufio.Reader
	stderr      tail
	protections Protections

	mu     sync.Mutex
	reaped bool
}

// errOutput is the reading side's word for a child that says too much.
var errOutput = errors.New("too much output")

// start makes a job folder and a child in it, and waits until the child is confined.
func (b *Box) start(ctx context.Context) (*process, error) {
	p, err := b.spawn()
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w; run releaser check", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	stop := context.AfterFunc(ctx, p.kill)
	defer stop()
	if err := p.hello(); err != nil {
		p.kill()
		state := p.wait()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("starting a sandbox: %w", context.Cause(ctx))
		}
		return nil, fmt.Errorf("sandbox: the child did not start: %w (%v, %s); run releaser check", err, state, p.stderr.reason())
	}
	return p, nil
}

// spawn executes this program again. The child gets three pipes, a folder, and nothing else.
func (b *Box) spawn() (*process, error) {
	exe, err := executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.Dir, "releaser-job-")
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	p := &process{dir: dir, limits: b.limits()}
	p.cmd = &exec.Cmd{
		Path: exe, Args: p.limits.args(), Env: p.limits.environment(dir), Dir: dir,
		Stderr: &p.stderr, SysProcAttr: ownGroup(), WaitDelay: waitDelay,
	}
	if err := p.launch(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return p, nil
}

// launch connects the pipes and starts the program.
func (p *process) launch() error {
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		stdin.Close()
		return err
	}
	p.cmd.Stdout = w
	err = p.cmd.Start()
	w.Close()
	if err != nil {
		stdin.Close()
		r.Close()
		return err
	}
	p.stdin, p.pipe, p.stdout = stdin, r, bufio.NewReader(r)
	return nil
}

// hello reads the child's first line: it is confined, and this is how.
func (p *process) hello() error {
	line, err := p.stdout.ReadSlice('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, &p.protections)
}

// work hands the input over, waits for the output, and ends the child, whatever happens.
func (p *process) work(ctx context.Context, input []byte, limit time.Duration) ([]byte, error) {
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	stop := context.AfterFunc(timed, p.kill)
	defer stop()
	output, err := p.exchange(input)
	if errors.Is(err, errOutput) {
		p.kill()
	}
	state := p.wait()
	if err == nil && state.Success() {
		return output, nil
	}
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("sandbox: %w", context.Cause(ctx))
	case errors.Is(err, errOutput):
		return nil, &Killed{By: Output, Detail: fmt.Sprintf("more than %d bytes", maxOutput)}
	case timed.Err() != nil:
		return nil, &Killed{By: Time, Detail: fmt.Sprintf("it ran longer than %v", limit)}
	}
	return nil, p.verdict(state)
}

// exchange is the whole conversation. Both sides count bytes first, so that a half is never taken for a whole.
func (p *process) exchange(input []byte) ([]byte, error) {
	if err := binary.Write(p.stdin, binary.BigEndian, uint64(len(input))); err != nil {
		return nil, err
	}
	if _, err := p.stdin.Write(input); err != nil {
		return nil, err
	}
	if err := p.stdin.Close(); err != nil {
		return nil, err
	}
	var size uint64
	if err := binary.Read(p.stdout, binary.BigEndian, &size); err != nil {
		return nil, err
	}
	if size > maxOutput {
		return nil, errOutput
	}
	output := make([]byte, size)
	if _, err := io.ReadFull(p.stdout, output); err != nil {
		return nil, err
	}
	return output, nil
}

// verdict says what ended a child that gave no output and that nobody here stopped.
func (p *process) verdict(state *os.ProcessState) error {
	reason := p.stderr.reason()
	spent := state.UserTime() + state.SystemTime() // at the hard limit a second more than the limit
	switch {
	case strings.HasPrefix(reason, "SIGXCPU"), killed(state) && spent >= time.Duration(p.limits.CPU)*time.Second:
		return &Killed{By: CPU, Detail: fmt.Sprintf("it used %d s of processor time", p.limits.CPU)}
	case killed(state):
		// Nothing of ours sends this signal: a person did, or the machine ran out of memory. The work may be innocent.
		return errors.New("sandbox: the child was killed from outside; is there memory left on this machine?")
	case outOfMemory(reason):
		return &Killed{By: Memory, Detail: fmt.Sprintf("it needed more than %d MiB", p.limits.Memory>>20)}
	}
	ended := state.String()
	if why := p.stderr.own(); why != "" {
		ended += ", " + why
	}
	return &Killed{By: Crash, Detail: fmt.Sprintf("%v, %s", state, reason), Ended: ended}
}

// alive asks whether an idle child still waits. An idle child never writes, so that any end of the read is the end of the child.
func (p *process) alive() bool {
	if err := p.pipe.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return false
	}
	_, err := p.stdout.Peek(1)
	p.stdout.Reset(p.pipe)
	return errors.Is(err, os.ErrDeadlineExceeded) && p.pipe.SetReadDeadline(time.Time{}) == nil
}

// kill ends the child's whole process group, and the wait for its output soon after.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return
	}
	killGroup(p.cmd.Process)
	p.pipe.SetReadDeadline(time.Now().Add(waitDelay))
}

// wait reaps the child and removes its folder.
func (p *process) wait() *os.ProcessState {
	p.stdin.Close()
	p.cmd.Wait() // its error is in the state, or is about the pipes of a child that is dead
	p.mu.Lock()
	p.reaped = true
	p.mu.Unlock()
	p.pipe.Close()
	os.RemoveAll(p.dir)
	return p.cmd.ProcessState
}

// end stops a child that has no work.
func (p *process) end() {
	p.kill()
	p.wait()
}
