package pinctrl

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

func advertisement() *RouterAdvertisement {
	return &RouterAdvertisement{
		In: PortKey{3, 7}, MinInterval: 3 * time.Second, MaxInterval: 4 * time.Second,
		MAC: macA, From: netip.MustParseAddr("fe80::1"), Other: true, Autonomous: true, Preference: HighPreference, MTU: 1442,
		Prefixes: []netip.Prefix{netip.MustParsePrefix("fd01::/64")}, RDNSS: netip.MustParseAddr("fd01::53"),
		DNSSL: []string{"ovn.org", "a.b"}, Routes: []RouteInformation{
			{netip.MustParsePrefix("fd02::/48"), LowPreference}, {netip.MustParsePrefix("fd03::1/128"), MediumPreference},
			{netip.MustParsePrefix("::/0"), HighPreference}},
	}
}

func TestRouterAdvertisement(t *testing.T) {
	b := newBench(t)
	b.Advertise(map[string]*RouterAdvertisement{"lrp": advertisement()})
	b.sendDue()
	if at := b.run(2900 * time.Millisecond); len(at) != 0 {
		t.Errorf("sent at %v, before the shortest interval", at)
	}
	if at := b.run(1200 * time.Millisecond); len(at) != 1 {
		t.Fatalf("%d advertisements in the longest interval", len(at))
	}
	p, po := b.packetOut()
	ra, ok := p.Layer(layers.LayerTypeICMPv6RouterAdvertisement).(*layers.ICMPv6RouterAdvertisement)
	if !ok {
		t.Fatalf("not an advertisement: %v", p)
	}
	if ra.HopLimit != 255 || ra.Flags != 0x48 || ra.RouterLifetime != 0xffff || ra.ReachableTime != 0 || ra.RetransTimer != 0 {
		t.Errorf("wrong fields: %+v", ra)
	}
	ip, eth := p.NetworkLayer().(*layers.IPv6), p.LinkLayer().(*layers.Ethernet)
	if eth.DstMAC.String() != "33:33:00:00:00:01" || eth.SrcMAC.String() != macA.String() || ip.SrcIP.String() != "fe80::1" ||
		ip.DstIP.String() != "ff02::1" || ip.HopLimit != 255 {
		t.Errorf("from %s %s to %s %s, hop limit %d", eth.SrcMAC, ip.SrcIP, eth.DstMAC, ip.DstIP, ip.HopLimit)
	}
	checkICMPv6(t, p)
	var got []string
	for _, o := range ra.Options {
		got = append(got, o.Type.String()+" "+hex.EncodeToString(o.Data))
	}
	want := []string{
		"SourceAddress 02000000000a",
		"MTU 0000000005a2",
		"PrefixInfo 40c0ffffffffffffffff00000000fd010000000000000000000000000000",
		"RecursiveDNSServer 0000fffffffffd010000000000000000000000000053",
		"Unknown(31) 0000ffffffff036f766e036f72670001610162000000",
		"Unknown(24) 3018fffffffffd02000000000000",
		"Unknown(24) 8000fffffffffd030000000000000000000000000001",
		"Unknown(24) 0008ffffffff",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("options\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	const actions = "set_field:0x3->metadata,set_field:0x7->reg14,set_field:0x10/0x10->reg10,resubmit(,8)"
	if po.Actions.String() != actions {
		t.Errorf("sent by %s, want %s", po.Actions, actions)
	}

	// Other contents do not change the times; other times do.
	a := advertisement()
	a.Override, a.MTU = true, 0
	b.Advertise(map[string]*RouterAdvertisement{"lrp": a})
	b.sendDue()
	b.run(4100 * time.Millisecond)
	if len(b.sent) == 0 || !strings.Contains(b.sent[0].(*openflow.PacketOut).Actions.String(), "set_field:0x40010/0x40010->reg10") {
		t.Errorf("sent %v", b.sent)
	}
	b.sent = nil
	b.Advertise(map[string]*RouterAdvertisement{"lrp": nil})
	if at := b.run(10 * time.Second); len(at) != 0 {
		t.Errorf("removed, it was sent at %v", at)
	}
}

func TestBadDomains(t *testing.T) {
	for _, d := range [][]string{nil, {""}, {"a..b"}, {strings.Repeat("x", 64)}, {strings.Repeat("abcdefghi.", 25) + "org"}} {
		if got := appendDNSSL(nil, d); len(got) != 0 {
			t.Errorf("%q: %x", d, got)
		}
	}
}

func TestSolicitations(t *testing.T) {
	b := newBench(t)
	four := Solicitation{PortKey{3, 7}, macA, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")}
	six := Solicitation{PortKey{3, 7}, macA, netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fd00::2")}
	b.Solicit(nil, []Solicitation{four})
	b.sendDue()
	if at := b.run(50 * time.Second); len(at) != 7 { // 1, 2, 4, 8, 16, 32 and 48
		t.Errorf("sent at %v", at)
	}
	b.sent = b.sent[:1]
	p, po := b.packetOut()
	arp := p.Layer(layers.LayerTypeARP).(*layers.ARP)
	if arp.Operation != layers.ARPRequest || hex.EncodeToString(arp.SourceProtAddress) != "0a000001" || hex.EncodeToString(arp.DstProtAddress) != "0a000002" {
		t.Errorf("wrong request %+v", arp)
	}
	if got := po.Actions.String(); got != "set_field:0x3->metadata,set_field:0x7->reg15,resubmit(,46)" {
		t.Errorf("sent by %s", got)
	}
	b.Solicit([]Solicitation{four}, []Solicitation{six})
	b.SetSolicitMax(0)
	b.sendDue()
	if at := b.run(50 * time.Second); len(at) != 1 {
		t.Errorf("with no longest time, sent at %v", at)
	}
	p, _ = b.packetOut()
	ns, ok := p.Layer(layers.LayerTypeICMPv6NeighborSolicitation).(*layers.ICMPv6NeighborSolicitation)
	if !ok || ns.TargetAddress.String() != "fd00::2" || p.NetworkLayer().(*layers.IPv6).DstIP.String() != "ff02::1:ff00:2" {
		t.Errorf("wrong solicitation: %v", p)
	}
	checkICMPv6(t, p)
	if s := b.Stats(); s.Solicited != 8 {
		t.Errorf("counters %+v", s)
	}
}
