package openflow

import (
	"strings"
	"testing"
)

func TestFlowValid(t *testing.T) {
	var mb MatchBuilder
	mb.SetU(FieldMetadata, 3)
	m := mb.Match()
	acts := func(f func(b *ActionBuilder)) (Actions, Symbols) {
		var b ActionBuilder
		f(&b)
		return b.Actions(), b.Symbols()
	}
	out, _ := acts(func(b *ActionBuilder) { b.Output(1) })
	grouped, group := acts(func(b *ActionBuilder) { b.GroupSymbol(&GroupSpec{Type: GroupAll, Buckets: []Bucket{{Actions: out}}}) })
	_, clause := acts(func(b *ActionBuilder) { b.ConjClause(1, 2, 0, 2) })
	conjMatch, conj := ConjMatchSymbol(m, 1, 2)
	for want, f := range map[string]*Flow{
		"":   {Match: m, Actions: out},
		" 1": {Match: m, Kind: FlowDrop},
		" 2": {Match: m, Actions: grouped, Symbols: group},
		" 3": {Match: m, Kind: FlowConjunction, Symbols: clause},
		" 4": {Match: conjMatch, Actions: out, Symbols: SymbolList{conj}.Encode()},

		"not canonical":      {Match: packetTypeEthernet + m, Actions: out},
		"are not canonical":  {Match: m, Actions: "\x00\x00\x00\x10\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01"},
		"ill-formed symbols": {Match: m, Actions: grouped, Symbols: group[:len(group)-1]},
		"no drop":            {Match: m},
		"a drop with":        {Match: m, Kind: FlowDrop, Actions: out},
		"no conjunction":     {Match: m, Actions: out, Symbols: clause},
		"has clauses":        {Match: m, Kind: FlowConjunction},
		"where conj_id":      {Match: m, Actions: out, Symbols: SymbolList{conj}.Encode()},
		"no zero where":      {Match: m, Actions: grouped.PatchU32(4, 7), Symbols: group},
		"no such clause":     {Match: m, Kind: FlowConjunction, Symbols: SymbolList{{Kind: SymConjClause, Clause: 2, NClauses: 2}}.Encode()},
	} {
		err := f.Valid()
		switch {
		case strings.TrimLeft(want, " 1234") == "":
			if err != nil {
				t.Error(err)
			}
		case err == nil || !strings.Contains(err.Error(), want):
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
