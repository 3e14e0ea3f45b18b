package lflow

import (
	"net/netip"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

const (
	learnPriority = 32768 // OFP_DEFAULT_PRIORITY

	ecmpIdleTimeout = 20 // seconds
	ecmpHardTimeout = 30 // seconds

	ethTypeIPv4 = 0x0800
	ethTypeIPv6 = 0x86dd
)

// transport is a protocol with ports.
type transport struct {
	number   uint8
	src, dst openflow.Field
}

var transports = map[string]*transport{
	"tcp":  {6, openflow.FieldTCPSrc, openflow.FieldTCPDst},
	"udp":  {17, openflow.FieldUDPSrc, openflow.FieldUDPDst},
	"sctp": {132, openflow.FieldSCTPSrc, openflow.FieldSCTPDst},
}

// transport reads "proto = tcp" or the like.
func (p *actionParser) transport() *transport {
	if !p.argument("proto") {
		return nil
	}
	t := p.lex.Token()
	proto := transports[t.Text]
	if t.Kind != TokenID || proto == nil {
		p.lex.Unexpected("tcp, udp or sctp")
		return nil
	}
	p.lex.Next()
	return proto
}

// copied makes the learned flow match dst against what the packet has in src.
func copied(dst, src openflow.Field) openflow.LearnField {
	return openflow.LearnField{To: openflow.LearnMatch, Dst: openflow.Whole(dst), Src: openflow.Whole(src)}
}

// constant makes the learned flow match dst against a value.
func constant(dst openflow.Field, v uint64) openflow.LearnField {
	return openflow.LearnField{To: openflow.LearnMatch, Dst: openflow.Whole(dst), Value: openflow.U64(v)}
}

// loaded makes the learned flow set dst.
func loaded(dst openflow.Subfield, v openflow.U128) openflow.LearnField {
	return openflow.LearnField{To: openflow.LearnLoad, Dst: dst, Value: v}
}

// ipFields are the fields that differ between IPv4 and IPv6.
func ipFields(ipv6 bool) (ethType uint64, src, dst openflow.Field) {
	if ipv6 {
		return ethTypeIPv6, openflow.FieldIPv6Src, openflow.FieldIPv6Dst
	}
	return ethTypeIPv4, openflow.FieldIPv4Src, openflow.FieldIPv4Dst
}

// commitECMPNexthop is "commit_ecmp_nh(ipv6 = …, proto = …)": it learns that this
// connection came from this MAC, and which packets are its replies.
type commitECMPNexthop struct{ learns [2]openflow.LearnSpec }

func (a *commitECMPNexthop) needs() need { return 0 }
func (a *commitECMPNexthop) encode(_ *encodeCtx, b *openflow.ActionBuilder) {
	b.Learn(a.learns[0])
	b.Learn(a.learns[1])
}

func (p *actionParser) commitECMPNexthop() {
	p.lex.Expect(TokenLParen)
	if !p.argument("ipv6") {
		return
	}
	ipv6, _ := p.boolean()
	p.lex.Expect(TokenComma)
	proto := p.transport()
	if proto == nil || !p.lex.Expect(TokenRParen) {
		return
	}
	ethType, ipSrc, ipDst := ipFields(ipv6)
	learn := func(table uint8, fields ...openflow.LearnField) openflow.LearnSpec {
		flag := loaded(flagBit(pipeline.FlagLookupCommitECMPNHBit), openflow.U64(1))
		return openflow.LearnSpec{
			IdleTimeout: ecmpIdleTimeout, HardTimeout: ecmpHardTimeout, Priority: learnPriority,
			Flags: openflow.LearnDeleteLearned, Table: table, Fields: append(fields, flag),
		}
	}
	metadata := copied(pipeline.RegDatapath, pipeline.RegDatapath)
	p.add(&commitECMPNexthop{[2]openflow.LearnSpec{
		learn(pipeline.TableECMPNexthopMAC,
			metadata,
			copied(openflow.FieldEthSrc, openflow.FieldEthSrc),
			constant(openflow.FieldEthType, ethType),
			copied(ipSrc, ipSrc), copied(ipDst, ipDst),
			constant(openflow.FieldIPProto, uint64(proto.number)),
			copied(proto.src, proto.src), copied(proto.dst, proto.dst)),
		learn(pipeline.TableECMPNexthop, // of replies
			metadata,
			constant(openflow.FieldEthType, ethType),
			copied(ipSrc, ipDst), copied(ipDst, ipSrc),
			constant(openflow.FieldIPProto, uint64(proto.number)),
			copied(proto.src, proto.dst), copied(proto.dst, proto.src)),
	}})
}

// commitLBAff is "commit_lb_aff(vip=…, backend=…, proto=…, timeout=…)": it learns
// which backend a client of the VIP has.
type commitLBAff struct {
	// learns is indexed by whether the datapath is a switch, and is complete
	// but for the cookie.
	learns [2]openflow.LearnSpec
}

func (a *commitLBAff) needs() need { return needDatapath | needOwner }
func (a *commitLBAff) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	l := a.learns[b2i(c.Datapath.Switch)]
	l.Cookie = uint64(c.cookie())
	b.Learn(l)
}

