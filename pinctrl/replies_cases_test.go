package pinctrl

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// replyCase is a packet-in whose answer was recorded from the C agent.
type replyCase struct {
	name     string
	op       pipeline.Opcode
	args     []byte // of the userdata
	packet   []byte
	metadata func(*openflow.MatchBuilder)
	egress   bool // punted in the egress pipeline
	// differs is why the answer is not that of the C agent.
	differs string
}

const (
	whyRules     = "RFC 1812 section 4.3.2.7, RFC 4443 section 2.4 e: no error about errors, many receivers, many senders or later fragments"
	whyMalformed = "the C agent reads past the packet, or answers what it could not read"
	whyVLAN      = "the C agent takes any tagged DNS packet for IPv6 and spoils its length"
	whyOptions   = "the C agent's checksum covers the first 20 bytes of an IPv4 header that is longer"
	whyExtension = "the C agent does not count extension headers in the payload length of IPv6"
	whyTag       = "the C agent's resets and aborts lose the VLAN tag, its ICMP errors do not"
	whyNext      = "the C agent loses its place among the options when it swaps boot files of different lengths"
	whySearch    = "RFC 3646 section 4: names of a search list are of labels; the C agent's list is one label with all in it, which dhclient drops"
	whyQuestions = "an answer says that it has as many questions as it has"
)

// cases collects the packets.
type cases struct {
	t    *testing.T
	list []replyCase
}

func (c *cases) add(r replyCase) { c.list = append(c.list, r) }

func allCases(t *testing.T) []replyCase {
	c := &cases{t: t}
	c.errors()
	c.resets()
	c.aborts()
	c.advertisements()
	c.dhcp()
	c.relay()
	c.dhcp6()
	c.dns()
	c.logs()
	return c.list
}

// frame describes a packet from A to B.
type frame struct {
	vlan    uint16 // 0: none
	v6      bool
	src     string
	dst     string
	dstMAC  MAC
	ttl     uint8
	options bool // an option or extension header
	offset  uint16
	more    bool // fragments follow
	tos     uint8
	pad     int // bytes behind the packet
	l4      []gopacket.SerializableLayer
	proto   layers.IPProtocol
	raw     []byte // the payload, if there are no layers
}

func (c *cases) frame(f frame) []byte {
	if f.ttl == 0 {
		f.ttl = 64
	}
	if f.dstMAC == (MAC{}) {
		f.dstMAC = macB
	}
	eth := &layers.Ethernet{SrcMAC: macA[:], DstMAC: f.dstMAC[:], EthernetType: layers.EthernetTypeIPv4}
	if f.src == "" {
		f.src = "10.0.0.1"
		if f.v6 {
			f.src = "fd00::1"
		}
	}
	if f.dst == "" {
		f.dst = "10.0.1.1"
		if f.v6 {
			f.dst = "fd01::1"
		}
	}
	src, dst := netip.MustParseAddr(f.src).AsSlice(), netip.MustParseAddr(f.dst).AsSlice()
	if f.v6 {
		eth.EthernetType = layers.EthernetTypeIPv6
	}
	ls := []gopacket.SerializableLayer{eth}
	if f.vlan != 0 {
		ls = append(ls, &layers.Dot1Q{VLANIdentifier: f.vlan, Priority: 3, Type: eth.EthernetType})
		eth.EthernetType = layers.EthernetTypeDot1Q
	}
	var network gopacket.NetworkLayer
	if f.v6 {
		ip := &layers.IPv6{Version: 6, HopLimit: f.ttl, NextHeader: f.proto, SrcIP: src, DstIP: dst, TrafficClass: f.tos, FlowLabel: 0x12345}
		network = ip
		ls = append(ls, ip)
		var rest []byte
		if f.options {
			ip.NextHeader = layers.IPProtocolIPv6Destination
			rest = append(rest, byte(f.proto), 0, 1, 4, 0, 0, 0, 0)
		}
		if f.offset != 0 || f.more {
			ip.NextHeader = layers.IPProtocolIPv6Fragment
			o := f.offset << 3
			if f.more {
				o |= 1
			}
			rest = append([]byte{byte(f.proto), 0, byte(o >> 8), byte(o), 0, 0, 0, 7}, rest...)
		}
		if rest != nil {
			body := append(rest, c.transport(network, f)...)
			ls = append(ls, gopacket.Payload(body))
			return append(serialize(c.t, ls...), make([]byte, f.pad)...)
		}
	} else {
		ip := &layers.IPv4{Version: 4, TTL: f.ttl, Protocol: f.proto, SrcIP: src, DstIP: dst, FragOffset: f.offset, TOS: f.tos, Id: 77}
		if f.more {
			ip.Flags = layers.IPv4MoreFragments
		}
		if f.options {
			ip.Options = []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}
		}
		network = ip
		ls = append(ls, ip)
	}
	ls = append(ls, gopacket.Payload(c.transport(network, f)))
	return append(serialize(c.t, ls...), make([]byte, f.pad)...)
}

