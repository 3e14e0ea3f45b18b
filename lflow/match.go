package lflow

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// template is an OpenFlow match in which the datapath's key and ports' keys are
// yet to be filled in; they are zero in match.
type template struct {
	match openflow.Match
	dpOfs uint32 // of the low 32 bits of metadata
	// conjOfs is the place of a conjunction's number, or 0.
	conjOfs uint32
	slots   []portSlot
	// What the match demands of the register that switches are pruned by
	// (inport on ingress, outport on egress): the port of slots[pruneSlot] or,
	// with pruneSlot < 0, the key pruneKey.
	pruneSlot int
	pruneKey  uint32
}

// portSlot is a place for the key of a port.
type portSlot struct {
	ofs  uint32
	port int // index of the name in normal.ports
}

// term is what one disjunct of a reduced match makes: one flow, one row if set is
// not nil, or, with clauses, a conjunctive match whose last flow is base.
type term struct {
	base    *template
	set     *setRef
	clauses []clause
}

// clause is one dimension of a conjunctive match: a flow for each item, or a row.
type clause struct {
	items []*template
	set   *setRef // with its template in items[0]
}

// normal is a reduced match.
type normal struct {
	terms []term
	ports []string // names to look up
}

// matchMaker turns a normalised expression into terms.
type matchMaker struct {
	ingress bool
	limit   int
	n       normal
	index   map[string]int // of names in n.ports, once they are many
	flows   int
	seen    map[string]struct{} // identities of terms, once there are two
	expand  []*setRef

	b     openflow.MatchBuilder
	base  openflow.MatchBuilder // what the items of clauses share
	ports []portTest
}

// matchMakers are kept because builders are large.
var matchMakers = sync.Pool{New: func() any { return new(matchMaker) }}

// portTest is a comparison of a port register with a named port.
type portTest struct {
	field openflow.Field
	port  int
}

func makeNormal(e *Expr, ingress bool, limit int) (*normal, []*setRef, error) {
	m := matchMakers.Get().(*matchMaker)
	defer matchMakers.Put(m)
	m.ingress, m.limit, m.n, m.flows = ingress, limit, normal{}, 0
	m.index, m.seen, m.expand = nil, nil, nil
	m.reset()
	switch e.kind {
	case exprBool:
		if e.yes {
			m.add(nil)
		}
	case exprOr:
		for _, s := range e.subs {
			m.disjunct(s)
		}
	default:
		m.disjunct(e)
	}
	if m.flows > limit {
		return nil, nil, &TooManyFlowsError{Limit: limit}
	}
	if len(m.expand) > 0 {
		return nil, m.expand, errExpand
	}
	n := m.n
	return &n, nil, nil
}

func (m *matchMaker) reset() {
	m.b.Reset()
	m.ports = m.ports[:0]
}

// add makes a flow, or a row on set, of what the builder holds. A match that is
// there already is not added again.
func (m *matchMaker) add(set *setRef) {
	t := m.template(false)
	if m.flows++; m.flows > m.limit {
		return
	}
	if set == nil && m.repeats(t) {
		return
	}
	m.n.terms = append(m.n.terms, term{base: t, set: set})
}

// repeats tells whether an ordinary flow like t is there already.
func (m *matchMaker) repeats(t *template) bool {
	if m.seen == nil {
		if len(m.n.terms) == 0 {
			return false
		}
		m.seen = map[string]struct{}{}
		for i := range m.n.terms {
			if u := &m.n.terms[i]; u.set == nil && len(u.clauses) == 0 {
				m.seen[u.base.identity()] = struct{}{}
			}
		}
	}
	key := t.identity()
	_, ok := m.seen[key]
	m.seen[key] = struct{}{}
	return ok
}

// disjunct adds what one operand of the outermost OR makes.
func (m *matchMaker) disjunct(e *Expr) {
	m.reset()
	switch e.kind {
	case exprCmp:
		m.test(e)
		m.add(nil)
	case exprSet:
		m.add(e.set)
	case exprAnd:
		m.conjunct(e)
	}
}

