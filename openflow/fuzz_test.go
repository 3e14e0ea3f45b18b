package openflow

import "testing"

// corpus is the matches and actions of the switch test.
func corpus() (ms []Match, as []Actions) {
	for _, cases := range [...][]flowCase{fieldCases(), matchCases(), setFieldCases(), actionCases()} {
		for _, c := range cases {
			var mb MatchBuilder
			var ab ActionBuilder
			if c.match != nil {
				c.match(&mb)
				ms = append(ms, mb.Match())
			}
			if c.acts != nil {
				c.acts(&ab)
				as = append(as, ab.Actions())
			}
		}
	}
	return ms, as
}

func FuzzDecodeMatch(f *testing.F) {
	ms, _ := corpus()
	for _, m := range ms {
		f.Add([]byte(m))
		f.Add([]byte(packetTypeEthernet + m))
		f.Add([]byte(m[len(m)/2:]))
		f.Add([]byte(m + ms[len(m)%len(ms)]))
	}
	for fd := Field(0); fd < numFields; fd++ {
		// The older form, with a mask.
		if h := fields[fd].nxm; h != 0 {
			f.Add(MaskN(128).appendBE(sampleValue(fd).appendBE(h.append(nil, true), h.length()), h.length()))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = Match(b).String()
		m, err := DecodeMatch(b)
		if err != nil {
			return
		}
		_ = m.String()
		again, err := DecodeMatch([]byte(m))
		if err != nil {
			t.Fatalf("%x decodes to %x, which does not decode: %v", b, string(m), err)
		}
		if again != m {
			t.Fatalf("not idempotent: %x, then %x", string(m), string(again))
		}
		mb, err := m.Builder()
		if err != nil {
			return // unknown fields
		}
		if built := mb.Match(); built != m {
			t.Fatalf("decoded %x, built %x", string(m), string(built))
		}
		for field := Field(0); field < numFields; field++ {
			v, mask, ok := m.Get(field)
			bv, bm := mb.Get(field)
			if v != bv || mask != bm || ok == bm.IsZero() {
				t.Fatalf("%v: match says %x/%x, builder %x/%x", field, v, mask, bv, bm)
			}
			if full, _ := mb.Get(FieldInPortOXM); field == FieldInPort && Port32(uint32(v.Lo)) != uint32(full.Lo) {
				continue // a port that 16 bits can't name
			}
			if with := m.With(field, v, mask); with != m {
				t.Fatalf("%x with its own %v: %x", string(m), field, string(with))
			}
		}
	})
}

func FuzzDecodeActions(f *testing.F) {
	_, as := corpus()
	for _, a := range as {
		f.Add([]byte(a))
		// Two lists in one, and one without its end.
		f.Add([]byte(a + as[len(a)%len(as)]))
		f.Add([]byte(a[:len(a)/16*8]))
	}
	for _, c := range replacedForms {
		f.Add([]byte(c.in))
	}
	for _, in := range illFormed() {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = Actions(b).String()
		a, err := DecodeActions(b)
		if err != nil {
			return
		}
		_ = a.String()
		again, err := DecodeActions([]byte(a))
		if err != nil {
			t.Fatalf("%x decodes to %x, which does not decode: %v", b, string(a), err)
		}
		if again != a {
			t.Fatalf("not idempotent: %x, then %x", string(a), string(again))
		}
		LearnTargets(a, func(uint8, uint64) {})
	})
}

func FuzzSymbols(f *testing.F) {
	f.Add(string(SymbolList{{Kind: SymMeter, Offset: 3, Content: "m"}, {Kind: SymConjClause, DP: 1, N: 2, Clause: 3, NClauses: 4}}.Encode()))
	f.Fuzz(func(t *testing.T, s string) {
		l := Symbols(s).List()
		again := l.Encode().List()
		if len(again) != len(l) {
			t.Fatalf("%d symbols, then %d", len(l), len(again))
		}
		for i := range l {
			if l[i] != again[i] {
				t.Fatalf("%+v, then %+v", l[i], again[i])
			}
		}
	})
}
