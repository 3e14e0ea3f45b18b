package pinctrl

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// bench is a Loop with a clock and a switch that only remembers.
type bench struct {
	*Loop
	t       *testing.T
	now     time.Time
	sent    []openflow.Message
	learned map[Neighbor]MAC
	known   map[Neighbor]MAC
}

func (b *bench) Send(m openflow.Message) (uint32, error) {
	b.sent = append(b.sent, m)
	return 0, nil
}

func (b *bench) Neighbor(n Neighbor) (MAC, bool) {
	m, ok := b.known[n]
	return m, ok
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, now: time.Unix(1000, 0), learned: map[Neighbor]MAC{}, known: map[Neighbor]MAC{}}
	b.Loop = New(Config{
		Learned: func(n Neighbor, m MAC) { b.learned[n] = m },
		Now:     func() time.Time { return b.now },
	})
	b.Loop.conn = b
	b.SetSnapshot(b)
	return b
}

// packetOut is the one packet sent since the last call, parsed independently.
func (b *bench) packetOut() (gopacket.Packet, *openflow.PacketOut) {
	b.t.Helper()
	if len(b.sent) != 1 {
		b.t.Fatalf("%d messages were sent, want one packet-out", len(b.sent))
	}
	po, ok := b.sent[0].(*openflow.PacketOut)
	if !ok {
		b.t.Fatalf("a %T was sent, want a packet-out", b.sent[0])
	}
	b.sent = nil
	p := gopacket.NewPacket(po.Packet, layers.LayerTypeEthernet, gopacket.Default)
	if e := p.ErrorLayer(); e != nil {
		b.t.Fatalf("what was sent cannot be parsed: %v: %s", e.Error(), hex.EncodeToString(po.Packet))
	}
	return p, po
}

// punt is a packet-in of an action with nested actions "output to reg15".
func punt(op pipeline.Opcode, packet []byte, md func(*openflow.MatchBuilder)) *openflow.PacketIn {
	var m openflow.MatchBuilder
	m.SetU(pipeline.RegDatapath, 3)
	m.SetU(pipeline.RegInport, 1)
	m.SetU(pipeline.RegOutport, 2)
	md(&m)
	var a openflow.ActionBuilder
	a.Resubmit(pipeline.TableLocalOutput)
	data := binary.BigEndian.AppendUint32(nil, uint32(op))
	data = append(append(data, 0, 0, 0, 0), a.Actions()...)
	return &openflow.PacketIn{
		Packet: packet, Reason: openflow.ReasonApplyAction, Metadata: m.Match(), Userdata: data,
		Continuation: []byte("continuation"),
	}
}

var (
	macA = MAC{2, 0, 0, 0, 0, 0xa}
	macB = MAC{2, 0, 0, 0, 0, 0xb}
)

func serialize(t *testing.T, l ...gopacket.SerializableLayer) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, l...); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func udp4(t *testing.T) []byte {
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: []byte{10, 0, 0, 1}, DstIP: []byte{10, 0, 1, 1}}
	udp := &layers.UDP{SrcPort: 1, DstPort: 2}
	_ = udp.SetNetworkLayerForChecksum(ip)
	return serialize(t, &layers.Ethernet{SrcMAC: macA[:], DstMAC: macB[:], EthernetType: layers.EthernetTypeIPv4}, ip, udp, gopacket.Payload("hello"))
}

func TestARPAsksAndHoldsThePacket(t *testing.T) {
	b := newBench(t)
	in := punt(pipeline.OpARP, udp4(t), func(m *openflow.MatchBuilder) { m.SetU(openflow.FieldReg0, 0x0a000101) })
	b.packetIn(in)
	p, po := b.packetOut()
	arp, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP)
	if !ok {
		t.Fatalf("not an ARP packet: %v", p)
	}
	if arp.Operation != layers.ARPRequest || string(arp.SourceHwAddress) != string(macA[:]) ||
		netip.AddrFrom4([4]byte(arp.SourceProtAddress)).String() != "10.0.0.1" || netip.AddrFrom4([4]byte(arp.DstProtAddress)).String() != "10.0.1.1" {
		t.Errorf("wrong request: %+v", arp)
	}
	const want = "set_field:0xa000101->reg0,set_field:0x1->reg14,set_field:0x2->reg15,set_field:0x3->metadata,resubmit(,46)"
	if got := po.Actions.String(); got != want {
		t.Errorf("actions %s, want %s", got, want)
	}

	// The answer is learned elsewhere; the snapshot brings it.
	b.known[Neighbor{3, 2, netip.MustParseAddr("10.0.1.1")}] = MAC{2, 0, 0, 0, 0, 0xc}
	b.release()
	r, ok := b.sent[0].(*openflow.Resume)
	if len(b.sent) != 1 || !ok {
		t.Fatalf("sent %v, want the packet resumed", b.sent)
	}
	if string(r.Packet[:6]) != "\x02\x00\x00\x00\x00\x0c" || string(r.Continuation) != "continuation" {
		t.Errorf("resumed to %x with continuation %q", r.Packet[:6], r.Continuation)
	}
	b.sent = nil
	if b.release(); len(b.sent) != 0 {
		t.Error("the packet was resumed twice")
	}
}

