package lflow

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Level says which comparisons make sense on a symbol.
type Level uint8

const (
	// LevelNominal values are only ever equal: ports, protocol numbers, all
	// fields whose bits OpenFlow can't match singly.
	LevelNominal Level = iota
	// LevelBoolean is the level of predicates that are made of ordinals: they
	// may be negated.
	LevelBoolean
	// LevelOrdinal values have an order and bits.
	LevelOrdinal
)

func (l Level) String() string {
	return [...]string{"nominal", "Boolean", "ordinal"}[l]
}

// WriteScope is a set of places in which actions may modify a symbol.
type WriteScope uint8

const (
	WriteDefault  WriteScope = 1 << iota // anywhere
	WriteCtCommit                        // inside ct_commit { … }
)

// OVNField is a field that OpenFlow can't modify: actions on it are done by the
// packet-in loop. It can't be matched.
type OVNField uint8

const (
	OVNFieldNone OVNField = iota
	OVNFieldICMP4FragMTU
	OVNFieldICMP6FragMTU
)

// Symbol is a name that matches and actions can use. It is one of: a field; a
// part of another symbol (Parent); a predicate, short for an expression; an OVN
// field.
//
// Invariants:
//  1. Exactly one of HasField, Parent != nil, Predicate != nil, OVNField != 0.
//  2. Width is 0 for string symbols (ports, by name), else the number of bits.
//  3. Parents are ordinal and have no parent themselves.
//  4. Predicate and Prereqs are annotated already (see annotate).
type Symbol struct {
	Name  string
	Width int

	HasField  bool
	Field     openflow.Field
	Parent    *Symbol
	ParentOfs int
	Predicate *Expr
	OVNField  OVNField

	Level Level
	// Prereqs must hold wherever the symbol is used; nil for none.
	Prereqs *Expr
	// MustCrossproduct symbols are needed as prerequisites of others in the
	// same flow and so can't be a dimension of a conjunctive match.
	MustCrossproduct bool
	// Write is where actions may modify the symbol; 0 is read-only.
	Write WriteScope
}

// IsString tells whether the symbol's values are port names.
func (s *Symbol) IsString() bool { return s.Width == 0 }

// FieldRef names a symbol or some of its bits: reg0, ip4.src[0..7]. For string
// symbols Ofs and Bits are 0.
type FieldRef struct {
	Symbol *Symbol
	Ofs    int
	Bits   int
}

// Resolve returns the OpenFlow field and bits that f stands for. f must not be a
// predicate or an OVN field. A string symbol stands for the whole register.
func (f FieldRef) Resolve() openflow.Subfield {
	s, ofs := f.Symbol, f.Ofs
	for s.Parent != nil {
		ofs += s.ParentOfs
		s = s.Parent
	}
	if s.IsString() {
		return openflow.Whole(s.Field)
	}
	return openflow.Bits(s.Field, ofs, f.Bits)
}

func (f FieldRef) String() string { return formatField(f.Symbol, f.Ofs, f.Bits) }

// CheckType tells what is wrong with using f where a field of bits bits (0 for a
// string) is needed that, if scope is not 0, can be modified in that scope. It
// returns "" if nothing is.
func (f FieldRef) CheckType(bits int, scope WriteScope) string {
	switch {
	case bits != f.Bits && bits != 0 && f.Bits != 0:
		return "field " + f.String() + " has " + plural(f.Bits, "bit") + ", " + plural(bits, "bit") + " are needed"
	case bits != f.Bits && bits != 0:
		return "field " + f.Symbol.Name + " is a string, a number is needed"
	case bits != f.Bits:
		return "field " + f.Symbol.Name + " is a number, a string is needed"
	case scope != 0 && f.Symbol.Write&scope == 0:
		return "field " + f.Symbol.Name + " can't be modified here"
	}
	return ""
}

// Symtab is a set of symbols. It never changes once made.
type Symtab struct {
	byName map[string]*Symbol
}

// Lookup returns the symbol of that name, or nil.
func (t *Symtab) Lookup(name string) *Symbol { return t.byName[name] }
