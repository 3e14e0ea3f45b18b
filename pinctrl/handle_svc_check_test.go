package pinctrl

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

var monitorMAC = MAC{2, 0, 0, 0, 0, 0xfe}

// probeBench probes one service and remembers what is said of it.
type probeBench struct {
	*bench
	key  ServiceKey
	said []string
}

func newProbeBench(t *testing.T, proto ServiceProtocol, ip, from string, port uint16) *probeBench {
	b := &probeBench{bench: newBench(t), key: ServiceKey{PortKey{3, 1}, netip.MustParseAddr(ip), port, proto}}
	b.cfg.Probed = func(k ServiceKey, online bool) {
		if k != b.key {
			t.Errorf("%v instead of %v", k, b.key)
		}
		b.said = append(b.said, fmt.Sprint(online))
	}
	b.Probe(map[ServiceKey]*Service{b.key: {Out: 1, MAC: macA, FromMAC: monitorMAC, From: netip.MustParseAddr(from),
		Interval: 5 * time.Second, Timeout: 3 * time.Second, Success: 1, Failure: 1}})
	b.sendDue()
	return b
}

// pass lets time go by in ticks and returns how many packets were sent.
func (b *probeBench) pass(d time.Duration) int { b.sent = nil; return len(b.run(d)) }

func (b *probeBench) expect(want ...string) {
	b.t.Helper()
	if fmt.Sprint(b.said) != fmt.Sprint(want) {
		b.t.Errorf("said %v, want %v", b.said, want)
	}
}

func (b *probeBench) answer(packet []byte) {
	b.packetIn(punt(pipeline.OpHandleSvcCheck, packet, func(*openflow.MatchBuilder) {}))
}

// reply is a packet from the service to where probes come from.
func (b *probeBench) reply(l4 ...gopacket.SerializableLayer) []byte {
	from := b.prober.services[b.key].From
	var ip gopacket.NetworkLayer
	eth := &layers.Ethernet{SrcMAC: macA[:], DstMAC: monitorMAC[:], EthernetType: layers.EthernetTypeIPv4}
	proto := map[ServiceProtocol]layers.IPProtocol{ServiceTCP: layers.IPProtocolTCP, ServiceUDP: layers.IPProtocolICMPv4, ServiceICMP: layers.IPProtocolICMPv4}[b.key.Protocol]
	if b.key.IP.Is4() {
		ip = &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: b.key.IP.AsSlice(), DstIP: from.AsSlice()}
	} else {
		if proto == layers.IPProtocolICMPv4 {
			proto = layers.IPProtocolICMPv6
		}
		eth.EthernetType = layers.EthernetTypeIPv6
		ip = &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: proto, SrcIP: b.key.IP.AsSlice(), DstIP: from.AsSlice()}
	}
	for _, l := range l4 {
		if c, ok := l.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			_ = c.SetNetworkLayerForChecksum(ip)
		}
	}
	return serialize(b.t, append([]gopacket.SerializableLayer{eth, ip.(gopacket.SerializableLayer)}, l4...)...)
}

// goodChecksum verifies checksums independently of how they were made.
func goodChecksum(t *testing.T, p gopacket.Packet) {
	t.Helper()
	for _, m := range p.Layers() {
		if c, ok := m.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			_ = c.SetNetworkLayerForChecksum(p.NetworkLayer())
		}
		if v, ok := m.(gopacket.LayerWithChecksum); ok {
			if err, r := v.VerifyChecksum(); err != nil || !r.Valid {
				t.Errorf("%v: checksum %#x, want %#x (%v)", m.LayerType(), r.Actual, r.Correct, err)
			}
		}
	}
}

const probeActions = "set_field:0x3->metadata,set_field:0x1->reg15,set_field:0x10/0x10->reg10,resubmit(,46)"

