package announce

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/binding"
	"github.com/ovn-chassis/ovn-chassis/controller/neighbor"
	"github.com/ovn-chassis/ovn-chassis/controller/portkey"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

var us, other = ovsdb.UUID{5}, ovsdb.UUID{6}

// bench is a switch "sw" (key 7) with a localnet port, and a router "lr" (key 8).
type bench struct {
	*Duty
	t        *testing.T
	sb       *replica.SB
	tables   *neighbor.Tables
	local    map[ovsdb.UUID]*binding.LocalDatapath
	networks map[string]bool
	now      map[string]bool // what is announced
}

var sw, lr = ovsdb.UUID{1}, ovsdb.UUID{2}

func newBench(t *testing.T) *bench {
	b := &bench{
		Duty: New(slog.New(slog.DiscardHandler)), t: t, sb: replica.NewSB(sbdb.NewDB()),
		local: map[ovsdb.UUID]*binding.LocalDatapath{}, networks: map[string]bool{"phys": true}, now: map[string]bool{},
	}
	b.tables = neighbor.NewTables(b.sb.DB, portkey.New(b.sb.DB))
	b.local[sw] = &binding.LocalDatapath{Peers: []binding.PeerPorts{{Local: "sw-lr", Remote: "lr-sw"}}}
	b.run(func(u *sbdb.Update) {
		u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: sw, TunnelKey: 7, Type: ovsdb.Some("logical-switch")})
		u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: lr, TunnelKey: 8, Type: ovsdb.Some("logical-router")})
		u.PutPortBinding(port("ln", "localnet", 1, ovsdb.UUID{}, "network_name", "phys"))
		p := port("lr-sw", "patch", 2, ovsdb.UUID{}, "peer", "sw-lr")
		p.Datapath = lr
		u.PutPortBinding(p)
	})
	return b
}

func port(name, typ string, key int64, chassis ovsdb.UUID, options ...string) *sbdb.PortBinding {
	id := ovsdb.UUID{15: byte(key)}
	copy(id[:], name)
	return &sbdb.PortBinding{UUID: id, LogicalPort: name, Type: typ, TunnelKey: key, Datapath: sw, Chassis: chassis, Options: ovsdb.NewMap(options...)}
}

func vif(name string, key int64, chassis ovsdb.UUID, mac ...string) *sbdb.PortBinding {
	p := port(name, "", key, chassis)
	p.MAC = mac
	return p
}

func nat(p *sbdb.PortBinding, addresses ...string) *sbdb.PortBinding {
	p.NatAddresses = addresses
	return p
}

func (b *bench) run(change func(*sbdb.Update), datapaths ...ovsdb.UUID) {
	u := &sbdb.Update{}
	change(u)
	removed, added := b.Run(Inputs{
		SB: b.sb, Chassis: us, Networks: b.networks, Changes: b.sb.DB.Apply(u), Changed: datapaths,
		Datapaths: func(id ovsdb.UUID) *binding.LocalDatapath { return b.local[id] },
	})
	for _, a := range removed {
		if !b.now[show(a)] {
			b.t.Errorf("%s is removed, but was not there", show(a))
		}
		delete(b.now, show(a))
	}
	for _, a := range added {
		if b.now[show(a)] {
			b.t.Errorf("%s is added again", show(a))
		}
		b.now[show(a)] = true
	}
}

func (b *bench) put(p ...*sbdb.PortBinding) {
	b.run(func(u *sbdb.Update) {
		for _, p := range p {
			u.PutPortBinding(p)
		}
	})
}

func show(a pinctrl.Announcement) string {
	ip := "RARP"
	if a.IP.IsValid() {
		ip = a.IP.String()
	}
	return fmt.Sprintf("%d/%d %s %s", a.In.Datapath, a.In.Port, a.MAC, ip)
}

func (b *bench) expect(want ...string) {
	b.t.Helper()
	var got []string
	for s := range b.now {
		got = append(got, s)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		b.t.Errorf("announced %q, want %q", got, want)
	}
}

const (
	macs  = "02:00:00:00:00:01"
	first = "7/3 02:00:00:00:00:01 10.0.0.1"
)

