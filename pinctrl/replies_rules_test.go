package pinctrl

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// Every packet that is sent has right lengths and checksums, by a library's
// reckoning.
func TestRepliesAreSound(t *testing.T) {
	n := 0
	for _, c := range allCases(t) {
		b := newBench(t)
		b.Loop.cfg.Names = names(testNames)
		b.packetIn(c.in())
		for _, m := range b.sent {
			var packet []byte
			switch m := m.(type) {
			case *openflow.PacketOut:
				packet = m.Packet
			case *openflow.Resume:
				if string(m.Packet) == string(c.packet) {
					continue
				}
				packet = m.Packet
			}
			n++
			if err := unsound(t, packet); err != "" {
				t.Errorf("%s: %s: %x", c.name, err, packet)
			}
		}
	}
	if n < 200 {
		t.Errorf("%d answers, want 200", n)
	}
}

// unsound says what is wrong with a packet, if anything is.
func unsound(t *testing.T, packet []byte) string {
	p := gopacket.NewPacket(packet, layers.LayerTypeEthernet, gopacket.Default)
	network := p.NetworkLayer()
	if network == nil {
		return "no IP"
	}
	if ip, ok := network.(*layers.IPv4); ok {
		end := 14 + int(ip.Length)
		if tags := len(packet) - len(ip.Contents) - len(ip.Payload) - 14; tags > 0 {
			end += tags
		}
		if end != len(packet) {
			return "IPv4 length " + hex.EncodeToString(packet)
		}
		header := append([]byte(nil), ip.Contents...)
		header[10], header[11] = 0, 0
		if gopacket.FoldChecksum(gopacket.ComputeChecksum(header, 0)) != ip.Checksum {
			return "IPv4 checksum"
		}
	} else if ip, ok := network.(*layers.IPv6); !ok || int(ip.Length) != len(packet)-14-40-4*strings.Count(dump(p), "Dot1Q") {
		return "IPv6 length"
	}
	for _, l := range p.Layers() {
		var again gopacket.SerializableLayer
		var got uint16
		switch l := l.(type) {
		case *layers.UDP:
			if got = l.Checksum; got == 0 {
				if _, ok := network.(*layers.IPv6); ok {
					return "UDP without a checksum"
				}
				return ""
			}
			again = l
		case *layers.TCP:
			again, got = l, l.Checksum
		case *layers.ICMPv4:
			again, got = l, l.Checksum
		case *layers.ICMPv6:
			again, got = l, l.Checksum
		case *layers.SCTP:
			b := append(append([]byte(nil), l.Contents...), l.Payload...)
			want := binary.LittleEndian.Uint32(b[8:])
			copy(b[8:], make([]byte, 4))
			if crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) != want {
				return "SCTP checksum"
			}
			return ""
		default:
			continue
		}
		if s, ok := again.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			_ = s.SetNetworkLayerForChecksum(network)
		}
		body := gopacket.Payload(l.LayerPayload())
		buf := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{ComputeChecksums: true}, again, body); err != nil {
			t.Fatal(err)
		}
		at := map[gopacket.LayerType]int{layers.LayerTypeUDP: 6, layers.LayerTypeTCP: 16, layers.LayerTypeICMPv4: 2, layers.LayerTypeICMPv6: 2}[l.LayerType()]
		if want := binary.BigEndian.Uint16(buf.Bytes()[at:]); want != got {
			return l.LayerType().String() + " checksum"
		}
		return ""
	}
	return ""
}

func dump(p gopacket.Packet) (s string) {
	for _, l := range p.Layers() {
		s += l.LayerType().String() + " "
	}
	return s
}

// A port that is answered all the time gets no more than its share, and others
// theirs.
func TestAnswersAreLimited(t *testing.T) {
	b := newBench(t)
	c := &cases{t: t}
	packet := c.frame(frame{proto: layers.IPProtocolTCP, l4: []gopacket.SerializableLayer{&layers.TCP{SYN: true, SrcPort: 1, DstPort: 2}}})
	send := func(port uint64) {
		b.packetIn(punt(pipeline.OpReject, packet, func(m *openflow.MatchBuilder) { m.SetU(pipeline.RegInport, port) }))
	}
	for range 3 * answersBurst {
		send(1)
	}
	if len(b.sent) != answersBurst {
		t.Errorf("%d answers at once, want %d", len(b.sent), answersBurst)
	}
	send(2)
	if len(b.sent) != answersBurst+1 {
		t.Error("another port is not answered")
	}
	s := b.ReplyStats()
	if s.Limited != 2*answersBurst || s.Answered["reject"] != answersBurst+1 {
		t.Errorf("counters %+v", s)
	}
	b.now = b.now.Add(time.Second / 2)
	b.sent = nil
	for range answersBurst {
		send(1)
	}
	if len(b.sent) != answersPerSecond/2 {
		t.Errorf("%d answers after half a second, want %d", len(b.sent), answersPerSecond/2)
	}
	for p := range uint64(3 * maxLimitedPorts) {
		send(p + 10)
	}
	if n := len(b.Loop.replies.limit.ports); n > maxLimitedPorts {
		t.Errorf("%d ports are remembered, want at most %d", n, maxLimitedPorts)
	}
	b.now = b.now.Add(time.Minute)
	send(1_000_000)
	if n := len(b.Loop.replies.limit.ports); n != 1 {
		t.Errorf("%d ports are remembered after a minute, want 1", n)
	}
}

