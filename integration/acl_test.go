package integration_test

import (
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// TestACL: a default drop with exceptions by port group and address set, which
// change while traffic that they do not concern runs.
func TestACL(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB("ls-add sw0\n" + port(0, 1) + port(0, 2) + port(0, 3) + port(0, 4))
	g1, g2 := hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(0, 2))
	g3, g4 := hv2.AddGuest(guest(0, 3)), hv1.AddGuest(guest(0, 4))
	c.WaitUp("p1", "p2", "p3", "p4")
	// g1 and g2 are always let through to g4, the others as the sets say.
	c.NB(`
pg-add servers p4
create Address_Set name=as4 addresses="10.0.0.1,10.0.0.2"
create Address_Set name=as6 addresses="\"fd00::1\",\"fd00::2\""
acl-add servers to-lport 1000 'outport == @servers && ip4.src == $as4' allow-related
acl-add servers to-lport 1000 'outport == @servers && ip6.src == $as6' allow-related
acl-add servers to-lport 1000 'outport == @servers && nd' allow
acl-add servers to-lport 900 'outport == @servers && ip' drop
`)
	c.WaitHV()
	reach(g1, g4)
	reach(g2, g4)
	cut(g3, g4)
	// What the guest in the group asks for is answered: its connections are
	// related, whoever they go to.
	reach(g4, g3)

	g4.Serve("tcp", ":80")
	g1.Gets("tcp", "10.0.0.4:80")
	if a, err := g3.Request("tcp", "10.0.0.4:80", 500*time.Millisecond); err == nil {
		t.Errorf("%v gets through", a)
	}

	// One more address, one less: g1's traffic does not notice.
	steady(t, g1, g4, 0, func() {
		c.NB("add", "Address_Set", "as4", "addresses", "10.0.0.3", "--",
			"add", "Address_Set", "as6", "addresses", `"fd00::3"`)
		c.WaitHV()
		reach(g3, g4)
		c.NB("remove", "Address_Set", "as4", "addresses", "10.0.0.3", "--",
			"remove", "Address_Set", "as6", "addresses", `"fd00::3"`)
		c.WaitHV()
		cut(g3, g4)
	})

	// A set down to one member, to none, and back.
	steady(t, g1, g2, 0, func() {
		c.NB("remove", "Address_Set", "as4", "addresses", "10.0.0.2")
		c.WaitHV()
		g2.Blocked(g4.IP(4))
		g1.Reaches(g4.IP(4))
		c.NB("remove", "Address_Set", "as4", "addresses", "10.0.0.1")
		c.WaitHV()
		g1.Blocked(g4.IP(4))
		g1.Reaches(g4.IP(6))
		c.NB("add", "Address_Set", "as4", "addresses", "10.0.0.1", "--",
			"add", "Address_Set", "as4", "addresses", "10.0.0.2")
		c.WaitHV()
		g1.Reaches(g4.IP(4))
		g2.Reaches(g4.IP(4))
	})

	// A port joins the group and leaves it.
	reach(g3, g2)
	steady(t, g1, g4, 0, func() {
		c.NB("pg-set-ports servers p4 p2")
		c.WaitHV()
		cut(g3, g2)
		reach(g1, g2)
		c.NB("pg-set-ports servers p4")
		c.WaitHV()
		reach(g3, g2)
	})

	// The rules go and come back.
	steady(t, g1, g4, 0, func() {
		c.NB("acl-del servers to-lport 900 'outport == @servers && ip'")
		c.WaitHV()
		reach(g3, g4)
		c.NB("acl-add servers to-lport 900 'outport == @servers && ip' drop")
		c.WaitHV()
		cut(g3, g4)
	})

	// The group goes, and with it its rules.
	c.NB("pg-del servers")
	c.WaitHV()
	reach(g3, g4)
	c.NB("pg-add servers p4\nacl-add servers to-lport 900 'outport == @servers && ip' drop")
	c.WaitHV()
	cut(g3, g4)
}

// TestConjunction: two dimensions that make the agent use conjunctive matches, and
// a change in each.
func TestConjunction(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB("ls-add sw0\n" + port(0, 1) + port(0, 2) + port(0, 3))
	g1, g2, g3 := hv1.AddGuest(guest(0, 1)), hv1.AddGuest(guest(0, 2)), hv2.AddGuest(guest(0, 3))
	c.WaitUp("p1", "p2", "p3")
	c.NB(`
pg-add all p1 p2 p3
create Address_Set name=src addresses="10.0.0.1,10.0.0.9"
create Address_Set name=dst addresses="10.0.0.3,10.0.0.8"
acl-add all from-lport 1000 'inport == @all && ip4.src == $src && ip4.dst == $dst' allow-related
acl-add all from-lport 900 'inport == @all && ip4 && icmp4.type == 8' drop
`)
	c.WaitHV()
	g1.Reaches(g3.IP(4))
	g2.Blocked(g3.IP(4))
	g1.Blocked(g2.IP(4))
	c.NB("add", "Address_Set", "src", "addresses", "10.0.0.2")
	c.WaitHV()
	g2.Reaches(g3.IP(4))
	g1.Reaches(g3.IP(4))
	c.NB("add", "Address_Set", "dst", "addresses", "10.0.0.2")
	c.WaitHV()
	g1.Reaches(g2.IP(4))
	c.NB("remove", "Address_Set", "src", "addresses", "10.0.0.1")
	c.WaitHV()
	g1.Blocked(g3.IP(4))
	g2.Reaches(g3.IP(4))
}
