package lflow

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// packet is the value of every field; absent ones are zero.
type packet map[openflow.Field]openflow.U128

// twinFields is every field that generated matches can test.
var twinFields = []openflow.Field{
	openflow.FieldEthType, openflow.FieldIPProto, openflow.FieldIPv4Src, openflow.FieldIPv4Dst,
	openflow.FieldIPv6Src, openflow.FieldTCPDst, openflow.FieldUDPDst, openflow.FieldXXReg0,
	openflow.FieldXReg4, openflow.FieldCtState, openflow.FieldEthSrc, pipeline.RegInport, pipeline.RegOutport,
}

// holds evaluates e as it was parsed, symbol by symbol: the dumb twin of
// annotating, reducing and placing it.
func holds(t testing.TB, w *matchWorld, e *Expr, p packet) bool {
	switch e.kind {
	case exprBool:
		return e.yes
	case exprCond:
		return w.resident[e.port] != e.not
	case exprAnd:
		return !slices.ContainsFunc(e.subs, func(s *Expr) bool { return !holds(t, w, s, p) })
	case exprOr:
		return slices.ContainsFunc(e.subs, func(s *Expr) bool { return holds(t, w, s, p) })
	case exprSet:
		return setHolds(t, w, e, p)
	}
	sym := e.sym
	if sym.Prereqs != nil && !holds(t, w, sym.Prereqs, p) {
		return false
	}
	if sym.Predicate != nil {
		return holds(t, w, sym.Predicate, p) == ((e.value.Lo&1 == 1) == (e.rel == relEQ))
	}
	f := FieldRef{Symbol: sym, Bits: sym.Width}.Resolve()
	v := p[f.Field].Shr(int(f.Ofs)).And(openflow.MaskN(int(f.Bits)))
	if sym.IsString() {
		key, ok := w.ports[e.port]
		return ok && v.Lo == uint64(key)
	}
	c := v.And(e.mask).Cmp(e.value)
	return [...]bool{c == 0, c != 0, c < 0, c <= 0, c > 0, c >= 0}[e.rel]
}

// setHolds evaluates a comparison with a set member by member. An empty set has
// no prerequisites.
func setHolds(t testing.TB, w *matchWorld, e *Expr, p packet) bool {
	var members []*Expr
	for _, name := range e.set.groups {
		if e.sym.IsString() {
			for _, key := range w.groups[name] {
				for port, k := range w.ports {
					if k == key {
						members = append(members, newCmp(e.set.field, e.rel, &Constant{Text: port}))
					}
				}
			}
			continue
		}
		for _, a := range w.sets[name] {
			c, _ := ParseMember(a)
			members = append(members, newCmp(e.set.field, e.rel, &c))
		}
	}
	for _, o := range e.set.others {
		c := *o
		c.rel = e.rel
		members = append(members, &c)
	}
	test := func(m *Expr) bool { return holds(t, w, m, p) == (e.rel == relEQ) }
	return slices.ContainsFunc(members, test) == (e.rel == relEQ)
}

// fits tells whether p passes m.
func fits(t testing.TB, m openflow.Match, p packet) bool {
	b, err := m.Builder()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range twinFields {
		v, mask := b.Get(f)
		if p[f].And(mask) != v {
			return false
		}
		b.Unset(f)
	}
	b.Unset(pipeline.RegDatapath)
	b.Unset(openflow.FieldConjID)
	if !b.IsZero() {
		t.Fatalf("%s tests a field the packet does not have", m)
	}
	return true
}

// passes tells whether the switch lets p through flows, all of one priority: by
// a flow, or by one whose conjunction has a fitting flow for each clause.
func passes(t testing.TB, flows []*openflow.Flow, p packet) bool {
	type conj struct{ n uint16 }
	clauses := map[conj]map[uint8]bool{}
	total := map[conj]uint8{}
	for _, f := range flows {
		for s := range f.Symbols.All() {
			if s.Kind == openflow.SymConjClause {
				c := conj{s.N}
				total[c] = s.NClauses
				if clauses[c] == nil {
					clauses[c] = map[uint8]bool{}
				}
				if fits(t, f.Match, p) {
					clauses[c][s.Clause] = true
				}
			}
		}
	}
	for _, f := range flows {
		if f.Kind == openflow.FlowConjunction || !fits(t, f.Match, p) {
			continue
		}
		ok := true
		for s := range f.Symbols.All() {
			if s.Kind == openflow.SymConjMatch {
				c := conj{s.N}
				ok = total[c] > 0 && len(clauses[c]) == int(total[c])
			}
		}
		if ok {
			return true
		}
	}
	return false
}

// twinMatch generates the text of a match over few bits of few fields.
type twinMatch struct{ t *rapid.T }