// A storm of packets for one unresolved next hop is one request a second, and a
// bounded number of packets kept.
func TestRequestsAreRateLimited(t *testing.T) {
	b := newBench(t)
	in := func() *openflow.PacketIn {
		return punt(pipeline.OpARP, udp4(t), func(m *openflow.MatchBuilder) { m.SetU(openflow.FieldReg0, 0x0a000101) })
	}
	for range 400 {
		b.packetIn(in())
		b.now = b.now.Add(10 * time.Millisecond)
	}
	if n := len(b.sent); n != 4 {
		t.Errorf("%d requests in 4 seconds, want 4", n)
	}
	if n := len(b.buffer.waiting[Neighbor{3, 2, netip.MustParseAddr("10.0.1.1")}].packets); n != packetsEach {
		t.Errorf("%d packets are kept, want %d", n, packetsEach)
	}
	b.now = b.now.Add(bufferTimeout + time.Second)
	b.release()
	if len(b.buffer.waiting) != 0 {
		t.Error("packets are kept for ever")
	}
	if s := b.Stats(); s.Requests != 4 || s.RequestsWithheld != 396 || s.BufferDropped != 400 || s.Received["arp"] != 400 {
		t.Errorf("counters %+v", s)
	}
}

func TestTheBufferIsBounded(t *testing.T) {
	b := newBench(t)
	for i := range 2 * maxNeighbors {
		b.packetIn(punt(pipeline.OpARP, udp4(t), func(m *openflow.MatchBuilder) { m.SetU(openflow.FieldReg0, uint64(i+1)) }))
	}
	if n := len(b.buffer.waiting); n != maxNeighbors {
		t.Errorf("%d next hops are waited for, want %d", n, maxNeighbors)
	}
}

func solicitation(t *testing.T, target string) []byte {
	src, dst := netip.MustParseAddr("fd00::1"), netip.MustParseAddr("ff02::1:ff00:2")
	ip := &layers.IPv6{Version: 6, HopLimit: 255, NextHeader: layers.IPProtocolICMPv6, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeNeighborSolicitation, 0)}
	_ = icmp.SetNetworkLayerForChecksum(ip)
	return serialize(t, &layers.Ethernet{SrcMAC: macA[:], DstMAC: macB[:], EthernetType: layers.EthernetTypeIPv6}, ip, icmp,
		&layers.ICMPv6NeighborSolicitation{TargetAddress: netip.MustParseAddr(target).AsSlice()})
}

func TestAdvertisements(t *testing.T) {
	for op, flags := range map[pipeline.Opcode]uint8{pipeline.OpNDNA: 0x60, pipeline.OpNDNARouter: 0xe0} {
		b := newBench(t)
		b.packetIn(punt(op, solicitation(t, "fd00::2"), func(*openflow.MatchBuilder) {}))
		p, _ := b.packetOut()
		na, ok := p.Layer(layers.LayerTypeICMPv6NeighborAdvertisement).(*layers.ICMPv6NeighborAdvertisement)
		if !ok {
			t.Fatalf("not an advertisement: %v", p)
		}
		ip := p.NetworkLayer().(*layers.IPv6)
		if na.Flags != flags || na.TargetAddress.String() != "fd00::2" || ip.SrcIP.String() != "fd00::2" || ip.DstIP.String() != "fd00::1" {
			t.Errorf("%v: wrong advertisement %+v from %s to %s", op, na, ip.SrcIP, ip.DstIP)
		}
		checkICMPv6(t, p)
	}
}

func TestSolicitation(t *testing.T) {
	b := newBench(t)
	ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP,
		SrcIP: netip.MustParseAddr("fd00::1").AsSlice(), DstIP: netip.MustParseAddr("fd01::1234").AsSlice()}
	udp := &layers.UDP{SrcPort: 1, DstPort: 2}
	_ = udp.SetNetworkLayerForChecksum(ip)
	packet := serialize(t, &layers.Ethernet{SrcMAC: macA[:], DstMAC: macB[:], EthernetType: layers.EthernetTypeIPv6}, ip, udp)
	b.packetIn(punt(pipeline.OpNDNS, packet, func(m *openflow.MatchBuilder) {
		m.Set(openflow.FieldXXReg0, openflow.U128FromBytes(netip.MustParseAddr("fd01::99").AsSlice()))
	}))
	p, _ := b.packetOut()
	ns, ok := p.Layer(layers.LayerTypeICMPv6NeighborSolicitation).(*layers.ICMPv6NeighborSolicitation)
	if !ok {
		t.Fatalf("not a solicitation: %v", p)
	}
	out := p.NetworkLayer().(*layers.IPv6)
	if ns.TargetAddress.String() != "fd01::1234" || out.DstIP.String() != "ff02::1:ff00:1234" || out.SrcIP.String() != "fe80::ff:fe00:a" ||
		p.LinkLayer().(*layers.Ethernet).DstMAC.String() != "33:33:ff:00:12:34" {
		t.Errorf("wrong solicitation: %v", p)
	}
	checkICMPv6(t, p)
	if _, ok := b.buffer.waiting[Neighbor{3, 2, netip.MustParseAddr("fd01::99")}]; !ok {
		t.Error("the packet does not wait for its next hop")
	}
}

