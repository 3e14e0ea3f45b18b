package daemon

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// A pid file is valid while its writer holds a POSIX record lock on it:
// ovs-appctl(8) asks for the lock's owner before it believes the number. The
// file must therefore stay open, and must not be opened again by the same
// process, as closing any descriptor of it would drop the lock.
type pidfile struct {
	name string
	file *os.File
}

func wholeFileLock(t int16) *syscall.Flock_t { return &syscall.Flock_t{Type: t, Whence: 0} }

// runningPID returns the pid of the live daemon that owns the pid file, 0 when
// there is none. A file without an owner is stale.
func runningPID(name string) (int, error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lk := wholeFileLock(syscall.F_WRLCK)
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_GETLK, lk); err != nil {
		return 0, fmt.Errorf("%s: fcntl: %w", name, err)
	}
	if lk.Type == syscall.F_UNLCK {
		return 0, nil
	}
	text, err := bufio.NewReader(f).ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("%s: read: %w", name, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || int32(pid) != lk.Pid {
		return 0, fmt.Errorf("%s: stale pidfile for pid %s being deleted by pid %d", name, strings.TrimSpace(text), lk.Pid)
	}
	return pid, nil
}

func checkAlreadyRunning(name string) error {
	pid, err := runningPID(name)
	if err != nil {
		return fmt.Errorf("%s: pidfile check failed (%w), aborting", name, err)
	}
	if pid != 0 {
		return fmt.Errorf("%s: already running as pid %d, aborting", name, pid)
	}
	return nil
}

// acquirePidfile writes and locks the pid file: under a temporary name, which is
// itself a lock among starting daemons, then renamed.
func acquirePidfile(name string, overwrite bool) (*pidfile, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	tmp := name + ".tmp"
	if overwrite {
		tmp += strconv.Itoa(os.Getpid())
	}
	f, err := os.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("%s: create failed (%w)", tmp, err)
	}
	fail := func(err error) (*pidfile, error) {
		_ = f.Close()
		return nil, err
	}
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, wholeFileLock(syscall.F_WRLCK)); err != nil {
		return fail(fmt.Errorf("%s: fcntl(F_SETLK) failed (%w)", tmp, err))
	}
	if !overwrite {
		if err := checkAlreadyRunning(name); err != nil {
			_ = os.Remove(tmp)
			return fail(err)
		}
	}
	if err := f.Truncate(0); err != nil {
		return fail(fmt.Errorf("%s: truncate failed (%w)", tmp, err))
	}
	if _, err := f.WriteString(pidText()); err != nil {
		_ = os.Remove(tmp)
		return fail(fmt.Errorf("%s: write failed (%w)", tmp, err))
	}
	if err := os.Rename(tmp, name); err != nil {
		return fail(fmt.Errorf("failed to rename %q to %q: %w", tmp, name, err))
	}
	return &pidfile{name: name, file: f}, nil
}

func (p *pidfile) release() {
	_ = os.Remove(p.name)
	_ = p.file.Close()
}
