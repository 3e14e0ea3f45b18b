package physical

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// securityEntry is one element of Port_Binding's column port_security:
//
//	[VRRPv3] MAC [IP[/PREFIX]]...
//
// With VRRPv3, MACs of virtual routers may be among the addresses.
type securityEntry struct {
	mac          ethAddr
	ip4          []securityIPv4
	ip6          []maskedIP
	vrrp         bool
	vrrp4, vrrp6 []maskedEth
}

type maskedEth struct{ addr, mask ethAddr }

const ethExact ethAddr = 1<<ethBits - 1

func (m maskedEth) prefixLen() int { return bits.OnesCount64(uint64(m.mask)) }

type maskedIP struct{ addr, mask openflow.U128 }

type securityIPv4 struct {
	maskedIP
	// broadcast address of the host's network, 0 if the entry is for a network.
	broadcast uint32
}

// The blocks of addresses of virtual routers, RFC 9568 section 7.3: the last byte
// is the router's number, from 1.
var (
	vrrp4Block = maskedEth{0x00005e000100, ethExact &^ 0xff}
	vrrp6Block = maskedEth{0x00005e000200, ethExact &^ 0xff}
)

const vrrpPrefix = "VRRPv3"

// parseSecurityEntry parses one element of port_security.
func parseSecurityEntry(s string) (securityEntry, error) {
	rest, vrrp := strings.CutPrefix(s, vrrpPrefix)
	mac, rest, ok := scanEth(strings.TrimLeft(rest, " "))
	if !ok {
		return securityEntry{}, fmt.Errorf("%q: no Ethernet address", s)
	}
	e := securityEntry{mac: mac, vrrp: vrrp}
	for word := range strings.FieldsSeq(rest) {
		if err := e.add(word); err != nil {
			return securityEntry{}, fmt.Errorf("%q: %w", s, err)
		}
	}
	if vrrp && len(e.vrrp4) == 0 && len(e.vrrp6) == 0 {
		e.vrrp4 = []maskedEth{vrrp4Block}
		e.vrrp6 = []maskedEth{vrrp6Block}
	}
	return e, nil
}

func (e *securityEntry) add(word string) error {
	if e.vrrp {
		if m, ok := parseMaskedEth(word); ok {
			return e.addVRRP(m, word)
		}
	}
	addr, plen, ok := parsePrefix(word)
	if !ok {
		return fmt.Errorf("%q is not an IP address or network", word)
	}
	e.addIP(addr, plen)
	return nil
}

// addIP adds an address. With a host part it stands for itself, without one for
// the network.
func (e *securityEntry) addIP(addr netip.Addr, plen int) {
	width := addr.BitLen()
	ip := maskedIP{addrValue(addr), prefixMask(plen, width)}
	host := !ip.addr.AndNot(ip.mask).IsZero()
	broadcast := ip.addr.Or(prefixMask(32, 32).AndNot(ip.mask))
	if host {
		ip.mask = prefixMask(width, width)
	}
	if addr.Is6() {
		e.ip6 = append(e.ip6, ip)
		return
	}
	ip4 := securityIPv4{maskedIP: ip}
	if host {
		ip4.broadcast = uint32(broadcast.Lo)
	}
	e.ip4 = append(e.ip4, ip4)
}

// addVRRP adds an Ethernet address, or block of them, of virtual routers.
func (e *securityEntry) addVRRP(m maskedEth, word string) error {
	valid := m.prefixLen() >= 40 && m.addr&^m.mask == 0 &&
		(m.mask != ethExact || m.addr&0xff != 0)
	switch {
	case valid && m.addr&vrrp4Block.mask == vrrp4Block.addr:
		e.vrrp4 = append(e.vrrp4, m)
	case valid && m.addr&vrrp6Block.mask == vrrp6Block.addr:
		e.vrrp6 = append(e.vrrp6, m)
	default:
		return fmt.Errorf("%q is not the address of a VRRPv3 router", word)
	}
	return nil
}

// parseMaskedEth parses "MAC", "MAC/PREFIX" or "MAC/MASK".
func parseMaskedEth(s string) (maskedEth, bool) {
	mac, rest, ok := scanEth(s)
	if !ok {
		return maskedEth{}, false
	}
	if rest == "" {
		return maskedEth{mac, ethExact}, true
	}
	mask, slash := strings.CutPrefix(rest, "/")
	if !slash {
		return maskedEth{}, false
	}
	if m, ok := parseEth(mask); ok {
		plen := bits.OnesCount64(uint64(m))
		return maskedEth{mac, m}, m == ethPrefixMask(plen)
	}
	plen, err := strconv.Atoi(mask)
	if err != nil || plen < 0 || plen > ethBits {
		return maskedEth{}, false
	}
	return maskedEth{mac, ethPrefixMask(plen)}, true
}

func ethPrefixMask(plen int) ethAddr { return ethExact &^ (ethExact >> plen) }
