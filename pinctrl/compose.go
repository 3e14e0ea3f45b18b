package pinctrl

import (
	"encoding/binary"
	"net/netip"
)

// appendHeaders starts an IP packet that answers in: its headers up to the
// transport header, whose n bytes the caller appends. A loopback answer goes back
// to the sender; otherwise the nested actions turn it round. VLAN tags, but for
// the first, are left out.
func (h *headers) appendHeaders(b []byte, loopback bool, proto, ttl uint8, n int) []byte {
	dst, src, ipSrc, ipDst := h.dst, h.src, h.ipSrc, h.ipDst
	if loopback {
		dst, src, ipSrc, ipDst = src, dst, ipDst, ipSrc
	}
	b = append(append(b, dst[:]...), src[:]...)
	if h.nVLAN > 0 {
		b = binary.BigEndian.AppendUint16(b, ethTypeVLAN)
		b = binary.BigEndian.AppendUint16(b, h.vlans[0]&^vlanCFI)
	}
	b = binary.BigEndian.AppendUint16(b, h.ethType)
	if h.ethType == ethTypeIPv4 {
		return appendIPv4(b, ipSrc, ipDst, proto, ttl, n)
	}
	return appendIPv6(b, ipSrc, ipDst, proto, ttl, n)
}

// appendIPv4 appends a header without options that must not be fragmented.
//
//	| 4,5 | tos | total | id | DF | ttl | proto | checksum | src | dst |
func appendIPv4(b []byte, src, dst netip.Addr, proto, ttl uint8, n int) []byte {
	at := len(b)
	b = append(b, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(ipv4Len+n))
	b = append(b, 0, 0, 0x40, 0, ttl, proto, 0, 0)
	s, d := src.As4(), dst.As4()
	b = append(append(b, s[:]...), d[:]...)
	binary.BigEndian.PutUint16(b[at+10:], finish(sum(0, b[at:])))
	return b
}

// appendIPv6 appends a header without extensions.
//
//	| 6, class, label | payload | proto | hop limit | src | dst |
func appendIPv6(b []byte, src, dst netip.Addr, proto, ttl uint8, n int) []byte {
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(n))
	b = append(b, proto, ttl)
	s, d := src.As16(), dst.As16()
	return append(append(b, s[:]...), d[:]...)
}

// sum adds big-endian words to a checksum in progress (RFC 1071).
func sum(s uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	// 64 KiB of words and what was there before fit in 32 bits; fold so that
	// calls can follow each other.
	return s>>16 + s&0xffff
}

func finish(s uint32) uint16 {
	for s>>16 != 0 {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}

// pseudo is the checksum of the pseudo-header that stands before n bytes of
// transport (RFC 9293 section 3.1, RFC 8200 section 8.1).
func pseudo(src, dst netip.Addr, proto uint8, n int) uint32 {
	s := uint32(proto) + uint32(n)
	if src.Is4() {
		a, b := src.As4(), dst.As4()
		return sum(sum(s, a[:]), b[:])
	}
	a, b := src.As16(), dst.As16()
	return sum(sum(s, a[:]), b[:])
}

// update16 is a checksum after a word changed (RFC 1624).
func update16(check, old, new uint16) uint16 {
	return finish(uint32(^check) + uint32(^old) + uint32(new))
}

func update32(check uint16, old, new uint32) uint16 {
	return update16(update16(check, uint16(old), uint16(new)), uint16(old>>16), uint16(new>>16))
}

// withL4 is the frame in h up to the transport header, n bytes of which follow:
// the lengths in the IP header are set. IPv6 keeps its extension headers.
func (h *headers) withL4(n int) []byte {
	b := make([]byte, h.l4Ofs, h.l4Ofs+n)
	copy(b, h.frame)
	ip := b[h.l3Ofs:]
	if h.ethType == ethTypeIPv4 {
		binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)+n))
		h.checkIPv4(b)
	} else {
		binary.BigEndian.PutUint16(ip[4:], uint16(len(ip)-ipv6Len+n))
	}
	return b
}

// checkIPv4 computes the checksum of the IPv4 header in b, which starts as
// h.frame does.
func (h *headers) checkIPv4(b []byte) {
	ip := b[h.l3Ofs:h.l4Ofs]
	ip[10], ip[11] = 0, 0
	binary.BigEndian.PutUint16(ip[10:], finish(sum(0, ip)))
}