func TestProbeTCP(t *testing.T) {
	for _, ips := range [][2]string{{"10.0.0.1", "10.0.0.254"}, {"fd00::1", "fd00::fe"}} {
		b := newProbeBench(t, ServiceTCP, ips[0], ips[1], 8080)
		p, po := b.packetOut()
		goodChecksum(t, p)
		syn := p.TransportLayer().(*layers.TCP)
		if !syn.SYN || syn.ACK || syn.DstPort != 8080 || syn.SrcPort < firstPort || syn.Window != 65160 {
			t.Errorf("not a SYN: %+v", syn)
		}
		if f := p.NetworkLayer().NetworkFlow(); f.Src().String() != ips[1] || f.Dst().String() != ips[0] {
			t.Errorf("from %v", f)
		}
		if e := p.LinkLayer().LinkFlow(); e.Src().String() != monitorMAC.String() || e.Dst().String() != macA.String() {
			t.Errorf("from %v", e)
		}
		if po.Actions.String() != probeActions {
			t.Errorf("sent by %s", po.Actions)
		}
		answer := func(syn *layers.TCP, change func(*layers.TCP)) {
			r := &layers.TCP{SrcPort: syn.DstPort, DstPort: syn.SrcPort, Seq: 77, Ack: syn.Seq + 1, SYN: true, ACK: true}
			change(r)
			b.answer(b.reply(r))
		}
		// What does not answer the SYN changes nothing.
		for _, change := range []func(*layers.TCP){
			func(r *layers.TCP) { r.Ack++ }, func(r *layers.TCP) { r.DstPort++ }, func(r *layers.TCP) { r.SrcPort++ },
			func(r *layers.TCP) { r.SYN = false },
		} {
			answer(syn, change)
		}
		// Neither does an answer to somebody else.
		s := b.prober.services[b.key]
		from := s.From
		s.From = from.Next()
		elsewhere := b.reply(&layers.TCP{SrcPort: syn.DstPort, DstPort: syn.SrcPort, Seq: 77, Ack: syn.Seq + 1, SYN: true, ACK: true})
		s.From = from
		b.answer(elsewhere)
		b.expect()
		answer(syn, func(*layers.TCP) {})
		b.expect("true")
		p, _ = b.packetOut()
		goodChecksum(t, p)
		rst := p.TransportLayer().(*layers.TCP)
		if !rst.RST || rst.SYN || rst.ACK || rst.Seq != syn.Seq+1 || rst.DstPort != 8080 || rst.SrcPort != syn.SrcPort {
			t.Errorf("not a reset: %+v", rst)
		}
		// Next probe after the interval, from another port; refused.
		if n := b.pass(4900 * time.Millisecond); n != 0 {
			t.Errorf("%d probes before the interval is over", n)
		}
		if n := b.pass(200 * time.Millisecond); n != 1 {
			t.Errorf("%d probes after the interval", n)
		}
		p, _ = b.packetOut()
		next := p.TransportLayer().(*layers.TCP)
		if next.SrcPort == syn.SrcPort && next.Seq == syn.Seq {
			t.Error("the second probe looks like the first")
		}
		answer(next, func(r *layers.TCP) { r.SYN, r.RST = false, true })
		b.expect("true", "false")
		if len(b.sent) != 0 {
			t.Error("a reset was answered")
		}
		// Silence is bad, too, and not news.
		b.pass(60 * time.Second)
		b.expect("true", "false")
		if n := b.ServiceStats().Probes; n < 9 {
			t.Errorf("counted %d probes", n)
		}
		b.Probe(map[ServiceKey]*Service{b.key: nil})
		if n := b.pass(60 * time.Second); n != 0 {
			t.Errorf("%d probes after their end", n)
		}
	}
}

func TestProbeUDP(t *testing.T) {
	for _, ips := range [][2]string{{"10.0.0.1", "10.0.0.254"}, {"fd00::1", "fd00::fe"}} {
		b := newProbeBench(t, ServiceUDP, ips[0], ips[1], 5000)
		p, po := b.packetOut()
		goodChecksum(t, p)
		u := p.TransportLayer().(*layers.UDP)
		if u.DstPort != 5000 || u.Length != 16 || po.Actions.String() != probeActions {
			t.Errorf("sent %+v by %s", u, po.Actions)
		}
		b.pass(2900 * time.Millisecond)
		b.expect()
		b.pass(200 * time.Millisecond)
		b.expect("true") // nobody complained
		if n := b.pass(5 * time.Second); n != 1 {
			t.Errorf("%d probes in an interval", n)
		}
		probe := b.sent[0].(*openflow.PacketOut).Packet[ethLen:]
		unreachable := func(probe []byte) []byte {
			if b.key.IP.Is4() {
				return b.reply(&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 3)}, gopacket.Payload(probe))
			}
			return b.reply(&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(1, 4)}, gopacket.Payload(append([]byte{0, 0, 0, 0}, probe...)))
		}
		wrong := append([]byte(nil), probe...)
		wrong[len(wrong)-16]++ // source port
		b.answer(unreachable(wrong))
		b.expect("true")
		for cut := range len(probe) - 13 {
			b.answer(unreachable(probe[:cut]))
		}
		b.expect("true")
		b.answer(unreachable(probe[:len(probe)-8])) // without data
		b.expect("true", "false")
		if s := b.Stats(); s.Panics != 0 {
			t.Errorf("%d panics", s.Panics)
		}
	}
}

