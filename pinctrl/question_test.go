package pinctrl

import (
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

func arpOf(t *testing.T, op uint16, spa, tpa string) []byte {
	s, d := netip.MustParseAddr(spa).As4(), netip.MustParseAddr(tpa).As4()
	return serialize(t, &layers.Ethernet{SrcMAC: macA[:], DstMAC: macB[:], EthernetType: layers.EthernetTypeARP},
		&layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
			Operation: op, SourceHwAddress: macA[:], SourceProtAddress: s[:], DstHwAddress: macB[:], DstProtAddress: d[:]})
}

func neighborMessage(t *testing.T, typ uint8, target string) []byte {
	src, dst := netip.MustParseAddr(target), netip.MustParseAddr("fd00::fe")
	ip := &layers.IPv6{Version: 6, HopLimit: 255, NextHeader: layers.IPProtocolICMPv6, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(typ, 0)}
	_ = icmp.SetNetworkLayerForChecksum(ip)
	var body gopacket.SerializableLayer = &layers.ICMPv6NeighborAdvertisement{TargetAddress: src.AsSlice()}
	if typ == ndSolicit {
		body = &layers.ICMPv6NeighborSolicitation{TargetAddress: src.AsSlice()}
	}
	return serialize(t, &layers.Ethernet{SrcMAC: macA[:], DstMAC: macB[:], EthernetType: layers.EthernetTypeIPv6}, ip, icmp, body)
}

// With tracking an answer teaches only a router that asked, through that port and
// of late; a request teaches always.
func TestTracking(t *testing.T) {
	const lr, sw = 3, 4
	ip := netip.MustParseAddr("10.0.0.9")
	about := Neighbor{lr, 1, ip}
	b := newBench(t)
	b.SetTracking(true)
	// Port 2 of the router is a chassisredirect port for port 1, port 8 of the switch
	// faces port 1.
	b.cfg.Router = func(p PortKey) (PortKey, bool) {
		switch p {
		case PortKey{lr, 1}, PortKey{lr, 2}, PortKey{sw, 8}:
			return PortKey{lr, 1}, true
		}
		return p, false
	}
	put := func(op pipeline.Opcode, packet []byte, set func(m *openflow.MatchBuilder)) {
		b.packetIn(punt(op, packet, set))
		b.now = b.now.Add(100 * time.Millisecond)
		b.learnDue()
	}
	answer := func() bool {
		clear(b.learned)
		put(pipeline.OpPutARP, arpOf(t, arpReply, "10.0.0.9", "10.0.0.254"), func(m *openflow.MatchBuilder) { m.SetU(openflow.FieldReg0, 0x0a000009) })
		_, ok := b.learned[about]
		return ok
	}
	if answer() {
		t.Error("an answer that nobody asked for teaches")
	}
	if b.Stats().Untracked != 1 {
		t.Errorf("%d answers counted", b.Stats().Untracked)
	}
	put(pipeline.OpPutARP, arpOf(t, arpRequest, "10.0.0.9", "10.0.0.9"), func(m *openflow.MatchBuilder) { m.SetU(openflow.FieldReg0, 0x0a000009) })
	if _, ok := b.learned[about]; !ok {
		t.Error("a request does not teach")
	}
	// A guest on another chassis asks: no router does.
	query := func(dp, in, out uint64) {
		put(pipeline.OpRouterQuery, arpOf(t, arpRequest, "10.0.0.254", "10.0.0.9"), func(m *openflow.MatchBuilder) {
			m.SetU(pipeline.RegDatapath, dp)
			m.SetU(pipeline.RegInport, in)
			m.SetU(pipeline.RegOutport, out)
		})
	}
	query(sw, 5, 32768)
	query(sw, 5, 8) // to the router
	query(lr, 1, 5) // in by that port of the router, out by another
	if answer() {
		t.Error("an answer to a guest teaches")
	}
	for name, ask := range map[string]func(){
		"into a switch, on another chassis":  func() { query(sw, 8, 32768) },
		"by the gateway, on another chassis": func() { query(lr, 7, 2) },
		"for a packet that waits, by gateway": func() {
			put(pipeline.OpARP, udp4(t), func(m *openflow.MatchBuilder) { m.SetU(openflow.FieldReg0, 0x0a000009) })
		},
		"before it expires": func() {
			b.ProbeNeighbors([]Solicitation{{Out: PortKey{lr, 1}, From: netip.MustParseAddr("10.0.0.254"), NextHop: ip}})
			b.sendDue()
		},
	} {
		b.now = b.now.Add(answerWindow)
		if answer() {
			t.Errorf("%s: learned before it was asked", name)
		}
		if ask(); !answer() {
			t.Errorf("%s: the answer does not teach", name)
		}
		if b.now = b.now.Add(answerWindow); answer() {
			t.Errorf("%s: an answer teaches much later", name)
		}
	}
	// Neighbour discovery.
	six := Neighbor{lr, 1, netip.MustParseAddr("fd00::9")}
	set6 := func(m *openflow.MatchBuilder) { m.Set(openflow.FieldXXReg0, openflow.U128{Hi: 0xfd00 << 48, Lo: 9}) }
	if put(pipeline.OpPutND, neighborMessage(t, ndAdvertise, "fd00::9"), set6); b.learned[six] == macA {
		t.Error("an advertisement that nobody asked for teaches")
	}
	if put(pipeline.OpPutND, neighborMessage(t, ndSolicit, "fd00::9"), set6); b.learned[six] != macA {
		t.Error("a solicitation does not teach")
	}
}

// A scan of more addresses than are remembered neither grows what is kept nor keeps
// an address that comes later from being asked for.
func TestScan(t *testing.T) {
	b := newBench(t)
	ask := func(i int) bool {
		n := len(b.sent)
		b.packetIn(punt(pipeline.OpARP, udp4(t), func(m *openflow.MatchBuilder) { m.SetU(openflow.FieldReg0, uint64(i)) }))
		return len(b.sent) > n
	}
	asked := 0
	for i := range 4 * maxQuestions {
		if ask(1 + i) {
			asked++
		}
		if i%100 == 0 {
			b.now = b.now.Add(10 * time.Millisecond) // 10,000 a second
		}
	}
	if q := &b.buffer.questions; len(q.at) > maxQuestions || len(q.order) > 2*maxQuestions || len(b.buffer.waiting) > maxNeighbors ||
		len(b.buffer.order) > 2*maxNeighbors {
		t.Errorf("kept: %d questions, %d in order, %d next hops, %d in order", len(q.at), len(q.order), len(b.buffer.waiting), len(b.buffer.order))
	}
	if most := 5 * maxQuestions; asked > most {
		t.Errorf("%d questions", asked)
	}
	b.now = b.now.Add(requestInterval)
	if !ask(0x7f000001) {
		t.Error("after a scan nothing is asked for")
	}
	last := Neighbor{3, 2, netip.MustParseAddr("127.0.0.1")}
	if w := b.buffer.waiting[last]; w == nil || len(w.packets) != 1 {
		t.Error("its packet is not kept")
	}
}
