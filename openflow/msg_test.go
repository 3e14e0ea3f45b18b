package openflow

import (
	"net/netip"
	"reflect"
	"testing"
)

// messages has one of every kind, as full as it can be in version v.
func messages(v Version) []Message {
	var mb MatchBuilder
	mb.SetU(FieldMetadata, 7)
	mb.SetU(FieldReg14, 3)
	match := mb.Match()
	var ab ActionBuilder
	ab.SetFieldMasked(FieldReg0, U64(0x50), U64(0xf0))
	ab.Move(Whole(FieldReg1), Whole(FieldReg2))
	ab.Clone(func(b *ActionBuilder) { b.SetFieldMasked(FieldReg3, U64(1), U64(1)); b.Resubmit(9) })
	ab.Ct(CtSpec{Commit: true, Zone: 3, Exec: func(b *ActionBuilder) { b.SetFieldMasked(FieldCtMark, U64(1), U64(1)) }})
	ab.Resubmit(33)
	actions := ab.Actions()
	ab.Reset()
	ab.Meter(5)
	ab.AppendRaw(actions)
	metered := ab.Actions()
	group := GroupSpec{Type: GroupSelect, SelectionMethod: "dp_hash",
		Buckets: []Bucket{{ID: 0, Weight: 100, Actions: actions}, {ID: 1, Weight: 50, WatchPort: 4, Actions: actions}}}
	bands := []MeterBand{{Type: MeterBandDrop, Rate: 10, Burst: 20}, {Type: MeterBandDSCP, Rate: 5, PrecLevel: 1}}
	mac := [6]byte{1, 2, 3, 4, 5, 6}
	flowDesc := FlowDesc{Table: 9, Priority: 100, Idle: 1, Hard: 2, Flags: 1, Importance: 4, Cookie: 0xabcdef,
		Match: match, Actions: metered, DurationNsec: 1_500_000_002, Packets: 7, Bytes: 700}
	if v == Version15 {
		flowDesc.IdleNsec = 1_000_000_003
	}
	out := []Message{
		&Hello{Versions: 1<<Version14 | 1<<Version15},
		&ErrorMsg{ErrType: 2, Code: 9, Data: []byte{6, 14, 0, 8, 0, 0, 0, 1}},
		&ErrorMsg{ErrType: errTypeExperimenter, Code: 21, Vendor: vendorNicira, Data: []byte("x")},
		&EchoRequest{Data: []byte("ping")}, &EchoReply{Data: []byte("ping")},
		&FeaturesRequest{}, &FeaturesReply{DatapathID: 1 << 40, Buffers: 2, Tables: 254, AuxiliaryID: 1, Capabilities: 0x4f},
		&GetConfigRequest{}, &GetConfigReply{Flags: 1, MissSendLen: 128}, &SetConfig{MissSendLen: 0xffff},
		&BarrierRequest{}, &BarrierReply{},
		&SetAsync{Props: []AsyncProp{{1, 0xff}, {3, 0}}},
		&BundleControl{ID: 9, Kind: BundleCommitRequest, Flags: 3},
		&BundleAdd{ID: 9, Flags: 3, XID: 77, Inner: &FlowMod{Table: 8, Match: match, Actions: metered}},
		&SetPacketInFormat{Format: FormatPacketIn2}, &SetControllerID{ID: 4},
		&TLVTableRequest{}, &TLVTableReply{MaxSpace: 256, MaxFields: 64, Maps: []TLVMap{{0x102, 0x80, 4, 0}}},
		&TLVTableMod{Command: TLVAdd, Maps: []TLVMap{{0x102, 0x80, 4, 63}}},
		&CtFlushZone{Zone: 65535},
		&CtFlush{Proto: 6, Orig: CtTuple{Src: netip.MustParseAddr("10.0.0.1"), DstPort: 80},
			Reply: CtTuple{Dst: netip.MustParseAddr("fd00::1"), SrcPort: 9}, Zone: 5, HasZone: true,
			Mark: 2, MarkMask: 3, Label: U128{Hi: 1}, LabelMask: U128{Hi: 1}},
		&CtFlush{Proto: 1, Orig: CtTuple{ICMPID: 1, ICMPType: 8, ICMPCode: 2}, Mark: 1, MarkMask: ^uint32(0),
			Label: U64(1), LabelMask: MaskN(128), Probe: 99},
		&PacketIn{Packet: []byte("packet"), FullLen: 60, Table: 5, Cookie: 6, Reason: 1, Metadata: match,
			Userdata: []byte{1, 2, 3}, Continuation: []byte{0, 0, 0, 0, 9}},
		&Resume{Packet: []byte("packet"), Table: 5, Cookie: 6, Reason: 1, Metadata: match, Continuation: []byte{0, 0, 0, 0, 9}},
		&PacketOut{InPort: PortController, Actions: actions, Packet: []byte("packet")},
		&FlowMod{Command: FlowDeleteStrict, Table: 9, Priority: 100, Cookie: 1, CookieMask: 2, Match: match},
		&FlowMod{Table: 9, Idle: 1, Hard: 2, Flags: 1, Importance: 2, Actions: metered},
		&GroupMod{Command: GroupModAdd, ID: 7, Spec: group},
		&GroupMod{Command: GroupModDelete, ID: GroupIDAll, Spec: GroupSpec{}},
		&MeterMod{Command: MeterModify, ID: 3, Spec: MeterSpec{Flags: MeterKbps, Bands: bands}},
		&FlowDescRequest{Table: TableAll, Cookie: 1, CookieMask: 3, Match: match},
		&FlowDescReply{More: true, Flows: []FlowDesc{flowDesc, {Table: 1}}},
		&GroupDescRequest{ID: GroupIDAll}, &GroupDescReply{Groups: []GroupDesc{{ID: 1, Spec: group}}},
		&GroupStatsRequest{ID: GroupIDAll},
		&GroupStatsReply{Groups: []GroupStats{{ID: 1, Flows: 2, Buckets: 3, DurationNsec: 5e9 + 1, Packets: 6, Bytes: 7}}},
		&GroupFeaturesRequest{}, &GroupFeaturesReply{Types: 15, Capabilities: 7, MaxGroups: [4]uint32{1, 2, 3, 4}, Actions: [4]uint32{5}},
		&MeterConfigRequest{ID: MeterAll}, &MeterConfigReply{Meters: []MeterDesc{{ID: 1, Spec: MeterSpec{Flags: 1, Bands: bands}}, {ID: 2}}},
		&MeterFeaturesRequest{}, &MeterFeaturesReply{MaxMeters: 1, BandTypes: 2, Capabilities: 3, MaxBands: 4, MaxColor: 5},
		&PortDescRequest{Port: portAny}, &PortDescReply{Ports: []Port{{Number: 1, MAC: mac, Name: "vif0", Config: 1, State: 4}}},
		&PortStatus{Reason: 2, Port: Port{Number: 1, MAC: mac, Name: "vif0"}},
		&FlowMonitorRequest{ID: 1, Flags: MonitorAdd, Table: TableAll, Match: match},
		&FlowMonitorReply{Updates: []FlowUpdate{
			{Event: UpdateAdded, Flow: FlowDesc{Table: 3, Priority: 4, Cookie: 5, Match: match, Actions: actions}},
			{Event: UpdateAbbrev, XID: 99}, {Event: UpdatePaused}}},
		&Unknown{Type: 70, Body: []byte{1, 2}},
	}
	if v == Version15 {
		hash := group
		hash.SelectionMethod, hash.Fields = "hash", []Field{FieldIPv4Src, FieldIPv4Dst}
		out = append(out, &GroupMod{Command: GroupModInsertBucket, ID: 7, BucketID: BucketLast, Spec: hash})
	}
	return out
}

