package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Namespace is an anonymous network namespace with a mount namespace of its own,
// held by one OS thread. Everything that has to happen inside runs on that
// thread, children are its children, and they die with it (Pdeathsig follows the
// thread, not the process).
type Namespace struct {
	label string // for messages
	fd    netns.NsHandle
	jobs  chan func()
}

// newNamespace makes a namespace with lo up, in which the given stacks can be
// run: the run directory, /proc, /sys and /dev appear below their roots. The
// mounts are private to the namespace.
func newNamespace(t T, name string, stacks ...*Stack) *Namespace {
	t.Helper()
	n := &Namespace{label: name, jobs: make(chan func())}
	ready := make(chan error)
	go n.thread(ready, stacks)
	if err := <-ready; err != nil {
		t.Fatalf("namespace %s: %v (root is needed)", name, err)
	}
	t.Cleanup(func() {
		close(n.jobs)
		n.fd.Close()
	})
	return n
}

func (n *Namespace) thread(ready chan<- error, stacks []*Stack) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// The main thread cannot end, so it must not be the one. It is held
		// until another goroutine has another thread.
		next := make(chan error)
		go n.thread(next, stacks)
		err := <-next
		runtime.UnlockOSThread()
		ready <- err
		return
	}
	// Never unlocked: when this returns, the runtime ends the thread.
	err := n.enter(stacks)
	ready <- err
	if err != nil {
		return
	}
	for job := range n.jobs {
		job()
	}
}

func (n *Namespace) enter(stacks []*Stack) error {
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	seen := map[string]bool{"/": true}
	for _, s := range stacks {
		if seen[s.Root] {
			continue
		}
		seen[s.Root] = true
		for _, dir := range []string{runBase, "/proc", "/sys", "/dev"} {
			target := filepath.Join(s.Root, dir)
			if err := os.MkdirAll(target, 0o755); err != nil {
				return err
			}
			if err := unix.Mount(dir, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
				return fmt.Errorf("bind %s to %s: %w", dir, target, err)
			}
		}
	}
	fd, err := netns.Get()
	if err != nil {
		return err
	}
	n.fd = fd
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(lo)
}

// Do runs fn on the namespace's thread. Sockets that fn opens stay in the
// namespace and may be used from anywhere.
func (n *Namespace) Do(fn func() error) error {
	done := make(chan error, 1)
	n.jobs <- func() { done <- fn() }
	return <-done
}

// do is Do for what must not fail.
func (n *Namespace) do(t T, what string, fn func() error) {
	t.Helper()
	if err := n.Do(fn); err != nil {
		t.Fatalf("%s in namespace %s: %v", what, n.label, err)
	}
}

// sysctl writes a setting below /proc/sys/net of the namespace. To be called on
// its thread.
func sysctl(path, value string) error {
	return os.WriteFile(filepath.Join("/proc/sys/net", path), []byte(value), 0o644)
}
