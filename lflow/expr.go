package lflow

import (
	"strconv"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

type exprKind uint8

const (
	exprCmp  exprKind = iota // sym rel value/mask, or sym rel port
	exprAnd                  // all of subs
	exprOr                   // any of subs
	exprBool                 // yes
	exprCond                 // is_chassis_resident(port), or not
	exprSet                  // sym rel {set}: an OR of comparisons not yet spelled out
)

type relop uint8

const (
	relEQ relop = iota
	relNE
	relLT
	relLE
	relGT
	relGE
)

var relText = [...]string{"==", "!=", "<", "<=", ">", ">="}

// turn is the operator with its operands exchanged.
func (r relop) turn() relop { return [...]relop{relEQ, relNE, relGT, relGE, relLT, relLE}[r] }

// invert is the operator that is true where r is false.
func (r relop) invert() relop { return [...]relop{relNE, relEQ, relGE, relGT, relLE, relLT}[r] }

// Expr is a Boolean expression over symbols. Expressions never change once made
// and share what they have in common.
//
// Invariants:
//  1. exprAnd and exprOr have two or more subs, none of their own kind.
//  2. A comparison's value has no bit outside of its mask.
//  3. After simplify, comparisons are relEQ with a mask that is not zero.
type Expr struct {
	kind exprKind
	rel  relop
	// not negates an exprCond.
	not bool
	// yes is the value of an exprBool.
	yes bool
	// fromSet marks a comparison with a member of an address set. ORs that
	// have one keep their members even where one covers another.
	fromSet bool
	// keyed marks a comparison of a port by its tunnel key, in value.
	keyed bool
	// spread marks an exprSet whose members are disjuncts of a wider OR: it
	// stands for one comparison at a time, never for a dimension of a
	// conjunctive match.
	spread bool

	sym         *Symbol
	value, mask openflow.U128
	port        string // exprCond, or exprCmp of a string symbol
	set         *setRef
	subs        []*Expr
}

var (
	exprTrue  = &Expr{kind: exprBool, yes: true}
	exprFalse = &Expr{kind: exprBool}
)

func boolExpr(b bool) *Expr {
	if b {
		return exprTrue
	}
	return exprFalse
}

// combine joins expressions to one of kind k, exprAnd or exprOr; nils don't
// count. It returns nil if nothing else is there.
func combine(k exprKind, es ...*Expr) *Expr {
	n := 0
	var only *Expr
	for _, e := range es {
		switch {
		case e == nil:
		case e.kind == k:
			n += len(e.subs)
			only = e
		default:
			n++
			only = e
		}
	}
	switch n {
	case 0:
		return nil
	case 1:
		return only
	}
	if only.kind == k && len(only.subs) == n {
		return only
	}
	subs := make([]*Expr, 0, n)
	for _, e := range es {
		switch {
		case e == nil:
		case e.kind == k:
			subs = append(subs, e.subs...)
		default:
			subs = append(subs, e)
		}
	}
	return &Expr{kind: k, subs: subs}
}

// And is a and b; either may be nil for nothing.
func And(a, b *Expr) *Expr { return combine(exprAnd, a, b) }

// negate is the expression that is true where e is false.
func negate(e *Expr) *Expr {
	n := *e
	switch e.kind {
	case exprCmp, exprSet:
		n.rel = e.rel.invert()
	case exprBool:
		return boolExpr(!e.yes)
	case exprCond:
		n.not = !e.not
	case exprAnd, exprOr:
		n.kind = exprAnd + exprOr - e.kind
		n.subs = make([]*Expr, len(e.subs))
		for i, s := range e.subs {
			n.subs[i] = negate(s)
		}
	}
	return &n
}

// fix brings an AND or OR to its invariants: Boolean operands are absorbed or
// decide, a single operand stands for itself.
func fix(k exprKind, subs []*Expr) *Expr {
	short := k == exprOr
	n := 0
	for _, s := range subs {
		if s.kind == exprBool {
			if s.yes == short {
				return boolExpr(short)
			}
			continue
		}
		n++
	}
	if n != len(subs) {
		kept := make([]*Expr, 0, n)
		for _, s := range subs {
			if s.kind != exprBool {
				kept = append(kept, s)
			}
		}
		subs = kept
	}
	switch n {
	case 0:
		return boolExpr(!short)
	case 1:
		return subs[0]
	}
	return &Expr{kind: k, subs: subs}
}

// exprLevel is the level of a predicate that e defines.
func exprLevel(e *Expr) Level {
	switch e.kind {
	case exprCmp, exprSet:
		if e.sym.Level == LevelNominal {
			return LevelNominal
		}
	case exprAnd, exprOr:
		level := LevelOrdinal
		for _, s := range e.subs {
			level = min(level, exprLevel(s))
		}
		return level
	}
	return LevelBoolean
}

// uniqueSymbol is the one symbol that e is about, or nil.
func uniqueSymbol(e *Expr) *Symbol {
	switch e.kind {
	case exprCmp, exprSet:
		return e.sym
	case exprAnd, exprOr:
		var sym *Symbol
		for _, s := range e.subs {
			u := uniqueSymbol(s)
			if u == nil || sym != nil && u != sym {
				return nil
			}
			sym = u
		}
		return sym
	}
	return nil
}

// String is the expression as text that parses to an equal expression.
func (e *Expr) String() string {
	var b strings.Builder
	e.format(&b)
	return b.String()
}

func (e *Expr) format(b *strings.Builder) {
	switch e.kind {
	case exprCmp:
		e.formatCmp(b)
	case exprSet:
		b.WriteString(e.sym.Name + " " + relText[e.rel] + " {" + e.set.String() + "}")
	case exprBool:
		b.WriteByte("01"[b2i(e.yes)])
	case exprCond:
		if e.not {
			b.WriteByte('!')
		}
		b.WriteString("is_chassis_resident(" + quote(e.port) + ")")
	case exprAnd, exprOr:
		op := " && "
		if e.kind == exprOr {
			op = " || "
		}
		for i, s := range e.subs {
			if i > 0 {
				b.WriteString(op)
			}
			if s.kind == exprAnd || s.kind == exprOr {
				b.WriteByte('(')
				s.format(b)
				b.WriteByte(')')
			} else {
				s.format(b)
			}
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (e *Expr) formatCmp(b *strings.Builder) {
	if e.sym.IsString() {
		text := quote(e.port)
		if e.keyed {
			text = hexText(e.value)
		}
		b.WriteString(e.sym.Name + " " + relText[e.rel] + " " + text)
		return
	}
	ofs, n := bitRange(e.mask)
	if n == 1 && (e.rel == relEQ || e.rel == relNE) {
		if (e.value.Bit(ofs) == 1) == (e.rel == relNE) {
			b.WriteByte('!')
		}
		b.WriteString(e.sym.Name)
		if e.sym.Width > 1 {
			b.WriteString("[" + strconv.Itoa(ofs) + "]")
		}
		return
	}
	if n == 0 {
		b.WriteString(e.sym.Name + " " + relText[e.rel] + " " + hexText(e.value) + "/" + hexText(e.mask))
		return
	}
	b.WriteString(formatField(e.sym, ofs, n) + " " + relText[e.rel] + " " + hexText(e.value.Shr(ofs)))
}

// formatField is a symbol with the bits meant, if not all are.
func formatField(s *Symbol, ofs, bits int) string {
	switch {
	case ofs == 0 && bits == s.Width:
		return s.Name
	case bits == 1:
		return s.Name + "[" + strconv.Itoa(ofs) + "]"
	}
	return s.Name + "[" + strconv.Itoa(ofs) + ".." + strconv.Itoa(ofs+bits-1) + "]"
}

// hexText is v as the language writes it: 0 has no prefix.
func hexText(v openflow.U128) string {
	switch {
	case v.Hi != 0:
		lo := strconv.FormatUint(v.Lo, 16)
		return "0x" + strconv.FormatUint(v.Hi, 16) + strings.Repeat("0", 16-len(lo)) + lo
	case v.Lo == 0:
		return "0"
	}
	return "0x" + strconv.FormatUint(v.Lo, 16)
}

var quoter = strings.NewReplacer(`"`, `\"`, `\`, `\\`)

// quote is s as the language writes strings.
func quote(s string) string { return `"` + quoter.Replace(s) + `"` }

// bitRange is the place of the one run of ones in mask; 0, 0 if there is none or
// there are several.
func bitRange(mask openflow.U128) (ofs, n int) {
	if mask.IsZero() {
		return 0, 0
	}
	ofs = mask.TrailingZeros()
	n = mask.OnesCount()
	if mask != openflow.MaskN(n).Shl(ofs) {
		return 0, 0
	}
	return ofs, n
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
