package lflow

import (
	"net/netip"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// ctNext is "ct_next", "ct_next(dnat)" and "ct_next(snat)".
type ctNext struct {
	snat  bool
	table uint8
}

func (a *ctNext) needs() need { return needDatapath }
func (a *ctNext) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	b.Ct(openflow.CtSpec{ZoneSrc: c.natZone(a.snat), Table: a.table, HasTable: true})
}

func (p *actionParser) ctNext() {
	p.requireSymbol("ip")
	a := ctNext{table: p.nextTable()}
	if p.lex.Accept(TokenLParen) && !p.dnatOrSNAT(&a.snat) {
		return
	}
	p.add(&a)
}

// dnatOrSNAT reads "dnat)" or "snat)".
func (p *actionParser) dnatOrSNAT(snat *bool) bool {
	switch {
	case p.lex.AcceptID("dnat"):
		*snat = false
	case p.lex.AcceptID("snat"):
		*snat = true
	default:
		p.lex.Unexpected("dnat or snat")
		return false
	}
	return p.lex.Expect(TokenRParen)
}

// ctCommit is "ct_commit" and "ct_commit { assignments }".
type ctCommit struct {
	exec     actionList
	zeroSNAT bool
}

// allZeroSNAT keeps addresses as they are but lets the tuple of a connection that
// is only filtered give way to one that is translated.
var allZeroSNAT = openflow.NATSpec{Src: true}

func (a *ctCommit) needs() need { return needDatapath | a.exec.need }
func (a *ctCommit) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	spec := openflow.CtSpec{Commit: true, ZoneSrc: c.ctZone()}
	if a.zeroSNAT {
		spec.NAT = &allZeroSNAT
	}
	if len(a.exec.actions) > 0 {
		spec.Exec = func(b *openflow.ActionBuilder) { c.run(&a.exec, b) }
	}
	start := b.Len()
	b.Ct(spec)
	c.limit(b, start)
}

func (p *actionParser) ctCommit() {
	var a ctCommit
	if p.lex.Kind() == TokenLCurly {
		a.exec = p.block("ip", WriteCtCommit)
	} else {
		p.requireSymbol("ip")
	}
	a.zeroSNAT = p.env.Flag(FlagCtZeroSNAT)
	p.add(&a)
}

// ctCommitZone is "ct_commit_to_zone(zone)" and "ct_commit_nat(zone)".
type ctCommitZone struct {
	snat, nat bool
	table     uint8
}

// natAsIs translates as the connection already is.
var natAsIs openflow.NATSpec

func (a *ctCommitZone) needs() need { return needDatapath }
func (a *ctCommitZone) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	spec := openflow.CtSpec{Commit: true, ZoneSrc: c.natZone(a.snat), Table: a.table, HasTable: true}
	if a.nat {
		spec.NAT = &natAsIs
	}
	b.Ct(spec)
}

func (p *actionParser) ctCommitToZone() {
	p.requireSymbol("ip")
	a := ctCommitZone{table: p.nextTable()}
	if p.lex.Expect(TokenLParen) && p.dnatOrSNAT(&a.snat) {
		p.add(&a)
	}
}

func (p *actionParser) ctCommitNAT() {
	p.requireSymbol("ip")
	a := ctCommitZone{table: p.nextTable(), nat: true}
	if p.lex.Accept(TokenLParen) && !p.dnatOrSNAT(&a.snat) {
		return
	}
	p.add(&a)
}

// natZoneKind says which zone a NAT action uses.
type natZoneKind uint8

const (
	natZoneDNAT natZoneKind = iota
	natZoneSNAT
	natZoneCommon // one zone for both, set per datapath
)

// ctNAT is ct_dnat, ct_snat and their _in_czone forms: without an address they
// undo the translation of a connection, with one they commit a new one.
type ctNAT struct {
	zone   natZoneKind
	table  uint8
	commit bool
	nat    openflow.NATSpec
}

func (a *ctNAT) needs() need {
	if a.zone == natZoneCommon {
		return needDatapath
	}
	return 0
}

func (a *ctNAT) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	zone := dnatZone
	if a.zone == natZoneSNAT || a.zone == natZoneCommon && c.Datapath.SNATZoneCommon {
		zone = snatZone
	}
	b.Ct(openflow.CtSpec{Commit: a.commit, ZoneSrc: zone, Table: a.table, HasTable: true, NAT: &a.nat})
}

// ctNAT reads "", "(address)", "(address, port)" or "(address, low-high)".
func (p *actionParser) ctNAT(dst bool, zone natZoneKind) {
	p.requireSymbol("ip")
	a := ctNAT{zone: zone, table: p.nextTable()}
	if !p.lex.Accept(TokenLParen) {
		p.add(&a)
		return
	}
	addr, ok := p.address()
	if !ok {
		return
	}
	a.commit = true
	a.nat = openflow.NATSpec{Src: !dst, Dst: dst, AddrMin: addr}
	if p.lex.Accept(TokenComma) && !p.portRange(&a.nat) {
		return
	}
	if p.lex.Expect(TokenRParen) {
		p.add(&a)
	}
}

func (p *actionParser) portRange(nat *openflow.NATSpec) bool {
	low, ok := p.uint16("a port number")
	if ok && low == 0 {
		p.lex.Errorf("port 0 can't be translated to")
		return false
	}
	nat.PortMin = low
	if !ok || !p.lex.Accept(TokenHyphen) {
		return ok
	}
	high, ok := p.uint16("a port number")
	if ok && high <= low {
		p.lex.Errorf("ports %d to %d are not a range", low, high)
		return false
	}
	nat.PortMax = high
	// Named rather than left to the datapath, whose choice may change.
	nat.Random = true
	return ok
}

// address reads an IPv4 or IPv6 address.
func (p *actionParser) address() (netip.Addr, bool) {
	t := p.lex.Token()
	a := constantAddr(t.Format, t.Value)
	if t.Kind != TokenInteger || !a.IsValid() {
		p.lex.Unexpected("an IP address")
		return netip.Addr{}, false
	}
	p.lex.Next()
	return a, true
}

// constantAddr is the address that a constant stands for, invalid if it was not
// written as one.
func constantAddr(f NumberFormat, v openflow.U128) netip.Addr {
	var b [16]byte
	for i := range 8 {
		b[i] = byte(v.Hi >> (56 - 8*i))
		b[8+i] = byte(v.Lo >> (56 - 8*i))
	}
	switch f {
	case FormatIPv4:
		return netip.AddrFrom4([4]byte(b[12:]))
	case FormatIPv6:
		return netip.AddrFrom16(b)
	}
	return netip.Addr{}
}

// ctClear is "ct_clear".
type ctClear struct{}

func (ctClear) needs() need                                    { return 0 }
func (ctClear) encode(_ *encodeCtx, b *openflow.ActionBuilder) { b.CtClear() }

func (p *actionParser) ctClear() { p.add(ctClear{}) }
