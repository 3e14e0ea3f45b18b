package physical

import (
	"net/netip"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// packet is the fields of a packet; one that it does not have does not match.
type packet map[openflow.Field]openflow.U128

// lookup runs packets through a table, following resubmits, and gives the flag
// check_port_sec at the end.
func lookup(t *rapid.T, flows []*openflow.Flow, table uint8, p packet, flag bool) bool {
	var best *openflow.Flow
	for _, f := range flows {
		if f.Table != table || best != nil && f.Priority < best.Priority || !p.matches(t, f.Match) {
			continue
		}
		if best != nil && f.Priority == best.Priority && f.Actions != best.Actions {
			t.Fatalf("flows of the same priority disagree on %v:\n%s\n%s", p, best, f)
		}
		best = f
	}
	if best == nil {
		return flag
	}
	switch s := best.Actions.String(); s {
	case "set_field:0x1000/0x1000->reg10":
		return true
	case "set_field:0/0x1000->reg10":
		return false
	case "resubmit(,74)":
		return lookup(t, flows, pipeline.TableChkInPortSecND, p, flag)
	default:
		t.Fatalf("actions %s", s)
		return true
	}
}

func (p packet) matches(t *rapid.T, m openflow.Match) bool {
	b, err := m.Builder()
	if err != nil {
		t.Fatal(err)
	}
	for f, have := range p {
		v, mask := b.Get(f)
		if have.And(mask) != v {
			return false
		}
		b.Unset(f)
	}
	return b.IsZero()
}

// rule is a port_security entry as ovn-nb(5) explains it, without VRRP.
type rule struct {
	mac netip.Addr // not an address: mac[15] tells rules apart
	ips []netip.Prefix
}

func (r rule) any() bool { return len(r.ips) == 0 }
func (r rule) has(is4 bool) bool {
	return slices.ContainsFunc(r.ips, func(p netip.Prefix) bool { return p.Addr().Is4() == is4 })
}

// own tells whether ip is one that the rule lets the port have. A prefix with host
// bits is an address.
func (r rule) own(ip netip.Addr) bool {
	return slices.ContainsFunc(r.ips, func(p netip.Prefix) bool {
		if p.Masked().Addr() != p.Addr() {
			return p.Addr() == ip
		}
		return p.Contains(ip)
	})
}

func (r rule) broadcast(ip netip.Addr) bool {
	return slices.ContainsFunc(r.ips, func(p netip.Prefix) bool {
		if !p.Addr().Is4() || p.Masked().Addr() == p.Addr() || !p.Contains(ip) {
			return false
		}
		next := ip.Next()
		return !next.IsValid() || !p.Contains(next)
	})
}

func (r rule) text() string {
	s := "00:00:00:00:00:" + two(r.mac.As16()[15])
	for _, p := range r.ips {
		s += " " + p.String()
	}
	return s
}

func two(b byte) string {
	s := strconv.FormatUint(uint64(b), 16)
	if len(s) < 2 {
		return "0" + s
	}
	return s
}

func (r rule) eth() ethAddr          { return ethAddr(r.mac.As16()[15]) }
func (r rule) linkLocal() netip.Addr { return ipText(r.eth().linkLocal(), 128) }

// twin decides by the words of ovn-nb(5).
type twin []rule

func (w twin) of(mac ethAddr) (rule, bool) {
	i := slices.IndexFunc(w, func(r rule) bool { return r.eth() == mac })
	if i < 0 {
		return rule{}, false
	}
	return w[i], true
}

// trial is a packet in the twin's terms.
type trial struct {
	kind     string // "ip", "arp", "ns", "na", "other"
	eth      ethAddr
	src, dst netip.Addr
	claimed  ethAddr    // of ARP and neighbour discovery; 0 is none
	target   netip.Addr // claimed IP address
}

func (w twin) maySend(tr trial) bool {
	r, known := w.of(tr.eth)
	if !known {
		return false
	}
	switch tr.kind {
	case "arp":
		return tr.claimed == tr.eth && (r.any() || r.own(tr.target))
	case "other":
		return r.any()
	}
	source := r.any() || r.own(tr.src) || tr.src.Is6() && r.has(false) && tr.src == r.linkLocal()
	switch tr.kind {
	case "ns":
		ownOrNone := tr.claimed == tr.eth || tr.claimed == 0
		probe := r.has(false) && tr.src == netip.IPv6Unspecified() && tr.dst.As16()[0] == 0xff && tr.dst.As16()[1] == 2
		return (source || probe) && ownOrNone
	case "na":
		claim := r.any() || tr.target == r.linkLocal() && r.has(false) || r.own(tr.target)
		// With IPv4 addresses only, IPv6 is not allowed at all.
		if !r.any() && !r.has(false) {
			return false
		}
		return source && claim && (tr.claimed == tr.eth || tr.claimed == 0)
	}
	return source
}

func (w twin) mayReceive(tr trial) bool {
	r, known := w.of(tr.eth)
	if !known {
		return false
	}
	if r.any() || tr.kind == "arp" || tr.kind == "other" {
		return true
	}
	if tr.dst.Is4() {
		return r.has(true) && (r.own(tr.dst) || r.broadcast(tr.dst) || tr.dst.IsMulticast() ||
			tr.dst == netip.AddrFrom4([4]byte{255, 255, 255, 255}))
	}
	return r.has(false) && (r.own(tr.dst) || tr.dst == r.linkLocal() || tr.dst.IsMulticast())
}

// packet is tr as the switch sees it, on its way in or out.
func (tr trial) packet(ethField, portField openflow.Field) packet {
	p := packet{
		pipeline.RegDatapath: u128(1), portField: u128(2), ethField: u128(uint64(tr.eth)),
	}
	ip := func(v4src, v4dst, v6src, v6dst openflow.Field) {
		if tr.src.Is4() {
			p[openflow.FieldEthType] = u128(ethTypeIPv4)
			p[v4src], p[v4dst] = addrValue(tr.src), addrValue(tr.dst)
			return
		}
		p[openflow.FieldEthType] = u128(ethTypeIPv6)
		p[v6src], p[v6dst] = addrValue(tr.src), addrValue(tr.dst)
	}
	switch tr.kind {
	case "arp":
		p[openflow.FieldEthType] = u128(ethTypeARP)
		p[openflow.FieldARPSHA] = u128(uint64(tr.claimed))
		p[openflow.FieldARPSPA] = addrValue(tr.target)
	case "other":
		p[openflow.FieldEthType] = u128(0x88cc)
	case "ns", "na":
		ip(0, 0, openflow.FieldIPv6Src, openflow.FieldIPv6Dst)
		p[openflow.FieldIPProto], p[openflow.FieldIPTTL] = u128(protoICMPv6), u128(255)
		p[openflow.FieldICMPv6Code] = u128(0)
		p[openflow.FieldNDTarget] = addrValue(tr.target)
		if tr.kind == "ns" {
			p[openflow.FieldICMPv6Type] = u128(icmp6NeighborSolicit)
			p[openflow.FieldNDSLL] = u128(uint64(tr.claimed))
		} else {
			p[openflow.FieldICMPv6Type] = u128(icmp6NeighborAdvert)
			p[openflow.FieldNDTLL] = u128(uint64(tr.claimed))
		}
	default:
		ip(openflow.FieldIPv4Src, openflow.FieldIPv4Dst, openflow.FieldIPv6Src, openflow.FieldIPv6Dst)
		p[openflow.FieldIPProto] = u128(protoTCP)
	}
	return p
}

// Addresses that rules and packets are made of: few, so that they meet.
var (
	someIPv4 = []string{"10.0.0.0/24", "10.0.0.1/24", "10.0.0.255/32", "10.0.1.7/32", "0.0.0.0/0", "10.0.0.4/30"}
	someIPv6 = []string{"fd00::/64", "fd00::1/64", "fd00::1/128", "fe80::200:ff:fe00:1/128", "::/0"}
	ipv4s    = []string{"10.0.0.0", "10.0.0.1", "10.0.0.7", "10.0.0.255", "10.0.1.7", "0.0.0.0", "255.255.255.255", "224.0.0.1"}
	ipv6s    = []string{"fd00::", "fd00::1", "fd00::2", "fd01::1", "fe80::200:ff:fe00:1", "fe80::200:ff:fe00:2", "::", "ff02::1", "ff02::1:ff00:1", "ff0e::1"}
)

func drawAddr(t *rapid.T, from []string, label string) netip.Addr {
	return netip.MustParseAddr(rapid.SampledFrom(from).Draw(t, label))
}

// TestPortSecurity compares the flows of random entries, evaluated packet by
// packet, with a decision by the words of the manual.
func TestPortSecurity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rules twin
		pb := &sbdb.PortBinding{UUID: ovsdb.UUID{1}, LogicalPort: "p", TunnelKey: 2}
		for mac := range rapid.IntRange(1, 3).Draw(t, "entries") {
			r := rule{mac: netip.AddrFrom16([16]byte{15: byte(mac + 1)})}
			for _, s := range append(rapid.SliceOfNDistinct(rapid.SampledFrom(someIPv4), 0, 2, rapid.ID).Draw(t, "IPv4"),
				rapid.SliceOfNDistinct(rapid.SampledFrom(someIPv6), 0, 2, rapid.ID).Draw(t, "IPv6")...) {
				r.ips = append(r.ips, netip.MustParsePrefix(s))
			}
			rules = append(rules, r)
			pb.PortSecurity = append(pb.PortSecurity, r.text())
		}
		out := new(Flows)
		(&portBuild{out: out, pb: pb, dp: Datapath{Key: 1}, key: 2, origin: fromRow(pb.UUID)}).portSecurity()
		if len(out.Problems) > 0 {
			t.Fatal(out.Problems)
		}
		for range 20 {
			tr := trial{
				kind:    rapid.SampledFrom([]string{"ip", "arp", "ns", "na", "other"}).Draw(t, "kind"),
				eth:     ethAddr(rapid.IntRange(1, 4).Draw(t, "eth")),
				claimed: ethAddr(rapid.IntRange(0, 4).Draw(t, "claimed")),
			}
			from, targets := ipv6s, ipv6s
			if tr.kind == "ip" && rapid.Bool().Draw(t, "v4") {
				from = ipv4s
			}
			if tr.kind == "arp" {
				targets = ipv4s
			}
			tr.src, tr.dst = drawAddr(t, from, "src"), drawAddr(t, from, "dst")
			tr.target = drawAddr(t, targets, "target")

			in := tr.packet(openflow.FieldEthSrc, pipeline.RegInport)
			if got, want := !lookup(t, out.List, pipeline.TableChkInPortSec, in, false), rules.maySend(tr); got != want {
				t.Fatalf("%q sends %+v: %t, want %t", pb.PortSecurity, tr, got, want)
			}
			to := tr.packet(openflow.FieldEthDst, pipeline.RegOutport)
			if got, want := !lookup(t, out.List, pipeline.TableChkOutPortSec, to, false), rules.mayReceive(tr); got != want {
				t.Fatalf("%q receives %+v: %t, want %t", pb.PortSecurity, tr, got, want)
			}
		}
	})
}
