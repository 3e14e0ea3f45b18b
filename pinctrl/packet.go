package pinctrl

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// Values of header fields.
const (
	ethTypeIPv4 = 0x0800
	ethTypeARP  = 0x0806
	ethTypeVLAN = 0x8100
	ethTypeIPv6 = 0x86dd

	protoICMPv6 = 58

	ndSolicit   = 135
	ndAdvertise = 136

	hopLimitND = 255 // RFC 4861 section 7.1
)

// Lengths of headers in bytes.
const (
	ethLen  = 14
	vlanLen = 4
	ipv4Len = 20
	ipv6Len = 40
	ndLen   = 24 // ICMPv6 header, flags, target address
	llaLen  = 8  // link-layer address option
)

// packet is a view of a packet's headers as far as handlers need them.
//
//	0      6      12     14 (18 with a VLAN tag)
//	+------+------+------+----------------------
//	| dst  | src  | type | IPv4, IPv6 or ARP
type packet struct {
	dst, src MAC
	// tci is the VLAN tag, present if hasVLAN.
	tci     uint16
	hasVLAN bool
	ethType uint16
	l3      []byte // from the network header on
	ipSrc   netip.Addr
	ipDst   netip.Addr
	proto   uint8
	l4      []byte // from the transport header on; IPv6 without extension headers
}

var errShort = errors.New("packet is too short for its headers")

// parse reads the headers of a packet from a guest.
func parse(b []byte) (packet, error) {
	var p packet
	if len(b) < ethLen {
		return p, errShort
	}
	p.dst, p.src = MAC(b[0:6]), MAC(b[6:12])
	p.ethType = binary.BigEndian.Uint16(b[12:])
	p.l3 = b[ethLen:]
	if p.ethType == ethTypeVLAN {
		if len(p.l3) < vlanLen {
			return p, errShort
		}
		p.hasVLAN = true
		p.tci = binary.BigEndian.Uint16(p.l3)
		p.ethType = binary.BigEndian.Uint16(p.l3[2:])
		p.l3 = p.l3[vlanLen:]
	}
	switch p.ethType {
	case ethTypeIPv4:
		if len(p.l3) < ipv4Len || p.l3[0]>>4 != 4 {
			return p, errShort
		}
		n := int(p.l3[0]&0xf) * 4
		if n < ipv4Len || len(p.l3) < n {
			return p, errShort
		}
		p.ipSrc, p.ipDst = netip.AddrFrom4([4]byte(p.l3[12:16])), netip.AddrFrom4([4]byte(p.l3[16:20]))
		p.proto, p.l4 = p.l3[9], p.l3[n:]
	case ethTypeIPv6:
		if len(p.l3) < ipv6Len || p.l3[0]>>4 != 6 {
			return p, errShort
		}
		p.ipSrc, p.ipDst = netip.AddrFrom16([16]byte(p.l3[8:24])), netip.AddrFrom16([16]byte(p.l3[24:40]))
		p.proto, p.l4 = p.l3[6], p.l3[ipv6Len:]
	}
	return p, nil
}

// appendEth starts a packet from src to dst, tagged as p was.
func (p *packet) appendEth(b []byte, dst, src MAC, ethType uint16) []byte {
	b = append(append(b, dst[:]...), src[:]...)
	if p.hasVLAN {
		b = binary.BigEndian.AppendUint16(b, ethTypeVLAN)
		b = binary.BigEndian.AppendUint16(b, p.tci)
	}
	return binary.BigEndian.AppendUint16(b, ethType)
}

// appendND appends the IPv6 header and body of a neighbour message with one
// link-layer address option.
//
//	+------------------+ IPv6, hop limit 255
//	| type | code | ck |
//	| flags            |
//	| target           | 16 bytes
//	| opt | 1 | lla    | 8 bytes
func appendND(b []byte, src, dst netip.Addr, typ uint8, flags uint32, target netip.Addr, option uint8, lla MAC) []byte {
	const body = ndLen + llaLen
	start := len(b)
	b = append(b, 0x60, 0, 0, 0, 0, body, protoICMPv6, hopLimitND)
	s, d, t := src.As16(), dst.As16(), target.As16()
	b = append(append(b, s[:]...), d[:]...)
	icmp := len(b)
	b = append(b, typ, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, flags)
	b = append(b, t[:]...)
	b = append(append(b, option, 1), lla[:]...)
	binary.BigEndian.PutUint16(b[icmp+2:], checksum6(b[start:]))
	return b
}

// checksum6 is the checksum of the ICMPv6 message in an IPv6 packet without
// extension headers (RFC 4443 section 2.3).
func checksum6(ip []byte) uint16 {
	body := ip[ipv6Len:]
	sum := uint32(len(body)) + protoICMPv6
	for _, b := range [2][]byte{ip[8:40], body} {
		for i := 0; i+1 < len(b); i += 2 {
			sum += uint32(b[i])<<8 | uint32(b[i+1])
		}
		if len(b)%2 == 1 {
			sum += uint32(b[len(b)-1]) << 8
		}
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