func (m *matchMaker) conjunct(and *Expr) {
	var ors, spread []*Expr
	for _, s := range and.subs {
		switch {
		case s.kind == exprCmp:
			m.test(s)
		case s.kind == exprSet && s.spread:
			spread = append(spread, s)
		default:
			ors = append(ors, s)
		}
	}
	// A row has one set, and no conjunction per member.
	if len(spread) > 1 || len(spread) == 1 && (len(ors) > 1 || len(ors) == 1 && ors[0].kind == exprSet) {
		for _, s := range spread {
			if !slices.Contains(m.expand, s.set) {
				m.expand = append(m.expand, s.set)
			}
		}
		return
	}
	var row *setRef
	if len(spread) == 1 {
		row = spread[0].set
	}
	switch {
	case len(ors) == 0:
		m.add(row)
	case len(ors) == 1 && ors[0].kind == exprSet:
		m.add(ors[0].set)
	case len(ors) == 1:
		m.base = m.b
		ports := len(m.ports)
		for _, alt := range ors[0].subs {
			m.b, m.ports = m.base, m.ports[:ports]
			m.test(alt)
			m.add(row)
			if m.flows > m.limit {
				return
			}
		}
	default:
		m.conjunction(ors)
	}
}

// conjunction adds a conjunctive match with the dimensions ors.
func (m *matchMaker) conjunction(ors []*Expr) {
	t := term{clauses: make([]clause, len(ors))}
	m.base = m.b
	ports := len(m.ports)
	for i, or := range ors {
		c := &t.clauses[i]
		if or.kind == exprSet {
			m.b, m.ports = m.base, m.ports[:ports]
			c.set = or.set
			c.items = []*template{m.template(false)}
			m.flows++
			continue
		}
		c.items = make([]*template, 0, len(or.subs))
		for _, alt := range or.subs {
			m.b, m.ports = m.base, m.ports[:ports]
			m.test(alt)
			c.items = append(c.items, m.template(false))
			if m.flows++; m.flows > m.limit {
				return
			}
		}
	}
	m.b, m.ports = m.base, m.ports[:ports]
	t.base = m.template(true)
	m.flows++
	m.n.terms = append(m.n.terms, t)
}

// test adds one comparison. There is at most one for each symbol.
func (m *matchMaker) test(e *Expr) {
	f := e.sym.Field
	switch {
	case !e.sym.IsString():
		// OpenFlow can't test some bits of such a field, and the reference
		// tests none then: only what negated prerequisites turn into.
		if e.sym.Level != LevelOrdinal && e.mask != openflow.MaskN(8*f.Bytes()) {
			return
		}
		m.b.Unset(f)
		m.b.SetMasked(f, e.value, e.mask)
	case e.keyed:
		m.b.Set(f, e.value)
	case e.port == "none":
		m.b.SetU(f, 0)
	default:
		m.b.SetU(f, 0)
		m.ports = append(m.ports, portTest{f, m.portIndex(e.port)})
	}
}

func (m *matchMaker) portIndex(name string) int {
	const few = 16
	if m.index == nil {
		if i := slices.Index(m.n.ports, name); i >= 0 {
			return i
		}
		if len(m.n.ports) == few {
			m.index = map[string]int{}
			for i, p := range m.n.ports {
				m.index[p] = i
			}
		}
	} else if i, ok := m.index[name]; ok {
		return i
	}
	i := len(m.n.ports)
	if m.index != nil {
		m.index[name] = i
	}
	m.n.ports = append(m.n.ports, name)
	return i
}

