package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// runBase holds one directory per process that uses the harness. It is fixed and
// short, because the path of a unix socket has at most 107 bytes, and because
// it is bind-mounted at the same place inside every stack.
const runBase = "/tmp/ovn-chassis"

var processDir = sync.OnceValues(func() (string, error) {
	if err := os.MkdirAll(runBase, 0o755); err != nil {
		return "", err
	}
	sweep()
	dir := filepath.Join(runBase, strconv.Itoa(os.Getpid()))
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	// The lock tells a live run from a dead one, also after its pid was reused.
	// It is held until the process ends.
	fd, err := unix.Open(filepath.Join(dir, "lock"), unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return "", fmt.Errorf("lock of %s: %w", dir, err)
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return "", fmt.Errorf("lock of %s: %w", dir, err)
	}
	return dir, nil
})

// sweep removes the directories of runs that are dead: those whose lock is free.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(runBase, "[0-9]*"))
	for _, dir := range dirs {
		if pid, err := strconv.Atoi(filepath.Base(dir)); err != nil || pid == os.Getpid() {
			continue
		}
		fd, err := unix.Open(filepath.Join(dir, "lock"), unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			// Without a lock file: either just being made, or half removed.
			if pidAlive(dir) {
				continue
			}
		} else {
			err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
			if err == nil {
				os.RemoveAll(dir)
			}
			unix.Close(fd)
			continue
		}
		os.RemoveAll(dir)
	}
}

func pidAlive(dir string) bool {
	_, err := os.Stat(filepath.Join("/proc", filepath.Base(dir)))
	return err == nil
}

var runSeq atomic.Int64

// newRunDir makes a directory for one cluster; it goes with the test. With the
// environment variable OVN_KEEP set it stays until the next run sweeps it.
func newRunDir(t T) string {
	t.Helper()
	base, err := processDir()
	if err != nil {
		t.Fatalf("run directory: %v", err)
	}
	dir := filepath.Join(base, strconv.FormatInt(runSeq.Add(1), 10))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatalf("run directory: %v", err)
	}
	t.Cleanup(func() {
		if os.Getenv("OVN_KEEP") != "" {
			t.Logf("kept %s", dir)
			return
		}
		os.RemoveAll(dir)
	})
	return dir
}

// Sweep removes what this process still has below the run directory: the
// programs it built. Programs call it last; after a kill, the next run does it.
func Sweep() {
	if os.Getenv("OVN_KEEP") == "" {
		os.RemoveAll(filepath.Join(runBase, strconv.Itoa(os.Getpid())))
	}
}

// Main is the TestMain of a package of tests that use the harness.
func Main(m interface{ Run() int }) {
	code := m.Run()
	Sweep()
	os.Exit(code)
}
