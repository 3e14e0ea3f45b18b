package pinctrl

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// igmpPacket is an IGMP message with a good checksum, in a frame with padding.
func igmpPacket(t testing.TB, m ...byte) []byte {
	binary.BigEndian.PutUint16(m[2:], finish(sum(0, m)))
	ip := &layers.IPv4{Version: 4, TTL: 1, Protocol: layers.IPProtocolIGMP, SrcIP: []byte{10, 0, 0, 1}, DstIP: []byte{224, 0, 0, 22}}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		&layers.Ethernet{SrcMAC: macA[:], DstMAC: macB[:], EthernetType: layers.EthernetTypeIPv4}, ip, gopacket.Payload(m)); err != nil {
		t.Fatal(err)
	}
	return append(buf.Bytes(), 0xde, 0xad)
}

func mldPacket(m ...byte) []byte {
	src, dst := netip.MustParseAddr("fe80::1"), netip.MustParseAddr("ff02::16")
	binary.BigEndian.PutUint16(m[2:], finish(sum(pseudo(src, dst, protoICMPv6, len(m)), m)))
	var untagged packet
	alert := []byte{protoICMPv6, 0, 5, 2, 0, 0, 1, 0}
	b := untagged.appendEth(nil, macB, macA, ethTypeIPv6)
	return append(append(appendIPv6(b, src, dst, protoHopOpts, 1, len(alert)+len(m)), alert...), m...)
}

func group6(kind byte, last byte) []byte {
	g := netip.MustParseAddr("ff05::")
	a := g.As16()
	a[15] = last
	return append([]byte{kind, 0, 0, 0}, a[:]...)
}

func TestSnooping(t *testing.T) {
	b := newBench(t)
	changes := 0
	b.cfg.Multicast = func() { changes++ }
	hear := func(packet []byte, port uint64) {
		b.packetIn(punt(pipeline.OpIGMP, packet, func(m *openflow.MatchBuilder) { m.SetU(pipeline.RegInport, port) }))
	}
	learned := func(want string) {
		t.Helper()
		groups, ok := b.MulticastGroups(3)
		if got := fmt.Sprint(groups, ok); got != want {
			t.Errorf("learned %s, want %s", got, want)
		}
	}
	hear(igmpPacket(t, igmpReportV2, 0, 0, 0, 239, 0, 0, 1), 1)
	learned("[] false")
	if len(b.sent) != 0 {
		t.Error("a switch that does not snoop passed a report on")
	}
	b.SetSnooping(3, &Snooping{TableSize: 4, Idle: 300 * time.Second})
	learned("[{invalid IP  []}] true")

	hear(igmpPacket(t, igmpReportV2, 0, 0, 0, 239, 0, 0, 1), 1)
	hear(igmpPacket(t, igmpReportV2, 0, 0, 0, 239, 0, 0, 1), 1)
	learned("[{invalid IP  []} {239.0.0.1 IGMPv2 [1]}] true")
	if changes != 1 || len(b.sent) != 2 {
		t.Errorf("%d changes, %d packets passed on", changes, len(b.sent))
	}
	const passed = "set_field:0x3->metadata,set_field:0x1->reg14,set_field:0x8002->reg15,set_field:0x400000/0x400000->reg10,resubmit(,42)"
	if got := b.sent[0].(*openflow.PacketOut).Actions.String(); got != passed {
		t.Errorf("passed on by %s, want %s", got, passed)
	}
	// Version 3: port 2 listens to .2 from one source with auxiliary data before, and
	// leaves .1, which it never joined.
	hear(igmpPacket(t, igmpReportV3, 0, 0, 0, 0, 0, 0, 3,
		1, 1, 0, 1, 239, 0, 0, 2, 9, 9, 9, 9, 0, 0, 0, 0,
		3, 0, 0, 0, 239, 0, 0, 1,
		4, 0, 0, 0, 239, 0, 0, 3), 2)
	learned("[{invalid IP  []} {239.0.0.1 IGMPv2 [1]} {239.0.0.2 IGMPv3 [2]} {239.0.0.3 IGMPv3 [2]}] true")
	hear(igmpPacket(t, igmpLeave, 0, 0, 0, 239, 0, 0, 1), 1)
	hear(igmpPacket(t, igmpLeave, 0, 0, 0, 239, 0, 0, 2), 2)
	hear(mldPacket(append([]byte{mldReportV2, 0, 0, 0, 0, 0, 0, 1}, group6(4, 5)...)...), 4)
	hear(mldPacket(append([]byte{mldReport, 0, 0, 0, 0, 0, 0, 0}, group6(4, 6)[4:]...)...), 4)
	hear(mldPacket(append([]byte{mldDone, 0, 0, 0, 0, 0, 0, 0}, group6(4, 6)[4:]...)...), 4)
	learned("[{invalid IP  []} {239.0.0.3 IGMPv3 [2]} {ff05::5 MLDv2 [4]}] true")

	// A query comes from a router, which goes to hosts and needs no groups.
	b.sent = nil
	hear(igmpPacket(t, igmpQuery, 0, 0, 0, 0, 0, 0, 0), 7)
	hear(igmpPacket(t, igmpReportV2, 0, 0, 0, 239, 0, 0, 9), 7)
	learned("[{invalid IP  [7]} {239.0.0.3 IGMPv3 [2]} {ff05::5 MLDv2 [4]}] true")
	if got := b.sent[0].(*openflow.PacketOut); !contains(got, "set_field:0x8004->reg15") {
		t.Errorf("a query was passed on by %s", got.Actions)
	}
	// Who is not heard again is forgotten: routers first.
	b.now = b.now.Add(181 * time.Second)
	b.sendDue()
	learned("[{invalid IP  []} {239.0.0.3 IGMPv3 [2]} {ff05::5 MLDv2 [4]}] true")
	b.now = b.now.Add(120 * time.Second)
	b.sendDue()
	learned("[{invalid IP  []}] true")

	// The table is bounded, the longest unheard makes room.
	for i := range 10 {
		b.now = b.now.Add(time.Second)
		hear(igmpPacket(t, igmpReportV1, 0, 0, 0, 239, 0, 1, byte(i)), 1)
	}
	learned("[{invalid IP  []} {239.0.1.6 IGMPv1 [1]} {239.0.1.7 IGMPv1 [1]} {239.0.1.8 IGMPv1 [1]} {239.0.1.9 IGMPv1 [1]}] true")
	b.SetSnooping(3, &Snooping{TableSize: 2, Idle: 300 * time.Second})
	learned("[{invalid IP  []} {239.0.1.8 IGMPv1 [1]} {239.0.1.9 IGMPv1 [1]}] true")
	b.SetSnooping(3, &Snooping{TableSize: 2, Idle: 300 * time.Second, FlushNo: 1})
	learned("[{invalid IP  []}] true")
	b.SetSnooping(3, nil)
	learned("[] false")

	bad := igmpPacket(t, igmpReportV2, 0, 0, 0, 239, 0, 0, 1)
	bad[ethLen+ipv4Len+7]++
	hear(bad, 1)
	if b.Stats().Dropped["igmp"] != 1 {
		t.Errorf("with a bad checksum: %v, %d panics", b.Stats().Dropped["igmp"], b.Stats().Panics)
	}
}

