package integration

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Migrant is a guest that can move between chassis while it runs. Each chassis
// has an interface for it from the start; one of them at a time is the machine's.
//
//	 guest            host (a namespace)                chassis
//	┌──────┐   ┌───────────────────────────────┐
//	│ eth0 ├───┤ nic ── bridge ─┬─ at1 (forwarding) ──┼─ br-int of hv1
//	└──────┘   │                └─ at2 (disabled) ────┼─ br-int of hv2
//	           └───────────────────────────────┘
//
// To move is to disable one port of the bridge and to enable another: two netlink
// messages, some ten microseconds. The kernel of the guest, its addresses, its
// neighbours and its connections stay.
type Migrant struct {
	*Guest
	host   *Namespace
	places []*place
	now    int // the place where it runs
}

// place is where the guest may run.
type place struct {
	chassis *Chassis
	port    string // its interface on br-int
	far     string // the bridge's port
}

// States of a port of a Linux bridge, linux/if_bridge.h.
const (
	bridgePortDisabled   = 0
	bridgePortForwarding = 3
)

// AddMigrant makes a guest that runs on the first of the chassis and may move to
// the others. Its interfaces are on br-int and carry no logical port yet.
func (c *Cluster) AddMigrant(spec GuestSpec, chassis ...*Chassis) *Migrant {
	c.t.Helper()
	m := &Migrant{Guest: newGuest(c.t, spec), host: newNamespace(c.t, spec.Name+"-host")}
	fail := func(err error) {
		if err != nil {
			c.t.Fatalf("guest %s: %v", spec.Name, err)
		}
	}
	mac, err := net.ParseMAC(spec.MAC)
	fail(err)
	fail(connect(m.host, "nic", m.Namespace, "eth0", mac, 1400))
	m.host.do(c.t, "bridge", func() error {
		if err := addBridge("machine", 1400); err != nil {
			return err
		}
		return join("nic", "machine", bridgePortForwarding)
	})
	for i, ch := range chassis {
		ch.ports++
		p := &place{chassis: ch, port: fmt.Sprintf("m%d-%s", ch.ports, spec.Name), far: fmt.Sprintf("at%d", i+1)}
		m.places = append(m.places, p)
		fail(connect(ch.ns, p.port, m.host, p.far, nil, 1400))
		m.host.do(c.t, "attach", func() error {
			state := uint8(bridgePortDisabled)
			if i == 0 {
				state = bridgePortForwarding
			}
			return join(p.far, "machine", state)
		})
		ch.VSCtl("add-port", "br-int", p.port)
	}
	m.configure()
	return m
}

// join makes an interface a port of a bridge that floods whatever comes: what it
// has learned of a port would outlive the move.
func join(name, bridge string, state uint8) error {
	if err := enslave(name, bridge); err != nil {
		return err
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetLearning(link, false); err != nil {
		return err
	}
	return setPortState(name, state)
}

// setPortState sets the state of a port of a bridge without spanning tree.
func setPortState(name string, state uint8) error {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_BRIDGE)
	msg.Index = int32(link.Index)
	req.AddData(msg)
	info := nl.NewRtAttr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, nil)
	info.AddRtAttr(nl.IFLA_BRPORT_STATE, []byte{state})
	req.AddData(info)
	if _, err = req.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("state of port %s: %w", name, err)
	}
	return nil
}

func (m *Migrant) at(ch *Chassis) *place {
	m.t.Helper()
	for _, p := range m.places {
		if p.chassis == ch {
			return p
		}
	}
	m.t.Fatalf("guest %s has no place on %s", m.Name, ch.Name)
	return nil
}

// Plug gives the guest's interface on a chassis its iface-id.
func (m *Migrant) Plug(ch *Chassis) {
	m.t.Helper()
	ch.TransactLocal(m.ids(ch, "insert", []any{"map", [][]string{{"iface-id", m.LPort}}}))
}

// Unplug takes the iface-id away; the interface stays.
func (m *Migrant) Unplug(ch *Chassis) {
	m.t.Helper()
	ch.TransactLocal(m.ids(ch, "delete", []any{"set", []string{"iface-id"}}))
}

func (m *Migrant) ids(ch *Chassis, mutator string, value any) any {
	return map[string]any{"op": "mutate", "table": "Interface",
		"where":     []any{[]any{"name", "==", m.at(ch).port}},
		"mutations": []any{[]any{"external_ids", mutator, value}}}
}

// Run has the guest stop where it is and go on elsewhere.
func (m *Migrant) Run(ch *Chassis) {
	m.t.Helper()
	from, to := m.places[m.now], m.at(ch)
	m.now = slices.Index(m.places, to)
	m.host.do(m.t, "move", func() error {
		if from != to {
			if err := setPortState(from.far, bridgePortDisabled); err != nil {
				return err
			}
		}
		return setPortState(to.far, bridgePortForwarding)
	})
}

// Announce sends what tells switches that the guest is here now: "rarp", as the
// machine monitor does, "garp" or "na" as the guest itself may.
func (m *Migrant) Announce(kind string) {
	m.t.Helper()
	switch kind {
	case "rarp":
		m.Send(RARP(m.MAC))
	case "garp":
		m.Send(GARP(m.MAC, m.IP(4)))
	case "na":
		m.Send(UnsolicitedNA(m.MAC, m.IP(6)))
	default:
		m.t.Fatalf("no packet %q", kind)
	}
}

// GARP is a gratuitous ARP request, RFC 5227.
func GARP(mac, ip string) []byte {
	hw, _ := net.ParseMAC(mac)
	addr := netip.MustParseAddr(ip).AsSlice()
	return slices.Concat(broadcast, hw, []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, hw, addr, make([]byte, 6), addr)
}

// RARP is the request by which a machine monitor announces a guest, RFC 903.
func RARP(mac string) []byte {
	hw, _ := net.ParseMAC(mac)
	return slices.Concat(broadcast, hw, []byte{0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3}, hw, make([]byte, 4), hw, make([]byte, 4))
}

var broadcast = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// UnsolicitedNA is a neighbour advertisement to all nodes with the override flag,
// RFC 4861 section 7.2.6.
func UnsolicitedNA(mac, ip string) []byte {
	hw, _ := net.ParseMAC(mac)
	src := netip.MustParseAddr(ip).AsSlice()
	dst := netip.MustParseAddr("ff02::1").AsSlice()
	icmp := slices.Concat([]byte{136, 0, 0, 0, 0x20, 0, 0, 0}, src, []byte{2, 1}, hw)
	pseudo := slices.Concat(src, dst, []byte{0, 0, 0, byte(len(icmp)), 0, 0, 0, 58}, icmp)
	sum := checksum(pseudo)
	icmp[2], icmp[3] = byte(sum>>8), byte(sum)
	return slices.Concat([]byte{0x33, 0x33, 0, 0, 0, 1}, hw, []byte{0x86, 0xdd, 0x60, 0, 0, 0, 0, byte(len(icmp)), 58, 255},
		src, dst, icmp)
}
