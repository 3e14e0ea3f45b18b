package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// neighbour is a second gateway router on the physical network of gateway, on hv2.
var neighbour = "lr-add gw1\nset Logical_Router gw1 options:chassis=hv2\n" +
	attached("gw1", "ext", "00:00:00:00:ff:05", "192.0.2.2/24 2001:db8::2/64")

// session is the northbound script of a BFD session.
func session(port, peer string) string {
	return fmt.Sprintf("create BFD logical_port=%s dst_ip=\"\\\"%s\\\"\" min_tx=100 min_rx=100 detect_mult=5\n", port, peer)
}

// bfdBecomes waits until a northbound session has a status.
func bfdBecomes(t *testing.T, c *integration.Cluster, port, peer, want string) {
	t.Helper()
	integration.WaitFor(t, 25*time.Second, "session of "+port+" with "+peer+" "+want, func() error {
		got := c.NB("--bare", "--columns=status", "find", "BFD", "logical_port="+port, `dst_ip="`+peer+`"`)
		if got != want {
			return fmt.Errorf("it is %q", got)
		}
		return nil
	})
}

// TestBFD: a next hop whose BFD, that of Open vSwitch, goes away is found down, and
// the route by way of it goes; and comes back with it.
func TestBFD(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	hv1.AddPhysical("physnet1")
	hv2.AddPhysical("physnet1")
	// The peer is the port of hv2 on the physical network, which answers no ARP.
	peer := func(enable bool) {
		hv2.VSCtl("set", "Interface", "ext0", fmt.Sprintf("bfd:enable=%v", enable), "bfd:min_tx=100", "bfd:min_rx=100",
			"bfd:bfd_src_ip=192.0.2.50", "bfd:bfd_dst_ip=192.0.2.1", `bfd:bfd_local_src_mac="00:00:00:00:ee:50"`,
			`bfd:bfd_local_dst_mac="00:00:00:00:ff:04"`, `bfd:bfd_remote_dst_mac="00:00:00:00:ee:50"`)
	}
	peer(true)
	c.NB(gateway + port(0, 1) + session("gw0-ext", "192.0.2.50") + "static-mac-binding-add gw0-ext 192.0.2.50 00:00:00:00:ee:50\n")
	hv1.AddGuest(guest(0, 1))
	c.WaitUp("p1")
	c.NB("--bfd", "lr-route-add", "gw0", "203.0.113.0/24", "192.0.2.50", "gw0-ext")
	state := func(want string) {
		t.Helper()
		integration.WaitFor(t, 10*time.Second, "the switch's session "+want, func() error {
			got := hv2.VSCtl("get", "Interface", "ext0", "bfd_status:state", "bfd_status:remote_state")
			if strings.Join(strings.Fields(got), " ") != want {
				return fmt.Errorf("it is %q", got)
			}
			return nil
		})
	}
	route := func(want bool) {
		t.Helper()
		c.WaitHV()
		if got := strings.Contains(hv1.OFCtl("dump-flows", "br-int"), "nw_dst=203.0.113.0/24"); got != want {
			t.Errorf("route by way of the next hop: %v, want %v", got, want)
		}
	}
	bfdBecomes(t, c, "gw0-ext", "192.0.2.50", "up")
	state("up up")
	route(true)
	peer(false)
	bfdBecomes(t, c, "gw0-ext", "192.0.2.50", "down")
	route(false)
	peer(true)
	bfdBecomes(t, c, "gw0-ext", "192.0.2.50", "up")
	route(true)
	// Without the route the session is administratively down, which the peer hears.
	c.NB("clear", "Logical_Router_Static_Route", c.NB("--bare", "--columns=_uuid", "find", "Logical_Router_Static_Route", "ip_prefix=203.0.113.0/24"), "bfd")
	bfdBecomes(t, c, "gw0-ext", "192.0.2.50", "admin_down")
	integration.WaitFor(t, 10*time.Second, "the switch's session down", func() error {
		if got := hv2.VSCtl("get", "Interface", "ext0", "bfd_status:state"); got != "down" {
			return fmt.Errorf("it is %q", got)
		}
		return nil
	})
}

// betweenRouters brings sessions of both families up between two gateway routers.
func betweenRouters(t *testing.T, c *integration.Cluster, hv1, hv2 *integration.Chassis) {
	hv1.AddPhysical("physnet1")
	hv2.AddPhysical("physnet1")
	c.NB(gateway + neighbour + session("gw0-ext", "192.0.2.2") + session("gw0-ext", "2001:db8::2") +
		session("gw1-ext", "192.0.2.1") + session("gw1-ext", "2001:db8::1"))
	for _, r := range [][]string{{"gw0", "203.0.113.0/24", "192.0.2.2"}, {"gw0", "2001:db8:113::/64", "2001:db8::2"},
		{"gw1", "203.0.114.0/24", "192.0.2.1"}, {"gw1", "2001:db8:114::/64", "2001:db8::1"}} {
		c.NB("--bfd", "lr-route-add", r[0], r[1], r[2], r[0]+"-ext")
	}
	for _, want := range [][2]string{{"gw0-ext", "192.0.2.2"}, {"gw1-ext", "192.0.2.1"}, {"gw0-ext", "2001:db8::2"}, {"gw1-ext", "2001:db8::1"}} {
		bfdBecomes(t, c, want[0], want[1], "up")
	}
}

// TestBFDBetweenRouters: routers on two chassis, whose agents are of the same kind.
// Two of the reference wait for each other for ever: neither takes a packet that
// does not name its session yet.
func TestBFDBetweenRouters(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{Agent: integration.Ours})
	betweenRouters(t, c, hv1, hv2)
	hv2.Agent.Kill()
	bfdBecomes(t, c, "gw0-ext", "192.0.2.2", "down")
	bfdBecomes(t, c, "gw0-ext", "2001:db8::2", "down")
	hv2.StartAgent()
	bfdBecomes(t, c, "gw0-ext", "192.0.2.2", "up")
	bfdBecomes(t, c, "gw0-ext", "2001:db8::2", "up")
}

// TestBFDWithReference: the other router's agent is the reference.
func TestBFDWithReference(t *testing.T) {
	t.Parallel()
	c := integration.NewCluster(t, integration.Options{Agent: integration.Ours, NoVerify: true})
	hv1, hv2 := c.AddChassis("hv1"), c.AddBareChassis("hv2")
	hv2.StartAgentOf(integration.Reference)
	betweenRouters(t, c, hv1, hv2)
	hv2.Agent.Kill()
	bfdBecomes(t, c, "gw0-ext", "192.0.2.2", "down")
}
