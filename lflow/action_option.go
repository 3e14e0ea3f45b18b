package lflow

import (
	"slices"
)

// option is "name = constants" in the arguments of an action.
type option struct {
	name string
	DHCPOption
	values []Constant
}

// first is the value of an option that takes one.
func (o *option) first() *Constant { return &o.values[0] }

// options reads "name = constants, …)". find knows the options there are; what
// is their kind, for errors.
func (p *actionParser) options(what string, find func(name string) (DHCPOption, bool)) []option {
	var os []option
	for p.ok() && !p.lex.Accept(TokenRParen) {
		t := p.lex.Token()
		o := option{name: t.Text}
		known := false
		if t.Kind == TokenID {
			o.DHCPOption, known = find(t.Text)
		}
		if !known {
			p.lex.Unexpected("the name of a " + what + " option")
			return nil
		}
		p.lex.Next()
		p.lex.Expect(TokenEquals)
		set, ok := ParseConstantSet(p.lex)
		if !ok {
			return nil
		}
		switch o.Type {
		case "host_id": // an address or a name
		case "str", "domain", "domains":
			if !set.Strings {
				p.lex.Errorf("%s option %s is a string", what, o.name)
			}
		default:
			if set.Strings {
				p.lex.Errorf("%s option %s is a number or an address", what, o.name)
			}
		}
		o.values = set.Values
		os = append(os, o)
		p.lex.Accept(TokenComma)
	}
	return os
}

// optionByCode finds the first option with that code.
func optionByCode(os []option, code uint8) int {
	return slices.IndexFunc(os, func(o option) bool { return o.Code == code })
}
