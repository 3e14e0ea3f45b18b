package integration

import (
	"fmt"
	"net/netip"
)

// GuestSpec describes a guest, or a host outside.
type GuestSpec struct {
	Name  string
	LPort string   // logical port it claims
	MAC   string   // of its eth0
	IPs   []string // with prefix length: "10.0.0.2/24", "fd00::2/64"
	// Gateways are the addresses of its default routers.
	Gateways []string
}

// Guest is a network namespace with one interface, eth0.
type Guest struct {
	*Namespace
	GuestSpec
	t       T
	chassis *Chassis // nil for an external host
	port    string   // its interface on br-int
}

func newGuest(t T, spec GuestSpec) *Guest {
	t.Helper()
	return &Guest{Namespace: newNamespace(t, spec.Name), GuestSpec: spec, t: t}
}

func (g *Guest) configure() {
	g.t.Helper()
	g.do(g.t, "addresses", func() error {
		if err := addAddresses("eth0", g.IPs...); err != nil {
			return err
		}
		return addGateways("eth0", g.Gateways...)
	})
}

// Attach plugs the guest's interface into br-int, after Detach.
func (g *Guest) Attach() {
	g.t.Helper()
	g.chassis.VSCtl("--no-wait", "--may-exist", "add-port", "br-int", g.port, "--",
		"set", "Interface", g.port, "external_ids:iface-id="+g.LPort)
}

// Detach unplugs it. The guest stays as it is.
func (g *Guest) Detach() {
	g.t.Helper()
	g.chassis.VSCtl("--no-wait", "del-port", "br-int", g.port)
}

// Port is the name of the guest's interface on br-int.
func (g *Guest) Port() string { return g.port }

// IP is the guest's first address of a family, 4 or 6.
func (g *Guest) IP(family int) string {
	g.t.Helper()
	for _, s := range g.IPs {
		p := netip.MustParsePrefix(s)
		if p.Addr().Is4() == (family == 4) {
			return p.Addr().String()
		}
	}
	g.t.Fatalf("guest %s has no IPv%d address", g.Name, family)
	return ""
}

func (g *Guest) String() string { return fmt.Sprintf("%s(%s)", g.Name, g.LPort) }

// Datapath is what the datapath of the guest's chassis tells: packets looked up, and
// lost on the way to ovs-vswitchd, and the ports with what they dropped.
func (g *Guest) Datapath() string {
	if g.chassis == nil {
		return ""
	}
	return g.chassis.Name + ": " + g.chassis.AppCtl("dpctl/show", "-s")
}