func (p *actionParser) commitLBAff() {
	p.lex.Expect(TokenLParen)
	vip, ok := p.endpoint("vip")
	if !ok {
		return
	}
	backend, ok := p.endpoint("backend")
	if !ok {
		return
	}
	if vip.Addr().Is6() != backend.Addr().Is6() {
		p.lex.Errorf("vip %s and backend %s are of different families", vip.Addr(), backend.Addr())
		return
	}
	var proto *transport
	if vip.Port() != 0 {
		if proto = p.transport(); proto == nil {
			return
		}
		p.lex.Expect(TokenComma)
	}
	if !p.argument("timeout") {
		return
	}
	timeout, ok := p.uint16("a timeout in seconds")
	if !ok || !p.lex.Expect(TokenRParen) {
		return
	}
	consolidated := p.env.Flag(FlagRegisterConsolidation)
	var a commitLBAff
	for i := range a.learns {
		a.learns[i] = openflow.LearnSpec{
			IdleTimeout: timeout, Priority: learnPriority, Flags: openflow.LearnDeleteLearned,
			Table:  pipeline.TableChkLBAffinity,
			Fields: affinityFields(vip, backend, proto, consolidated, i == 1),
		}
	}
	p.add(&a)
}

// affinityFields is what a learned flow of commit_lb_aff matches and does.
func affinityFields(vip, backend netip.AddrPort, proto *transport, consolidated, isSwitch bool) []openflow.LearnField {
	ipv6 := vip.Addr().Is6()
	ethType, ipSrc, ipDst := ipFields(ipv6)
	fs := append(make([]openflow.LearnField, 0, 9),
		copied(pipeline.RegDatapath, pipeline.RegDatapath),
		constant(openflow.FieldEthType, ethType),
		copied(ipSrc, ipSrc),
		openflow.LearnField{To: openflow.LearnMatch, Dst: openflow.Whole(ipDst), Value: addrValue(vip.Addr())})
	if proto != nil {
		fs = append(fs,
			constant(openflow.FieldIPProto, uint64(proto.number)),
			constant(proto.dst, uint64(vip.Port())))
	}
	addrReg := pipeline.RegLBAffIPv4
	switch {
	case ipv6 && isSwitch && !consolidated:
		addrReg = pipeline.RegLBAffSwitchIPv6Old
	case ipv6:
		addrReg = pipeline.RegLBAffIPv6
	}
	fs = append(fs,
		loaded(flagBit(pipeline.FlagUseLBAffSessionBit), openflow.U64(1)),
		loaded(openflow.Whole(addrReg), addrValue(backend.Addr())))
	if backend.Port() != 0 {
		portReg := pipeline.RegLBAffPortOld
		if consolidated {
			portReg = pipeline.RegLBAffPort
		}
		fs = append(fs, loaded(openflow.Bits(portReg, 0, 16), openflow.U64(uint64(backend.Port()))))
	}
	return fs
}

// endpoint reads name = "address" or "address:port" and the comma after it. An
// IPv6 address with a port stands in square brackets, and may without.
func (p *actionParser) endpoint(name string) (netip.AddrPort, bool) {
	if !p.argument(name) {
		return netip.AddrPort{}, false
	}
	text, ok := p.text("an address in quotes")
	if !ok {
		return netip.AddrPort{}, false
	}
	ap, ok := parseEndpoint(text)
	if !ok {
		p.lex.Errorf("%s \"%s\" is no address with or without a port", name, text)
		return ap, false
	}
	return ap, p.lex.Expect(TokenComma)
}

func parseEndpoint(s string) (netip.AddrPort, bool) {
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		if n := len(s); n > 2 && s[0] == '[' && s[n-1] == ']' {
			s = s[1 : n-1]
		}
		var a netip.Addr
		a, err = netip.ParseAddr(s)
		ap = netip.AddrPortFrom(a, 0)
	}
	return ap, err == nil && ap.Addr().Zone() == ""
}