// template is what the builder holds, as a template.
func (m *matchMaker) template(conj bool) *template {
	b := &m.b
	dropUnmet(b)
	b.SetU(pipeline.RegDatapath, 0)
	if conj {
		b.SetU(openflow.FieldConjID, 0)
	}
	t := &template{match: b.Match(), pruneSlot: -1}
	ofs, _ := t.match.ValueOffset(pipeline.RegDatapath)
	t.dpOfs = ofs + 4
	if conj {
		t.conjOfs, _ = t.match.ValueOffset(openflow.FieldConjID)
	}
	pruned := pipeline.RegInport
	if !m.ingress {
		pruned = pipeline.RegOutport
	}
	v, _ := b.Get(pruned)
	t.pruneKey = uint32(v.Lo)
	for _, p := range m.ports {
		ofs, _ := t.match.ValueOffset(p.field)
		if (p.field-openflow.FieldReg0)%2 == 1 {
			ofs += 4 // the low half of an extended register
		}
		if p.field == pruned {
			t.pruneSlot = len(t.slots)
		}
		t.slots = append(t.slots, portSlot{ofs, p.port})
	}
	return t
}

// identity is equal for templates that are always filled in to equal matches.
func (t *template) identity() string {
	b := make([]byte, 0, len(t.match)+8*len(t.slots))
	b = append(b, t.match...)
	for _, s := range t.slots {
		b = binary.BigEndian.AppendUint32(b, s.ofs)
		b = binary.BigEndian.AppendUint32(b, uint32(s.port))
	}
	return string(b)
}

// dropUnmet leaves out tests of fields that a packet which passes the other tests
// need not have: no OpenFlow match can have them. They come from negated
// predicates, which negate their prerequisites too.
func dropUnmet(b *openflow.MatchBuilder) {
	is := func(f openflow.Field, values ...uint64) bool {
		v, m := b.Get(f)
		return !m.IsZero() && slices.Contains(values, v.Lo)
	}
	need := func(met bool, fields ...openflow.Field) {
		if met {
			return
		}
		for _, f := range fields {
			b.Unset(f)
		}
	}
	ip4 := is(openflow.FieldEthType, 0x800)
	ip6 := is(openflow.FieldEthType, 0x86dd)
	need(ip4, openflow.FieldIPv4Src, openflow.FieldIPv4Dst)
	need(ip6, openflow.FieldIPv6Src, openflow.FieldIPv6Dst, openflow.FieldIPv6Label)
	need(ip4 || ip6, openflow.FieldIPFrag, openflow.FieldIPDSCP, openflow.FieldIPECN, openflow.FieldIPTTL,
		openflow.FieldIPProto)
	need(is(openflow.FieldEthType, 0x806, 0x8035), openflow.FieldARPOp, openflow.FieldARPSPA,
		openflow.FieldARPTPA, openflow.FieldARPSHA, openflow.FieldARPTHA)
	need(is(openflow.FieldIPProto, 6), openflow.FieldTCPSrc, openflow.FieldTCPDst, openflow.FieldTCPFlags)
	need(is(openflow.FieldIPProto, 17), openflow.FieldUDPSrc, openflow.FieldUDPDst)
	need(is(openflow.FieldIPProto, 132), openflow.FieldSCTPSrc, openflow.FieldSCTPDst)
	need(ip4 && is(openflow.FieldIPProto, 1), openflow.FieldICMPv4Type, openflow.FieldICMPv4Code)
	need(ip6 && is(openflow.FieldIPProto, 58), openflow.FieldICMPv6Type, openflow.FieldICMPv6Code)
	nd := is(openflow.FieldICMPv6Code, 0)
	ns, na := nd && is(openflow.FieldICMPv6Type, 135), nd && is(openflow.FieldICMPv6Type, 136)
	need(ns || na, openflow.FieldNDTarget)
	need(ns, openflow.FieldNDSLL)
	need(na, openflow.FieldNDTLL)
	need(is(openflow.FieldCtNwProto, 1, 6, 17, 58, 132), openflow.FieldCtTpSrc, openflow.FieldCtTpDst)
}
