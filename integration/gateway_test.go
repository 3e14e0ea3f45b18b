package integration_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// gateway is a gateway router on hv1 between a distributed router and the
// physical network, which has 192.0.2.0/24 and 2001:db8::/64.
var gateway = "ls-add sw0\nls-add join\nls-add ext\nlr-add lr0\nlr-add gw0\nset Logical_Router gw0 options:chassis=hv1\n" +
	attached("lr0", "sw0", "00:00:00:00:ff:01", "10.0.0.254/24 fd00:0::fe/64") +
	attached("lr0", "join", "00:00:00:00:ff:02", "100.64.0.1/24 fd64::1/64") +
	attached("gw0", "join", "00:00:00:00:ff:03", "100.64.0.2/24 fd64::2/64") +
	attached("gw0", "ext", "00:00:00:00:ff:04", "192.0.2.1/24 2001:db8::1/64") + `
lsp-add ext ln0
lsp-set-type ln0 localnet
lsp-set-addresses ln0 unknown
lsp-set-options ln0 network_name=physnet1
lr-route-add lr0 0.0.0.0/0 100.64.0.2
lr-route-add lr0 ::/0 fd64::2
lr-route-add gw0 10.0.0.0/24 100.64.0.1
lr-route-add gw0 fd00::/64 fd64::1
`

const nat = `
lr-nat-add gw0 snat 192.0.2.1 10.0.0.0/24
lr-nat-add gw0 dnat 192.0.2.10 10.0.0.1
lr-nat-add gw0 dnat_and_snat 192.0.2.11 10.0.0.2
lr-nat-add gw0 snat 2001:db8::1 fd00::/64
lr-nat-add gw0 dnat_and_snat 2001:db8::11 fd00::2
`

// TestGateway: guests, on the gateway's chassis and on another, reach a host on
// the physical network and are reached from there, each by the address that NAT
// gives it.
func TestGateway(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	hv1.AddPhysical("physnet1")
	host := c.External(integration.GuestSpec{Name: "host", MAC: "00:00:00:00:ee:01",
		IPs: []string{"192.0.2.100/24", "2001:db8::100/64"}})
	c.NB(gateway + nat + port(0, 1) + port(0, 2))
	g1, g2 := hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(0, 2))
	c.WaitUp("p1", "p2")
	c.WaitHV()
	for _, g := range []*integration.Guest{host, g1, g2} {
		g.Serve("tcp", ":80")
	}
	check := func() {
		t.Helper()
		for _, want := range []struct {
			from     *integration.Guest
			to       string
			answerer *integration.Guest
			seenAs   string
		}{
			{g1, "192.0.2.100:80", host, "192.0.2.1"},
			{g2, "192.0.2.100:80", host, "192.0.2.11"},
			{g1, "[2001:db8::100]:80", host, "2001:db8::1"},
			{g2, "[2001:db8::100]:80", host, "2001:db8::11"},
			{host, "192.0.2.10:80", g1, "192.0.2.100"},
			{host, "192.0.2.11:80", g2, "192.0.2.100"},
			{host, "[2001:db8::11]:80", g2, "2001:db8::100"},
		} {
			a := want.from.Gets("tcp", want.to)
			if a.Server != want.answerer.Name || a.Peer != want.seenAs {
				t.Errorf("%s to %s: %s answered and saw %s, want %s and %s", want.from.Name, want.to,
					a.Server, a.Peer, want.answerer.Name, want.seenAs)
			}
		}
		reach(g1, host)
		reach(g2, host)
	}
	check()

	c.NB("lr-nat-del gw0")
	c.WaitHV()
	integration.WaitFor(t, 10*time.Second, "DNAT gone", func() error {
		if a, err := host.Request("tcp", "192.0.2.10:80", 300*time.Millisecond); err == nil {
			return fmt.Errorf("%s answers", a.Server)
		}
		return nil
	})
	c.NB(nat)
	c.WaitHV()
	check()

	// The localnet port goes and comes back, then the mapping.
	c.NB("lsp-del ln0")
	c.WaitHV()
	cut(g1, host)
	c.NB("lsp-add ext ln0\nlsp-set-type ln0 localnet\nlsp-set-addresses ln0 unknown\nlsp-set-options ln0 network_name=physnet1")
	c.WaitHV()
	reach(g2, host)
	hv1.VSCtl("remove", "Open_vSwitch", ".", "external_ids", "ovn-bridge-mappings")
	cut(g1, host)
	hv1.VSCtl("set", "Open_vSwitch", ".", "external_ids:ovn-bridge-mappings=physnet1:br-ex")
	reach(g1, host)

	// The gateway router goes and comes back.
	c.NB("lr-del gw0\nlsp-del join-gw0\nlsp-del ext-gw0")
	c.WaitHV()
	cut(g2, host)
	c.NB("lr-add gw0\nset Logical_Router gw0 options:chassis=hv1\n" +
		attached("gw0", "join", "00:00:00:00:ff:03", "100.64.0.2/24 fd64::2/64") +
		attached("gw0", "ext", "00:00:00:00:ff:04", "192.0.2.1/24 2001:db8::1/64") +
		"lr-route-add gw0 10.0.0.0/24 100.64.0.1\nlr-route-add gw0 fd00::/64 fd64::1\n" + nat)
	c.WaitHV()
	check()
}