func TestMessagesRoundTrip(t *testing.T) {
	for _, v := range []Version{Version15, Version14} {
		for _, m := range messages(v) {
			b, err := AppendMessage([]byte("before"), v, 77, m)
			if err != nil {
				t.Errorf("%v %T: %v", v, m, err)
				continue
			}
			h, back, err := DecodeMessage(b[len("before"):])
			if err != nil {
				t.Errorf("%v %T: %v\n% x", v, m, err, b)
				continue
			}
			if h.Version != v || h.XID != 77 || int(h.Length) != len(b)-len("before") {
				t.Errorf("%v %T: header %+v", v, m, h)
			}
			if v == Version14 {
				normalize14(m, back)
			}
			if !reflect.DeepEqual(m, back) {
				t.Errorf("%v:\n got %+v\nwant %+v", v, back, m)
			}
		}
	}
}

// normalize14 takes away what OpenFlow 1.4 does not carry.
func normalize14(want, got Message) {
	switch m := want.(type) {
	case *GroupMod:
		if len(m.Spec.Buckets) == 0 {
			m.Spec = got.(*GroupMod).Spec
		}
	}
}

// Every cut of every message is an error or a message, never a panic.
func TestMessagesTruncated(t *testing.T) {
	for _, v := range []Version{Version15, Version14} {
		for _, m := range messages(v) {
			b, err := AppendMessage(nil, v, 77, m)
			if err != nil {
				t.Fatal(err)
			}
			for n := range b {
				cut := append([]byte(nil), b[:n]...)
				if n >= headerLen {
					putU16(cut, 2, n)
				}
				_, _, _ = DecodeMessage(cut)
			}
		}
	}
}

func FuzzDecodeMessage(f *testing.F) {
	for _, v := range []Version{Version15, Version14} {
		for _, m := range messages(v) {
			b, err := AppendMessage(nil, v, 1, m)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, m, err := DecodeMessage(b)
		if err != nil || h.Version != Version15 {
			return
		}
		// What decodes can be encoded, and decodes to the same again.
		again, err := AppendMessage(nil, h.Version, h.XID, m)
		if err != nil {
			return
		}
		_, m2, err := DecodeMessage(again)
		if err != nil {
			t.Fatalf("%+v\nencodes to % x\nwhich does not decode: %v", m, again, err)
		}
		twice, err := AppendMessage(nil, h.Version, h.XID, m2)
		if err != nil || string(twice) != string(again) {
			t.Fatalf("% x\n% x\n%v", again, twice, err)
		}
	})
}

func TestOpenFlow14Refuses(t *testing.T) {
	var move ActionBuilder
	move.Resubmit(1)
	move.Meter(3)
	for _, m := range []Message{
		&GroupMod{Command: GroupModInsertBucket, ID: 1},
		&GroupMod{Spec: GroupSpec{Type: GroupSelect, SelectionMethod: "hash", Fields: []Field{FieldIPv4Src}, Buckets: []Bucket{{}}}},
		&FlowMod{Actions: move.Actions()},
	} {
		if b, err := AppendMessage(nil, Version14, 1, m); err == nil {
			t.Errorf("%+v was encoded: % x", m, b)
		}
	}
}

func TestTooLong(t *testing.T) {
	var b ActionBuilder
	for range 8200 {
		b.Resubmit(1)
	}
	if _, err := AppendMessage(nil, Version15, 1, &FlowMod{Actions: b.Actions()}); err == nil {
		t.Error("a message over 64 KiB was encoded")
	}
	if FitsBundle("", b.Actions()) || !FitsBundle("", b.Actions()[:60000]) {
		t.Error("FitsBundle")
	}
}
