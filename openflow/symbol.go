package openflow

import (
	"encoding/binary"
	"errors"
	"iter"
)

// SymbolKind says what a symbol stands for.
type SymbolKind uint8

const (
	// SymGroup: a group's number in Actions, by its content.
	SymGroup SymbolKind = iota + 1
	// SymMeter: a meter's number in Actions, by its name.
	SymMeter
	// SymConjMatch: a conjunction's number in Match.
	SymConjMatch
	// SymConjClause: one clause of a conjunction; it has no place in Actions,
	// which are empty in flows that have clauses.
	SymConjClause
)

// Symbol is one number that a flow refers to by content. A conjunction is
// identified by the flow's Owner with DP and N.
type Symbol struct {
	Kind     SymbolKind
	Clause   uint8  // SymConjClause: which, from 0
	NClauses uint8  // SymConjClause: of how many
	N        uint16 // conjunctions: which of the owner's on DP
	DP       uint32 // conjunctions: datapath
	Offset   uint32 // of the four bytes in Actions or Match
	Content  string // SymGroup: GroupSpec.Encode; SymMeter: the name
}

// SymbolList is the decoded form of Symbols.
type SymbolList []Symbol

// symbolHeader is the fixed part of an encoded symbol:
//
//	kind 1, clause 1, n clauses 1, zero 1, n 2, zero 2, dp 4, offset 4, len 4
const symbolHeader = 20

// Encode is l as a comparable string.
func (l SymbolList) Encode() Symbols {
	if len(l) == 0 {
		return ""
	}
	n := 0
	for i := range l {
		n += symbolHeader + len(l[i].Content)
	}
	b := make([]byte, 0, n)
	for i := range l {
		s := &l[i]
		b = append(b, byte(s.Kind), s.Clause, s.NClauses, 0)
		b = binary.BigEndian.AppendUint16(b, s.N)
		b = append(b, 0, 0)
		b = binary.BigEndian.AppendUint32(b, s.DP)
		b = binary.BigEndian.AppendUint32(b, s.Offset)
		b = binary.BigEndian.AppendUint32(b, uint32(len(s.Content)))
		b = append(b, s.Content...)
	}
	return Symbols(b)
}

// All yields the symbols without allocating. Of an ill-formed string it yields
// what comes before the fault.
func (s Symbols) All() iter.Seq[Symbol] {
	return func(yield func(Symbol) bool) {
		for len(s) > 0 {
			sym, n, err := nextSymbol(s)
			if err != nil || !yield(sym) {
				return
			}
			s = s[n:]
		}
	}
}

// List is s decoded.
func (s Symbols) List() SymbolList { return s.AppendTo(nil) }

// AppendTo is l with what s decodes to.
func (s Symbols) AppendTo(l SymbolList) SymbolList {
	for sym := range s.All() {
		l = append(l, sym)
	}
	return l
}

// encodesTo tells whether l.Encode is s, without making it.
func (l SymbolList) encodesTo(s Symbols) bool {
	i := 0
	for sym := range s.All() {
		if i == len(l) || l[i] != sym {
			return false
		}
		i++
	}
	return i == len(l)
}

func nextSymbol(s Symbols) (sym Symbol, n int, err error) {
	if len(s) < symbolHeader {
		return sym, 0, errors.New("openflow: truncated symbol")
	}
	u32 := func(i int) uint32 {
		return uint32(s[i])<<24 | uint32(s[i+1])<<16 | uint32(s[i+2])<<8 | uint32(s[i+3])
	}
	size := u32(16)
	if uint64(size) > uint64(len(s)-symbolHeader) {
		return sym, 0, errors.New("openflow: truncated symbol")
	}
	n = symbolHeader + int(size)
	return Symbol{
		Kind: SymbolKind(s[0]), Clause: s[1], NClauses: s[2],
		N: uint16(s[4])<<8 | uint16(s[5]), DP: u32(8), Offset: u32(12),
		Content: string(s[symbolHeader:n]),
	}, n, nil
}

// ConjMatchSymbol makes m match the number, zero until assigned, of conjunction
// n of the flow's owner on datapath dp, and returns the symbol that goes with
// it.
func ConjMatchSymbol(m Match, dp uint32, n uint16) (Match, Symbol) {
	m = m.With(FieldConjID, U128{}, MaskN(32))
	off, _ := m.ValueOffset(FieldConjID)
	return m, Symbol{Kind: SymConjMatch, DP: dp, N: n, Offset: off}
}

// ValueOffset is where the value of f begins in m.
func (m Match) ValueOffset(f Field) (off uint32, ok bool) {
	first, _ := f.slots()
	for i := 0; i < len(m); {
		t, err := nextTLV(string(m[i:]))
		if err != nil {
			break
		}
		if t.known && t.field == first {
			return uint32(i + t.size - len(t.body)), true
		}
		i += t.size
	}
	return 0, false
}

// PatchU32 is a with the four bytes at off replaced by v: how a number takes
// the place of a symbol.
func (a Actions) PatchU32(off, v uint32) Actions { return Actions(patchU32(string(a), off, v)) }
