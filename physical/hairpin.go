package physical

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// A backend that connects to its own load balancer may be given itself. Then its
// own address is source and destination, and it would answer itself directly; so
// the packet goes back to it with the VIP as source, and the answer has to be told
// from ordinary packets to the VIP.
//
//	68  chk_lb_hairpin        is it such a packet? If so, learn its answer into 69
//	69  chk_lb_hairpin_reply  is it such an answer?
//	70  ct_snat_to_vip        the new source

// Priorities in table 70: a load balancer with hairpin_snat_ip has flows for each
// of its datapaths, above the ones without; one without ports yields.
const (
	prioHairpinSNAT        = 100
	prioHairpinSNATPerPath = 200
	prioHairpinNoPort      = -10
)

// learnedPriority is OpenFlow's default priority.
const learnedPriority = 0x8000

// hairpinBuild is one Load_Balancer being translated.
type hairpinBuild struct {
	v      View
	out    *Flows
	lb     *sbdb.LoadBalancer
	origin origin
	proto  uint8
	// vip4 and port are the registers that ovn-northd keeps the original
	// destination in.
	vip4         openflow.Field
	snat4, snat6 netip.Addr // instead of the VIP, if valid
}

// BuildLoadBalancer builds the hairpin flows of a Load_Balancer that is used by
// any local datapath: those of its backends, tables 68 and 69.
func BuildLoadBalancer(v View, lb *sbdb.LoadBalancer, out *Flows) {
	buildHairpin(v, lb, out, func(b *hairpinBuild, p vip) {
		for _, backend := range p.backends {
			b.detect(p, backend)
		}
	}, out.problem)
}

// BuildLoadBalancerSNAT builds what BuildLoadBalancer leaves out, table 70. There may be
// a flow for each VIP and datapath, and backends make no difference: see SameVIPs. What
// is wrong with the row BuildLoadBalancer says.
func BuildLoadBalancerSNAT(v View, lb *sbdb.LoadBalancer, out *Flows) {
	buildHairpin(v, lb, out, (*hairpinBuild).snat, func(error) {})
}

// SameVIPs tells whether BuildLoadBalancerSNAT yields the same for two versions of a row
// that differ in nothing but vips.
func SameVIPs(old, now *sbdb.LoadBalancer) bool {
	// What cannot be read may be a template, and then it depends on this chassis.
	readable := func(key, value string) bool {
		_, err := parseVIP(key, value)
		return err == nil
	}
	for key := range old.VIPs.Differing(now.VIPs) {
		was, had := old.VIPs.Lookup(key)
		is, has := now.VIPs.Lookup(key)
		if !had || !has || !readable(key, was) || !readable(key, is) {
			return false
		}
	}
	return true
}

// buildHairpin calls build for each VIP of a Load_Balancer that is used by any local
// datapath.
func buildHairpin(v View, lb *sbdb.LoadBalancer, out *Flows, build func(*hairpinBuild, vip), problem func(error)) {
	if !lbIsLocal(v, lb) {
		return
	}
	wrong := func(err error) { problem(fmt.Errorf("Load_Balancer %s (%s): %w", lb.UUID, lb.Name, err)) }
	b := &hairpinBuild{v: v, out: out, lb: lb, origin: fromRow(lb.UUID), vip4: pipeline.RegLBOrigDstIPv4}
	if !v.RegisterConsolidation() {
		b.vip4 = pipeline.RegLBOrigDstIPv4Old
	}
	switch lb.Protocol.Or("") {
	case "udp":
		b.proto = protoUDP
	case "sctp":
		b.proto = protoSCTP
	default:
		b.proto = protoTCP
	}
	var err error
	if b.snat4, b.snat6, err = parseHairpinSNAT(lb.Options.Get("hairpin_snat_ip")); err != nil {
		wrong(err)
	}
	start := len(out.List)
	for key, value := range lb.VIPs.All() {
		key, err := expandTemplate(v.Template, key)
		if err == nil {
			value, err = expandTemplate(v.Template, value)
		}
		var p vip
		if err == nil {
			p, err = parseVIP(key, value)
		}
		switch {
		case errors.Is(err, errTemplate):
			// This chassis is not meant to have this one.
		case err != nil:
			wrong(err)
		default:
			build(b, p)
		}
	}
	out.unique(start)
}

func lbIsLocal(v View, lb *sbdb.LoadBalancer) bool {
	for _, uuid := range lb.Datapaths {
		if dp, ok := v.Datapath(uuid); ok && dp.Local {
			return true
		}
	}
	for _, group := range []ovsdb.UUID{lb.DatapathGroup, lb.LSDatapathGroup, lb.LRDatapathGroup} {
		if !group.IsZero() && v.GroupLocal(group) {
			return true
		}
	}
	return false
}

// matchVIP narrows a match to connections to the VIP.
func (b *hairpinBuild) matchVIP(m *openflow.MatchBuilder, p vip) {
	addr := p.addr.Addr()
	if addr.Is4() {
		m.SetU(openflow.FieldEthType, ethTypeIPv4)
		m.Set(b.vip4, addrValue(addr))
	} else {
		m.SetU(openflow.FieldEthType, ethTypeIPv6)
		m.Set(pipeline.RegLBOrigDstIPv6, addrValue(addr))
	}
	if port := p.addr.Port(); port != 0 {
		m.SetU(openflow.FieldIPProto, uint64(b.proto))
		m.SetSub(openflow.Bits(pipeline.RegLBOrigDstPort, 0, 16), uint64(port))
	}
}

