package openflow

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

func groupCases() []*GroupSpec {
	acts := func(f func(b *ActionBuilder)) Actions {
		var b ActionBuilder
		f(&b)
		return b.Actions()
	}
	out := func(port uint32) Actions { return acts(func(b *ActionBuilder) { b.Output(port) }) }
	lb := func(zone, port uint16) Actions {
		return acts(func(b *ActionBuilder) {
			b.Ct(CtSpec{Commit: true, Table: 20, HasTable: true, ZoneSrc: Bits(FieldReg13, 0, 16),
				NAT:  &NATSpec{Dst: true, Random: true},
				Exec: func(b *ActionBuilder) { b.LoadSub(Bits(FieldCtMark, 1, 1), 1) }})
		})
	}
	return []*GroupSpec{
		{Type: GroupAll},
		{Type: GroupAll, Buckets: []Bucket{{ID: 3, Actions: out(1)}, {ID: 1}, {ID: 0, Actions: acts(func(b *ActionBuilder) {
			b.LoadSub(Whole(FieldReg15), 3)
			b.Resubmit(41)
		})}}},
		{Type: GroupIndirect, Buckets: []Bucket{{ID: 0, Actions: out(2)}}},
		{Type: GroupFF, Buckets: []Bucket{{ID: 0, WatchPort: 1, Actions: out(2)}, {ID: 1, WatchGroup: 1, Actions: out(PortInPort)}}},
		{Type: GroupSelect, Buckets: []Bucket{{ID: 0, Weight: 1, Actions: out(2)}, {ID: 1, Weight: 0}, {ID: 2, Weight: 100}}},
		{Type: GroupSelect, SelectionMethod: "dp_hash", Buckets: []Bucket{{ID: 0, Weight: 100, Actions: lb(1, 2)}, {ID: 1, Weight: 100, Actions: lb(3, 4)}}},
		{Type: GroupSelect, SelectionMethod: "dp_hash", SelectionParam: 1, Buckets: []Bucket{{ID: 0, Weight: 50, WatchPort: PortLocal, Actions: out(3)}}},
		{Type: GroupSelect, SelectionMethod: "hash", Fields: []Field{FieldIPv4Src}, Buckets: []Bucket{{Weight: 1}}},
		{Type: GroupSelect, SelectionMethod: "hash", SelectionParam: 77, Fields: []Field{FieldTCPDst, FieldIPv4Dst, FieldEthSrc, FieldIPv6Src,
			FieldIPProto, FieldEthDst, FieldIPv4Src, FieldUDPSrc, FieldIPv6Dst, FieldTCPSrc, FieldSCTPDst, FieldTCPSrc}, Buckets: []Bucket{{Weight: 1}}},
	}
}

// TestSwitchGivesBackGroups is TestSwitchGivesBack for groups.
func TestSwitchGivesBackGroups(t *testing.T) {
	s := startSwitch(t)
	specs := groupCases()
	for i, g := range specs {
		b := []byte{0, 0, byte(g.Type), 0}
		b = binary.BigEndian.AppendUint32(b, uint32(i+1))
		buckets := g.AppendBuckets(nil)
		b = binary.BigEndian.AppendUint16(b, uint16(len(buckets)))
		b = append(b, 0, 0, 0xff, 0xff, 0xff, 0xff)
		s.send(15, g.AppendProperties(append(b, buckets...)))
	}
	for xid, e := range s.barrier() {
		t.Errorf("message %d: %s", xid, e)
	}
	lines := s.ofctl("dump-groups", "unix:"+s.dir+"/br0.mgmt")
	s.send(18, []byte{0, 7, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc, 0, 0, 0, 0})
	seen := 0
	for more := true; more; {
		typ, _, body := s.recv()
		if typ != 19 {
			t.Fatalf("message of type %d: %x", typ, body)
		}
		more = body[3]&1 != 0
		for body = body[8:]; len(body) > 0; seen++ {
			n := binary.BigEndian.Uint16(body)
			e := body[:n]
			body = body[n:]
			id := binary.BigEndian.Uint32(e[4:])
			g := specs[id-1]
			buckets := int(binary.BigEndian.Uint16(e[8:]))
			tail := e[16:]
			want := g.AppendBuckets(nil)
			if got := tail[:buckets]; string(got) != string(want) {
				t.Errorf("%v: buckets\n\tsent %x\n\tback %x", g, want, got)
			}
			if got, want := tail[buckets:], g.AppendProperties(nil); string(got) != string(want) {
				t.Errorf("%v: properties\n\tsent %x\n\tback %x", g, want, got)
			}
			back, err := DecodeGroupParts(GroupType(e[2]), tail[:buckets], tail[buckets:])
			if err != nil {
				t.Errorf("%v: %v", g, err)
			} else if string(back.Encode()) != string(g.Encode()) {
				t.Errorf("decoded\n\tgot  %v\n\twant %v", back, g)
			}
			text := FormatGroup(id, g)
			if !slices.Contains(lines, text) {
				t.Errorf("text\n\tgot  %s\n\twant one of\n\t%s", text, strings.Join(lines, "\n\t"))
			}
		}
	}
	if seen != len(specs) {
		t.Errorf("%d groups in the dump, not %d", seen, len(specs))
	}
}

func TestGroupEncode(t *testing.T) {
	for _, g := range groupCases() {
		b := g.Encode()
		back, err := DecodeGroup(b)
		if err != nil {
			t.Errorf("%v: %v", g, err)
			continue
		}
		if string(back.Encode()) != string(b) || back.String() != g.String() {
			t.Errorf("got %v, want %v", back, g)
		}
		for n := range b {
			if back, err := DecodeGroup(b[:n]); err == nil && string(back.Encode()) == string(b) {
				t.Errorf("%v: first %d of %d bytes decode", g, n, len(b))
			}
		}
	}
	// More than fits in one message.
	big := GroupSpec{Type: GroupAll}
	var ab ActionBuilder
	for i := range 5000 {
		ab.Reset()
		ab.LoadSub(Whole(FieldReg15), uint64(i))
		ab.Resubmit(41)
		big.Buckets = append(big.Buckets, Bucket{ID: uint32(i), Actions: ab.Actions()})
	}
	back, err := DecodeGroup(big.Encode())
	if err != nil || len(back.Buckets) != len(big.Buckets) {
		t.Fatalf("%d buckets: %v", len(big.Buckets), err)
	}
}

func FuzzGroup(f *testing.F) {
	for _, g := range groupCases() {
		f.Add(g.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := DecodeGroup(b)
		if err != nil {
			return
		}
		_ = g.String()
		enc := g.Encode()
		again, err := DecodeGroup(enc)
		if err != nil {
			t.Fatalf("%x decodes to %x, which does not decode: %v", b, enc, err)
		}
		if enc2 := again.Encode(); string(enc2) != string(enc) {
			t.Fatalf("not idempotent: %x, then %x", enc, enc2)
		}
	})
}
