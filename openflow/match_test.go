package openflow

import (
	"testing"

	"pgregory.net/rapid"
)

func fieldGen() *rapid.Generator[Field] {
	return rapid.Custom(func(t *rapid.T) Field {
		return Field(rapid.IntRange(0, int(numFields)-1).Draw(t, "field"))
	})
}

func u128Gen() *rapid.Generator[U128] {
	word := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, 0xff, 0xffff, 0xffffffff, 1 << 63, ^uint64(0)}))
	return rapid.Custom(func(t *rapid.T) U128 { return U128{word.Draw(t, "hi"), word.Draw(t, "lo")} })
}

// TestMatchBuilderModel sets fields and views at random and compares what they
// say with bits kept one by one.
func TestMatchBuilderModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b MatchBuilder
		var regs, regMask [16]uint32
		for range rapid.IntRange(0, 12).Draw(t, "n") {
			v, m := u128Gen().Draw(t, "v"), u128Gen().Draw(t, "m")
			reg := func(n int, v, m uint32) {
				regs[n] = regs[n]&^m | v&m
				regMask[n] |= m
			}
			switch rapid.IntRange(0, 2).Draw(t, "view") {
			case 0:
				n := rapid.IntRange(0, 15).Draw(t, "reg")
				b.SetMasked(Reg(n), v, m)
				reg(n, uint32(v.Lo), uint32(m.Lo))
			case 1:
				n := rapid.IntRange(0, 7).Draw(t, "xreg")
				b.SetMasked(FieldXReg0+Field(n), v, m)
				reg(2*n, uint32(v.Lo>>32), uint32(m.Lo>>32))
				reg(2*n+1, uint32(v.Lo), uint32(m.Lo))
			case 2:
				n := rapid.IntRange(0, 3).Draw(t, "xxreg")
				b.SetMasked(FieldXXReg0+Field(n), v, m)
				for i := range 4 {
					reg(4*n+i, uint32(v.Shr(32*(3-i)).Lo), uint32(m.Shr(32*(3-i)).Lo))
				}
			}
		}
		m := b.Match()
		for n := range 16 {
			want, wantMask := U64(uint64(regs[n]&regMask[n])), U64(uint64(regMask[n]))
			if v, mask := b.Get(Reg(n)); v != want || mask != wantMask {
				t.Fatalf("builder: reg%d is %x/%x, want %x/%x", n, v, mask, want, wantMask)
			}
			v, mask, ok := m.Get(Reg(n))
			if v != want || mask != wantMask || ok == wantMask.IsZero() {
				t.Fatalf("match: reg%d is %x/%x, want %x/%x", n, v, mask, want, wantMask)
			}
		}
	})
}

func randomBuilder(t *rapid.T) MatchBuilder {
	var b MatchBuilder
	for range rapid.IntRange(0, 10).Draw(t, "n") {
		f := fieldGen().Draw(t, "f")
		v := u128Gen().Draw(t, "v")
		if rapid.Bool().Draw(t, "masked") {
			b.SetMasked(f, v, u128Gen().Draw(t, "m").And(MaskN(f.Width())))
		} else {
			b.Set(f, v.And(MaskN(f.Width())))
		}
	}
	return b
}

// TestMatchWith compares the fast way to change one field with taking the match
// apart and building it again.
func TestMatchWith(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := randomBuilder(t)
		m := b.Match()
		b, err := m.Builder() // what the match says of the VLAN tag may be less
		if err != nil {
			t.Fatal(err)
		}
		f := fieldGen().Draw(t, "with")
		v, mask := u128Gen().Draw(t, "v"), f.fullMask()
		if rapid.Bool().Draw(t, "masked") {
			mask = u128Gen().Draw(t, "m").And(f.fullMask())
		}
		got := m.With(f, v, mask)
		b.Unset(f)
		b.SetMasked(f, v, mask)
		if want := b.Match(); got != want {
			t.Fatalf("%x with %s=%x/%x:\n got  %x\n want %x", string(m), f, v, mask, string(got), string(want))
		}
	})
}

func TestDecodeMatchCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := randomBuilder(t)
		m := b.Match()
		got, err := DecodeMatch([]byte(m))
		if err != nil {
			t.Fatal(err)
		}
		if v, mask, _ := m.Get(FieldPacketType); v.IsZero() && mask == MaskN(32) {
			m = m.With(FieldPacketType, U128{}, U128{})
		}
		if got != m {
			t.Fatalf("got  %x\nwant %x", string(got), string(m))
		}
	})
}

