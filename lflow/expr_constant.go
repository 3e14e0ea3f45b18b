package lflow

import (
	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Constant is one value: a number (Value, and Mask if Masked) or, in a string
// set, Text.
type Constant struct {
	Text        string
	Value, Mask openflow.U128
	Masked      bool
	Format      NumberFormat
}

// Bits is the least number of bits a field must have to be compared with c.
func (c *Constant) Bits() int {
	switch {
	case c.Masked:
		return c.Mask.Len()
	case c.Format == FormatIPv4:
		return 32
	case c.Format == FormatIPv6:
		return 128
	case c.Format == FormatEthernet:
		return 48
	}
	return c.Value.Len()
}

// ConstantSet is one constant or several in braces, all strings or all numbers.
// Groups names the sets among them: address sets ($name) in a set of numbers,
// port groups (@name) in a set of strings.
type ConstantSet struct {
	Values  []Constant
	Groups  []string
	Strings bool
	Curlies bool // written in braces
}

func (cs *ConstantSet) empty() bool { return len(cs.Values) == 0 && len(cs.Groups) == 0 }

// accept notes that a member of the given type follows; all must agree.
func (cs *ConstantSet) accept(l *Lexer, strings bool) bool {
	if cs.empty() {
		cs.Strings = strings
	}
	if cs.Strings != strings {
		l.Unexpected(map[bool]string{true: "string", false: "number"}[cs.Strings])
		return false
	}
	return true
}

// parseConstant reads one member into cs. Named sets are members only where a
// match is parsed.
func parseConstant(l *Lexer, cs *ConstantSet, groups bool) bool {
	t := l.Token()
	switch t.Kind {
	case TokenString:
		if !cs.accept(l, true) {
			return false
		}
		cs.Values = append(cs.Values, Constant{Text: t.Text})
	case TokenInteger, TokenMasked:
		if !cs.accept(l, false) {
			return false
		}
		cs.Values = append(cs.Values, Constant{
			Value: t.Value, Mask: t.Mask, Masked: t.Kind == TokenMasked, Format: t.Format,
		})
	case TokenMacro, TokenPortGrp:
		if !groups {
			l.Unexpected("constant")
			return false
		}
		if !cs.accept(l, t.Kind == TokenPortGrp) {
			return false
		}
		cs.Groups = append(cs.Groups, t.Text)
	case TokenTemplate:
		l.Errorf("template ^%s is not expanded", t.Text)
		return false
	default:
		l.Unexpected("constant")
		return false
	}
	l.Next()
	return true
}

func parseConstantSet(l *Lexer, groups bool) (cs ConstantSet, ok bool) {
	if !l.Accept(TokenLCurly) {
		return cs, parseConstant(l, &cs, groups)
	}
	cs.Curlies = true
	for {
		if !parseConstant(l, &cs, groups) {
			return cs, false
		}
		l.Accept(TokenComma) // may be left out
		if l.Accept(TokenRCurly) {
			return cs, true
		}
	}
}

// ParseConstantSet reads a constant or a set of them, without named sets. What
// is wrong is left in l.
func ParseConstantSet(l *Lexer) (ConstantSet, bool) { return parseConstantSet(l, false) }

// ParseConstant reads one constant that fits f. What is wrong is left in l.
func ParseConstant(l *Lexer, f FieldRef) (Constant, bool) {
	var cs ConstantSet
	pos := l.Token().Pos
	if !parseConstant(l, &cs, false) || !checkConstants(l, pos, f, &cs) {
		return Constant{}, false
	}
	return cs.Values[0], true
}

// checkConstants makes sure that cs, which began at offset pos, can be compared
// with f or assigned to it.
func checkConstants(l *Lexer, pos int, f FieldRef, cs *ConstantSet) bool {
	if cs.Strings != f.Symbol.IsString() {
		kind := [...]string{"number", "string"}
		l.ErrorfAt(pos, "field %s is a %s, the constant is a %s", f.Symbol.Name,
			kind[b2i(f.Symbol.IsString())], kind[b2i(cs.Strings)])
		return false
	}
	if cs.Strings {
		return true
	}
	for i := range cs.Values {
		if w := cs.Values[i].Bits(); w > f.Symbol.Width {
			l.ErrorfAt(pos, "a constant of %s does not fit field %s of %s", plural(w, "bit"), f.Symbol.Name, plural(f.Symbol.Width, "bit"))
			return false
		}
	}
	return true
}
