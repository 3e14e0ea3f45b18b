package openflow

import (
	"bytes"
	"reflect"
	"testing"
)

func usualPacketIn(t testing.TB, masked bool) []byte {
	var mb MatchBuilder
	mb.SetU(FieldMetadata, 3)
	mb.SetU(FieldReg14, 7)
	mb.SetU(FieldReg15, 8)
	mb.SetU(FieldInPort, 4)
	if masked {
		mb.SetMasked(FieldCtState, U64(CsTrk|CsNew), U64(CsTrk|CsNew|CsInv))
	}
	frame, err := AppendMessage(nil, Version15, 9, &PacketIn{
		Packet: []byte("packet"), FullLen: 9, Table: 12, Cookie: 0x1234, Reason: ReasonApplyAction,
		Metadata: mb.Match(), Userdata: []byte("\x00\x00\x00\x05\x00\x00\x00\x00args"), Continuation: []byte("go on"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// TestPacketInView: the view says what the copy says, and both reject the same.
func TestPacketInView(t *testing.T) {
	for _, masked := range []bool{false, true} {
		frame := usualPacketIn(t, masked)
		var view PacketIn
		if err := view.Decode(frame); err != nil {
			t.Fatal(err)
		}
		_, m, err := DecodeMessage(frame)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(&view, m) {
			t.Errorf("view %+v, copy %+v", view, m)
		}
		clone := view.Resume().Clone()
		clear(frame)
		if want := m.(*PacketIn).Resume(); !reflect.DeepEqual(clone, want) {
			t.Errorf("the clone changed with the frame: %+v, want %+v", clone, want)
		}
	}
	frame := usualPacketIn(t, false)
	md, userdata, ok := PeekPacketIn(frame)
	if v, _, has := md.Get(FieldReg14); !ok || !has || v.Lo != 7 || userdata[3] != 5 {
		t.Errorf("peeked at %v, %q, %v", md, userdata, ok)
	}
	if _, _, ok := PeekPacketIn(frame[:len(frame)-9]); ok {
		t.Error("a packet-in cut short was accepted")
	}
}

func TestPacketInViewAllocations(t *testing.T) {
	frame := usualPacketIn(t, false)
	var view PacketIn
	if n := testing.AllocsPerRun(100, func() {
		if err := view.Decode(frame); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func FuzzPacketInView(f *testing.F) {
	f.Add(usualPacketIn(f, false))
	f.Add(usualPacketIn(f, true))
	f.Fuzz(func(t *testing.T, frame []byte) {
		var view PacketIn
		err := view.Decode(frame)
		if err != nil {
			return
		}
		// What the view accepts means the same to the copying decoder.
		m, err := decodePacketIn2(&reader{b: frame[experimenterHeaderLen:]})
		if err != nil {
			t.Fatalf("the view accepts what the copy refuses: %v", err)
		}
		if m.Metadata != view.Metadata || !bytes.Equal(m.Packet, view.Packet) || !bytes.Equal(m.Userdata, view.Userdata) ||
			!bytes.Equal(m.Continuation, view.Continuation) || m.Table != view.Table || m.Cookie != view.Cookie {
			t.Fatalf("view %+v, copy %+v", view, *m)
		}
	})
}

func BenchmarkPacketInView(b *testing.B) {
	frame := usualPacketIn(b, false)
	var view PacketIn
	b.ReportAllocs()
	for b.Loop() {
		_ = view.Decode(frame)
	}
}

func BenchmarkPacketInCopy(b *testing.B) {
	frame := usualPacketIn(b, false)
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = DecodeMessage(frame)
	}
}
