// Package daemon turns a process into a daemon the way Open vSwitch's daemons do
// it (ovn-controller(8), "Daemon Options"): --detach, --monitor, --pidfile,
// --overwrite-pidfile, --user, --no-chdir.
//
// A Go process cannot fork and go on, so each step starts the same executable
// again with the same arguments and a stage in its environment:
//
//	invocation ──► background ──► worker
//	 waits for      --monitor:     pid file, control socket, then a
//	 the byte       restarts a     byte on the readiness pipe (fd 3)
//	 on the pipe    crashed worker
//
// Without --monitor the background process is the worker itself; without
// --detach the invocation goes on as monitor or worker. The parent of --detach
// returns only when the control socket answers, so that a script may use it at
// once.
package daemon

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// Options are the daemon options of the command line.
type Options struct {
	Program          string
	Detach           bool
	NoChdir          bool
	Monitor          bool
	Pidfile          string // absolute; "" for none
	OverwritePidfile bool
	User             string // USER[:GROUP]; "" to stay
	// ChownLog gives the log file to the new user; may be nil.
	ChownLog func(uid, gid int) error
	// MonitorWait is told when the monitor starts and ends waiting for its
	// worker, so that it holds no log file meanwhile; may be nil.
	MonitorWait func(waiting bool)
}

const (
	stageEnv        = "OVN_CHASSIS_STAGE"
	stageBackground = "background"
	stageWorker     = "worker"
	readyFD         = 3
)

// ErrNotStarted says that the background process ended before it was ready; its
// own message has been printed or logged by it.
var ErrNotStarted = errors.New("child died before signaling startup")

// Daemon is the worker's own view of being a daemon.
type Daemon struct {
	opts  Options
	ready *os.File // readiness pipe; nil when nobody waits
	pid   *pidfile
}

// Start carries out the options. It returns in the process that is to do the
// work; all others are ended here. The caller then opens its control socket and
// calls Ready.
func Start(opts Options, log *slog.Logger) (*Daemon, error) {
	stage := os.Getenv(stageEnv)
	if err := os.Unsetenv(stageEnv); err != nil {
		return nil, fmt.Errorf("daemon: %w", err)
	}
	d := &Daemon{opts: opts}
	if stage != "" {
		d.ready = os.NewFile(readyFD, "readiness pipe")
		syscall.CloseOnExec(readyFD)
	}
	if stage == "" && opts.Pidfile != "" && !opts.OverwritePidfile {
		// Asked early for a clear message on the terminal; the worker asks again
		// under the lock.
		if err := checkAlreadyRunning(opts.Pidfile); err != nil {
			return nil, err
		}
	}
	if stage == "" && opts.Detach {
		if err := launchBackground(); err != nil {
			return nil, err
		}
		os.Exit(0)
	}
	if stage != stageWorker {
		if opts.User != "" {
			if err := becomeUser(opts.User, opts.ChownLog); err != nil {
				return nil, err
			}
		}
		if opts.Monitor {
			os.Exit(monitor(opts, d.ready, log))
		}
	}
	if opts.Pidfile != "" {
		p, err := acquirePidfile(opts.Pidfile, opts.OverwritePidfile)
		if err != nil {
			return nil, err
		}
		d.pid = p
	}
	return d, nil
}

// Ready tells whoever waits that the daemon answers, and, when detached, lets go
// of the terminal and of the working directory.
func (d *Daemon) Ready() error {
	if d.ready != nil {
		if _, err := d.ready.Write([]byte{0}); err != nil && !errors.Is(err, syscall.EPIPE) {
			return fmt.Errorf("daemon: readiness pipe: %w", err)
		}
		_ = d.ready.Close()
		d.ready = nil
	}
	if !d.opts.Detach {
		return nil
	}
	if !d.opts.NoChdir {
		if err := os.Chdir("/"); err != nil {
			return fmt.Errorf("daemon: %w", err)
		}
	}
	return closeStandardFDs()
}

// Close removes the pid file.
func (d *Daemon) Close() {
	if d.pid != nil {
		d.pid.release()
		d.pid = nil
	}
}

func closeStandardFDs() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("daemon: %w", err)
	}
	defer null.Close()
	for fd := range 3 {
		if err := syscall.Dup3(int(null.Fd()), fd, 0); err != nil {
			return fmt.Errorf("daemon: dup of %s onto %d: %w", os.DevNull, fd, err)
		}
	}
	return nil
}

// spawn starts this executable again in the given stage, with w as its readiness
// pipe.
func spawn(stage string, w *os.File, newSession bool) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("daemon: %w", err)
	}
	cmd := exec.Command(self)
	cmd.Args = os.Args
	cmd.Env = append(os.Environ(), stageEnv+"="+stage)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: newSession}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("daemon: starting %s: %w", self, err)
	}
	return cmd, nil
}

// spawnAndWait starts a stage and waits until it is ready or has died.
func spawnAndWait(stage string, newSession bool) (*exec.Cmd, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("daemon: readiness pipe: %w", err)
	}
	defer r.Close()
	cmd, err := spawn(stage, w, newSession)
	_ = w.Close()
	if err != nil {
		return nil, err
	}
	var b [1]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		err = cmd.Wait()
		if err == nil {
			err = errors.New("exit status 0")
		}
		return nil, fmt.Errorf("%w (%v)", ErrNotStarted, err)
	}
	return cmd, nil
}

func launchBackground() error {
	cmd, err := spawnAndWait(stageBackground, true)
	if err != nil {
		return err
	}
	return cmd.Process.Release()
}

// pidText is a pid file's content.
func pidText() string { return strconv.Itoa(os.Getpid()) + "\n" }
