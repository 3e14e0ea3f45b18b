package lflow

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// SetKind tells address sets from port groups.
type SetKind uint8

const (
	SetAddresses SetKind = iota
	SetPorts
)

// SetKey names a union of address sets and constants, or of port groups, as it is
// compared with one field. Equal unions have equal keys, so that all matches on
// them share one index of members.
type SetKey struct {
	Kind SetKind
	// Width is the field's, in bits: what decides whether members fit.
	Width uint8
	// DP is the datapath of port groups: the southbound's Port_Group is named
	// "DP_name". 0 for address sets.
	DP uint32
	// Text is the union in canonical form: see MakeSetKey.
	Text string
}

// MakeSetKey makes the key of a union of the sets of the given names and, for
// addresses, of constants. Text is the sorted distinct names, each with its sign,
// then the sorted distinct constants as hexadecimal value/mask, all separated by
// commas.
func MakeSetKey(kind SetKind, dp uint32, width int, names []string, constants []Member) SetKey {
	sign := "$"
	if kind == SetPorts {
		sign = "@"
	}
	names = slices.Clone(names)
	slices.Sort(names)
	parts := make([]string, 0, len(names)+len(constants))
	for _, n := range slices.Compact(names) {
		parts = append(parts, sign+n)
	}
	constants = slices.Clone(constants)
	slices.SortFunc(constants, compareMembers)
	for _, c := range slices.Compact(constants) {
		parts = append(parts, hexText(c.Value)+"/"+hexText(c.Mask))
	}
	return SetKey{Kind: kind, Width: uint8(width), DP: dp, Text: strings.Join(parts, ",")}
}

func compareMembers(a, b Member) int {
	if c := a.Mask.OnesCount() - b.Mask.OnesCount(); c != 0 {
		return c
	}
	if c := a.Value.Cmp(b.Value); c != 0 {
		return c
	}
	return a.Mask.Cmp(b.Mask)
}

// Parts is the inverse of MakeSetKey: names without their sign.
func (k SetKey) Parts() (names []string, constants []Member) {
	for part := range strings.SplitSeq(k.Text, ",") {
		if part == "" {
			continue
		}
		if part[0] == '$' || part[0] == '@' {
			names = append(names, part[1:])
			continue
		}
		value, mask, _ := strings.Cut(part, "/")
		constants = append(constants, Member{parseHexText(value), parseHexText(mask)})
	}
	return names, constants
}

func parseHexText(s string) openflow.U128 {
	v, _ := parseHex(strings.TrimPrefix(s, "0x"))
	return v
}

func (k SetKey) String() string {
	s := "{" + strings.ReplaceAll(k.Text, ",", ", ") + "}"
	if k.Kind == SetPorts {
		s += " on datapath " + strconv.FormatUint(uint64(k.DP), 10)
	}
	return s
}

// ParseMember reads one entry of Address_Set.addresses. ok is false for what is
// no number or address: such entries do not count.
func ParseMember(text string) (c Constant, ok bool) {
	t := scanToken(text, 0)
	if t.Kind != TokenInteger && t.Kind != TokenMasked {
		return c, false
	}
	return Constant{Value: t.Value, Mask: t.Mask, Masked: t.Kind == TokenMasked, Format: t.Format}, true
}

// Member is c as it is compared with a field of width bits; ok is false if it
// does not fit.
func (c *Constant) Member(width int) (m Member, ok bool) {
	if c.Bits() > width {
		return m, false
	}
	m = Member{Value: c.Value, Mask: openflow.MaskN(width)}
	if c.Masked {
		m.Mask = c.Mask
	}
	return m, true
}

// Distinct returns members without repetitions, in an order that depends on them
// only. Members that others contain stay: the C agent keeps their flows, so that
// each can go when its address goes. But a member that tests nothing, such as
// 0.0.0.0/0, stands alone: a set with it is no test.
func Distinct(members []Member) []Member {
	sorted := slices.Clone(members)
	slices.SortFunc(sorted, compareMembers)
	if len(sorted) > 0 && sorted[0].Mask.IsZero() {
		return sorted[:1]
	}
	return slices.Compact(sorted)
}

