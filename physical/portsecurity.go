package physical

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// Port security, ovn-nb(5) Logical_Switch_Port port_security: which addresses a
// port may send from and receive for.
//
//	73  check_in_port_sec()   Ethernet and IP source; ARP and neighbour discovery go on to
//	74                        what ARP and neighbour discovery claim
//	75  check_out_port_sec()  Ethernet and IP destination
//
// The result is a flag: set, the packet is dropped by a logical flow.

// portSecurity builds tables 73 to 75 for a port that is bound here.
func (b *portBuild) portSecurity() {
	start := len(b.out.List)
	for _, s := range b.pb.PortSecurity {
		e, err := parseSecurityEntry(s)
		if err != nil {
			b.problem("port_security: %w", err)
			continue
		}
		p := securityBuild{portBuild: b, entry: e}
		p.build()
	}
	if len(b.out.List) > start {
		b.securityDefaults()
		b.out.unique(start)
	}
}

// verdict is what a port security flow does.
type verdict uint8

const (
	allow verdict = iota
	deny
	checkND // go on with table 74
)

func (b *portBuild) secure(table uint8, priority uint16, v verdict) {
	a := b.out.actions()
	switch v {
	case allow:
		clearFlag(a, pipeline.FlagCheckPortSecBit)
	case deny:
		setFlag(a, pipeline.FlagCheckPortSecBit)
	case checkND:
		a.Resubmit(pipeline.TableChkInPortSecND)
	}
	b.out.add(b.origin, table, priority)
}

// securityDefaults deny what no entry allows.
func (b *portBuild) securityDefaults() {
	from := func() *openflow.MatchBuilder { return b.out.matchInport(b.dp.Key, b.key) }
	from()
	b.secure(pipeline.TableChkInPortSec, 80, deny)
	from().SetU(openflow.FieldEthType, ethTypeARP)
	b.secure(pipeline.TableChkInPortSec, 95, checkND)
	from().SetU(openflow.FieldEthType, ethTypeARP)
	b.secure(pipeline.TableChkInPortSecND, 80, deny)
	for _, typ := range []uint8{icmp6NeighborAdvert, icmp6NeighborSolicit} {
		m := from()
		matchICMPv6(m, typ)
		m.SetU(openflow.FieldIPTTL, 255)
		b.secure(pipeline.TableChkInPortSecND, 80, deny)
	}
	b.out.matchOutport(b.dp.Key, b.key)
	b.secure(pipeline.TableChkOutPortSec, 80, deny)
}

// securityBuild is one entry of port_security.
type securityBuild struct {
	*portBuild
	entry securityEntry
}

// build makes the flows of the entry for each Ethernet address that packets may
// have: the interface's own or, with VRRP, the virtual router's. ARP and
// neighbour discovery have the interface's own in any case.
func (p securityBuild) build() {
	e := p.entry
	if e.vrrp {
		for _, mac := range e.vrrp4 {
			p.ethernet(mac, true, false)
		}
		for _, mac := range e.vrrp6 {
			p.ethernet(mac, false, true)
		}
	} else {
		p.ethernet(maskedEth{e.mac, ethExact}, true, true)
	}
	if len(e.ip4) > 0 || len(e.ip6) == 0 {
		p.arp()
	}
	p.neighborDiscovery()
}

// ethernet builds the flows of one Ethernet address, or block of them, that may
// be used with IPv4, with IPv6, or both.
func (p securityBuild) ethernet(mac maskedEth, with4, with6 bool) {
	e := p.entry
	p.matchTo(mac)
	p.secure(pipeline.TableChkOutPortSec, 85, allow)
	if len(e.ip4) == 0 && len(e.ip6) == 0 {
		p.matchFrom(mac)
		p.secure(pipeline.TableChkInPortSec, 90, checkND)
		return
	}
	if with4 {
		if len(e.ip4) > 0 {
			p.fromIPv4(mac)
		}
		p.toIPv4(mac)
	}
	if with6 {
		if len(e.ip6) > 0 {
			p.fromIPv6(mac)
		}
		p.toIPv6(mac)
	}
}