func TestInterfaces(t *testing.T) {
	b := newBench(t)
	b.put(vif("vm", 3, us, macs+" 10.0.0.1 fd00::1 10.0.0.2"), vif("away", 4, other, macs+" 10.0.0.9"),
		vif("six", 5, us, "unknown", macs+" fd00::1"), vif("none", 6, us, "unknown"))
	b.expect(first, "7/5 02:00:00:00:00:01 RARP")
	b.put(vif("vm", 3, us, macs+" 10.0.0.2"))
	b.expect("7/3 02:00:00:00:00:01 10.0.0.2", "7/5 02:00:00:00:00:01 RARP")
	b.put(vif("vm", 3, other, macs+" 10.0.0.2"), vif("six", 5, us, "unknown"))
	b.expect()
}

func TestNetworks(t *testing.T) {
	b := newBench(t)
	b.put(vif("vm", 3, us, macs+" 10.0.0.1"))
	b.networks = map[string]bool{}
	b.put()
	b.expect()
	b.networks = map[string]bool{"phys": true}
	b.put()
	b.expect(first)
	b.put(port("ln", "localnet", 1, ovsdb.UUID{}, "network_name", "elsewhere"))
	b.expect()
	b.put(port("ln", "localnet", 1, ovsdb.UUID{}, "network_name", "phys"))
	b.expect(first)
	dp := b.local[sw]
	delete(b.local, sw)
	b.run(func(*sbdb.Update) {}, sw)
	b.expect()
	b.local[sw] = dp
	b.run(func(*sbdb.Update) {}, sw)
	b.expect(first)
	b.run(func(u *sbdb.Update) { u.DeletePortBinding(port("ln", "", 1, us).UUID) })
	b.expect()
}

func TestSilenced(t *testing.T) {
	b := newBench(t)
	p := vif("vm", 3, us, macs+" 10.0.0.1")
	p.Options = ovsdb.NewMap("disable_garp_rarp", "true")
	b.put(p)
	b.expect()
	b.put(vif("vm", 3, us, macs+" 10.0.0.1"), nat(port("sw-lr", "patch", 2, ovsdb.UUID{}, "peer", "lr-sw"),
		macs+` 10.0.0.8 is_chassis_resident("vm")`))
	b.expect(first, "7/2 02:00:00:00:00:01 10.0.0.8")
	router := func(ids ...string) {
		b.run(func(u *sbdb.Update) {
			u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: lr, TunnelKey: 8, Type: ovsdb.Some("logical-router"), ExternalIDs: ovsdb.NewMap(ids...)})
		})
	}
	router("disable_garp_rarp", "true")
	b.expect(first)
	router()
	b.expect(first, "7/2 02:00:00:00:00:01 10.0.0.8")
}

func TestNAT(t *testing.T) {
	b := newBench(t)
	cr := func(chassis ovsdb.UUID) *sbdb.PortBinding {
		p := port("cr", "chassisredirect", 9, chassis)
		p.Datapath = lr
		return p
	}
	distributed := nat(port("sw-lr", "patch", 2, ovsdb.UUID{}, "peer", "lr-sw"),
		macs+` 10.0.0.8 10.0.0.9 is_chassis_resident("cr")`, macs+" 10.0.0.7", macs+` fd00::1 is_chassis_resident("cr")`)
	b.put(distributed, cr(other))
	b.expect()
	b.put(cr(us))
	want := []string{"7/2 02:00:00:00:00:01 10.0.0.8", "7/2 02:00:00:00:00:01 10.0.0.9", "7/2 02:00:00:00:00:01 RARP"}
	b.expect(want...)
	b.put(cr(other))
	b.expect()
	// Taken away and given back it starts over.
	b.put(cr(us))
	b.expect(want...)

	b.run(func(u *sbdb.Update) { u.DeletePortBinding(distributed.UUID) })
	b.expect()
	b.put(nat(port("gw", "l3gateway", 4, us), macs+" 10.0.0.7"), port("old", "l3gateway", 5, us, "nat-addresses", macs+" 10.0.0.6"),
		nat(port("away", "l3gateway", 6, other), macs+" 10.0.0.5"))
	b.expect("7/4 02:00:00:00:00:01 10.0.0.7", "7/5 02:00:00:00:00:01 10.0.0.6")
	if len(b.dependents) != 0 {
		t.Errorf("dependents of nothing: %v", b.dependents)
	}
}

