package openflow

import (
	"errors"
	"fmt"
)

// Valid checks the invariants of a flow: nil, or what is wrong. It takes the
// match and the actions apart, so it is for tests and debugging.
func (f *Flow) Valid() error {
	if err := f.valid(); err != nil {
		return fmt.Errorf("openflow: flow %s: %w", f, err)
	}
	return nil
}

func (f *Flow) valid() error {
	m, err := DecodeMatch([]byte(f.Match))
	switch {
	case err != nil:
		return err
	case m != f.Match:
		return fmt.Errorf("match %x is not canonical: %x is", string(f.Match), string(m))
	}
	a, err := DecodeActions([]byte(f.Actions))
	switch {
	case err != nil:
		return err
	case a != f.Actions:
		return fmt.Errorf("actions %x are not canonical: %x are", string(f.Actions), string(a))
	}
	clauses := 0
	n := 0
	for s := range f.Symbols.All() {
		n += symbolHeader + len(s.Content)
		if err := f.validSymbol(&s); err != nil {
			return fmt.Errorf("symbol %+v: %w", s, err)
		}
		if s.Kind == SymConjClause {
			clauses++
		}
	}
	if n != len(f.Symbols) {
		return errors.New("ill-formed symbols")
	}
	switch {
	case f.Kind == FlowConjunction && (clauses == 0 || f.Actions != ""):
		return errors.New("a conjunction flow has clauses and no actions")
	case f.Kind != FlowConjunction && clauses > 0:
		return errors.New("clauses in a flow that is no conjunction flow")
	case f.Kind == FlowDrop && f.Actions != "":
		return errors.New("a drop with actions")
	case f.Kind == FlowAllow && f.Actions == "":
		return errors.New("no actions, and no drop")
	case f.Kind > FlowConjunction:
		return fmt.Errorf("unknown kind %d", f.Kind)
	}
	return nil
}

func (f *Flow) validSymbol(s *Symbol) error {
	var in string
	switch s.Kind {
	case SymGroup:
		in = string(f.Actions)
		g, err := DecodeGroup([]byte(s.Content))
		if err != nil {
			return err
		}
		if string(g.Encode()) != s.Content {
			return errors.New("group is not canonical")
		}
	case SymMeter:
		in = string(f.Actions)
		if s.Content == "" {
			return errors.New("meter without a name")
		}
	case SymConjMatch:
		in = string(f.Match)
		if off, ok := f.Match.ValueOffset(FieldConjID); !ok || off != s.Offset {
			return errors.New("not where conj_id is")
		}
	case SymConjClause:
		if s.NClauses < 2 || s.Clause >= s.NClauses {
			return errors.New("no such clause")
		}
		return nil
	default:
		return errors.New("unknown kind")
	}
	if uint64(s.Offset)+4 > uint64(len(in)) || in[s.Offset:s.Offset+4] != "\x00\x00\x00\x00" {
		return errors.New("no zero where the number goes")
	}
	return nil
}