func (p securityBuild) matchFrom(mac maskedEth) *openflow.MatchBuilder {
	m := p.out.matchInport(p.dp.Key, p.key)
	m.SetMasked(openflow.FieldEthSrc, u128(uint64(mac.addr)), u128(uint64(mac.mask)))
	return m
}

func (p securityBuild) matchTo(mac maskedEth) *openflow.MatchBuilder {
	m := p.out.matchOutport(p.dp.Key, p.key)
	m.SetMasked(openflow.FieldEthDst, u128(uint64(mac.addr)), u128(uint64(mac.mask)))
	return m
}

// fromIPv4 allows the entry's addresses as source, and asking for one by DHCP.
func (p securityBuild) fromIPv4(mac maskedEth) {
	from := func() *openflow.MatchBuilder {
		m := p.matchFrom(mac)
		m.SetU(openflow.FieldEthType, ethTypeIPv4)
		return m
	}
	for _, ip := range p.entry.ip4 {
		from().SetMasked(openflow.FieldIPv4Src, ip.addr, ip.mask)
		p.secure(pipeline.TableChkInPortSec, 90, allow)
	}
	m := from()
	m.SetU(openflow.FieldIPv4Src, 0)
	m.SetU(openflow.FieldIPv4Dst, ipv4Broadcast)
	m.SetU(openflow.FieldIPProto, protoUDP)
	m.SetU(openflow.FieldUDPSrc, dhcpClientPort)
	m.SetU(openflow.FieldUDPDst, dhcpServerPort)
	p.secure(pipeline.TableChkInPortSec, 90, allow)
}

const (
	ipv4Broadcast  = 0xffffffff
	dhcpServerPort = 67
	dhcpClientPort = 68
)

// Blocks of multicast addresses.
var (
	ipv4Multicast          = maskedIP{u128(0xe0000000), prefixMask(4, 32)}
	ipv6Multicast          = maskedIP{openflow.U128{Hi: 0xff << 56}, prefixMask(8, 128)}
	ipv6MulticastLinkLocal = maskedIP{openflow.U128{Hi: 0xff02 << 48}, prefixMask(16, 128)}
)

// toIPv4 allows the entry's addresses, and those that reach everybody, as
// destination, and no others. With IPv6 addresses only, it allows none.
func (p securityBuild) toIPv4(mac maskedEth) {
	to := func() *openflow.MatchBuilder {
		m := p.matchTo(mac)
		m.SetU(openflow.FieldEthType, ethTypeIPv4)
		return m
	}
	to()
	p.secure(pipeline.TableChkOutPortSec, 90, deny)
	if len(p.entry.ip4) == 0 {
		return
	}
	allowTo := func(ip maskedIP) {
		to().SetMasked(openflow.FieldIPv4Dst, ip.addr, ip.mask)
		p.secure(pipeline.TableChkOutPortSec, 95, allow)
	}
	exact := prefixMask(32, 32)
	for _, ip := range p.entry.ip4 {
		allowTo(ip.maskedIP)
		if ip.broadcast != 0 {
			allowTo(maskedIP{u128(uint64(ip.broadcast)), exact})
		}
	}
	allowTo(maskedIP{u128(ipv4Broadcast), exact})
	allowTo(ipv4Multicast)
}

// linkLocal is the block of link-local addresses of a block of Ethernet ones.
func (mac maskedEth) linkLocal() maskedIP {
	return maskedIP{mac.addr.linkLocal(), prefixMask(128-ethBits+mac.prefixLen(), 128)}
}

// fromIPv6 allows the entry's and the link-local addresses as source, and what
// an interface sends before it has one: reports of the multicast groups it
// listens to, and the question whether an address is in use.
func (p securityBuild) fromIPv6(mac maskedEth) {
	from := func(ip maskedIP) *openflow.MatchBuilder {
		m := p.matchFrom(mac)
		m.SetU(openflow.FieldEthType, ethTypeIPv6)
		m.SetMasked(openflow.FieldIPv6Src, ip.addr, ip.mask)
		return m
	}
	for _, ip := range p.entry.ip6 {
		from(ip)
		p.secure(pipeline.TableChkInPortSec, 90, checkND)
	}
	from(mac.linkLocal())
	p.secure(pipeline.TableChkInPortSec, 90, checkND)

	for _, c := range []struct {
		icmp    uint8
		verdict verdict
	}{
		{icmp6MLDv1Report, allow},
		{icmp6MLDv2Report, allow},
		{icmp6NeighborSolicit, checkND},
	} {
		m := from(maskedIP{openflow.U128{}, prefixMask(128, 128)})
		m.SetMasked(openflow.FieldIPv6Dst, ipv6MulticastLinkLocal.addr, ipv6MulticastLinkLocal.mask)
		matchICMPv6(m, c.icmp)
		m.SetU(openflow.FieldICMPv6Code, 0)
		p.secure(pipeline.TableChkInPortSec, 90, c.verdict)
	}
}

