package openflow

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

func nxRaw(subtype uint16, body ...byte) string {
	b := []byte{0xff, 0xff, 0, 0, 0, 0, 0x23, 0x20}
	b = binary.BigEndian.AppendUint16(b, subtype)
	b = append(b, body...)
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return string(b)
}

// replacedForms are encodings that OpenFlow 1.5 has replaced, and what they are.
var replacedForms = []struct{ name, in, want string }{
	{"reg_load", nxRaw(nxRegLoad, 0x01, 0x0f, 0, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0x12, 0x34),
		"set_field:0x12340/0xffff0->reg0"},
	{"reg_load2", nxRaw(nxRegLoad2, 0, 1, 0xd6, 4, 0, 0, 0, 5), "set_field:0x5->ct_mark"},
	{"reg_move", nxRaw(nxRegMove, 0, 16, 0, 0, 0, 8, 0, 1, 0, 4, 0, 1, 2, 4),
		"move:NXM_NX_REG0[0..15]->NXM_NX_REG1[8..23]"},
	{"dec_ttl", nxRaw(nxDecTTL), "dec_ttl"},
	{"NXM in set_field", "\x00\x19\x00\x10\x00\x00\x0e\x04\x0a\x00\x00\x01\x00\x00\x00\x00", "set_field:10.0.0.1->ip_src"},
	{"superfluous mask", "\x00\x19\x00\x10\x00\x01\xd7\x08\x00\x00\x00\x01\xff\xff\xff\xff", "set_field:0x1->ct_mark"},
	{"value outside mask", "\x00\x19\x00\x10\x00\x01\xd7\x08\x00\x00\x00\x03\x00\x00\x00\x01", "set_field:0x1/0x1->ct_mark"},
	{"dirty padding", "\x00\x00\x00\x10\x00\x00\x00\x01\x00\x00abcdef", "output:1"},
	{"nat ports without address", nxRaw(nxCt, 0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0) + "", "ct(commit)"},
}

// TestDecodeActionsForms decodes encodings that OpenFlow 1.5 has replaced.
func TestDecodeActionsForms(t *testing.T) {
	for _, c := range replacedForms {
		a, err := DecodeActions([]byte(c.in))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := a.String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if again, err := DecodeActions([]byte(a)); err != nil || again != a {
			t.Errorf("%s: not canonical: %x, %v", c.name, string(again), err)
		}
	}
}

// illFormed are actions that no switch accepts.
func illFormed() map[string]string {
	deep := ""
	for range 2 * maxActionDepth {
		deep = nxRaw(nxClone, append(make([]byte, 6), deep...)...)
	}
	return map[string]string{
		"short":              "\x00\x00\x00",
		"length 0":           "\x00\x00\x00\x00\x00\x00\x00\x00",
		"length 12":          "\x00\x00\x00\x0c\x00\x00\x00\x00\x00\x00\x00\x00",
		"beyond the end":     "\x00\x00\x00\x10\x00\x00\x00\x01",
		"short output":       "\x00\x00\x00\x08\x00\x00\x00\x01",
		"short learn":        nxRaw(nxLearn),
		"nested too deep":    deep,
		"bits outside field": nxRaw(nxStackPush, 0, 20, 0, 1, 0, 4, 0, 16),
		"no bits":            nxRaw(nxStackPush, 0, 0, 0, 1, 0, 4, 0, 0),
		"masked header":      nxRaw(nxStackPush, 0, 0, 0, 1, 1, 8, 0, 1),
		"header length":      nxRaw(nxStackPush, 0, 0, 0, 1, 0, 5, 0, 1),
		"both IP versions":   nxRaw(nxNAT, 0, 0, 0, 1, 0, 5, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
		"property length":    nxRaw(nxController2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 1, 0, 0, 0, 0),
		"property type":      nxRaw(nxController2, 0, 0, 0, 0, 0, 0, 0, 9, 0, 4, 0, 0, 0, 0),
		"members":            nxRaw(nxBundle, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
	}
}

func TestDecodeActionsErrors(t *testing.T) {
	for name, in := range illFormed() {
		if a, err := DecodeActions([]byte(in)); err == nil {
			t.Errorf("%s: decodes to %v", name, a)
		}
		_ = Actions(in).String() // must not panic
	}
}

// TestDecodeActionsUnknown keeps what it does not know as it stands.
func TestDecodeActionsUnknown(t *testing.T) {
	for name, in := range map[string]string{
		"action":         "\x00\x77\x00\x08abcd",
		"Nicira action":  nxRaw(200, 1, 2, 3, 4, 5, 6),
		"vendor":         "\xff\xff\x00\x10\x00\x00\x00\x01abcdefgh",
		"field":          nxRaw(nxStackPush, 0, 0, 0, 1, 0x7f<<1, 4, 0, 1),
		"field in clone": nxRaw(nxClone, []byte("\x00\x00\x00\x00\x00\x00"+nxRaw(nxStackPush, 0, 0, 0, 1, 0x7f<<1, 4, 0, 1))...),
		"long option":    "\x00\x19\x00\x10\x00\x01\x50\x08abcdefgh",
	} {
		if a, err := DecodeActions([]byte(in)); err != nil || string(a) != in {
			t.Errorf("%s: %x, %v; want %x", name, string(a), err, in)
		}
	}
}

func TestSymbols(t *testing.T) {
	g := &GroupSpec{Type: GroupSelect, SelectionMethod: "dp_hash", Buckets: []Bucket{{Weight: 100}}}
	var b ActionBuilder
	b.DecTTL()
	b.MeterSymbol("m1")
	b.GroupSymbol(g)
	b.Clone(func(b *ActionBuilder) {
		b.Controller(ControllerSpec{Reason: ReasonAction, UserData: []byte("hello"), MeterSymbol: "m2"})
	})
	b.ConjClause(7, 2, 1, 3)
	l := b.Symbols().List()
	if len(l) != 4 {
		t.Fatalf("%d symbols", len(l))
	}
	a := b.Actions()
	for i, want := range []Symbol{
		{Kind: SymMeter, Offset: 12, Content: "m1"},
		{Kind: SymGroup, Offset: 20, Content: string(g.Encode())},
		{Kind: SymMeter, Offset: l[2].Offset, Content: "m2"},
		{Kind: SymConjClause, DP: 7, N: 2, Clause: 1, NClauses: 3},
	} {
		if l[i] != want {
			t.Errorf("symbol %d: %+v, want %+v", i, l[i], want)
		}
		if want.Kind != SymConjClause {
			a = a.PatchU32(l[i].Offset, uint32(100+i))
		}
	}
	const want = "dec_ttl,meter:100,group:101,clone(controller(userdata=68.65.6c.6c.6f,meter_id=102))"
	if got := a.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if strings.Contains(b.Actions().String(), "102") {
		t.Error("PatchU32 changed what it was given")
	}

	// A list within another moves.
	var c ActionBuilder
	c.PopVLAN()
	c.AppendSymbolic(b.Actions(), b.Symbols())
	if got := c.Symbols().List(); len(got) != 4 || got[0].Offset != 20 || got[3].Offset != l[3].Offset {
		t.Errorf("appended: %+v", got)
	}
	if !slices.Equal(l, l.Encode().List()) {
		t.Error("encode and list differ")
	}
	for n := range b.Symbols() {
		b.Symbols()[:n].List() // must not panic
	}
	if (SymbolList)(nil).Encode() != "" {
		t.Error("no symbols are not the empty string")
	}
}
