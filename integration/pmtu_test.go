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

// tooBig pings addr with a payload that a path of the given MTU has no room for,
// and checks that ping is told so by the host at from.
func tooBig(t *testing.T, g *integration.Guest, addr, from string, payload, mtu int) {
	t.Helper()
	want := fmt.Sprintf("Frag needed and DF set (mtu = %d)", mtu)
	if net.ParseIP(addr).To4() == nil {
		want = fmt.Sprintf("Packet too big: mtu=%d", mtu)
	}
	// It ends with an error, for nothing comes back.
	out, err := g.Run(10*time.Second, "ping", "-n", "-M", "do", "-c", "2", "-i", "0.3", "-W", "2", "-s", fmt.Sprint(payload), addr)
	if err == nil {
		t.Errorf("ping of %s with %d bytes is answered:\n%s", addr, payload, out)
	}
	contains(t, "what ping says", out, "From "+from+" icmp_seq=1 "+want)
}

// TestPingTooBig: ping is told the MTU of the network behind a router, and that of
// the tunnel by the chassis that would send too large a packet through it.
func TestPingTooBig(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	hv1.AddPhysical("physnet1")
	hv2.AddPhysical("physnet1")
	// Port 4 has two chassis: what it sends to another chassis of a switch with a
	// physical network must take the tunnel.
	c.NB(routed + port(0, 1) + port(1, 2) + port(0, 3) + port(0, 4) + localnet + `
set Logical_Router_Port lr0-sw1 options:gateway_mtu=1300
lsp-set-options p4 requested-chassis=hv1,hv2
`)
	g1, g2 := hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(1, 2))
	near, mover := hv2.AddGuest(guest(0, 3)), hv1.AddGuest(guest(0, 4))
	place := guest(0, 4)
	place.Name, place.IPs, place.Gateways = "place", nil, nil
	hv2.AddGuest(place)
	c.WaitUp("p1", "p2", "p3", "p4")
	integration.WaitFor(t, 10*time.Second, "second chassis", func() error {
		if c.SB("--bare", "--columns=additional_chassis", "find", "Port_Binding", "logical_port=p4") == "" {
			return errors.New("none")
		}
		return nil
	})
	c.WaitHV()
	reach(g1, g2)
	tooBig(t, g1, "10.0.1.2", "10.0.0.254", 1300, 1300)
	tooBig(t, g1, "fd00:1::2", "fd00::fe", 1300, 1300)

	// The interface's 1,400 bytes less the tunnel's 58 are for a packet with its
	// Ethernet header; of the MTU to be told, the agent takes the checksum off too.
	const fits, told = 1400 - 58 - 14, 1400 - 58 - 18
	reach(mover, near)
	for addr, headers := range map[string]int{near.IP(4): 28, near.IP(6): 48} {
		if out, err := mover.Run(10*time.Second, "ping", "-n", "-M", "do", "-c", "1", "-W", "5", "-s", fmt.Sprint(fits-headers), addr); err != nil {
			t.Errorf("a packet that fits: %v %s", err, out)
		}
		tooBig(t, mover, addr, addr, fits-headers+1, told)
	}
}
