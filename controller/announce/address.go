package announce

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/pinctrl"
)

// addresses is one string of Port_Binding.mac or nat_addresses:
//
//	MAC [IP[/LEN]…] [is_chassis_resident("PORT")]
type addresses struct {
	mac pinctrl.MAC
	// ips are the IPv4 addresses, in order.
	ips []netip.Addr
	// resident, unless empty, is the port that has to be resident here for the
	// addresses to be announced.
	resident string
}

// parseAddresses reads such a string. Words after the addresses that are no
// condition are ignored.
func parseAddresses(s string) (addresses, error) {
	var a addresses
	word, rest := cutWord(s)
	mac, err := pinctrl.ParseMAC(word)
	if err != nil {
		return a, err
	}
	a.mac = mac
	for rest != "" {
		word, next := cutWord(rest)
		ip, ok := parseIP(word)
		if !ok {
			break
		}
		if ip.Is4() {
			a.ips = append(a.ips, ip)
		}
		rest = next
	}
	const condition = "is_chassis_resident"
	arg, ok := strings.CutPrefix(rest, condition)
	if !ok {
		return a, nil
	}
	arg = strings.TrimSpace(arg)
	arg, open := strings.CutPrefix(arg, "(")
	arg, closed := strings.CutSuffix(arg, ")")
	name := strings.TrimSpace(arg)
	if !open || !closed || len(name) < 2 || name[0] != '"' || name[len(name)-1] != '"' || strings.Contains(name[1:len(name)-1], `"`) {
		return a, fmt.Errorf("%q: malformed condition", s)
	}
	a.resident = name[1 : len(name)-1]
	return a, nil
}

func cutWord(s string) (word, rest string) {
	s = strings.TrimLeft(s, " ")
	word, rest, _ = strings.Cut(s, " ")
	return word, strings.TrimLeft(rest, " ")
}

// parseIP reads an address with or without the length of its prefix.
func parseIP(s string) (netip.Addr, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Addr(), true
	}
	ip, err := netip.ParseAddr(s)
	return ip, err == nil && ip.Zone() == ""
}
