package openflow

import "testing"

var (
	sinkMatch   Match
	sinkActions Actions
)

func buildUsualMatch(b *MatchBuilder) {
	b.SetU(FieldMetadata, 3)
	b.SetU(FieldReg14, 7)
	b.SetSub(Bits(FieldReg10, 4, 1), 1)
	b.SetU(FieldEthType, ethTypeIPv4)
	b.SetU(FieldIPProto, protoTCP)
	b.SetU(FieldTCPDst, 443)
	b.SetMasked(FieldIPv4Src, U64(0x0a000000), U64(0xffffff00))
	b.SetMasked(FieldCtState, U64(CsTrk|CsNew), U64(CsTrk|CsNew|CsInv))
}

func buildUsualActions(b *ActionBuilder) {
	b.LoadSub(Bits(FieldReg10, 0, 1), 1)
	b.Move(Whole(FieldEthSrc), Whole(FieldEthDst))
	b.SetField(FieldEthSrc, U64(0x0a0000000001))
	b.DecTTL()
	b.LoadSub(Whole(FieldReg15), 9)
	b.Ct(CtSpec{Commit: true, Table: 20, HasTable: true, ZoneSrc: Bits(FieldReg13, 0, 16)})
	b.Resubmit(42)
}

// TestAllocations holds what the translation of every flow runs through to what
// it can't do without: the string that is kept.
func TestAllocations(t *testing.T) {
	var mb MatchBuilder
	var ab ActionBuilder
	buildUsualMatch(&mb)
	buildUsualActions(&ab)
	m := mb.Match()
	a := ab.Actions()
	symbols := SymbolList{{Kind: SymMeter, Content: "m"}, {Kind: SymMeter, Content: "n"}}.Encode()
	for _, c := range []struct {
		name string
		max  float64
		f    func()
	}{
		{"MatchBuilder.Match", 1, func() {
			mb.Reset()
			buildUsualMatch(&mb)
			sinkMatch = mb.Match()
		}},
		{"MatchBuilder copy", 0, func() {
			c := mb
			c.SetU(FieldReg15, 3)
			if c.IsZero() {
				t.Fatal("empty")
			}
		}},
		{"Match.With new", 1, func() { sinkMatch = m.With(FieldIPv4Dst, U64(5), MaskN(32)) }},
		{"Match.With register", 1, func() { sinkMatch = m.With(FieldReg15, U64(5), MaskN(32)) }},
		{"Match.With replaced", 1, func() { sinkMatch = m.With(FieldIPv4Src, U64(5), MaskN(32)) }},
		{"Match.With last", 1, func() { sinkMatch = m.With(FieldMetadata, U64(5), MaskN(64)) }},
		{"Match.With in empty", 1, func() { sinkMatch = Match("").With(FieldIPv6Src, U64(5), MaskN(128)) }},
		{"Match.Get", 0, func() { m.Get(FieldReg14) }},
		{"Match.Builder", 0, func() {
			if b, err := m.Builder(); err != nil || b.IsZero() {
				t.Fatal(err)
			}
		}},
		{"Match.PatchU32", 1, func() { sinkMatch = m.PatchU32(4, 5) }},
		{"ActionBuilder.Actions", 1, func() {
			ab.Reset()
			buildUsualActions(&ab)
			sinkActions = ab.Actions()
		}},
		{"Actions.PatchU32", 1, func() { sinkActions = a.PatchU32(4, 5) }},
		{"DecodeMatch", 1, func() { sinkMatch, _ = DecodeMatch([]byte(m)) }},
		{"LearnTargets", 0, func() { LearnTargets(a, func(uint8, uint64) {}) }},
		{"Symbols.All", 0, func() {
			for s := range symbols.All() {
				if s.Content == "" {
					t.Fatal("empty")
				}
			}
		}},
	} {
		if got := testing.AllocsPerRun(200, c.f); got > c.max {
			t.Errorf("%s: %v allocations, want %v at most", c.name, got, c.max)
		}
	}
}

func BenchmarkMatchBuild(b *testing.B) {
	b.ReportAllocs()
	var mb MatchBuilder
	for b.Loop() {
		mb.Reset()
		buildUsualMatch(&mb)
		sinkMatch = mb.Match()
	}
}

func BenchmarkMatchBuilderCopy(b *testing.B) {
	b.ReportAllocs()
	var mb MatchBuilder
	buildUsualMatch(&mb)
	for b.Loop() {
		c := mb
		c.SetU(FieldReg15, 3)
		if c.IsZero() {
			b.Fatal("empty")
		}
	}
}

func BenchmarkMatchWith(b *testing.B) {
	b.ReportAllocs()
	var mb MatchBuilder
	buildUsualMatch(&mb)
	m := mb.Match()
	for b.Loop() {
		sinkMatch = m.With(FieldIPv4Dst, U64(5), MaskN(32))
	}
}

func BenchmarkActionsBuild(b *testing.B) {
	b.ReportAllocs()
	var ab ActionBuilder
	for b.Loop() {
		ab.Reset()
		buildUsualActions(&ab)
		sinkActions = ab.Actions()
	}
}

func BenchmarkDecodeMatch(b *testing.B) {
	b.ReportAllocs()
	var mb MatchBuilder
	buildUsualMatch(&mb)
	raw := []byte(mb.Match())
	for b.Loop() {
		sinkMatch, _ = DecodeMatch(raw)
	}
}

func BenchmarkDecodeActions(b *testing.B) {
	b.ReportAllocs()
	var ab ActionBuilder
	buildUsualActions(&ab)
	raw := []byte(ab.Actions())
	for b.Loop() {
		sinkActions, _ = DecodeActions(raw)
	}
}