// source is the address that the VIP's hairpin packets get as source.
func (b *hairpinBuild) source(p vip) (source netip.Addr, configured bool) {
	source = b.snat4
	if p.addr.Addr().Is6() {
		source = b.snat6
	}
	if source.IsValid() {
		return source, true
	}
	return p.addr.Addr(), false
}

// l4 are the fields of the source and destination port.
func (b *hairpinBuild) l4() (src, dst openflow.Field) {
	switch b.proto {
	case protoUDP:
		return openflow.FieldUDPSrc, openflow.FieldUDPDst
	case protoSCTP:
		return openflow.FieldSCTPSrc, openflow.FieldSCTPDst
	}
	return openflow.FieldTCPSrc, openflow.FieldTCPDst
}

// detect builds table 68. The datapath need not be matched: packets with the same
// source and destination that have been load balanced are hairpins anywhere.
func (b *hairpinBuild) detect(p vip, backend netip.AddrPort) {
	m := b.out.match()
	b.matchVIP(m, p)
	ip := addrValue(backend.Addr())
	if backend.Addr().Is4() {
		m.Set(openflow.FieldIPv4Src, ip)
		m.Set(openflow.FieldIPv4Dst, ip)
	} else {
		m.Set(openflow.FieldIPv6Src, ip)
		m.Set(openflow.FieldIPv6Dst, ip)
	}
	if backend.Port() != 0 {
		_, dst := b.l4()
		m.SetU(dst, uint64(backend.Port()))
	}
	m.SetSub(openflow.Bits(openflow.FieldCtMark, pipeline.CtNATtedBit, 1), 1)

	a := b.out.actions()
	setFlag(a, pipeline.FlagLookupLBHairpinBit)
	a.Learn(b.learnReply(p, backend.Port() != 0))
	b.out.add(b.origin, pipeline.TableChkLBHairpin, 100)
}

// learnReply makes the flow of table 69 for the answer: from the backend to the
// source that the packet gets. It lasts until the flow that learned it goes.
func (b *hairpinBuild) learnReply(p vip, hasPort bool) openflow.LearnSpec {
	same := func(f openflow.Field) openflow.LearnField {
		return openflow.LearnField{To: openflow.LearnMatch, Dst: openflow.Whole(f), Src: openflow.Whole(f)}
	}
	equal := func(f openflow.Field, v openflow.U128) openflow.LearnField {
		return openflow.LearnField{To: openflow.LearnMatch, Dst: openflow.Whole(f), Value: v}
	}
	source, _ := b.source(p)
	ethType, src, dst := uint64(ethTypeIPv4), openflow.FieldIPv4Src, openflow.FieldIPv4Dst
	if source.Is6() {
		ethType, src, dst = ethTypeIPv6, openflow.FieldIPv6Src, openflow.FieldIPv6Dst
	}
	fields := []openflow.LearnField{
		same(pipeline.RegDatapath),
		equal(openflow.FieldEthType, u128(ethType)),
		same(src),
		equal(dst, addrValue(source)),
	}
	if hasPort {
		l4src, l4dst := b.l4()
		fields = append(fields,
			equal(openflow.FieldIPProto, u128(uint64(b.proto))),
			openflow.LearnField{To: openflow.LearnMatch, Dst: openflow.Whole(l4src), Src: openflow.Whole(l4dst)})
	} else {
		fields = append(fields, same(openflow.FieldIPProto))
	}
	fields = append(fields, openflow.LearnField{
		To:    openflow.LearnLoad,
		Dst:   openflow.Bits(pipeline.RegFlags, pipeline.FlagLookupLBHairpinBit, 1),
		Value: u128(1),
	})
	return openflow.LearnSpec{
		Priority: learnedPriority,
		Cookie:   b.origin.cookie,
		Flags:    openflow.LearnDeleteLearned,
		Table:    pipeline.TableChkLBHairpinReply,
		Fields:   fields,
	}
}

// snat builds table 70. Only hairpin packets get here, so the datapath makes no
// difference unless the source is one that load balancers with the same VIP may
// not share.
func (b *hairpinBuild) snat(p vip) {
	source, configured := b.source(p)
	b.out.actions().Ct(openflow.CtSpec{
		Commit:  true,
		ZoneSrc: openflow.Bits(pipeline.RegSNATZone, 0, 16),
		NAT:     &openflow.NATSpec{Src: true, AddrMin: source},
	})
	m := b.out.match()
	b.matchVIP(m, p)
	less := 0
	if p.addr.Port() == 0 {
		less = prioHairpinNoPort
	}
	if !configured {
		b.out.add(b.origin, pipeline.TableCtSNATHairpin, uint16(prioHairpinSNAT+less))
		return
	}
	for _, dp := range b.datapaths() {
		m.SetU(pipeline.RegDatapath, uint64(dp.Key))
		b.out.add(b.origin, pipeline.TableCtSNATHairpin, uint16(prioHairpinSNATPerPath+less))
	}
}

// datapaths are the local switches that use the load balancer.
func (b *hairpinBuild) datapaths() []Datapath {
	var local []Datapath
	for _, uuid := range b.lb.Datapaths {
		if dp, ok := b.v.Datapath(uuid); ok && dp.Local {
			local = append(local, dp)
		}
	}
	for _, group := range []ovsdb.UUID{b.lb.DatapathGroup, b.lb.LSDatapathGroup} {
		if !group.IsZero() {
			local = append(local, b.v.GroupDatapaths(group)...)
		}
	}
	return local
}