// setRef is the operand of an exprSet.
type setRef struct {
	field  FieldRef
	groups []string
	// others are comparisons of the same symbol, all relEQ, that belong to the
	// union.
	others []*Expr
	// negated sets are compared with != and can't stay symbolic.
	negated bool
	index   int // in Program.leaves
	name    SetKey
}

func (s *setRef) isPorts() bool { return s.field.Symbol.IsString() }

func (s *setRef) String() string {
	sign := "$"
	if s.field.Symbol.IsString() {
		sign = "@"
	}
	var parts []string
	for _, g := range s.groups {
		parts = append(parts, sign+g)
	}
	for _, o := range s.others {
		if s.field.Symbol.IsString() {
			parts = append(parts, quote(o.port))
		} else {
			parts = append(parts, hexText(o.value)+"/"+hexText(o.mask))
		}
	}
	return strings.Join(parts, ", ")
}

func newSet(f FieldRef, r relop, groups []string, others []*Expr) *Expr {
	if r == relNE {
		for i, o := range others {
			others[i] = negate(o)
		}
	}
	return &Expr{kind: exprSet, sym: f.Symbol, rel: r, set: &setRef{field: f, groups: groups, others: others}}
}

// symbolic tells whether the set can stay one leaf: it must be compared with all
// of a field whose bits can be matched singly, or be a set of ports only from
// groups.
func (s *setRef) symbolic() bool {
	sym := s.field.Symbol
	if sym.IsString() {
		return len(s.others) == 0
	}
	return sym.HasField && sym.Level == LevelOrdinal && !sym.MustCrossproduct &&
		s.field.Ofs == 0 && s.field.Bits == sym.Width
}

// key is the set's name on datapath dp.
func (s *setRef) key(dp uint32) SetKey {
	k := s.name
	if k.Kind == SetPorts {
		k.DP = dp
	}
	return k
}

// makeName sets name: the key without datapath.
func (s *setRef) makeName() {
	sym := s.field.Symbol
	if sym.IsString() {
		s.name = MakeSetKey(SetPorts, 0, 32, s.groups, nil)
		return
	}
	var constants []Member
	if s.symbolic() {
		for _, o := range s.others {
			constants = append(constants, Member{o.value, o.mask})
		}
	}
	s.name = MakeSetKey(SetAddresses, 0, sym.Width, s.groups, constants)
}

// joinSets merges, in an OR, the sets and comparisons of one symbol into one set,
// so that it can stay symbolic.
func joinSets(or *Expr) *Expr {
	if or.kind != exprOr {
		return or
	}
	var out []*Expr
	merged := false
	at := map[*Symbol]int{} // place of a symbol's set in out
	for _, s := range or.subs {
		if s.kind == exprSet && s.rel == relEQ && s.set.symbolic() && !s.sym.IsString() {
			if _, ok := at[s.sym]; !ok {
				at[s.sym] = -1
			}
		}
	}
	for _, s := range or.subs {
		i, ok := at[s.sym]
		joins := ok && s.rel == relEQ && (s.kind == exprCmp || s.kind == exprSet && s.set.symbolic())
		switch {
		case !joins:
			out = append(out, s)
		case i < 0:
			at[s.sym] = len(out)
			out = append(out, s)
		default:
			out[i] = unionOf(out[i], s)
			merged = true
		}
	}
	if !merged {
		return or
	}
	if len(out) == 1 {
		return out[0]
	}
	return &Expr{kind: exprOr, subs: out}
}

// unionOf joins two operands of an OR on one symbol, at least one of which, in
// the end, is a set.
func unionOf(a, b *Expr) *Expr {
	u := &setRef{field: FieldRef{Symbol: a.sym, Bits: a.sym.Width}}
	for _, e := range []*Expr{a, b} {
		if e.kind == exprCmp {
			u.others = append(u.others, e)
		} else {
			u.groups = append(u.groups, e.set.groups...)
			u.others = append(u.others, e.set.others...)
		}
	}
	return &Expr{kind: exprSet, sym: a.sym, set: u}
}
