package integration

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Capture records the packets that an interface of a guest receives.
type Capture struct {
	t  T
	fd int

	mu      sync.Mutex // guards what follows
	packets [][]byte
}

// maxCaptured bounds how many packets a Capture keeps; later ones are left out.
const maxCaptured = 100_000

// Capture starts recording what arrives on eth0 until the test ends.
func (g *Guest) Capture() *Capture {
	g.t.Helper()
	c := &Capture{t: g.t}
	g.do(g.t, "capture", func() (err error) {
		c.fd, err = g.socket(unix.ETH_P_ALL)
		return err
	})
	// The receiver looks up now and then whether it is to end.
	tv := unix.NsecToTimeval((100 * time.Millisecond).Nanoseconds())
	if err := unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		g.t.Fatalf("capture on %s: %v", g.Name, err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		c.receive(stop)
	}()
	g.t.Cleanup(func() {
		close(stop)
		<-done
		unix.Close(c.fd)
	})
	return c
}

func (c *Capture) receive(stop <-chan struct{}) {
	buf := make([]byte, 1<<16)
	for {
		select {
		case <-stop:
			return
		default:
		}
		n, from, err := unix.Recvfrom(c.fd, buf, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return
		}
		if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		c.mu.Lock()
		if len(c.packets) < maxCaptured {
			c.packets = append(c.packets, slices.Clone(buf[:n]))
		}
		c.mu.Unlock()
	}
}

// Count is how many packets were received that match.
func (c *Capture) Count(match func([]byte) bool) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.packets {
		if match(p) {
			n++
		}
	}
	return n
}

// WaitFor waits until at least n packets match.
func (c *Capture) WaitFor(timeout time.Duration, n int, what string, match func([]byte) bool) {
	c.t.Helper()
	WaitFor(c.t, timeout, what, func() error {
		if got := c.Count(match); got < n {
			return fmt.Errorf("%d packets of %d", got, n)
		}
		return nil
	})
}

// Send puts packets, from their Ethernet headers on, out of eth0.
func (g *Guest) Send(packets ...[]byte) {
	g.t.Helper()
	g.do(g.t, "send", func() error {
		fd, err := g.socket(0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for _, p := range packets {
			if _, err := unix.Write(fd, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// socket is a raw socket on eth0, to be called in the guest's namespace.
func (g *Guest) socket(protocol uint16) (int, error) {
	i, err := net.InterfaceByName("eth0")
	if err != nil {
		return 0, err
	}
	order := protocol<<8 | protocol>>8 // network byte order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(order))
	if err != nil {
		return 0, err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: order, Ifindex: i.Index}); err != nil {
		unix.Close(fd)
		return 0, err
	}
	return fd, nil
}
