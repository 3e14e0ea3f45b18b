package openflow

import (
	"encoding/hex"
	"math/bits"
	"net/netip"
	"strconv"
)

// The text forms are those of ovs-ofctl(8) with --no-names. These functions
// append the parts that matches and actions have in common.

func appendDec(b []byte, v uint64) []byte { return strconv.AppendUint(b, v, 10) }

// appendHex is C's %#x: zero is "0".
func appendHex(b []byte, v uint64) []byte {
	if v == 0 {
		return append(b, '0')
	}
	return strconv.AppendUint(append(b, "0x"...), v, 16)
}

// appendHexWidth is 0x%0*x.
func appendHexWidth(b []byte, v uint64, width int) []byte {
	b = append(b, "0x"...)
	var room [16]byte
	digits := strconv.AppendUint(room[:0], v, 16)
	for range width - len(digits) {
		b = append(b, '0')
	}
	return append(b, digits...)
}

func appendHex128(b []byte, v U128) []byte {
	if v.Hi == 0 {
		return appendHex(b, v.Lo)
	}
	b = appendHex(b, v.Hi)
	return append(b, appendHexWidth(nil, v.Lo, 16)[2:]...)
}

func appendDotted(b []byte, data string) []byte {
	for i := 0; i < len(data); i++ {
		if i > 0 {
			b = append(b, '.')
		}
		b = hex.AppendEncode(b, []byte{data[i]})
	}
	return b
}

func appendMAC(b []byte, v U128) []byte {
	for i := 40; i >= 0; i -= 8 {
		b = hex.AppendEncode(b, []byte{byte(v.Lo >> uint(i))})
		if i > 0 {
			b = append(b, ':')
		}
	}
	return b
}

func appendMACMasked(b []byte, v, m U128) []byte {
	b = appendMAC(b, v)
	if m != MaskN(48) {
		b = appendMAC(append(b, '/'), m)
	}
	return b
}

func appendIPv4(b []byte, v U128) []byte {
	for i := 24; i >= 0; i -= 8 {
		b = appendDec(b, v.Lo>>uint(i)&0xff)
		if i > 0 {
			b = append(b, '.')
		}
	}
	return b
}

// prefixLen is the length of the prefix that m of n bits is, if it is one.
func prefixLen(m U128, n int) (int, bool) {
	inv := m.Xor(MaskN(n))
	return n - inv.Len(), inv == MaskN(inv.Len())
}

func appendIPv4Masked(b []byte, v, m U128) []byte {
	b = appendIPv4(b, v)
	if m == MaskN(32) {
		return b
	}
	b = append(b, '/')
	if n, ok := prefixLen(m, 32); ok {
		return appendDec(b, uint64(n))
	}
	return appendIPv4(b, m)
}

func appendIPv6(b []byte, v U128) []byte {
	var a [16]byte
	v.appendBE(a[:0], 16)
	addr := netip.AddrFrom16(a)
	// inet_ntop(3) also writes IPv4-compatible addresses with dots.
	if v.Hi == 0 && v.Lo>>32 == 0 && v.Lo > 0xffff {
		return appendIPv4(append(b, "::"...), v)
	}
	return addr.AppendTo(b)
}

func appendIPv6Masked(b []byte, v, m U128) []byte {
	b = appendIPv6(b, v)
	if m == MaskN(128) {
		return b
	}
	b = append(b, '/')
	if n, ok := prefixLen(m, 128); ok {
		return appendDec(b, uint64(n))
	}
	return appendIPv6(b, m)
}

// portNames is in the order of the reserved ports from PortUnset on.
var portNames = [...]string{"UNSET", "IN_PORT", "TABLE", "NORMAL", "FLOOD", "ALL", "CONTROLLER", "LOCAL", "ANY"}

// appendPort writes a 16- or 32-bit port number.
func appendPortText(b []byte, port uint32) []byte {
	port = Port32(port)
	if port >= PortUnset {
		return append(b, portNames[port-PortUnset]...)
	}
	if port >= PortMax {
		port &= 0xffff
	}
	return appendDec(b, uint64(port))
}

// flagNames name the bits of a field from bit 0 on.
var (
	ctStateNames = []string{"new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"}
	tcpFlagNames = []string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"}
	tunFlagNames = []string{"oam"}
)