// What must not be answered is counted so.
func TestForbidden(t *testing.T) {
	b := newBench(t)
	c := &cases{t: t}
	for _, f := range []frame{
		{proto: layers.IPProtocolTCP, l4: []gopacket.SerializableLayer{&layers.TCP{RST: true}}},
		{proto: layers.IPProtocolSCTP, raw: sctp(1, sctpAbort, 0, 0, 4)},
		{src: "127.0.0.1", proto: layers.IPProtocolUDP, l4: udpLayers(1, 2, nil)},
		{src: "240.0.0.1", proto: layers.IPProtocolUDP, l4: udpLayers(1, 2, nil)},
		{src: "239.0.0.1", proto: layers.IPProtocolUDP, l4: udpLayers(1, 2, nil)},
		{dst: "255.255.255.255", proto: layers.IPProtocolUDP, l4: udpLayers(1, 2, nil)},
		{v6: true, src: "::1", proto: layers.IPProtocolUDP, l4: udpLayers(1, 2, nil)},
		{v6: true, proto: layers.IPProtocolICMPv6, raw: []byte{icmp6Redirect, 0, 0, 0, 0, 0, 0, 0}},
	} {
		b.packetIn(punt(pipeline.OpReject, c.frame(f), func(*openflow.MatchBuilder) {}))
	}
	if s := b.ReplyStats(); s.Forbidden["reject"] != 8 || len(b.sent) != 0 {
		t.Errorf("%d answers, counters %+v", len(b.sent), s)
	}
}

// A paused packet always goes on, exactly once, whatever is wrong with it or the
// action.
func TestPausedPacketsGoOn(t *testing.T) {
	for _, c := range allCases(t) {
		whole := c.in()
		if whole.Continuation == nil {
			continue
		}
		for n := 0; n < len(c.packet); n += 1 + len(c.packet)/40 {
			b := newBench(t)
			b.Loop.cfg.Names = names(testNames)
			in := *whole
			in.Packet = c.packet[:n]
			b.packetIn(&in)
			if len(b.sent) != 1 {
				t.Fatalf("%s cut to %d bytes: %d messages", c.name, n, len(b.sent))
			}
		}
		for n := opcodeLen; n < len(whole.Userdata); n++ {
			b := newBench(t)
			b.Loop.cfg.Names = names(testNames)
			in := *whole
			in.Userdata = whole.Userdata[:n]
			b.packetIn(&in)
			if len(b.sent) != 1 {
				t.Fatalf("%s with userdata cut to %d bytes: %d messages", c.name, n, len(b.sent))
			}
			if s := b.Stats(); s.Panics != 0 {
				t.Fatalf("%s with userdata cut to %d bytes: a handler panicked", c.name, n)
			}
		}
	}
}

func FuzzReplies(f *testing.F) {
	ops := map[pipeline.Opcode]bool{}
	for _, c := range allCases(&testing.T{}) {
		in := c.in()
		ops[c.op] = true
		f.Add(in.Userdata, in.Packet, in.Continuation != nil)
	}
	f.Fuzz(func(t *testing.T, userdata, packet []byte, paused bool) {
		if len(userdata) < opcodeLen {
			return
		}
		b := newBench(t)
		b.Loop.cfg.Names = names(testNames)
		in := punt(0, packet, func(*openflow.MatchBuilder) {})
		if in.Userdata = userdata; !ops[opcode(in)] {
			return
		}
		if !paused {
			in.Continuation = nil
		}
		b.packetIn(in)
		if s := b.Stats(); s.Panics != 0 {
			t.Fatalf("a handler panicked")
		}
		if len(b.sent) > 1 {
			t.Fatalf("%d messages for one packet", len(b.sent))
		}
		for _, m := range b.sent {
			// It must be possible to send it.
			if _, err := openflow.AppendMessage(nil, openflow.Version15, 1, m); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// extract never takes more for headers than there is, and lays them out in order.
func FuzzExtract(f *testing.F) {
	for _, c := range allCases(&testing.T{}) {
		f.Add(c.packet)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := extract(b)
		if !ok {
			return
		}
		h.appendText(nil)
		if h.l3 != nil && h.l3Ofs+len(h.l3) > len(b) {
			t.Fatal("the network header goes past the end")
		}
		if h.l4 != nil && (h.l4Ofs < h.l3Ofs+ipv4Len || h.l4Ofs+len(h.l4) != h.l3Ofs+len(h.l3)) {
			t.Fatal("the transport header is out of place")
		}
	})
}