func contains(po *openflow.PacketOut, part string) bool {
	s := po.Actions.String()
	for i := range s {
		if i+len(part) <= len(s) && s[i:i+len(part)] == part {
			return true
		}
	}
	return false
}

func TestQuerier(t *testing.T) {
	b := newBench(t)
	b.SetSnooping(3, &Snooping{TableSize: 4, Idle: 300 * time.Second, Interval: 10 * time.Second, MaxResponse: time.Second, MAC: macA,
		IPv4: netip.MustParseAddr("10.0.0.254"), IPv6: netip.MustParseAddr("fe80::1")})
	if at := b.run(21 * time.Second); len(at) != 6 {
		t.Errorf("queries at %v", at)
	}
	all := b.sent
	b.sent = all[:1]
	p, po := b.packetOut()
	q, ok := p.Layer(layers.LayerTypeIGMP).(*layers.IGMP)
	if !ok || q.Type != layers.IGMPMembershipQuery || q.MaxResponseTime != time.Second || finish(sum(0, p.NetworkLayer().LayerPayload())) != 0 {
		t.Errorf("not a query: %v", p)
	}
	if got := po.Actions.String(); got != "set_field:0x3->metadata,set_field:0x8000->reg15,set_field:0x10/0x10->reg10,resubmit(,46)" {
		t.Errorf("sent by %s", got)
	}
	b.sent = all[1:2]
	p, _ = b.packetOut()
	m, ok := p.Layer(layers.LayerTypeMLDv2MulticastListenerQuery).(*layers.MLDv2MulticastListenerQueryMessage)
	if !ok || m.MaximumResponseCode != 1000 {
		t.Errorf("not a query: %v", p)
	}
	checkICMPv6(t, p)
}

func FuzzMulticast(f *testing.F) {
	f.Add(igmpPacket(f, igmpReportV3, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 1, 239, 0, 0, 2, 9, 9, 9, 9, 0, 0, 0, 0)[34:])
	f.Add(append([]byte{mldReportV2, 0, 0, 0, 0, 0, 0, 1}, group6(4, 5)...))
	f.Fuzz(func(t *testing.T, m []byte) {
		if len(m) >= 8 {
			parseIGMP(m)
			_, _ = parseMLD(m, netip.IPv6LinkLocalAllNodes())
		}
	})
}