func (g twinMatch) number(bits int) string {
	return fmt.Sprint(rapid.IntRange(0, 1<<bits-1).Draw(g.t, "number"))
}

func (g twinMatch) pick(options ...string) string {
	return rapid.SampledFrom(options).Draw(g.t, "choice")
}

func (g twinMatch) list(one func() string, sets ...string) string {
	if len(sets) > 0 && rapid.IntRange(0, 2).Draw(g.t, "a set") > 0 {
		if rapid.Bool().Draw(g.t, "alone") {
			return g.pick(sets...)
		}
		return "{" + g.pick(sets...) + ", " + one() + ", " + g.pick(sets...) + "}"
	}
	n := rapid.IntRange(1, 3).Draw(g.t, "constants")
	parts := make([]string, n)
	for i := range parts {
		parts[i] = one()
	}
	if n == 1 {
		return parts[0]
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (g twinMatch) comparison(negated bool) string {
	eq := g.pick("==", "==", "==", "!=")
	switch rapid.IntRange(0, 8).Draw(g.t, "field") {
	case 0:
		return g.pick("ip4.src", "ip4.dst") + " " + eq + " " +
			g.list(func() string { return g.pick("0.0.0.0", "0.0.0.1", "0.0.0.2/31", "0.0.0.0/30") }, "$a", "$b", "$none", "$one")
	case 1:
		return "ip6.src " + eq + " " + g.list(func() string { return g.pick("::", "::1", "::2/127") }, "$six")
	case 2:
		return g.pick("reg0", "reg1[0..2]", "reg8", "reg9[1..3]") + " " + eq + " " + g.list(func() string { return g.number(2) })
	case 3:
		return g.pick("tcp.dst", "udp.dst", "reg0[0..2]", "reg8") + " " + g.pick("<", "<=", ">", ">=") + " " + g.number(3)
	case 4:
		return g.number(2) + g.pick(" < ", " <= ") + g.pick("tcp.dst", "reg9[0..2]") + g.pick(" < ", " <= ") + g.number(3)
	case 5:
		rel := "=="
		if negated {
			rel = "!="
		}
		return g.pick("inport", "outport") + " " + rel + " " +
			g.list(func() string { return g.pick(`"p1"`, `"p2"`, `"nobody"`) }, "@g", "@g1", "@g0")
	case 6:
		return g.pick("ct.est", "ct.new", "ct.trk", "ct.inv") + " == " + g.number(1)
	case 7:
		if !negated {
			return g.pick("ip4", "ip6", "tcp", "udp", "ip", "arp", "eth.type == {0x800, 0x86dd}", "ip.proto == {6, 17}")
		}
		return "eth.src[0..1] " + eq + " " + g.number(2)
	}
	return "tcp.dst " + eq + " " + g.list(func() string { return g.number(3) })
}

func (g twinMatch) expression(depth int, negated bool) string {
	kind := rapid.IntRange(0, 9).Draw(g.t, "node")
	switch {
	case depth == 0 || kind < 2:
		return g.comparison(negated)
	case kind == 2:
		return "!(" + g.expression(depth-1, !negated) + ")"
	case kind == 3:
		return g.pick(`is_chassis_resident("p1")`, `!is_chassis_resident("p2")`, "1", "0")
	}
	op := " && "
	if kind > 7 {
		op = " || "
	}
	parts := make([]string, rapid.IntRange(2, 4).Draw(g.t, "operands"))
	for i := range parts {
		parts[i] = g.expression(depth-1, negated)
		if strings.ContainsAny(parts[i], "&|") {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	return strings.Join(parts, op)
}

func drawPacket(t *rapid.T) packet {
	small := func(max uint64) openflow.U128 {
		return openflow.U64(rapid.Uint64Range(0, max).Draw(t, "bits"))
	}
	reg := func() uint64 { return rapid.Uint64Range(0, 9).Draw(t, "reg") }
	p := packet{
		openflow.FieldEthType: openflow.U64(rapid.SampledFrom([]uint64{0x800, 0x800, 0x86dd, 0x806}).Draw(t, "type")),
		openflow.FieldEthSrc:  small(3),
		openflow.FieldXXReg0:  {Hi: reg()<<32 | reg()},
		openflow.FieldXReg4:   {Lo: reg()<<32 | reg()},
		openflow.FieldCtState: small(63),
		pipeline.RegInport:    small(3),
		pipeline.RegOutport:   small(3),
	}
	switch p[openflow.FieldEthType].Lo {
	case 0x800:
		p[openflow.FieldIPv4Src], p[openflow.FieldIPv4Dst] = small(7), small(7)
	case 0x86dd:
		p[openflow.FieldIPv6Src] = small(7)
	default:
		return p
	}
	p[openflow.FieldIPProto] = openflow.U64(rapid.SampledFrom([]uint64{6, 6, 17, 1}).Draw(t, "proto"))
	switch p[openflow.FieldIPProto].Lo {
	case 6:
		p[openflow.FieldTCPDst] = small(9)
	case 17:
		p[openflow.FieldUDPDst] = small(9)
	}
	return p
}

func twinWorld(t testing.TB) *matchWorld {
	w := newMatchWorld()
	w.define(t, `
port p1 1
port p2 2
port p3 3
resident p1
set a 0.0.0.1 0.0.0.2
set b 0.0.0.2 0.0.0.4/31 0.0.0.7
set none
set one 0.0.0.3
set six ::1 ::4/127
group g 1 2
group g1 3
group g0
`)
	return w
}

// TestTwin lets random packets decide whether flows do what their match says.
func TestTwin(t *testing.T) {
	w := twinWorld(t)
	rapid.Check(t, func(rt *rapid.T) {
		text := twinMatch{rt}.expression(rapid.IntRange(0, 3).Draw(rt, "depth"), false)
		e, err := parseExpr(text, Symbols(false))
		if err != nil {
			rt.Fatalf("%s: %v", text, err)
		}
		src := Source{Match: text, Actions: "next;", Ingress: true}
		out, err := placeMatch(Compiler{MaxFlows: 4000}, src, w, Datapath{Key: 3})
		if err != nil {
			if strings.Contains(err.Error(), "more than") {
				return
			}
			rt.Fatalf("%s: %v", text, err)
		}
		expandRows(w, out)
		for range 40 {
			p := drawPacket(rt)
			if want, got := holds(t, w, e, p), passes(t, out.Flows, p); want != got {
				rt.Fatalf("%s\npacket %v: the match says %v, the flows say %v\n%s", text, p, want, got, formatOutput(out))
			}
		}
	})
}

// conjNumber matches the numbers of conjunctions in what formatOutput writes.
var conjNumber = regexp.MustCompile(`(conjunction\(|\[conj )\d+`)

// TestSetsSpelledOut compares matches on sets with the same matches on their
// members: rows have to expand to the flows that the constants make. Constants
// that repeat a member are merged with the set, so that there may be fewer
// conjunctions of the same clauses.
func TestSetsSpelledOut(t *testing.T) {
	w := newMatchWorld()
	w.define(t, "port p1 1\nport p2 2\nport p3 3\nresident p1\nset a 0.0.0.1 0.0.0.5\nset b 0.0.0.6 0.0.0.7\nset none\nset one 0.0.0.3\nset six ::5 ::6\ngroup g 1 2\ngroup g1 3\ngroup g0\n")
	spell := strings.NewReplacer(
		"$a", "0.0.0.1, 0.0.0.5", "$b", "0.0.0.6, 0.0.0.7", "$one", "0.0.0.3", "$six", "::5, ::6",
		"@g1", `"p3"`, "@g", `"p1", "p2"`)
	rapid.Check(t, func(rt *rapid.T) {
		text := twinMatch{rt}.expression(rapid.IntRange(0, 2).Draw(rt, "depth"), false)
		switch {
		case strings.Contains(text, "$none"), strings.Contains(text, "@g0"):
			return // nothing to spell out
		case strings.ContainsAny(text, "!/"):
			return // some constants cover members, which stay only if from a set
		}
		plain := braces(spell, text)
		place := func(text string) (string, int) {
			src := Source{Match: text, Actions: "next;", Ingress: true}
			out, err := placeMatch(Compiler{MaxFlows: 4000}, src, w, Datapath{Key: 3})
			if err != nil {
				if strings.Contains(err.Error(), "more than") {
					return "too many", 0
				}
				rt.Fatalf("%s: %v", text, err)
			}
			expandRows(w, out)
			lines := strings.Split(conjNumber.ReplaceAllString(formatOutput(out), "$1"), "\n")
			slices.Sort(lines)
			return strings.Join(slices.Compact(lines), "\n"), len(out.Flows)
		}
		got, n := place(text)
		want, most := place(plain)
		if got != want || n > most {
			rt.Fatalf("%s\n%s\n%s\n%s", text, got, plain, want)
		}
	})
}

// braces replaces sets by their members, in braces where there are none.
func braces(spell *strings.Replacer, text string) string {
	var b strings.Builder
	inside := false
	for _, word := range strings.SplitAfter(text, " ") {
		trimmed := strings.TrimRight(word, " )")
		inside = inside || strings.HasPrefix(strings.TrimLeft(word, "(!"), "{")
		if strings.ContainsAny(trimmed, "$@") && !inside {
			b.WriteString("{" + spell.Replace(trimmed) + "}" + word[len(trimmed):])
		} else {
			b.WriteString(spell.Replace(word))
		}
		if strings.HasSuffix(trimmed, "}") {
			inside = false
		}
	}
	return b.String()
}