func (c *cases) transport(n gopacket.NetworkLayer, f frame) []byte {
	if f.l4 == nil {
		return f.raw
	}
	for _, l := range f.l4 {
		if s, ok := l.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			if err := s.SetNetworkLayerForChecksum(n); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	return serialize(c.t, f.l4...)
}

func udpLayers(src, dst int, payload []byte) []gopacket.SerializableLayer {
	return []gopacket.SerializableLayer{&layers.UDP{SrcPort: layers.UDPPort(src), DstPort: layers.UDPPort(dst)}, gopacket.Payload(payload)}
}

func bytesOf(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// goOn is the nested actions of most cases.
func goOn() []byte {
	var a openflow.ActionBuilder
	a.Resubmit(pipeline.TableLocalOutput)
	return []byte(a.Actions())
}

// withMTU is nested actions that say the MTU.
func withMTU(v6 bool, mtu int) []byte {
	note := append([]byte(noteMagic), 0, 0, 0, 0)
	if v6 {
		note[5] = 1
		note = binary.BigEndian.AppendUint32(note, uint32(mtu))
	} else {
		note = binary.BigEndian.AppendUint16(note, uint16(mtu))
	}
	var a openflow.ActionBuilder
	a.Note(note)
	a.Resubmit(pipeline.TableLocalOutput)
	return []byte(a.Actions())
}

func (c *cases) errors() {
	ops := map[bool][]pipeline.Opcode{
		false: {pipeline.OpICMP, pipeline.OpICMP4Error, pipeline.OpReject},
		true:  {pipeline.OpICMP, pipeline.OpICMP6Error, pipeline.OpReject},
	}
	for _, v6 := range []bool{false, true} {
		fam := map[bool]string{false: "4", true: "6"}[v6]
		echo := []gopacket.SerializableLayer{&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0), Id: 1, Seq: 2}, gopacket.Payload(bytesOf(56))}
		unreachable := []gopacket.SerializableLayer{&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 1)}, gopacket.Payload(bytesOf(28))}
		exceeded := []gopacket.SerializableLayer{&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(11, 0)}, gopacket.Payload(bytesOf(28))}
		proto := layers.IPProtocolICMPv4
		if v6 {
			echo = []gopacket.SerializableLayer{&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(128, 0)}, gopacket.Payload(bytesOf(60))}
			unreachable = []gopacket.SerializableLayer{&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(1, 4)}, gopacket.Payload(bytesOf(60))}
			exceeded = []gopacket.SerializableLayer{&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(3, 0)}, gopacket.Payload(bytesOf(60))}
			proto = layers.IPProtocolICMPv6
		}
		group, lla := "224.0.0.5", MAC{0x01, 0, 0x5e, 0, 0, 5}
		if v6 {
			group, lla = "ff02::5", MAC{0x33, 0x33, 0, 0, 0, 5}
		}
		packets := []struct {
			name    string
			f       frame
			differs string
		}{
			{"udp", frame{proto: layers.IPProtocolUDP, l4: udpLayers(1000, 2000, bytesOf(20))}, ""},
			{"odd", frame{proto: layers.IPProtocolUDP, l4: udpLayers(1000, 2000, bytesOf(21))}, ""},
			{"vlan", frame{vlan: 10, proto: layers.IPProtocolUDP, l4: udpLayers(1000, 2000, bytesOf(20))}, ""},
			{"long", frame{proto: layers.IPProtocolUDP, l4: udpLayers(1000, 2000, bytesOf(1400))}, ""},
			{"padded", frame{pad: 13, proto: layers.IPProtocolUDP, l4: udpLayers(1000, 2000, []byte{1})}, ""},
			{"options", frame{options: true, tos: 0x28, proto: layers.IPProtocolUDP, l4: udpLayers(1000, 2000, bytesOf(20))}, ""},
			{"first-fragment", frame{more: true, proto: layers.IPProtocolUDP, l4: udpLayers(1000, 2000, bytesOf(40))}, ""},
			{"echo", frame{proto: proto, l4: echo}, ""},
			{"esp", frame{proto: layers.IPProtocolESP, raw: bytesOf(64)}, ""},
			{"empty", frame{proto: 200}, ""},
			{"exceeded", frame{proto: proto, l4: exceeded}, whyRules},
			{"later-fragment", frame{offset: 3, proto: layers.IPProtocolUDP, raw: bytesOf(40)}, whyRules},
			{"group", frame{dst: group, dstMAC: lla, proto: layers.IPProtocolUDP, l4: udpLayers(1, 2, bytesOf(4))}, whyRules},
			{"broadcast-mac", frame{dstMAC: broadcast, proto: layers.IPProtocolUDP, l4: udpLayers(1, 2, bytesOf(4))}, whyRules},
			{"unspecified", frame{src: map[bool]string{false: "0.0.0.0", true: "::"}[v6], proto: layers.IPProtocolUDP, l4: udpLayers(1, 2, bytesOf(4))}, whyRules},
			{"unreachable", frame{proto: proto, l4: unreachable}, whyRules},
		}
		for _, op := range ops[v6] {
			for _, p := range packets {
				p.f.v6 = v6
				r := replyCase{name: fmt.Sprintf("%s/%s-%s", actionNames[op], p.name, fam), op: op, args: goOn(), packet: c.frame(p.f), differs: p.differs}
				if p.name == "unreachable" && op == pipeline.OpReject {
					r.differs = ""
				}
				c.add(r)
			}
		}
		op := ops[v6][1]
		for _, mtu := range []int{1400, 68, 9000} {
			f := frame{v6: v6, proto: layers.IPProtocolUDP, l4: udpLayers(1000, 2000, bytesOf(1450))}
			c.add(replyCase{name: fmt.Sprintf("%s/mtu-%d-%s", actionNames[op], mtu, fam), op: op, args: withMTU(v6, mtu), packet: c.frame(f)})
		}
		f := frame{v6: v6, dst: group, dstMAC: lla, proto: layers.IPProtocolUDP, l4: udpLayers(1, 2, bytesOf(1400))}
		differs := whyRules
		if v6 {
			differs = ""
		}
		c.add(replyCase{name: actionNames[op] + "/mtu-group-" + fam, op: op, args: withMTU(v6, 1280), packet: c.frame(f), differs: differs})
	}
	c.add(replyCase{name: "reject/arp", op: pipeline.OpReject, args: goOn(), packet: arpPacket(c.t)})
	whole := c.frame(frame{proto: layers.IPProtocolUDP, l4: udpLayers(1000, 2000, bytesOf(20))})
	for _, n := range []int{10, 14, 30} {
		c.add(replyCase{name: fmt.Sprintf("reject/cut-%d", n), op: pipeline.OpReject, args: goOn(), packet: whole[:n]})
	}
}

