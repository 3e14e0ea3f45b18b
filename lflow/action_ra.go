package lflow

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// Codes of the options of put_nd_ra_opts: those of neighbour discovery, and two
// of OVN's own for parts of the header.
const (
	raAddrMode   = 0
	raSourceMAC  = 1
	raPrefix     = 3
	raMTU        = 5
	raRouteInfo  = 24
	raRDNSS      = 25
	raDNSSL      = 31
	raPreference = 255
)

var raOptions = map[string]DHCPOption{
	"addr_mode":         {Code: raAddrMode, Type: "str"},
	"router_preference": {Code: raPreference, Type: "str"},
	"slla":              {Code: raSourceMAC, Type: "mac"},
	"prefix":            {Code: raPrefix, Type: "ipv6"},
	"mtu":               {Code: raMTU, Type: "uint32"},
	"rdnss":             {Code: raRDNSS, Type: "ipv6"},
	"dnssl":             {Code: raDNSSL, Type: "str"},
	"route_info":        {Code: raRouteInfo, Type: "str"},
}

// Router advertisement, RFC 4861 section 4.2:
//
//	+------+------+----------+-----------+-------+----------+-----------+---------+
//	| type | code | checksum | hop limit | flags | lifetime | reachable | retrans |
//	|  1   |  1   |    2     |     1     |   1   |    2     |     4     |    4    |
//	+------+------+----------+-----------+-------+----------+-----------+---------+
const (
	raType       = 134
	raHopLimit   = 255
	raFlagsOfs   = 5
	raHeaderLen  = 16
	raLifetime   = 0xffff
	raManaged    = 0x80
	raOther      = 0x40
	raOnLink     = 0x80
	raAutonomous = 0x40
	forever      = 0xffffffff
)

// raAddrModes and raPreferences are bits of the flags; preferences stand in
// route information too (RFC 4191).
var (
	raAddrModes   = map[string]byte{"slaac": 0, "dhcpv6_stateful": raManaged, "dhcpv6_stateless": raOther}
	raPreferences = map[string]byte{"LOW": 0x18, "MEDIUM": 0, "HIGH": 0x08}
)

// putNDRA is "dst = put_nd_ra_opts(option = …, …)". Its userdata is the result
// bit and the ICMPv6 message, but for its checksum.
func (p *actionParser) putNDRA(lhs FieldRef) {
	dst, ok := p.result(lhs, 1)
	if !ok {
		return
	}
	os := p.options("IPv6 ND RA", func(name string) (DHCPOption, bool) {
		o, ok := raOptions[name]
		return o, ok
	})
	if !p.ok() || !p.checkRA(os) {
		return
	}
	userdata := appendResult(appendUserdata(nil, pipeline.OpPutNDRAOpts), dst)
	start := len(userdata)
	userdata = append(userdata, raType, 0, 0, 0, raHopLimit, 0)
	userdata = binary.BigEndian.AppendUint16(userdata, raLifetime)
	userdata = append(userdata, make([]byte, raHeaderLen-8)...)
	for i := range os {
		userdata = appendRA(userdata, start, &os[i])
	}
	p.addPunt(userdata, true)
	p.requireSymbol("ip6")
}

// checkRA makes sure that each option has one value of the right kind, that a
// MAC is told, and a prefix where hosts make their own addresses.
func (p *actionParser) checkRA(os []option) bool {
	stateful := false
	for i := range os {
		o := &os[i]
		c := o.first()
		ok := true
		switch o.Code {
		case raAddrMode:
			_, ok = raAddrModes[c.Text]
			stateful = c.Text == "dhcpv6_stateful" || stateful
		case raPreference:
			_, ok = raPreferences[c.Text]
		case raSourceMAC:
			ok = c.Format == FormatEthernet
		case raPrefix:
			ok = c.Format == FormatIPv6 && c.Masked
		case raMTU:
			ok = c.Format == FormatDecimal
		case raRDNSS:
			ok = c.Format == FormatIPv6
		case raDNSSL:
			ok = len(appendDNSSL(nil, c.Text)) <= 8*0xff
		}
		if !ok || len(o.values) != 1 {
			p.lex.Errorf("the value of IPv6 ND RA option %s is not one it can have", o.name)
			return false
		}
	}
	switch {
	case optionByCode(os, raSourceMAC) < 0:
		p.lex.Errorf("put_nd_ra_opts needs slla")
	case !stateful && optionByCode(os, raPrefix) < 0:
		p.lex.Errorf("put_nd_ra_opts needs a prefix unless addr_mode is dhcpv6_stateful")
	default:
		return true
	}
	return false
}