// TestDecodeMatchForms decodes what is not canonical.
func TestDecodeMatchForms(t *testing.T) {
	tlv := func(h oxmHeader, v, m U128) []byte {
		masked := !m.IsZero()
		b := v.appendBE(h.append(nil, masked), h.length())
		if masked {
			b = m.appendBE(b, h.length())
		}
		return b
	}
	cat := func(bs ...[]byte) (out []byte) {
		for _, b := range bs {
			out = append(out, b...)
		}
		return out
	}
	var want MatchBuilder
	want.SetU(FieldReg1, 7)
	want.SetU(FieldReg0, 9)
	want.SetU(FieldEthType, 0x800)
	want.SetMasked(FieldIPv4Src, U64(0x0a000000), U64(0xff000000))
	want.SetU(FieldInPort, 4)
	in := cat(
		tlv(nxm1(1, 4), U64(7), U64(0xffffffff)), // superfluous mask
		tlv(nxm1(0, 4), U64(9), U128{}),          // NXM, half of an extended register
		tlv(oxmBasic(44, 4), U128{}, U128{}),     // packet type Ethernet
		tlv(nxm0(7, 4), U64(0x0a010203), U64(0xff000000)),
		tlv(nxm0(3, 2), U64(0x800), U128{}),
		tlv(nxm0(0, 2), U64(4), U128{}),
	)
	if got, err := DecodeMatch(in); err != nil || got != want.Match() {
		t.Errorf("got %v, %v; want %v", got, err, want.Match())
	}
	for name, b := range map[string][]byte{
		"truncated header":  {0x80, 0x00, 0x0a},
		"truncated value":   {0x80, 0x00, 0x0a, 0x02, 0x08},
		"wrong length":      {0x80, 0x00, 0x0a, 0x03, 0x08, 0, 0},
		"odd mask":          {0x80, 0x00, 0x0b, 0x03, 0x08, 0, 0},
		"twice":             cat(tlv(nxm1(1, 4), U64(7), U128{}), tlv(nxm1(1, 4), U64(7), U128{})),
		"short experiment":  {0xff, 0xff, 0x00, 0x02, 0x00, 0x00},
		"register, 8 bytes": {0x00, 0x01, 0x00, 0x08, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		if m, err := DecodeMatch(b); err == nil {
			t.Errorf("%s: decodes to %v", name, m)
		}
	}
	// A field that only a later switch knows.
	unknown := cat([]byte(packetTypeEthernet), tlv(makeOXM(oxmClassExp, 99, 4, 0x2320), U64(1), U128{}))
	m, err := DecodeMatch(unknown)
	if err != nil || string(m) != string(unknown[8:]) {
		t.Errorf("unknown field: %x, %v", string(m), err)
	}
	if again, err := DecodeMatch([]byte(m)); err != nil || again != m {
		t.Errorf("unknown field again: %x, %v", string(again), err)
	}
	if _, err := m.Builder(); err == nil {
		t.Error("builder of unknown field")
	}
	if got := m.String(); got != "<unknown field>" {
		t.Errorf("text of unknown field: %q", got)
	}
}

func TestMatchViews(t *testing.T) {
	var b MatchBuilder
	b.SetMasked(FieldVLANTCI, U64(0x1005), U64(0x1fff))
	if v, m := b.Get(FieldVLANVID); v != U64(0x1005) || m != U64(0x1fff) {
		t.Errorf("vlan_vid %x/%x", v, m)
	}
	b.SetU(FieldVLANPCP, 3)
	if v, m := b.Get(FieldVLANTCI); v != U64(0x7005) || m != U64(0xffff) {
		t.Errorf("vlan_tci %x/%x", v, m)
	}
	b.Unset(FieldVLANTCI)
	b.SetU(FieldIPTOS, 0xb8)
	if v, m := b.Get(FieldIPDSCP); v != U64(46) || m != U64(63) {
		t.Errorf("ip_dscp %x/%x", v, m)
	}
	b.Unset(FieldIPTOS)
	b.SetU(FieldInPort, 0xfffe)
	if v, _ := b.Get(FieldInPortOXM); v != U64(PortLocal) {
		t.Errorf("in_port_oxm %x", v)
	}
	if v, _, ok := b.Match().Get(FieldInPort); !ok || v != U64(0xfffe) {
		t.Errorf("in_port %x", v)
	}
	b.Unset(FieldInPort)
	if !b.IsZero() || b.Match() != "" {
		t.Errorf("left: %v", b.Match())
	}
	b.Set(FieldXXReg3, U128{1, 2})
	c := b
	c.SetU(FieldReg15, 9)
	if v, _ := b.Get(FieldReg15); v != U64(2) {
		t.Error("a copy is not a copy")
	}
}

func TestMatchPatch(t *testing.T) {
	var b MatchBuilder
	b.SetU(FieldMetadata, 5)
	m, sym := ConjMatchSymbol(b.Match(), 5, 2)
	if sym.Kind != SymConjMatch || sym.DP != 5 || sym.N != 2 {
		t.Errorf("symbol %+v", sym)
	}
	b.SetU(FieldConjID, 77)
	if got := m.PatchU32(sym.Offset, 77); got != b.Match() {
		t.Errorf("got %v, want %v", got, b.Match())
	}
	if v, _, ok := m.Get(FieldConjID); !ok || !v.IsZero() {
		t.Errorf("PatchU32 changed what it was given: %v", m)
	}
}

func TestFields(t *testing.T) {
	for f := Field(0); f < numFields; f++ {
		for _, name := range [...]string{fields[f].name, fields[f].alias} {
			if name == "" {
				continue
			}
			if got, ok := FieldByName(name); !ok || got != f {
				t.Errorf("FieldByName(%q) = %v, %v; want %v", name, got, ok, f)
			}
		}
		for _, h := range [...]oxmHeader{fields[f].nxm, fields[f].oxm} {
			if h == 0 && f != FieldInPort {
				continue // in_port's header is zero but for its length
			}
			if got, ok := fieldByHeader(h.class(), h.field(), h.experimenter()); !ok || got != f {
				t.Errorf("header %x of %v finds %v", uint64(h), f, got)
			}
		}
		if (fields[f].bytes == 16) != (wideSlot(f) >= 0) && f < numSlots {
			t.Errorf("%v: %d bytes, wide slot %d", f, fields[f].bytes, wideSlot(f))
		}
		if int(fields[f].bits) > 8*int(fields[f].bytes) {
			t.Errorf("%v: %d bits in %d bytes", f, fields[f].bits, fields[f].bytes)
		}
	}
	if _, ok := FieldByName("nonsense"); ok {
		t.Error("nonsense is a field")
	}
}