func arpPacket(t *testing.T) []byte {
	return serialize(t, &layers.Ethernet{SrcMAC: macA[:], DstMAC: broadcast[:], EthernetType: layers.EthernetTypeARP},
		&layers.ARP{AddrType: 1, Protocol: 0x800, HwAddressSize: 6, ProtAddressSize: 4, Operation: layers.ARPRequest,
			SourceHwAddress: macA[:], SourceProtAddress: []byte{10, 0, 0, 1}, DstHwAddress: make([]byte, 6), DstProtAddress: []byte{10, 0, 0, 2}})
}

func (c *cases) resets() {
	for _, op := range []pipeline.Opcode{pipeline.OpTCPReset, pipeline.OpReject} {
		for _, v6 := range []bool{false, true} {
			for _, p := range []struct {
				name    string
				f       frame
				tcp     layers.TCP
				differs string
			}{
				{"syn", frame{}, layers.TCP{SYN: true, Seq: 1000}, ""},
				{"wrap", frame{}, layers.TCP{SYN: true, Seq: 0xffffffff}, ""},
				{"vlan", frame{vlan: 4095}, layers.TCP{SYN: true, Seq: 1000}, whyTag},
				{"ack", frame{}, layers.TCP{ACK: true, PSH: true, Seq: 5, Ack: 7, Window: 9}, ""},
				{"options", frame{options: true}, layers.TCP{SYN: true, Seq: 8, Options: []layers.TCPOption{{OptionType: 2, OptionLength: 4, OptionData: []byte{5, 180}}}}, ""},
				{"rst", frame{}, layers.TCP{RST: true, Seq: 1000}, map[bool]string{true: whyRules}[op == pipeline.OpTCPReset]},
				{"group", frame{dstMAC: MAC{1, 0, 0x5e, 0, 0, 9}}, layers.TCP{SYN: true}, whyRules},
			} {
				p.f.v6, p.f.proto = v6, layers.IPProtocolTCP
				p.tcp.SrcPort, p.tcp.DstPort = 4321, 80
				p.f.l4 = []gopacket.SerializableLayer{&p.tcp, gopacket.Payload("data")}
				c.add(replyCase{name: fmt.Sprintf("%s/tcp-%s-%t", actionNames[op], p.name, v6), op: op, args: goOn(), packet: c.frame(p.f), differs: p.differs})
			}
		}
		c.add(replyCase{name: actionNames[op] + "/tcp-later-fragment", op: op, args: goOn(), differs: whyRules,
			packet: c.frame(frame{offset: 3, proto: layers.IPProtocolTCP, raw: make([]byte, 40)})})
		c.add(replyCase{name: actionNames[op] + "/tcp-short", op: op, args: goOn(), differs: whyMalformed,
			packet: c.frame(frame{proto: layers.IPProtocolTCP, raw: bytesOf(13)})})
	}
	c.add(replyCase{name: "tcp_reset/udp", op: pipeline.OpTCPReset, args: goOn(),
		packet: c.frame(frame{proto: layers.IPProtocolUDP, l4: udpLayers(1, 2, nil)})})
}