// appendRA writes one option, or sets its bits in the header at start. The order
// of options matters: a prefix is autonomous unless the mode was set to managed
// before.
func appendRA(b []byte, start int, o *option) []byte {
	c := o.first()
	switch o.Code {
	case raAddrMode:
		b[start+raFlagsOfs] |= raAddrModes[c.Text]
	case raPreference:
		b[start+raFlagsOfs] |= raPreferences[c.Text]
	case raSourceMAC:
		b = appendMAC(append(b, raSourceMAC, 1), c.Value.Lo)
	case raMTU:
		b = append(b, raMTU, 1, 0, 0)
		b = binary.BigEndian.AppendUint32(b, uint32(c.Value.Lo))
	case raPrefix: // RFC 4861 section 4.6.2
		flags := byte(raOnLink)
		if b[start+raFlagsOfs]&raManaged == 0 {
			flags |= raAutonomous
		}
		b = append(b, raPrefix, 4, byte(c.Mask.OnesCount()), flags)
		b = binary.BigEndian.AppendUint32(b, forever) // valid
		b = binary.BigEndian.AppendUint32(b, forever) // preferred
		b = append(b, 0, 0, 0, 0)
		b = appendIPv6(b, c)
	case raRDNSS: // RFC 8106 section 5.1
		b = append(b, raRDNSS, 3, 0, 0)
		b = binary.BigEndian.AppendUint32(b, forever)
		b = appendIPv6(b, c)
	case raDNSSL:
		b = appendDNSSL(b, c.Text)
	case raRouteInfo:
		b = appendRouteInfo(b, c.Text)
	}
	return b
}

func appendIPv6(b []byte, c *Constant) []byte {
	b = binary.BigEndian.AppendUint64(b, c.Value.Hi)
	return binary.BigEndian.AppendUint64(b, c.Value.Lo)
}

// appendDNSSL writes a search list of names between commas, RFC 8106 section
// 5.2.
func appendDNSSL(b []byte, list string) []byte {
	start := len(b)
	b = append(b, raDNSSL, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, forever)
	for name := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ',' }) {
		b = appendDomain(b, name)
	}
	for (len(b)-start)%8 != 0 {
		b = append(b, 0)
	}
	b[start+1] = byte((len(b) - start) / 8)
	return b
}

// appendRouteInfo writes routes, each a preference and a prefix: "HIGH-fd00::/64".
// RFC 4191 section 2.3. A route that can't be read is the end of them, as it is
// for the C agent: the rest of the advertisement is still good.
func appendRouteInfo(b []byte, list string) []byte {
	for route := range strings.SplitSeq(list, ",") {
		preference, prefixes, _ := strings.Cut(route, "-")
		for text := range strings.FieldsFuncSeq(prefixes, func(r rune) bool { return r == '-' }) {
			prefix, err := netip.ParsePrefix(text)
			if err != nil {
				addr, err := netip.ParseAddr(text)
				if err != nil || addr.Zone() != "" {
					return b
				}
				prefix = netip.PrefixFrom(addr, addr.BitLen())
			}
			if !prefix.Addr().Is6() {
				return b
			}
			words := (prefix.Bits() + 63) / 64 // of 8 bytes
			addr := prefix.Masked().Addr().As16()
			b = append(b, raRouteInfo, byte(1+words), byte(prefix.Bits()), raPreferences[preference])
			b = binary.BigEndian.AppendUint32(b, forever)
			b = append(b, addr[:8*words]...)
		}
	}
	return b
}