// checkICMPv6 compares the checksum with one computed by a library.
func checkICMPv6(t *testing.T, p gopacket.Packet) {
	t.Helper()
	icmp := p.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
	ip := p.NetworkLayer().(*layers.IPv6)
	got := icmp.Checksum
	again := &layers.ICMPv6{TypeCode: icmp.TypeCode}
	_ = again.SetNetworkLayerForChecksum(ip)
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{ComputeChecksums: true}, again, gopacket.Payload(icmp.Payload)); err != nil {
		t.Fatal(err)
	}
	if want := binary.BigEndian.Uint16(buf.Bytes()[2:]); got != want {
		t.Errorf("ICMPv6 checksum %#04x, want %#04x", got, want)
	}
}

func TestLearning(t *testing.T) {
	b := newBench(t)
	reply := func(dst MAC) []byte {
		return serialize(t, &layers.Ethernet{SrcMAC: macA[:], DstMAC: dst[:], EthernetType: layers.EthernetTypeARP},
			&layers.ARP{AddrType: 1, Protocol: 0x800, HwAddressSize: 6, ProtAddressSize: 4, Operation: layers.ARPReply,
				SourceHwAddress: macA[:], SourceProtAddress: []byte{10, 0, 1, 1}, DstHwAddress: dst[:], DstProtAddress: []byte{10, 0, 1, 254}})
	}
	reg := func(m *openflow.MatchBuilder) { m.SetU(openflow.FieldReg0, 0x0a000101) }
	n := Neighbor{3, 1, netip.MustParseAddr("10.0.1.1")}

	b.packetIn(punt(pipeline.OpPutARP, reply(macB), reg))
	if b.learned[n] != macA {
		t.Fatalf("learned %v at once from a unicast reply", b.learned)
	}
	clear(b.learned)
	b.known[n] = macA
	b.packetIn(punt(pipeline.OpPutARP, reply(macB), reg))
	if len(b.learned) != 0 {
		t.Error("what the database has was learned again")
	}
	delete(b.known, n)
	b.packetIn(punt(pipeline.OpPutARP, reply(MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), reg))
	if b.learnDue(); len(b.learned) != 0 {
		t.Error("a broadcast was learned without delay")
	}
	b.now = b.now.Add(maxLearnDelay + time.Millisecond)
	if b.learnDue(); b.learned[n] != macA {
		t.Error("a broadcast was not learned after the delay")
	}
}

func TestBadInput(t *testing.T) {
	b := newBench(t)
	whole := udp4(t)
	for n := range whole {
		for op := range handlers {
			b.packetIn(punt(op, whole[:n], func(*openflow.MatchBuilder) {}))
		}
	}
	b.packetIn(&openflow.PacketIn{Reason: openflow.ReasonApplyAction, Userdata: []byte{1, 2}})
	b.packetIn(&openflow.PacketIn{Reason: openflow.ReasonApplyAction, Userdata: []byte("\xff\xff\xff\xff1234")})
	s := b.Stats()
	if s.Malformed != 1 || s.Unknown != 1 || s.Panics != 0 {
		t.Errorf("counters %+v", s)
	}
	if s.Dropped["arp"] < ethLen {
		t.Errorf("%d short packets were dropped, want at least %d", s.Dropped["arp"], ethLen)
	}
}

func TestPanicCostsItsPacketOnly(t *testing.T) {
	b := newBench(t)
	err := b.contained(func(*Loop, *openflow.PacketIn, []byte) error { panic("boom") },
		&openflow.PacketIn{Packet: []byte{0xab, 0xcd}, Userdata: make([]byte, opcodeLen)})
	if err == nil || !strings.Contains(err.Error(), "abcd") || b.Stats().Panics != 1 {
		t.Fatalf("error %v, panics %d", err, b.Stats().Panics)
	}
}

func FuzzPacketIn(f *testing.F) {
	t := &testing.T{}
	for op := range handlers {
		f.Add(uint32(op), udp4(t), []byte{})
		f.Add(uint32(op), solicitation(t, "fd00::2"), []byte{0, 0, 0, 16})
	}
	f.Fuzz(func(t *testing.T, op uint32, packet, args []byte) {
		b := newBench(t)
		in := punt(pipeline.Opcode(op), packet, func(*openflow.MatchBuilder) {})
		in.Userdata = append(in.Userdata[:opcodeLen], args...)
		b.packetIn(in)
		if b.Stats().Panics != 0 {
			t.Fatal("a handler panicked")
		}
	})
}
