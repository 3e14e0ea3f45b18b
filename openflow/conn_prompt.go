package openflow

import (
	"io"
	"math"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Scheduling of a thread that reads packets: it runs briefly and often, and is to
// run at once though others compute. The slice is heeded by Linux 6.12 and newer,
// the nice value needs CAP_SYS_NICE.
const (
	promptSlice = 100 * time.Microsecond
	promptNice  = 5 // less than the process has: service scripts start it at -10
)

// promptConn is a connection whose reader waits in the kernel on a thread of its
// own. Waiting in the runtime's poller takes one more change of threads, each of
// which waits for its turn when all processors are busy.
type promptConn struct {
	halfCloser
	raw      syscall.RawConn
	deadline time.Time // of reads; belongs to the reader
}

type halfCloser interface {
	net.Conn
	CloseRead() error
}

// prompt returns c with such a reader, or as it is where that cannot be.
func prompt(c net.Conn) net.Conn {
	s, ok := c.(syscall.Conn)
	h, ok2 := c.(halfCloser)
	if !ok || !ok2 {
		return c
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return c
	}
	return &promptConn{halfCloser: h, raw: raw}
}

// RunPromptly gives the calling goroutine a thread of its own, which runs as soon as
// it has something to do, until done is called. A thread that ended would take along
// processes that were started on it with a parent death signal.
func RunPromptly() (done func()) {
	runtime.LockOSThread()
	before, err := unix.SchedGetAttr(0, 0)
	if err != nil || before.Policy != unix.SCHED_NORMAL {
		return runtime.UnlockOSThread
	}
	attr := unix.SchedAttr{Policy: unix.SCHED_NORMAL, Nice: max(before.Nice-promptNice, -20), Runtime: uint64(promptSlice)}
	if unix.SchedSetAttr(0, &attr, 0) != nil {
		attr.Nice = before.Nice
		_ = unix.SchedSetAttr(0, &attr, 0) // else it has an ordinary share and slice
	}
	return func() {
		attr.Nice, attr.Runtime = before.Nice, 0
		if unix.SchedSetAttr(0, &attr, 0) == nil {
			runtime.UnlockOSThread()
		} // else the thread ends with the goroutine
	}
}

// Close also wakes the reader, which the runtime cannot.
func (c *promptConn) Close() error {
	_ = c.CloseRead()
	return c.halfCloser.Close()
}

// SetReadDeadline sets the time from which Read returns os.ErrDeadlineExceeded.
// Only the reader may call it.
func (c *promptConn) SetReadDeadline(t time.Time) error {
	c.deadline = t
	return nil
}

func (c *promptConn) Read(b []byte) (n int, err error) {
	closed := c.raw.Read(func(fd uintptr) bool {
		n, err = c.read(int(fd), b)
		return true
	})
	if closed != nil {
		return 0, closed
	}
	if n == 0 && err == nil && len(b) > 0 {
		err = io.EOF
	}
	return n, err
}

func (c *promptConn) read(fd int, b []byte) (int, error) {
	for {
		n, err := unix.Read(fd, b)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
			continue
		case unix.EAGAIN:
		default:
			return 0, os.NewSyscallError("read", err)
		}
		wait := -1
		if !c.deadline.IsZero() {
			left := time.Until(c.deadline)
			if left <= 0 {
				return 0, os.ErrDeadlineExceeded
			}
			wait = int(min((left+time.Millisecond-1)/time.Millisecond, math.MaxInt32))
		}
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, wait); err != nil && err != unix.EINTR {
			return 0, os.NewSyscallError("poll", err)
		}
	}
}