// sctp is a packet with one chunk.
func sctp(tag uint32, chunk ...byte) []byte {
	b := []byte{0x10, 0xe1, 0, 80}
	b = binary.BigEndian.AppendUint32(b, tag)
	return append(append(b, 0, 0, 0, 0), chunk...)
}

func (c *cases) aborts() {
	initChunk := append([]byte{sctpInit, 0, 0, 20}, bytesOf(16)...)
	data := append([]byte{0, 3, 0, 17}, bytesOf(16)...)
	for _, op := range []pipeline.Opcode{pipeline.OpSCTPAbort, pipeline.OpReject} {
		for _, p := range []struct {
			name    string
			f       frame
			body    []byte
			differs string
		}{
			{"init", frame{}, sctp(0, initChunk...), ""},
			{"init6", frame{v6: true}, sctp(0, initChunk...), ""},
			{"init-tagged", frame{}, sctp(9, initChunk...), ""},
			{"vlan", frame{vlan: 5}, sctp(0, initChunk...), whyTag},
			{"data", frame{}, sctp(0xdeadbeef, data...), ""},
			{"data6", frame{v6: true, options: true}, sctp(0xdeadbeef, data...), ""},
			{"abort", frame{}, sctp(1, sctpAbort, 0, 0, 4), ""},
			{"init-short", frame{}, sctp(0, initChunk[:12]...), ""},
			{"no-chunk", frame{}, sctp(0), whyMalformed},
		} {
			p.f.proto, p.f.raw = layers.IPProtocolSCTP, p.body
			c.add(replyCase{name: actionNames[op] + "/sctp-" + p.name, op: op, args: goOn(), packet: c.frame(p.f), differs: p.differs})
		}
	}
}

// result is the arguments of an action of the form "reg9[3] = action(...)".
func result(args ...byte) []byte {
	b := openflow.FieldReg9.AppendHeader(nil)
	return append(append(b, 0, 0, 0, 3), args...)
}

func (c *cases) advertisements() {
	ra := []byte{134, 0, 0, 0, 255, 0x80, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 1, 5, 1, 0, 0, 0, 0, 5, 0xdc}
	for _, p := range []struct {
		name    string
		f       frame
		typ     uint8
		differs string
	}{
		{"plain", frame{src: "fe80::1"}, 133, ""},
		{"unspecified", frame{src: "::"}, 133, ""},
		{"vlan", frame{src: "fe80::1", vlan: 7}, 133, ""},
		{"padded", frame{src: "fe80::1", pad: 6}, 133, ""},
		{"extension", frame{src: "fe80::1", options: true}, 133, whyExtension},
		{"solicitation", frame{src: "fe80::1"}, 135, ""},
	} {
		p.f.v6, p.f.dst, p.f.ttl, p.f.proto = true, "ff02::2", 255, layers.IPProtocolICMPv6
		p.f.l4 = []gopacket.SerializableLayer{&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(p.typ, 0)}, gopacket.Payload(append([]byte{0, 0, 0, 0}, 1, 1, 2, 0, 0, 0, 0, 0xa))}
		c.add(replyCase{name: "put_nd_ra_opts/" + p.name, op: pipeline.OpPutNDRAOpts, args: result(ra...), packet: c.frame(p.f), differs: p.differs})
	}
	c.add(replyCase{name: "put_nd_ra_opts/no-options", op: pipeline.OpPutNDRAOpts, args: result(),
		packet: c.frame(frame{v6: true, proto: layers.IPProtocolICMPv6, raw: bytesOf(8)})})
}

