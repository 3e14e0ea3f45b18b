package microflow

import (
	"encoding/binary"
	"net"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// payloadLen is how much data follows a transport header that has data behind it.
const payloadLen = 64

// laterOffset is where a later fragment begins, in units of 8 bytes.
const laterOffset = 100

// Compose makes a packet, an Ethernet frame with lengths and checksums, whose fields
// are what m tests them for, and 0 where it does not.
func Compose(m openflow.Match) ([]byte, error) {
	c := composer{m: m}
	c.ethernet()
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, c.layers...)
	return b.Bytes(), err
}

// composer collects the layers of a packet, outermost first.
type composer struct {
	m      openflow.Match
	layers []gopacket.SerializableLayer
}

func (c *composer) add(l ...gopacket.SerializableLayer) { c.layers = append(c.layers, l...) }

func (c *composer) get(f openflow.Field) uint64 {
	v, _, _ := c.m.Get(f)
	return v.Lo
}

// bytes is a field of n bytes.
func (c *composer) bytes(f openflow.Field, n int) []byte {
	v, _, _ := c.m.Get(f)
	b := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, v.Hi), v.Lo)
	return b[16-n:]
}

func (c *composer) mac(f openflow.Field) net.HardwareAddr { return c.bytes(f, 6) }

func (c *composer) ethernet() {
	ethType := layers.EthernetType(c.get(openflow.FieldEthType))
	vid := c.get(openflow.FieldVLANVID)
	outer := ethType
	if vid != 0 {
		outer = layers.EthernetTypeDot1Q
	}
	// The library's Ethernet layer would fill up to 60 bytes, as a card does when it
	// sends.
	header := append(c.mac(openflow.FieldEthDst), c.mac(openflow.FieldEthSrc)...)
	c.add(gopacket.Payload(binary.BigEndian.AppendUint16(header, uint16(outer))))
	if vid != 0 {
		c.add(&layers.Dot1Q{VLANIdentifier: uint16(vid & 0xfff), Priority: uint8(c.get(openflow.FieldVLANPCP)), Type: ethType})
	}
	switch ethType {
	case layers.EthernetTypeIPv4:
		c.ipv4()
	case layers.EthernetTypeIPv6:
		c.ipv6()
	case layers.EthernetTypeARP:
		c.add(&layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
			Operation:       uint16(c.get(openflow.FieldARPOp)),
			SourceHwAddress: c.mac(openflow.FieldARPSHA), SourceProtAddress: c.bytes(openflow.FieldARPSPA, 4),
			DstHwAddress: c.mac(openflow.FieldARPTHA), DstProtAddress: c.bytes(openflow.FieldARPTPA, 4)})
	}
}

func (c *composer) ipv4() {
	ip := &layers.IPv4{Version: 4, TTL: uint8(c.get(openflow.FieldIPTTL)), Protocol: layers.IPProtocol(c.get(openflow.FieldIPProto)),
		SrcIP: c.bytes(openflow.FieldIPv4Src, 4), DstIP: c.bytes(openflow.FieldIPv4Dst, 4)}
	frag := c.get(openflow.FieldIPFrag)
	if frag&openflow.FragAny != 0 {
		ip.Flags = layers.IPv4MoreFragments
	}
	c.add(ip)
	if frag&openflow.FragLater != 0 {
		ip.FragOffset = laterOffset
		return
	}
	c.transport(ip.Protocol, ip)
}

func (c *composer) ipv6() {
	ip := &layers.IPv6{Version: 6, HopLimit: uint8(c.get(openflow.FieldIPTTL)), NextHeader: layers.IPProtocol(c.get(openflow.FieldIPProto)),
		SrcIP: c.bytes(openflow.FieldIPv6Src, 16), DstIP: c.bytes(openflow.FieldIPv6Dst, 16)}
	c.add(ip)
	c.transport(ip.NextHeader, ip)
}

func (c *composer) transport(p layers.IPProtocol, ip gopacket.NetworkLayer) {
	switch p {
	case layers.IPProtocolTCP:
		f := c.get(openflow.FieldTCPFlags)
		has := func(bit uint) bool { return f>>bit&1 != 0 }
		tcp := &layers.TCP{SrcPort: layers.TCPPort(c.get(openflow.FieldTCPSrc)), DstPort: layers.TCPPort(c.get(openflow.FieldTCPDst)),
			FIN: has(0), SYN: has(1), RST: has(2), PSH: has(3), ACK: has(4), URG: has(5), ECE: has(6), CWR: has(7), NS: has(8)}
		_ = tcp.SetNetworkLayerForChecksum(ip) // fails for what is not IP
		c.add(tcp)
		if !tcp.SYN && !tcp.FIN && !tcp.RST {
			c.payload()
		}
	case layers.IPProtocolUDP:
		udp := &layers.UDP{SrcPort: layers.UDPPort(c.get(openflow.FieldUDPSrc)), DstPort: layers.UDPPort(c.get(openflow.FieldUDPDst))}
		_ = udp.SetNetworkLayerForChecksum(ip)
		c.add(udp)
		c.payload()
	case layers.IPProtocolSCTP:
		c.add(&layers.SCTP{SrcPort: layers.SCTPPort(c.get(openflow.FieldSCTPSrc)), DstPort: layers.SCTPPort(c.get(openflow.FieldSCTPDst))})
	case layers.IPProtocolICMPv4:
		t, code := uint8(c.get(openflow.FieldICMPv4Type)), uint8(c.get(openflow.FieldICMPv4Code))
		c.add(&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(t, code)})
		if code == 0 && (t == layers.ICMPv4TypeEchoRequest || t == layers.ICMPv4TypeEchoReply) {
			c.payload()
		}
	case layers.IPProtocolICMPv6:
		c.icmpv6(ip)
	case layers.IPProtocolIGMP:
		c.add(gopacket.Payload{0, 0, 0xff, 0xff, 0, 0, 0, 0}) // zeros, with their checksum
	}
}

// icmpv6 appends four bytes behind the header, and what a type has behind those: the
// target and one option of neighbour discovery (RFC 4861), or data.
func (c *composer) icmpv6(ip gopacket.NetworkLayer) {
	t, code := uint8(c.get(openflow.FieldICMPv6Type)), uint8(c.get(openflow.FieldICMPv6Code))
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(t, code)}
	_ = icmp.SetNetworkLayerForChecksum(ip)
	c.add(icmp)
	rest := make(gopacket.Payload, 4)
	defer func() { c.layers = append(c.layers, rest) }()
	if code != 0 {
		return
	}
	switch t {
	case layers.ICMPv6TypeNeighborSolicitation, layers.ICMPv6TypeNeighborAdvertisement:
		rest = append(rest, c.bytes(openflow.FieldNDTarget, 16)...)
		for _, o := range []struct {
			typ   byte
			field openflow.Field
		}{{1, openflow.FieldNDSLL}, {2, openflow.FieldNDTLL}} {
			if c.get(o.field) != 0 {
				rest = append(append(rest, o.typ, 1), c.mac(o.field)...)
			}
		}
	case layers.ICMPv6TypeEchoRequest, layers.ICMPv6TypeEchoReply:
		rest = append(rest, data()...)
	}
}

func (c *composer) payload() { c.add(gopacket.Payload(data())) }

func data() []byte {
	b := make([]byte, payloadLen)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}
