package lflow

import (
	"net/netip"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// lbKind is one of the load balancing actions.
type lbKind uint8

const (
	lbLabel     lbKind = iota // ct_lb, deprecated: marks connections in ct_label
	lbMark                    // ct_lb_mark
	lbMarkLocal               // ct_lb_mark_local: backends bound here only
)

type lbBackend struct {
	addr netip.Addr
	port uint16 // 0: that of the packet
	name string // lbMarkLocal: logical port of the backend
}

// ctLB sends a new connection to one of several backends.
type ctLB struct {
	kind     lbKind
	table    uint8
	backends []lbBackend
	hash     []openflow.Field // nil: the datapath's hash
	flag     uint64           // further bit to set in the mark, or 0

	built groupCache // not lbMarkLocal: by type of datapath
}

func (a *ctLB) needs() need {
	if a.kind == lbMarkLocal && len(a.backends) > 0 {
		return needDatapath | needPorts
	}
	return needDatapath
}

func (a *ctLB) encode(c *encodeCtx, b *openflow.ActionBuilder) {
	switch {
	case len(a.backends) == 0:
		// The connection is established: only translate.
		b.Ct(openflow.CtSpec{ZoneSrc: c.ctZone(), Table: a.table, HasTable: true, NAT: &natAsIs})
	case a.kind == lbMarkLocal:
		// Buckets keep the numbers they have with all backends present.
		if g := a.group(c, c.View.LocalPortByName); g != "" {
			b.GroupContent(g)
		}
	default:
		b.GroupContent(a.built.get(b2i(c.Datapath.Switch), func() string { return a.group(c, nil) }))
	}
}

// group is the content of the group, "" without buckets. Backends for whose port
// keep is false are left out.
func (a *ctLB) group(c *encodeCtx, keep func(port string) bool) string {
	g := newSelectGroup(a.hash)
	g.Buckets = make([]openflow.Bucket, 0, len(a.backends))
	b := c.nested()
	defer c.release()
	for i := range a.backends {
		k := &a.backends[i]
		if keep != nil && !keep(k.name) {
			continue
		}
		b.Reset()
		b.Ct(openflow.CtSpec{
			Commit: true, ZoneSrc: c.ctZone(), Table: a.table, HasTable: true,
			NAT:  &openflow.NATSpec{Dst: true, AddrMin: k.addr, PortMin: k.port},
			Exec: a.mark,
		})
		g.Buckets = append(g.Buckets, openflow.Bucket{ID: uint32(i), Weight: defaultWeight, Actions: b.Actions()})
	}
	if len(g.Buckets) == 0 {
		return ""
	}
	return string(g.Encode())
}

func (a *ctLB) mark(b *openflow.ActionBuilder) {
	field := openflow.FieldCtMark
	if a.kind == lbLabel {
		field = openflow.FieldCtLabel
	}
	b.LoadSub(openflow.Bits(field, pipeline.CtNATtedBit, 1), 1)
	if a.flag != 0 {
		b.SetFieldMasked(field, openflow.U64(a.flag), openflow.U64(a.flag))
	}
}

// ctLB reads "(backends=…; hash_fields="…"; flag)", all of it optional.
func (p *actionParser) ctLB(kind lbKind) {
	p.requireSymbol("ip")
	a := &ctLB{kind: kind, table: p.nextTable()}
	if !p.lex.Accept(TokenLParen) || p.lex.Accept(TokenRParen) {
		p.add(a)
		return
	}
	if !p.argument("backends") {
		return
	}
	for p.ok() && p.lex.Kind() != TokenSemicolon && p.lex.Kind() != TokenRParen {
		p.backend(a)
		p.lex.Accept(TokenComma)
	}
	if p.lex.Accept(TokenSemicolon) {
		p.lbOptions(a)
	}
	if p.lex.Expect(TokenRParen) {
		p.add(a)
	}
}

// lbOptions reads hash_fields, skip_snat or force_snat; one of them at least.
func (p *actionParser) lbOptions(a *ctLB) {
	if p.lex.AcceptID("hash_fields") {
		a.hash, _ = p.hashFields()
		if !p.lex.Accept(TokenSemicolon) {
			return
		}
	}
	switch {
	case p.lex.AcceptID("skip_snat"):
		a.flag = 1 << pipeline.CtLBSkipSNATBit
	case p.lex.AcceptID("force_snat"):
		a.flag = 1 << pipeline.CtLBForceSNATBit
	default:
		p.lex.Unexpected("skip_snat or force_snat")
	}
}

// backend reads address, address:port, [address] or [address]:port, after
// "port name": if a is for local backends.
func (p *actionParser) backend(a *ctLB) {
	var k lbBackend
	ok := true
	if a.kind == lbMarkLocal {
		if k.name, ok = p.text("the name of the backend's port in quotes"); !ok || !p.lex.Expect(TokenColon) {
			return
		}
	}
	bracket := p.lex.Accept(TokenLSquare)
	if k.addr, ok = p.address(); !ok {
		return
	}
	switch {
	case bracket && !k.addr.Is6():
		p.lex.Errorf("%s stands in square brackets, which are for IPv6 addresses", k.addr)
		return
	case bracket && !p.lex.Expect(TokenRSquare):
		return
	}
	if p.lex.Accept(TokenColon) {
		if k.addr.Is6() && !bracket {
			p.lex.Errorf("an IPv6 address with a port needs square brackets")
			return
		}
		if k.port, ok = p.uint16("a port number"); !ok {
			return
		}
	}
	a.backends = append(a.backends, k)
}