func TestProbeICMP(t *testing.T) {
	for _, ips := range [][2]string{{"10.0.0.1", "10.0.0.254"}, {"fd00::1", "fd00::fe"}} {
		b := newProbeBench(t, ServiceICMP, ips[0], ips[1], 0)
		p, po := b.packetOut()
		goodChecksum(t, p)
		if po.Actions.String() != probeActions {
			t.Errorf("sent by %s", po.Actions)
		}
		request := po.Packet[len(po.Packet)-icmpLen:]
		id, seq := binary.BigEndian.Uint16(request[4:]), binary.BigEndian.Uint16(request[6:])
		echo := func(id, seq uint16) []byte {
			if b.key.IP.Is4() {
				return b.reply(&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(0, 0), Id: id, Seq: seq})
			}
			return b.reply(&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(129, 0)}, &layers.ICMPv6Echo{Identifier: id, SeqNumber: seq})
		}
		b.answer(echo(id+1, seq))
		b.answer(echo(id, seq+1))
		b.expect()
		b.answer(echo(id, seq))
		b.expect("true")
		b.pass(9 * time.Second)
		b.expect("true", "false")
		// A network function gives back the request itself.
		b.pass(5 * time.Second)
		b.answer(b.sent[len(b.sent)-1].(*openflow.PacketOut).Packet)
		b.expect("true", "false", "true")
	}
}

// Several outcomes are needed before something is said.
func TestProbeCounts(t *testing.T) {
	b := newProbeBench(t, ServiceUDP, "10.0.0.1", "10.0.0.254", 5000)
	s := b.prober.services[b.key].Service
	s.Interval, s.Timeout, s.Success = time.Second, time.Second, 3
	b.Probe(map[ServiceKey]*Service{b.key: &s})
	b.pass(5900 * time.Millisecond)
	b.expect()
	b.pass(2 * time.Second)
	b.expect("true")
}

// While the connection to the switch is away nothing is held against a service.
func TestProbePause(t *testing.T) {
	b := newProbeBench(t, ServiceTCP, "10.0.0.1", "10.0.0.254", 80)
	b.now = b.now.Add(time.Minute)
	b.sent = nil
	b.sendDue()
	b.expect()
	if len(b.sent) != 1 {
		t.Errorf("%d probes after the pause", len(b.sent))
	}
	b.pass(3 * time.Second)
	b.expect("false")
}

func TestProbeHostile(t *testing.T) {
	b := newProbeBench(t, ServiceTCP, "10.0.0.1", "10.0.0.254", 80)
	good := b.reply(&layers.TCP{SrcPort: 80, DstPort: 1, SYN: true, ACK: true})
	for n := range good {
		b.answer(good[:n])
	}
	b.answer([]byte(strings.Repeat("x", 100)))
	b.expect()
	if s := b.Stats(); s.Panics != 0 || s.Dropped["handle_svc_check"] == 0 || s.Received["handle_svc_check"] != uint64(len(good)+1) {
		t.Errorf("counters %+v", s)
	}
}

func FuzzProbeAnswer(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x00\x00\x0a\x02\x00\x00\x00\x00\xfe\x08\x00\x45\x00\x00\x38\x00\x00\x00\x00\x40\x01\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\xfe" +
		"\x03\x03\x00\x00\x00\x00\x00\x00\x45\x00\x00\x24\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\xfe\x0a\x00\x00\x01\x10\x00\x00\x35\x00\x10\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, _ := extract(b)
		if a, ok := h.probeAnswer(); ok && !a.key.IP.IsValid() {
			t.Errorf("an answer of nobody: %+v", a)
		}
	})
}