func (c *cases) logs() {
	log := func(name string, args string, egress bool, packet []byte) {
		c.add(replyCase{name: "log/" + name, op: pipeline.OpLog, args: []byte(args), packet: packet, egress: egress})
	}
	tcp := func(f frame, tcp layers.TCP) []byte {
		tcp.SrcPort, tcp.DstPort = 4321, 80
		f.proto, f.l4 = layers.IPProtocolTCP, []gopacket.SerializableLayer{&tcp}
		return c.frame(f)
	}
	log("tcp", "\x01\x06drop-all", false, tcp(frame{tos: 0x2a}, layers.TCP{SYN: true, ECE: true}))
	log("tcp6", "\x00\x01a\"b\\c\x01\n\x7f\xc3\xa9", true, tcp(frame{v6: true, tos: 3}, layers.TCP{ACK: true, FIN: true, PSH: true}))
	log("no-flags", "\x02\x07", true, tcp(frame{}, layers.TCP{}))
	log("vlan", "\x03\x04x", false, tcp(frame{vlan: 100}, layers.TCP{RST: true}))
	log("unknown", "\x09\x02x", false, tcp(frame{}, layers.TCP{SYN: true}))
	log("udp", "\x00\x05x", false, c.frame(frame{proto: layers.IPProtocolUDP, l4: udpLayers(53, 1234, nil)}))
	log("udp6", "\x00\x05x", false, c.frame(frame{v6: true, options: true, proto: layers.IPProtocolUDP, l4: udpLayers(53, 1234, nil)}))
	log("echo", "\x00\x06x", false, c.frame(frame{proto: layers.IPProtocolICMPv4, l4: []gopacket.SerializableLayer{&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0)}}}))
	log("echo6", "\x00\x06x", false, c.frame(frame{v6: true, proto: layers.IPProtocolICMPv6, raw: []byte{128, 0, 0, 0, 0, 1, 0, 2}}))
	log("solicit", "\x00\x06x", false, solicitation(c.t, "fd00::2"))
	log("advertise", "\x00\x06x", false, c.frame(frame{v6: true, proto: layers.IPProtocolICMPv6,
		raw: append(append([]byte{136, 0, 0, 0, 0x60, 0, 0, 0}, bytesOf(16)...), 2, 1, 2, 0, 0, 0, 0, 0xb)}))
	log("sctp", "\x00\x06x", false, c.frame(frame{proto: layers.IPProtocolSCTP, raw: sctp(1, 1, 0, 0, 4)}))
	log("igmp", "\x00\x06x", false, c.frame(frame{dst: "224.0.0.22", proto: layers.IPProtocolIGMP, raw: []byte{0x16, 0, 0, 0, 239, 1, 1, 1}}))
	log("esp6", "\x00\x06x", false, c.frame(frame{v6: true, proto: layers.IPProtocolESP, raw: bytesOf(16)}))
	log("gre", "\x00\x06x", false, c.frame(frame{proto: layers.IPProtocolGRE, raw: bytesOf(16)}))
	log("first", "\x00\x06x", false, c.frame(frame{more: true, proto: layers.IPProtocolUDP, l4: udpLayers(53, 1234, bytesOf(8))}))
	log("later", "\x00\x06x", false, c.frame(frame{offset: 8, proto: layers.IPProtocolUDP, raw: bytesOf(8)}))
	log("later6", "\x00\x06x", false, c.frame(frame{v6: true, offset: 8, proto: layers.IPProtocolUDP, raw: bytesOf(8)}))
	log("arp", "\x00\x06x", false, arpPacket(c.t))
	log("lldp", "\x00\x06x", false, append(append(append([]byte{}, broadcast[:]...), macA[:]...), 0x88, 0xcc, 1, 2, 3, 4))
	log("llc", "\x00\x06x", false, append(append(append([]byte{}, broadcast[:]...), macA[:]...), 0, 3, 1, 2, 3, 4))
	log("bad-ip", "\x00\x06x", false, append(append(append([]byte{}, broadcast[:]...), macA[:]...), 8, 0, 0x45, 2, 3, 4))
	log("tcp-short", "\x00\x06x", false, c.frame(frame{proto: layers.IPProtocolTCP, raw: bytesOf(12)}))
	log("double-tag", "\x00\x06x", false, bytes.Join([][]byte{broadcast[:], macA[:], {0x88, 0xa8, 0, 5, 0x81, 0, 0x20, 6, 8, 0}, c.frame(frame{proto: layers.IPProtocolUDP, l4: udpLayers(1, 2, nil)})[14:]}, nil))
}
