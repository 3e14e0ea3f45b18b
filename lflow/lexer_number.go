package lflow

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// scanInteger reads a number or address and the mask that may follow it.
func (t *Token) scanInteger(s string) {
	t.Kind = TokenInteger
	var why string
	t.Value, t.Format, t.End, why = scanNumber(s, t.Pos)
	if why != "" {
		t.fail(why)
		return
	}
	if t.End >= len(s) || s[t.End] != '/' || strings.HasPrefix(s[t.End:], "//") || strings.HasPrefix(s[t.End:], "/*") {
		return
	}
	mask, format, end, why := scanNumber(s, t.End+1)
	t.End = end
	if why != "" {
		t.fail(why)
		return
	}
	t.Kind = TokenMasked
	bits := mask.Lo
	switch {
	case t.Format == format:
		t.Mask = mask
	case t.Format == FormatIPv4 && format == FormatDecimal && bits <= 32:
		t.Mask = openflow.U64(uint64(^uint32(0)) << (32 - bits) & 0xffffffff)
	case t.Format == FormatIPv6 && format == FormatDecimal && bits <= 128:
		t.Mask = openflow.MaskN(128).Shl(128 - int(bits))
	case t.Format == FormatDecimal && format == FormatHex && t.Value.IsZero():
		// 0/0x1234: zero is zero in any notation.
		t.Format, t.Mask = FormatHex, mask
	default:
		t.fail("value and mask are not written in the same notation")
		return
	}
	t.Value = t.Value.And(t.Mask)
}

// scanNumber reads the number or address at offset i. A dotted part never goes
// on after a colon, so that 1.2.3.4:80 is three tokens while ::ffff:1.2.3.4 is
// one; two dots are a range.
func scanNumber(s string, i int) (v openflow.U128, f NumberFormat, end int, why string) {
	end = i
	dot, decimal := false, true
	for end < len(s) {
		c := s[end]
		switch {
		case isDigit(c):
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == ':' && !dot:
			decimal = false
		case c == '.' && !strings.HasPrefix(s[end:], ".."):
			dot, decimal = true, false
		default:
			goto scanned
		}
		end++
	}
scanned:
	text := s[i:end]
	switch {
	case text == "":
		return v, f, min(end+1, len(s)), "a number is expected here"
	case decimal:
		if text[0] == '0' && len(text) > 1 {
			return v, f, end, "a decimal number has no leading zeros"
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return v, f, end, "a decimal number is below 2^64"
		}
		return openflow.U128{Lo: n}, FormatDecimal, end, ""
	case strings.HasPrefix(text, "0x") || strings.HasPrefix(text, "0X"):
		v, why = parseHex(text[2:])
		return v, FormatHex, end, why
	}
	if v, ok := parseEthernet(text); ok {
		return v, FormatEthernet, end, ""
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		if a.Is4() {
			return addrValue(a), FormatIPv4, end, ""
		}
		return addrValue(a), FormatIPv6, end, ""
	}
	return v, f, end, "`" + clip(text) + "' is no number or address"
}

func parseHex(s string) (v openflow.U128, why string) {
	if s == "" {
		return v, "hexadecimal digits are missing"
	}
	for i := 0; i < len(s); i++ {
		if !isHex(s[i]) {
			return v, "not a hexadecimal number"
		}
		if v.Hi>>60 != 0 {
			return v, "a hexadecimal number has at most 128 bits"
		}
		d, _ := strconv.ParseUint(s[i:i+1], 16, 8)
		v = v.Shl(4)
		v.Lo |= d
	}
	return v, ""
}

// parseEthernet reads xx:xx:xx:xx:xx:xx.
func parseEthernet(s string) (v openflow.U128, ok bool) {
	if len(s) != 17 {
		return v, false
	}
	for i := 0; i < 17; i++ {
		switch {
		case i%3 == 2:
			if s[i] != ':' {
				return v, false
			}
		case !isHex(s[i]):
			return v, false
		case i%3 == 0:
			d, err := strconv.ParseUint(s[i:i+2], 16, 8)
			if err != nil {
				return v, false
			}
			v.Lo = v.Lo<<8 | d
		}
	}
	return v, true
}

// addrValue is an IP address as a right-aligned number.
func addrValue(a netip.Addr) openflow.U128 {
	b := a.As16()
	if a.Is4() {
		clear(b[:12])
	}
	var v openflow.U128
	for i := range 8 {
		v.Hi = v.Hi<<8 | uint64(b[i])
		v.Lo = v.Lo<<8 | uint64(b[i+8])
	}
	return v
}
