package pinctrl

import (
	"encoding/binary"
	"net/netip"
)

// Values of header fields that only replies look at.
const (
	ethTypeQinQ = 0x88a8
	ethTypeRARP = 0x8035
	ethTypeMin  = 0x0600 // below, it is a length
	ethTypeNone = 0x05ff // what the switch calls a packet without a type

	protoICMP     = 1
	protoIGMP     = 2
	protoTCP      = 6
	protoUDP      = 17
	protoSCTP     = 132
	protoHopOpts  = 0
	protoRouting  = 43
	protoFragment = 44
	protoAH       = 51
	protoDstOpts  = 60

	vlanCFI = 0x1000
	maxVLAN = 2
)

// fragment says which part of a datagram a packet is.
type fragment uint8

const (
	fragNone fragment = iota
	fragFirst
	fragLater // has no transport header
)

// headers are the fields of a packet as the switch sees them: its checks decide
// what is an IP packet, padding of the link is not part of one, and extension
// headers of IPv6 are passed over.
//
//	frame                l3                     l4                pad
//	+----------+---------+----------------------+-----------------+------+
//	| Ethernet | VLANs   | IPv4, IPv6 (or ARP)  | transport       |      |
//	+----------+---------+----------------------+-----------------+------+
type headers struct {
	frame    []byte
	dst, src MAC
	vlans    [maxVLAN]uint16 // with the CFI bit set, which means "present"
	nVLAN    int
	ethType  uint16

	l3Ofs int
	l3    []byte // without padding; nil unless IP
	l4Ofs int
	l4    []byte // without padding; nil if there is none

	ipSrc, ipDst    netip.Addr // of ARP too
	label           uint32
	tos, ttl, proto uint8 // proto of ARP is its operation
	frag            fragment

	tpSrc, tpDst uint16 // ports, or ICMP type and code; 0 if the header is cut short
	tcpFlags     uint16
	sha, tha     MAC // ARP, or link-layer addresses in ND options
	ndTarget     netip.Addr
	isND         bool
	arp          bool // Ethernet and IPv4 ARP or RARP
}

// extract reads the headers; what cannot be read stays zero. ok is false if not
// even Ethernet is there.
func extract(b []byte) (h headers, ok bool) {
	h.frame = b
	if len(b) < ethLen {
		return h, false
	}
	h.dst, h.src = MAC(b[0:6]), MAC(b[6:12])
	at := 12
	for h.nVLAN < maxVLAN {
		t := binary.BigEndian.Uint16(b[at:])
		if t != ethTypeVLAN && t != ethTypeQinQ || len(b) < at+vlanLen+2 {
			break
		}
		h.vlans[h.nVLAN] = binary.BigEndian.Uint16(b[at+2:]) | vlanCFI
		h.nVLAN++
		at += vlanLen
	}
	h.ethType = binary.BigEndian.Uint16(b[at:])
	at += 2
	if h.ethType < ethTypeMin {
		h.ethType, at = snap(b, at)
	}
	h.l3Ofs = at
	switch h.ethType {
	case ethTypeIPv4:
		h.extractIPv4(b[at:])
	case ethTypeIPv6:
		h.extractIPv6(b[at:])
	case ethTypeARP, ethTypeRARP:
		h.extractARP(b[at:])
	}
	return h, true
}

// snap is the type in an IEEE 802.2 SNAP header, and where its payload starts.
func snap(b []byte, at int) (uint16, int) {
	const header = "\xaa\xaa\x03\x00\x00\x00"
	if len(b) < at+len(header)+2 || string(b[at:at+len(header)]) != header {
		return ethTypeNone, at
	}
	at += len(header)
	if t := binary.BigEndian.Uint16(b[at:]); t >= ethTypeMin {
		return t, at + 2
	}
	return ethTypeNone, at + 2
}

func (h *headers) extractIPv4(b []byte) {
	if len(b) < ipv4Len {
		return
	}
	n, total := int(b[0]&0xf)*4, int(binary.BigEndian.Uint16(b[2:]))
	if n < ipv4Len || len(b) < total || total < n {
		return
	}
	b = b[:total]
	h.l3 = b
	h.ipSrc, h.ipDst = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	h.tos, h.ttl, h.proto = b[1], b[8], b[9]
	switch offset := binary.BigEndian.Uint16(b[6:]); {
	case offset&0x1fff != 0:
		h.frag = fragLater
	case offset&0x2000 != 0:
		h.frag = fragFirst
	}
	h.l4Ofs, h.l4 = h.l3Ofs+n, b[n:]
	h.extractL4()
}