// appendFlags writes "+new-est" or, if mask is all of max, "new|est".
func appendFlags(b []byte, names []string, v, mask, max uint64) []byte {
	if mask == max {
		if v == 0 {
			return append(b, '0')
		}
		var bad uint64
		sep := false
		for ; v != 0; v &= v - 1 {
			i := bits.TrailingZeros64(v)
			if i >= len(names) {
				bad |= 1 << i
				continue
			}
			if sep {
				b = append(b, '|')
			}
			b = append(b, names[i]...)
			sep = true
		}
		if bad != 0 {
			if sep {
				b = append(b, '|')
			}
			b = appendHex(b, bad)
		}
		return b
	}
	if mask == 0 {
		return append(b, "0/0"...)
	}
	for ; mask != 0; mask &= mask - 1 {
		i := bits.TrailingZeros64(mask)
		sign := byte('-')
		if v&(1<<i) != 0 {
			sign = '+'
		}
		b = append(b, sign)
		if i < len(names) {
			b = append(b, names[i]...)
		} else {
			b = append(b, "[Unknown]"...)
		}
	}
	return b
}

func appendFrag(b []byte, v, m uint64) []byte {
	switch m & 3 {
	case FragAny | FragLater:
		return append(b, [...]string{"no", "first", "<error>", "later"}[v&3]...)
	case FragAny:
		return append(b, [...]string{"no", "yes"}[v&1]...)
	case FragLater:
		return append(b, [...]string{"not_later", "later"}[v>>1&1]...)
	}
	return append(b, "<error>"...)
}

func appendPacketType(b []byte, v, m uint64) []byte {
	half := func(b []byte, v, m uint64, hex bool) []byte {
		switch {
		case m == 0xffff && hex:
			return appendHex(b, v)
		case m == 0xffff:
			return appendDec(b, v)
		}
		return appendHex(append(appendHex(b, v), '/'), m)
	}
	b = append(b, "packet_type=("...)
	b = half(b, v>>16, m>>16, false)
	b = append(b, ',')
	b = half(b, v&0xffff, m&0xffff, true)
	return append(b, ')')
}

// appendFieldValue writes a value of f as actions do.
func appendFieldValue(b []byte, f Field, v, m U128) []byte {
	n := f.Bytes()
	full := m == MaskN(8*n)
	switch {
	case m.IsZero():
		return append(b, "ANY"...)
	case fields[f].format == fmtPort && full:
		return appendPortText(b, uint32(v.Lo))
	}
	switch fields[f].format {
	case fmtCtState:
		return appendFlags(b, ctStateNames, v.Lo, m.Lo, 0xffff)
	case fmtEth:
		return appendMACMasked(b, v, m)
	case fmtIPv4:
		return appendIPv4Masked(b, v, m)
	case fmtIPv6:
		return appendIPv6Masked(b, v, m)
	case fmtFrag:
		return appendFrag(b, v.Lo, m.Lo)
	case fmtTunFlags:
		return appendFlags(b, tunFlagNames, v.Lo, m.Lo&TunFlagOAM, TunFlagOAM)
	case fmtTCPFlags:
		return appendFlags(b, tcpFlagNames, v.Lo, m.Lo&0xfff, 0xfff)
	case fmtPacketType:
		return appendPacketType(b, v.Lo, m.Lo)
	case fmtHex:
		b = appendHex128(b, v)
	default:
		b = appendDec(b, v.Lo)
	}
	if !full {
		b = appendHex128(append(b, '/'), m)
	}
	return b
}

// appendSubfield writes "NXM_NX_REG0[0..15]".
func appendSubfield(b []byte, s Subfield) []byte {
	b = append(b, fields[s.Field].nxmName...)
	switch {
	case s.Ofs == 0 && int(s.Bits) == s.Field.Width() && !s.Field.isTunMetadata():
		// Of a tunnel option ovs-ofctl does not know how long it is.
		return append(b, "[]"...)
	case s.Bits == 1:
		return append(appendDec(append(b, '['), uint64(s.Ofs)), ']')
	}
	b = appendDec(append(b, '['), uint64(s.Ofs))
	b = appendDec(append(b, ".."...), uint64(s.Ofs)+uint64(s.Bits)-1)
	return append(b, ']')
}

// String is s as ovs-ofctl prints it, e.g. "NXM_NX_REG0[0..15]".
func (s Subfield) String() string { return string(appendSubfield(nil, s)) }