// toIPv6 is toIPv4 for IPv6.
func (p securityBuild) toIPv6(mac maskedEth) {
	to := func() *openflow.MatchBuilder {
		m := p.matchTo(mac)
		m.SetU(openflow.FieldEthType, ethTypeIPv6)
		return m
	}
	to()
	p.secure(pipeline.TableChkOutPortSec, 90, deny)
	if len(p.entry.ip6) == 0 {
		return
	}
	allowTo := func(ip maskedIP) {
		to().SetMasked(openflow.FieldIPv6Dst, ip.addr, ip.mask)
		p.secure(pipeline.TableChkOutPortSec, 95, allow)
	}
	for _, ip := range p.entry.ip6 {
		allowTo(ip)
	}
	allowTo(mac.linkLocal())
	allowTo(ipv6Multicast)
}

// arp allows ARP packets that claim one of the entry's addresses, or any if it has
// none.
func (p securityBuild) arp() {
	claims := func(set func(*openflow.MatchBuilder)) {
		for _, sha := range p.senders(p.entry.vrrp4) {
			m := p.matchFrom(maskedEth{p.entry.mac, ethExact})
			m.SetU(openflow.FieldEthType, ethTypeARP)
			m.SetMasked(openflow.FieldARPSHA, u128(uint64(sha.addr)), u128(uint64(sha.mask)))
			set(m)
			p.secure(pipeline.TableChkInPortSecND, 90, allow)
		}
	}
	if len(p.entry.ip4) == 0 {
		claims(func(*openflow.MatchBuilder) {})
	}
	for _, ip := range p.entry.ip4 {
		claims(func(m *openflow.MatchBuilder) { m.SetMasked(openflow.FieldARPSPA, ip.addr, ip.mask) })
	}
}

// senders are the Ethernet addresses that the port may claim to have.
func (p securityBuild) senders(vrrp []maskedEth) []maskedEth {
	if p.entry.vrrp {
		return vrrp
	}
	return []maskedEth{{p.entry.mac, ethExact}}
}

// neighborDiscovery allows solicitations that give one of the port's Ethernet
// addresses or none, and such advertisements of one of the entry's addresses or
// the link-local one, or of any if the entry has none.
func (p securityBuild) neighborDiscovery() {
	nd := func(typ uint8) *openflow.MatchBuilder {
		m := p.matchFrom(maskedEth{p.entry.mac, ethExact})
		matchICMPv6(m, typ)
		m.SetU(openflow.FieldICMPv6Code, 0)
		m.SetU(openflow.FieldIPTTL, 255)
		return m
	}
	senders := append([]maskedEth{{0, ethExact}}, p.senders(p.entry.vrrp6)...)
	for _, mac := range senders {
		nd(icmp6NeighborSolicit).SetMasked(openflow.FieldNDSLL, u128(uint64(mac.addr)), u128(uint64(mac.mask)))
		p.secure(pipeline.TableChkInPortSecND, 90, allow)
	}
	targets := []maskedIP{{}}
	if len(p.entry.ip6) > 0 {
		targets = append([]maskedIP{{p.entry.mac.linkLocal(), prefixMask(128, 128)}}, p.entry.ip6...)
	}
	for _, target := range targets {
		for _, mac := range senders {
			m := nd(icmp6NeighborAdvert)
			m.SetMasked(openflow.FieldNDTarget, target.addr, target.mask)
			m.SetMasked(openflow.FieldNDTLL, u128(uint64(mac.addr)), u128(uint64(mac.mask)))
			p.secure(pipeline.TableChkInPortSecND, 90, allow)
		}
	}
}