func (h *headers) extractIPv6(b []byte) {
	if len(b) < ipv6Len {
		return
	}
	total := ipv6Len + int(binary.BigEndian.Uint16(b[4:]))
	if len(b) < total {
		return
	}
	b = b[:total]
	h.l3 = b
	h.ipSrc, h.ipDst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	class := binary.BigEndian.Uint32(b)
	h.tos, h.ttl, h.proto, h.label = uint8(class>>20), b[7], b[6], class&0xfffff
	at, ok := h.skipExtensions(b)
	if !ok {
		h.tos, h.ttl, h.proto, h.label, h.frag = 0, 0, 0, 0, fragNone
		return
	}
	h.l4Ofs, h.l4 = h.l3Ofs+at, b[at:]
	h.extractL4()
}

// skipExtensions finds the transport header, or the one that the switch does not
// know (RFC 8200 section 4).
func (h *headers) skipExtensions(b []byte) (at int, ok bool) {
	at = ipv6Len
	for {
		var n int
		switch h.proto {
		default:
			return at, true
		case protoHopOpts, protoRouting, protoDstOpts, protoAH, protoFragment:
		}
		if len(b) < at+8 {
			return 0, false
		}
		switch h.proto {
		case protoAH:
			n = (int(b[at+1]) + 2) * 4
		case protoFragment:
			n = 8
		default:
			n = (int(b[at+1]) + 1) * 8
		}
		if len(b) < at+n {
			return 0, false
		}
		isFragment := h.proto == protoFragment
		h.proto = b[at]
		if offset := binary.BigEndian.Uint16(b[at+2:]); isFragment && offset != 0 {
			h.frag = fragFirst
			if offset&0xfff8 != 0 {
				h.frag, h.proto = fragLater, protoFragment
				return at + n, true
			}
		}
		at += n
	}
}

func (h *headers) extractARP(b []byte) {
	const header = "\x00\x01\x08\x00\x06\x04"
	if len(b) < 28 || string(b[:6]) != header {
		return
	}
	h.arp = true
	if b[6] == 0 {
		h.proto = b[7]
	}
	h.sha, h.tha = MAC(b[8:14]), MAC(b[18:24])
	h.ipSrc, h.ipDst = netip.AddrFrom4([4]byte(b[14:18])), netip.AddrFrom4([4]byte(b[24:28]))
}

// Lengths of transport headers in bytes.
const (
	tcpLen    = 20
	udpLen    = 8
	sctpLen   = 12
	icmpLen   = 8
	maxTCPOff = 0xf
)

func (h *headers) extractL4() {
	b := h.l4
	if h.frag == fragLater {
		return
	}
	switch h.proto {
	case protoTCP:
		if len(b) < tcpLen {
			return
		}
		if n := int(b[12]>>4) * 4; n < tcpLen || len(b) < n {
			return
		}
		h.tcpFlags = binary.BigEndian.Uint16(b[12:]) & 0xfff
	case protoUDP:
		if len(b) < udpLen {
			return
		}
	case protoSCTP:
		if len(b) < sctpLen {
			return
		}
	case protoICMP, protoIGMP:
		if len(b) >= icmpLen {
			h.tpSrc, h.tpDst = uint16(b[0]), uint16(b[1])
		}
		return
	case protoICMPv6:
		if len(b) >= icmpLen {
			h.tpSrc, h.tpDst = uint16(b[0]), uint16(b[1])
			h.extractND(b)
		}
		return
	default:
		return
	}
	h.tpSrc, h.tpDst = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
}

// extractND reads the target and link-layer addresses of a neighbour message.
func (h *headers) extractND(b []byte) {
	if b[1] != 0 || b[0] != ndSolicit && b[0] != ndAdvertise {
		return
	}
	h.isND = true
	h.ndTarget = netip.IPv6Unspecified()
	if len(b) < ndLen {
		return
	}
	h.ndTarget = netip.AddrFrom16([16]byte(b[8:24]))
	for o := b[ndLen:]; len(o) >= 8; {
		n := int(o[1]) * 8
		if n == 0 || n > len(o) {
			return
		}
		lla := &h.sha
		if o[0] == optTargetLLA {
			lla = &h.tha
		}
		if (o[0] == optSourceLLA || o[0] == optTargetLLA) && n == llaLen {
			if *lla != (MAC{}) {
				// Twice the same option: none of them counts.
				h.ndTarget, h.sha, h.tha = netip.IPv6Unspecified(), MAC{}, MAC{}
				return
			}
			*lla = MAC(o[2:8])
		}
		o = o[n:]
	}
}

// ip says whether the packet is one of IPv4 or IPv6.
func (h *headers) ip() bool { return h.l3 != nil }

// udpPayload is what a UDP packet carries, as far as it is there.
func (h *headers) udpPayload() []byte {
	if h.proto != protoUDP || h.frag == fragLater || len(h.l4) < udpLen {
		return nil
	}
	return h.l4[udpLen:]
}
