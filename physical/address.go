package physical

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// ethBits is the width of an Ethernet address.
const ethBits = 48

// ethAddr is an Ethernet address, its first byte in bits 40-47.
type ethAddr uint64

// scanEth reads an Ethernet address, six bytes of one or two hexadecimal digits
// each, from the start of s and returns what follows it.
func scanEth(s string) (mac ethAddr, rest string, ok bool) {
	for i := range 6 {
		if i > 0 {
			if s == "" || s[0] != ':' {
				return 0, "", false
			}
			s = s[1:]
		}
		n := 0
		for n < 2 && n < len(s) && isHex(s[n]) {
			n++
		}
		b, err := strconv.ParseUint(s[:n], 16, 8)
		if err != nil {
			return 0, "", false
		}
		mac = mac<<8 | ethAddr(b)
		s = s[n:]
	}
	if s != "" && isHex(s[0]) {
		return 0, "", false
	}
	return mac, s, true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// parseEth parses an Ethernet address and nothing else.
func parseEth(s string) (ethAddr, bool) {
	mac, rest, ok := scanEth(s)
	return mac, ok && rest == ""
}

// linkLocal is the IPv6 link-local address of an interface with this Ethernet
// address, RFC 4291 appendix A.
func (mac ethAddr) linkLocal() openflow.U128 {
	m := uint64(mac)
	return openflow.U128{
		Hi: 0xfe80 << 48,
		Lo: (m>>40^2)<<56 | (m>>24&0xffff)<<40 | 0xfffe<<24 | m&0xffffff,
	}
}

// parseAddr parses an IPv4 or IPv6 address without zone. An IPv6 address that
// stands for an IPv4 one is that one.
func parseAddr(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

// parsePrefix parses an address with or without a prefix length or netmask. The
// host's part is kept.
func parsePrefix(s string) (netip.Addr, int, bool) {
	host, mask, masked := strings.Cut(s, "/")
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" || a.Is4In6() {
		return netip.Addr{}, 0, false
	}
	if !masked {
		return a, a.BitLen(), true
	}
	if n, err := strconv.Atoi(mask); err == nil {
		return a, n, 0 <= n && n <= a.BitLen()
	}
	m, err := netip.ParseAddr(mask)
	if err != nil || m.Zone() != "" || m.BitLen() != a.BitLen() {
		return netip.Addr{}, 0, false
	}
	v := addrValue(m)
	n := v.OnesCount()
	return a, n, v == prefixMask(n, a.BitLen())
}

// portAddresses is what an element of Port_Binding's column mac says.
type portAddresses struct {
	mac ethAddr
	ips []netip.Addr
}

// parsePortAddresses parses "MAC [IP...]". Addresses may have prefix lengths,
// which do not matter here; what follows the last valid one is ignored. It is not
// ok without a MAC, as in "unknown".
func parsePortAddresses(s string) (p portAddresses, ok bool) {
	mac, rest, ok := scanEth(strings.TrimLeft(s, " "))
	if !ok {
		return portAddresses{}, false
	}
	p.mac = mac
	for _, field := range strings.Fields(rest) {
		a, _, ok := parsePrefix(field)
		if !ok {
			break
		}
		p.ips = append(p.ips, a)
	}
	return p, true
}

// firstEth is the first Ethernet address among the words of s.
func firstEth(s string) (ethAddr, bool) {
	for _, word := range strings.Fields(s) {
		if mac, _, ok := scanEth(word); ok {
			return mac, true
		}
	}
	return 0, false
}

// parseBool reads an option that is off unless it says "true".
func parseBool(s string) bool { return strings.EqualFold(s, "true") }
