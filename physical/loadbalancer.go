package physical

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// vip is an element of Load_Balancer's column vips.
type vip struct {
	addr     netip.AddrPort // port 0: all
	backends []netip.AddrPort
}

// parseVIP parses "IP[:PORT]" or "[IP]:PORT" and its backends, separated by
// commas, which must have a port if the VIP has one and must not otherwise.
func parseVIP(key, value string) (vip, error) {
	addr, ok := parseAddrPort(key)
	if !ok {
		return vip{}, fmt.Errorf("%q is not an IP address with or without port", key)
	}
	p := vip{addr: unmap(addr)}
	for s := range strings.SplitSeq(value, ",") {
		if s == "" {
			continue
		}
		b, ok := parseAddrPort(s)
		switch {
		case !ok:
			return vip{}, fmt.Errorf("backend %q of %q is not an IP address with or without port", s, key)
		case b.Addr().Is4() != addr.Addr().Is4():
			return vip{}, fmt.Errorf("backend %q is of another address family than %q", s, key)
		case (b.Port() == 0) != (addr.Port() == 0):
			return vip{}, fmt.Errorf("one of %q and its backend %q has a port, the other has none", key, s)
		}
		p.backends = append(p.backends, unmap(b))
	}
	return p, nil
}

// unmap turns an IPv6 address that stands for an IPv4 one into that one.
func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// parseAddrPort parses an address, in brackets or not, with or without port;
// "1:2:3::4" is an address.
func parseAddrPort(s string) (netip.AddrPort, bool) {
	host, port := s, ""
	if strings.HasPrefix(s, "[") {
		i := strings.IndexByte(s, ']')
		if i < 0 {
			return netip.AddrPort{}, false
		}
		host, port = s[1:i], s[i+1:]
		if port != "" && port[0] != ':' {
			return netip.AddrPort{}, false
		}
		port = strings.TrimPrefix(port, ":")
	} else if strings.Count(s, ":") == 1 {
		host, port, _ = strings.Cut(s, ":")
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Zone() != "" {
		return netip.AddrPort{}, false
	}
	if port == "" {
		return netip.AddrPortFrom(addr, 0), true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return netip.AddrPortFrom(addr, uint16(n)), err == nil
}

// parseHairpinSNAT parses option hairpin_snat_ip: one IPv4 and one IPv6 address at
// most, in any order.
func parseHairpinSNAT(s string) (v4, v6 netip.Addr, err error) {
	for _, word := range strings.Fields(s) {
		a, plen, ok := parsePrefix(word)
		dst := &v4
		if ok && a.Is6() {
			dst = &v6
		}
		if !ok || plen != a.BitLen() || dst.IsValid() {
			return netip.Addr{}, netip.Addr{}, fmt.Errorf("bad hairpin_snat_ip %q", s)
		}
		*dst = a
	}
	return v4, v6, nil
}

var errTemplate = errors.New("template variable is not set for this chassis")

// expandTemplate replaces ^NAME by this chassis' value.
func expandTemplate(template func(string) (string, bool), s string) (string, error) {
	if !strings.Contains(s, "^") {
		return s, nil
	}
	var b strings.Builder
	for s != "" {
		before, after, found := strings.Cut(s, "^")
		b.WriteString(before)
		if !found {
			break
		}
		n := 0
		for n < len(after) && isNameByte(after[n], n) {
			n++
		}
		value, ok := template(after[:n])
		if !ok {
			return "", fmt.Errorf("%w: %q", errTemplate, after[:n])
		}
		b.WriteString(value)
		s = after[n:]
	}
	return b.String(), nil
}

// VIPBackend is an address of a load balancer and one of those behind it; port 0
// is all ports.
type VIPBackend struct{ VIP, Backend netip.AddrPort }

// Backends lists what is behind the addresses of a load balancer. What cannot be
// read, or has template variables that this chassis lacks, is left out.
func Backends(lb *sbdb.LoadBalancer, template func(name string) (string, bool)) []VIPBackend {
	var out []VIPBackend
	for key, value := range lb.VIPs.All() {
		key, err := expandTemplate(template, key)
		if err != nil {
			continue
		}
		if value, err = expandTemplate(template, value); err != nil {
			continue
		}
		p, err := parseVIP(key, value)
		if err != nil {
			continue
		}
		for _, b := range p.backends {
			out = append(out, VIPBackend{p.addr, b})
		}
	}
	return out
}

// isNameByte tells whether c can be byte i of a name, ovn-sb(5) "Expressions".
func isNameByte(c byte, i int) bool {
	return c == '_' || c == '.' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || i > 0 && '0' <= c && c <= '9'
}