// Announcing begins when the switch has the flows of the commit that serves it.
func TestBegin(t *testing.T) {
	b := newBench(t)
	expect := func(seq uint64, want ...string) {
		t.Helper()
		var got []string
		for _, a := range b.Acked(seq) {
			got = append(got, show(a))
		}
		if !slices.Equal(got, want) {
			t.Errorf("acknowledged %d: %q begin, want %q", seq, got, want)
		}
	}
	const second = "7/4 02:00:00:00:00:01 10.0.0.2"
	b.put(vif("vm", 3, us, macs+" 10.0.0.1"))
	expect(9)
	b.Stamp(10)
	b.put(vif("vm2", 4, us, macs+" 10.0.0.2"))
	expect(9)
	b.Stamp(11)
	expect(10, first)
	b.put()
	b.Stamp(12)
	expect(12, second)
	expect(13)
}

// Routers on the switch learn as if they had heard the announcement.
func TestLessons(t *testing.T) {
	b := newBench(t)
	write := func() string {
		var q neighbor.Queue
		tx := ovsdb.NewTxn("")
		b.Write(&q, b.tables)
		q.Write(b.tables, tx, time.UnixMilli(9), slog.New(slog.DiscardHandler))
		return tx.String()
	}
	b.put(vif("vm", 3, us, macs+" 10.0.0.1"))
	got := write()
	for _, want := range []string{"insert", "MAC_Binding", "lr-sw", "10.0.0.1", macs} {
		if !strings.Contains(got, want) {
			t.Errorf("transaction %s lacks %q", got, want)
		}
	}
	if got := write(); strings.Contains(got, "MAC_Binding") {
		t.Errorf("written again: %s", got)
	}
	// Not the port that the address is behind.
	b.put(nat(port("sw-lr", "patch", 2, ovsdb.UUID{}, "peer", "lr-sw"), macs+` 10.0.0.8 is_chassis_resident("vm")`))
	if got := write(); strings.Contains(got, "10.0.0.8") {
		t.Errorf("a router learns its own address: %s", got)
	}
	b.run(func(u *sbdb.Update) {
		u.PutDatapathBinding(&sbdb.DatapathBinding{UUID: lr, TunnelKey: 8, Type: ovsdb.Some("logical-router"),
			ExternalIDs: ovsdb.NewMap("always_learn_from_arp_request", "false")})
		u.PutMACBinding(&sbdb.MACBinding{UUID: ovsdb.UUID{9}, LogicalPort: "lr-sw", IP: "10.0.0.1", MAC: "02:00:00:00:00:99"})
		u.PutPortBinding(vif("vm", 3, us, macs+" 10.0.0.1", "unknown"))
		u.PutPortBinding(vif("vm2", 4, us, macs+" 10.0.0.2"))
	})
	if got := write(); !strings.Contains(got, "update") || !strings.Contains(got, macs) || strings.Contains(got, "insert") {
		t.Errorf("with learning from requests off: %s", got)
	}
}

func TestParseAddresses(t *testing.T) {
	for s, want := range map[string]string{
		macs:                      macs + " [] ",
		macs + " 10.0.0.1/24 ::1": macs + " [10.0.0.1] ",
		macs + ` 10.0.0.1 is_chassis_resident("a b")`:      macs + " [10.0.0.1] a b",
		macs + ` 10.0.0.1 is_chassis_resident ( "cr-x" ) `: macs + " [10.0.0.1] cr-x",
		macs + " 10.0.0.1 what is this":                    macs + " [10.0.0.1] ",
		"unknown":                                          "error",
		macs + " is_chassis_resident(x)":                   "error",
		macs + ` is_chassis_resident("x"`:                  "error",
		macs + ` is_chassis_resident("x"")`:                "error",
	} {
		a, err := parseAddresses(s)
		got := fmt.Sprintf("%s %v %s", a.mac, a.ips, a.resident)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

func FuzzParseAddresses(f *testing.F) {
	f.Add(macs + ` 10.0.0.1/24 fd00::1 is_chassis_resident("cr-lrp")`)
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseAddresses(s)
		if err != nil {
			return
		}
		if slices.ContainsFunc(a.ips, func(ip netip.Addr) bool { return !ip.Is4() }) || strings.Contains(a.resident, `"`) {
			t.Errorf("%q: %+v", s, a)
		}
	})
}
