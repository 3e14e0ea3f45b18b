package integration_test

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// pathMTU is what the guest's kernel has learned of the path to addr: it sends
// packets that must not be fragmented until one is refused.
func pathMTU(t *testing.T, g *integration.Guest, network, addr string, size int) (mtu int) {
	t.Helper()
	level, discover, do, option := syscall.IPPROTO_IP, syscall.IP_MTU_DISCOVER, syscall.IP_PMTUDISC_DO, syscall.IP_MTU
	if network == "udp6" {
		level, discover, do, option = syscall.IPPROTO_IPV6, syscall.IPV6_MTU_DISCOVER, syscall.IPV6_PMTUDISC_DO, syscall.IPV6_MTU
	}
	var conn *net.UDPConn
	err := g.Do(func() error {
		c, err := net.Dial(network, addr)
		if err == nil {
			conn = c.(*net.UDPConn)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	control := func(f func(fd int) error) {
		t.Helper()
		var inner error
		if err := errors.Join(raw.Control(func(fd uintptr) { inner = f(int(fd)) }), inner); err != nil {
			t.Fatal(err)
		}
	}
	control(func(fd int) error { return syscall.SetsockoptInt(fd, level, discover, do) })
	integration.WaitFor(t, 10*time.Second, "a packet refused", func() error {
		if _, err := conn.Write(make([]byte, size)); !errors.Is(err, syscall.EMSGSIZE) {
			return fmt.Errorf("write: %w", err)
		}
		return nil
	})
	control(func(fd int) (err error) {
		mtu, err = syscall.GetsockoptInt(fd, level, option)
		return err
	})
	return mtu
}

// TestPathMTU: a router tells hosts that packets are too big for the network
// behind it.
func TestPathMTU(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + port(1, 2) + "set Logical_Router_Port lr0-sw1 options:gateway_mtu=1300\n")
	g1, g2 := hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(1, 2))
	c.WaitUp("p1", "p2")
	c.WaitHV()
	reach(g1, g2)
	for network, host := range map[string]string{"udp4": "10.0.1.2", "udp6": "fd00:1::2"} {
		if mtu := pathMTU(t, g1, network, net.JoinHostPort(host, "9"), 1330); mtu != 1300 {
			t.Errorf("%s: the guest learned an MTU of %d, want 1300", network, mtu)
		}
	}
}
