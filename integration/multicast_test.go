package integration_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// TestMulticast: a switch that snoops sends a group's packets to those who joined
// it only, on whichever chassis, and its querier asks who is there.
func TestMulticast(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + port(0, 2) + port(0, 3) + `
set Logical_Switch sw0 other_config:mcast_snoop=true other_config:mcast_querier=true
set Logical_Switch sw0 other_config:mcast_query_interval=2 other_config:mcast_eth_src=00:00:00:00:ff:0a
set Logical_Switch sw0 other_config:mcast_ip4_src=10.0.0.253 other_config:mcast_ip6_src=fe80::fd
`)
	g1, g2, g3 := hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(0, 2)), hv2.AddGuest(guest(0, 3))
	heard2, heard3 := g2.Capture(), g3.Capture()
	c.WaitUp("p1", "p2", "p3")
	c.WaitHV()
	for what, p := range map[string][]byte{
		"IGMP query": {0x01, 0, 0x5e, 0, 0, 1, 0, 0, 0, 0, 0xff, 0x0a, 8, 0},
		"MLD query":  {0x33, 0x33, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0x0a, 0x86, 0xdd},
	} {
		heard2.WaitFor(20*time.Second, 2, what, like(p))
	}
	// IGMPv2 report for 239.1.2.3 by guest 2.
	g2.Send([]byte{0x01, 0, 0x5e, 1, 2, 3, 0, 0, 0, 0, 1, 2, 8, 0,
		0x45, 0, 0, 28, 0, 0, 0, 0, 1, 2, 0xbe, 0xda, 10, 0, 0, 2, 239, 1, 2, 3,
		0x16, 0, 0xf8, 0xfa, 239, 1, 2, 3})
	integration.WaitFor(t, 10*time.Second, "IGMP_Group", func() error {
		got := c.SB("--bare", "--columns=protocol,chassis_name", "find", "IGMP_Group", "address=239.1.2.3")
		if strings.Join(strings.Fields(got), " ") != "IGMPv2 hv2" {
			return fmt.Errorf("it says %q", got)
		}
		return nil
	})
	c.WaitHV()
	data := []byte{0x01, 0, 0x5e, 1, 2, 3, 0, 0, 0, 0, 1, 1, 8, 0,
		0x45, 0, 0, 28, 0, 0, 0, 0, 8, 17, 0, 0, 10, 0, 0, 1, 239, 1, 2, 3,
		0, 9, 0, 9, 0, 8, 0, 0}
	data[24], data[25] = headerSum(data[14:34])
	integration.WaitFor(t, 10*time.Second, "packet to the group", func() error {
		g1.Send(data)
		if heard2.Count(like(data[:14])) == 0 {
			return fmt.Errorf("nothing came")
		}
		return nil
	})
	if heard3.Count(like(data[:14])) != 0 {
		t.Error("a guest that did not join has a packet to the group")
	}
}

// join has the guest's kernel listen to a group, until leave.
func join(t *testing.T, g *integration.Guest, network, group string) (received func() bool, leave func()) {
	t.Helper()
	var conn *net.UDPConn
	err := g.Do(func() error {
		i, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		conn, err = net.ListenMulticastUDP(network, i, &net.UDPAddr{IP: net.ParseIP(group), Port: 5000})
		return err
	})
	if err != nil {
		t.Fatalf("%s joins %s: %v", g.Name, group, err)
	}
	leave = func() { conn.Close() }
	t.Cleanup(leave)
	return func() bool {
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		n, _, err := conn.ReadFromUDP(make([]byte, 100))
		return err == nil && n > 0
	}, leave
}

// TestMulticastListener: the kernels of guests join groups and leave, with both
// protocols; what another sends reaches those who have joined only.
func TestMulticastListener(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + port(0, 2) + port(0, 3) + `
set Logical_Switch sw0 other_config:mcast_snoop=true other_config:mcast_querier=true
set Logical_Switch sw0 other_config:mcast_query_interval=2 other_config:mcast_eth_src=00:00:00:00:ff:0a
set Logical_Switch sw0 other_config:mcast_ip4_src=10.0.0.253 other_config:mcast_ip6_src=fe80::fd
`)
	sender, listener, deaf := hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(0, 2)), hv2.AddGuest(guest(0, 3))
	heard := deaf.Capture()
	c.WaitUp("p1", "p2", "p3")
	c.WaitHV()
	for _, f := range []struct {
		network, group, protocol string
		mac                      []byte
	}{
		{"udp4", "239.1.2.3", "IGMPv3", []byte{0x01, 0, 0x5e, 1, 2, 3, 0, 0, 0, 0, 1, 1}},
		{"udp6", "ff05::1:3", "MLDv2", []byte{0x33, 0x33, 0, 1, 0, 3, 0, 0, 0, 0, 1, 1}},
	} {
		received, leave := join(t, listener, f.network, f.group)
		group := func() string {
			return strings.Join(strings.Fields(c.SB("--bare", "--columns=protocol,chassis_name", "find", "IGMP_Group", `address="`+f.group+`"`)), " ")
		}
		becomes := func(what, want string) {
			t.Helper()
			integration.WaitFor(t, 15*time.Second, f.group+" "+what, func() error {
				if got := group(); got != want {
					return fmt.Errorf("the group is %q, want %q", got, want)
				}
				return nil
			})
			c.WaitHV()
		}
		becomes("joined", f.protocol+" hv2")
		var conn net.Conn
		if err := sender.Do(func() (err error) {
			conn, err = net.Dial(f.network, net.JoinHostPort(f.group, "5000"))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		integration.WaitFor(t, 10*time.Second, "packet to "+f.group, func() error {
			if _, err := conn.Write([]byte("to the group")); err != nil {
				return err
			}
			if !received() {
				return errors.New("nothing came")
			}
			return nil
		})
		if heard.Count(like(f.mac)) != 0 {
			t.Errorf("a guest that did not join has a packet to %s", f.group)
		}
		leave()
		becomes("left", "")
	}
}

// headerSum is the checksum of an IPv4 header whose checksum is zero.
func headerSum(b []byte) (hi, lo byte) {
	s := 0
	for i := 0; i < len(b); i += 2 {
		s += int(b[i])<<8 | int(b[i+1])
	}
	s = s>>16 + s&0xffff
	s = ^(s>>16 + s)
	return byte(s >> 8), byte(s)
}
