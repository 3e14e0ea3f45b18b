// Package portaddr reads the addresses of logical ports.
package portaddr

import (
	"net/netip"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/pinctrl"
)

// Addresses are one string of Port_Binding.mac:
//
//	MAC [IP[/LEN]]…
type Addresses struct {
	MAC pinctrl.MAC
	// IPs are the addresses of both families, in order.
	IPs []netip.Addr
}

// Parse reads such a string, up to the first word that is no address. ok is false
// for those without a MAC, as "unknown".
func Parse(s string) (a Addresses, ok bool) {
	words := strings.Fields(s)
	if len(words) == 0 {
		return a, false
	}
	mac, err := pinctrl.ParseMAC(words[0])
	if err != nil {
		return a, false
	}
	a.MAC = mac
	for _, w := range words[1:] {
		ip, ok := parseIP(w)
		if !ok {
			break
		}
		a.IPs = append(a.IPs, ip)
	}
	return a, true
}

// First is the first address of the family of like, the zero Addr when there is
// none.
func (a Addresses) First(like netip.Addr) netip.Addr {
	for _, ip := range a.IPs {
		if ip.Is4() == like.Is4() {
			return ip
		}
	}
	return netip.Addr{}
}

func parseIP(s string) (netip.Addr, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Addr(), true
	}
	ip, err := netip.ParseAddr(s)
	return ip, err == nil && ip.Zone() == ""
}

// LinkLocal is the link-local address that a MAC makes (RFC 4291 appendix A).
func LinkLocal(m pinctrl.MAC) netip.Addr {
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]})
}
