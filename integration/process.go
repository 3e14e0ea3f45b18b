package integration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// command is a program to run in a namespace, from a stack.
type command struct {
	stack *Stack // nil for a program of ours
	path  string // program name in the stack, or absolute path
	args  []string
	env   []string      // added to the environment
	limit time.Duration // after which output kills it; 0 for none
}

func (c command) build() (*exec.Cmd, error) {
	path := c.path
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if c.stack != nil {
		if path = c.stack.find(c.path); path == "" {
			return nil, fmt.Errorf("stack %s has no %s", c.stack.Name, c.path)
		}
		if c.stack.Root != "/" {
			attr.Chroot = c.stack.Root
		}
	}
	cmd := &exec.Cmd{Path: path, Args: append([]string{path}, c.args...), Dir: "/", SysProcAttr: attr}
	cmd.Env = append(os.Environ(), c.env...)
	return cmd, nil
}

// Output runs a command to its end and returns what it wrote to standard output.
func (n *Namespace) output(c command) (string, error) {
	cmd, err := c.build()
	if err != nil {
		return "", err
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := n.Do(cmd.Start); err != nil {
		return "", fmt.Errorf("%s: %w", c.path, err)
	}
	if c.limit > 0 {
		defer time.AfterFunc(c.limit, func() { _ = cmd.Process.Kill() }).Stop()
	}
	if err := cmd.Wait(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w: %s", c.path, abbreviate(strings.Join(c.args, " ")),
			err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

func abbreviate(s string) string {
	if len(s) > 400 {
		return s[:400] + "…"
	}
	return s
}

// Process is a daemon in the foreground.
type Process struct {
	Name string
	Log  string // path of what it logged and wrote
	// Started is when it was started.
	Started time.Time

	t        T
	cmd      *exec.Cmd
	expected atomic.Bool // its end is asked for
	done     chan struct{}
}

// start starts a daemon whose output goes to logPath. It is stopped with the
// test; its ending earlier, without being asked to, fails the test.
func (n *Namespace) start(t T, name, logPath string, c command) *Process {
	t.Helper()
	cmd, err := c.build()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	p := &Process{Name: name, Log: logPath, Started: time.Now(), t: t, cmd: cmd, done: make(chan struct{})}
	if err := n.Do(cmd.Start); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	go func() {
		err := cmd.Wait()
		if !p.expected.Load() {
			t.Errorf("%s ended by itself: %v\n%s", name, err, p.Tail(30))
		}
		close(p.done)
	}()
	t.Cleanup(func() { p.Kill() })
	return p
}

// Pid is the process id, for /proc.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends a signal.
func (p *Process) Signal(sig os.Signal) error { return p.cmd.Process.Signal(sig) }

// Kill is kill -9; it returns when the process is gone.
func (p *Process) Kill() {
	p.expected.Store(true)
	_ = p.cmd.Process.Kill() // it may be gone already
	<-p.done
}

// Stop asks the process to end and waits for it; after ten seconds it is killed
// and that is an error.
func (p *Process) Stop() error {
	p.expected.Store(true)
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return p.waitEnd()
}

func (p *Process) waitEnd() error {
	p.expected.Store(true)
	select {
	case <-p.done:
		return nil
	case <-time.After(10 * time.Second):
		p.Kill()
		return fmt.Errorf("%s had to be killed", p.Name)
	}
}

// Running tells whether it has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// State is the process after its end, nil before: for the resources it used.
func (p *Process) State() *os.ProcessState {
	<-p.done
	return p.cmd.ProcessState
}

// Tail returns the last lines of the log.
func (p *Process) Tail(lines int) string {
	text, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if len(all) > lines {
		all = all[len(all)-lines:]
	}
	return filepath.Base(p.Log) + ":\n\t" + strings.Join(all, "\n\t")
}

// Logged tells whether a line of the log contains all of the given strings.
func (p *Process) Logged(parts ...string) bool {
	text, _ := os.ReadFile(p.Log)
lines:
	for line := range strings.Lines(string(text)) {
		for _, part := range parts {
			if !strings.Contains(line, part) {
				continue lines
			}
		}
		return true
	}
	return false
}
