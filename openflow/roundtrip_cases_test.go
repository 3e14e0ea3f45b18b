package openflow

import "net/netip"

func matchCases() []flowCase {
	m := func(name string, f func(b *MatchBuilder)) flowCase { return flowCase{name: name, match: f} }
	return []flowCase{
		m("everything", func(b *MatchBuilder) {}),
		m("regs pair", func(b *MatchBuilder) {
			b.SetU(FieldReg14, 1)
			b.SetU(FieldReg15, 0x8001)
			b.SetU(FieldMetadata, 3)
		}),
		m("reg10 bit", func(b *MatchBuilder) {
			b.SetSub(Bits(FieldReg10, 4, 1), 1)
			b.SetSub(Bits(FieldReg10, 7, 1), 0)
			b.SetU(FieldReg15, 1)
		}),
		m("xxreg and reg", func(b *MatchBuilder) {
			b.Set(FieldXXReg1, U128{1, 2})
			b.SetU(FieldReg5, 9)
			b.SetSub(Bits(FieldXReg0, 20, 24), 0xabcdef)
		}),
		m("in_port local", func(b *MatchBuilder) { b.SetU(FieldInPort, 0xfffe) }),
		m("in_port local oxm", func(b *MatchBuilder) { b.SetU(FieldInPortOXM, PortLocal) }),
		m("no vlan", func(b *MatchBuilder) { b.SetMasked(FieldVLANTCI, U128{}, U64(0x1000)) }),
		m("no vlan exact", func(b *MatchBuilder) { b.SetMasked(FieldVLANTCI, U128{}, U64(0x1fff)) }),
		m("any vlan", func(b *MatchBuilder) { b.SetMasked(FieldVLANTCI, U64(0x1000), U64(0x1000)) }),
		m("vlan 42", func(b *MatchBuilder) { b.SetMasked(FieldVLANTCI, U64(0x1000|42), U64(0x1fff)) }),
		m("vlan 42 pcp 3", func(b *MatchBuilder) { b.SetMasked(FieldVLANTCI, U64(3<<13|0x1000|42), U64(0xffff)) }),
		m("vlan pcp", func(b *MatchBuilder) { b.SetMasked(FieldVLANTCI, U64(3<<13|0x1000), U64(0xf000)) }),
		m("vlan part", func(b *MatchBuilder) { b.SetMasked(FieldVLANTCI, U64(0x1004), U64(0x1ffc)) }),
		m("ct_state new", func(b *MatchBuilder) { b.SetMasked(FieldCtState, U64(CsNew|CsTrk), U64(CsNew|CsTrk|CsEst)) }),
		m("ct_state byte", func(b *MatchBuilder) { b.SetMasked(FieldCtState, U64(CsNew|CsTrk), U64(0xff)) }),
		m("ct_state byte none", func(b *MatchBuilder) { b.SetMasked(FieldCtState, U64(0), U64(0xff)) }),
		m("ct_label bit", func(b *MatchBuilder) { b.SetSub(Bits(FieldCtLabel, 1, 1), 1) }),
		m("ct_label high", func(b *MatchBuilder) { b.SetSub(Bits(FieldCtLabel, 96, 16), 0xbeef) }),
		m("ipv4 cidr", func(b *MatchBuilder) {
			b.SetU(FieldEthType, ethTypeIPv4)
			b.SetMasked(FieldIPv4Src, U64(0x0a000000), U64(0xff000000))
			b.SetMasked(FieldIPv4Dst, U64(0x0a000001), U64(0xff0000ff))
		}),
		m("ipv6 cidr", func(b *MatchBuilder) {
			b.SetU(FieldEthType, ethTypeIPv6)
			b.SetMasked(FieldIPv6Src, U128{0xfe80 << 48, 0}, MaskN(128).AndNot(MaskN(64)))
			b.SetMasked(FieldIPv6Dst, U128{0, 0x01020304}, MaskN(128).AndNot(MaskN(3)))
		}),
		m("ipv6 mapped", func(b *MatchBuilder) {
			b.SetU(FieldEthType, ethTypeIPv6)
			b.Set(FieldIPv6Src, U128{0, 0xffff0a000001})
			b.Set(FieldIPv6Dst, U128{0, 1})
		}),
		m("ipv6 zeros", func(b *MatchBuilder) {
			b.SetU(FieldEthType, ethTypeIPv6)
			b.Set(FieldIPv6Src, U128{0x2001000000000001, 0x0000000000000001})
			b.Set(FieldIPv6Dst, U128{0x2001000000010001, 0x0001000000010001})
		}),
		m("ip any", func(b *MatchBuilder) { b.SetU(FieldEthType, ethTypeIPv4) }),
		m("ip proto 89", func(b *MatchBuilder) { b.SetU(FieldEthType, ethTypeIPv4); b.SetU(FieldIPProto, 89) }),
		m("ipv6 proto 89", func(b *MatchBuilder) { b.SetU(FieldEthType, ethTypeIPv6); b.SetU(FieldIPProto, 89) }),
		m("ipv6 tcp", func(b *MatchBuilder) {
			b.SetU(FieldEthType, ethTypeIPv6)
			b.SetU(FieldIPProto, protoTCP)
			b.SetMasked(FieldTCPDst, U64(0x1f90), U64(0xfff0))
			b.SetMasked(FieldTCPFlags, U64(0x12), U64(0x17))
		}),
		m("ipv6 sctp", func(b *MatchBuilder) {
			b.SetU(FieldEthType, ethTypeIPv6)
			b.SetU(FieldIPProto, protoSCTP)
			b.SetU(FieldSCTPDst, 80)
		}),
		m("ipv4 icmp proto in v6", func(b *MatchBuilder) {
			b.SetU(FieldEthType, ethTypeIPv6)
			b.SetU(FieldIPProto, protoICMP)
		}),
		m("tcp flags exact", func(b *MatchBuilder) {
			b.SetU(FieldEthType, ethTypeIPv4)
			b.SetU(FieldIPProto, protoTCP)
			b.SetMasked(FieldTCPFlags, U64(2), U64(0xffff))
		}),
		m("nw_frag later", func(b *MatchBuilder) {
			b.SetU(FieldEthType, ethTypeIPv4)
			b.SetMasked(FieldIPFrag, U64(FragLater), U64(FragLater))
		}),
		m("nw_frag not_later", func(b *MatchBuilder) {
			b.SetU(FieldEthType, ethTypeIPv4)
			b.SetMasked(FieldIPFrag, U64(0), U64(FragLater))
		}),
		m("nw_frag later exact", func(b *MatchBuilder) {
			b.SetU(FieldEthType, ethTypeIPv4)
			b.SetU(FieldIPFrag, 3)
		}),
		m("rarp", func(b *MatchBuilder) { b.SetU(FieldEthType, ethTypeRARP); b.SetU(FieldARPOp, 3) }),
		m("mpls mcast", func(b *MatchBuilder) { b.SetU(FieldEthType, ethTypeMPLSMcast); b.SetU(FieldMPLSLabel, 99) }),
		m("eth mcast", func(b *MatchBuilder) {
			b.SetMasked(FieldEthDst, U64(0x010000000000), U64(0x010000000000))
			b.SetU(FieldEthSrc, 0x0a0000000001)
		}),
		m("tunnel", func(b *MatchBuilder) {
			b.SetU(FieldTunID, 0x12)
			b.SetU(FieldTunSrc, 0x0a000001)
			b.SetU(FieldTunDst, 0x0a000002)
			b.SetU(TunMetadata(0), 0x00010002)
			b.SetU(FieldInPort, 3)
		}),
		m("tunnel option, narrow mask", func(b *MatchBuilder) { b.SetMasked(TunMetadata(0), U64(0), U64(0xffff)) }),
		m("tun_flags", func(b *MatchBuilder) { b.SetMasked(FieldTunFlags, U64(0), U64(1)) }),
		m("all at once", func(b *MatchBuilder) {
			b.SetU(FieldMetadata, 0xffffffffffffffff)
			b.SetU(FieldCtMark, 1)
			b.SetU(FieldCtZone, 77)
			b.SetMasked(FieldCtState, U64(CsTrk), U64(CsTrk))
			b.SetU(FieldPktMark, 5)
			b.SetU(FieldReg0, 1)
			b.SetU(FieldReg15, 0)
			b.SetU(FieldTunID, 0)
			b.SetU(FieldEthType, ethTypeIPv4)
			b.SetU(FieldIPProto, protoUDP)
			b.SetU(FieldUDPSrc, 53)
			b.SetU(FieldUDPDst, 0)
			b.SetU(FieldIPTTL, 1)
			b.SetU(FieldIPTOS, 0x08)
			b.SetU(FieldIPECN, 2)
			b.SetU(FieldIPv4Src, 0)
			b.SetU(FieldEthSrc, 0)
			b.SetMasked(FieldVLANTCI, U64(0x1001), U64(0x1fff))
			b.SetU(FieldInPort, 1)
			b.SetU(FieldConjID, 4)
		}),
	}
}

func ipv4Match(b *MatchBuilder) {
	b.SetU(FieldEthType, ethTypeIPv4)
	b.SetU(FieldIPProto, protoTCP)
	b.SetMasked(FieldVLANTCI, U64(0x1000), U64(0x1000))
}

// setFieldCases sets every field that may be set, whole and in part.
func setFieldCases() (cases []flowCase) {
	for f := Field(0); f < numFields; f++ {
		if !f.Writable() || f.isTunMetadata() && f > FieldTunMetadata0+1 || fields[f].oxm == 0 {
			continue
		}
		if f >= FieldNSHFlags && f <= FieldNSHC4 {
			continue // of packets that OVN never has
		}
		if f == FieldInPortOXM {
			continue // actions know FieldInPort only
		}
		v := sampleValue(f)
		pre := func(b *MatchBuilder) {
			prerequisites(b, f)
			if f == FieldVLANVID {
				b.SetMasked(FieldVLANVID, U64(vlanPresent), U64(vlanPresent))
			}
		}
		add := func(name string, acts func(b *ActionBuilder)) {
			if f == FieldCtMark || f == FieldCtLabel {
				inner := acts // may be set by ct only
				acts = func(b *ActionBuilder) { b.Ct(CtSpec{Commit: true, Exec: inner}) }
			}
			cases = append(cases, flowCase{name: "set " + f.Name() + name, match: pre, acts: acts})
		}
		add("", func(b *ActionBuilder) { b.SetField(f, v) })
		if f == FieldVLANVID {
			continue // loads go to FieldVLANTCI
		}
		add(" load", func(b *ActionBuilder) { b.LoadSub128(Whole(f), v) })
		if f == FieldCtMark || f == FieldCtLabel {
			add(" move", func(b *ActionBuilder) { b.Move(Whole(FieldReg0), Bits(f, 0, 32)) })
			add(" bits", func(b *ActionBuilder) { b.LoadSub128(Bits(f, 3, 2), v) })
			continue
		}
		add(" push pop", func(b *ActionBuilder) { b.Push(Whole(f)); b.Pop(Whole(f)) })
		if w := f.Width(); w > 1 && f != FieldVLANPCP {
			add(" low", func(b *ActionBuilder) { b.LoadSub128(Bits(f, 0, w/2), v) })
			if f != FieldARPOp { // of which the switch has eight bits
				add(" high", func(b *ActionBuilder) { b.LoadSub128(Bits(f, w/2, w-w/2), v) })
			}
			add(" move", func(b *ActionBuilder) {
				n := min(w-1, 31)
				b.Move(Bits(FieldReg0, 1, n), Bits(f, w-n, n))
				b.Move(Bits(f, 0, n), Bits(FieldReg7, 0, n))
			})
		}
	}
	return cases
}

func actionCases() []flowCase {
	a := func(name string, f func(b *ActionBuilder)) flowCase {
		return flowCase{name: name, match: ipv4Match, acts: f}
	}
	newer := func(since string, c flowCase) flowCase { c.since = since; return c }
	ip4 := netip.MustParseAddr("172.16.0.1")
	ip4b := netip.MustParseAddr("172.16.0.9")
	ip6 := netip.MustParseAddr("fd00::1")
	ip6b := netip.MustParseAddr("fd00::ffff")
	nat := func(name string, n NATSpec) flowCase {
		return flowCase{name: "nat " + name, match: func(b *MatchBuilder) {
			b.SetU(FieldEthType, ethTypeIPv4)
			if n.AddrMin.Is6() {
				b.SetU(FieldEthType, ethTypeIPv6)
			}
			b.SetU(FieldIPProto, protoTCP)
		}, acts: func(b *ActionBuilder) { b.Ct(CtSpec{Commit: true, Zone: 5, NAT: &n}) }}
	}
	return []flowCase{
		a("drop", func(b *ActionBuilder) {}),
		a("output", func(b *ActionBuilder) { b.Output(3) }),
		a("output reserved", func(b *ActionBuilder) {
			b.Output(PortInPort)
			b.Output(0xfff8)
			b.Output(PortLocal)
			b.Output(PortNormal)
			b.Output(PortFlood)
			b.Output(PortAll)
		}),
		a("output controller", func(b *ActionBuilder) { b.OutputMax(PortController, 128) }),
		a("output reg", func(b *ActionBuilder) { b.OutputReg(Bits(FieldReg5, 16, 16)) }),
		a("output reg max", func(b *ActionBuilder) { b.OutputRegMax(Whole(FieldReg15), 100) }),
		a("output in_port", func(b *ActionBuilder) { b.OutputReg(Whole(FieldInPort)) }),
		a("output trunc", func(b *ActionBuilder) { b.OutputTrunc(2, 100) }),
		a("resubmit", func(b *ActionBuilder) { b.Resubmit(42); b.ResubmitPort(7, 65); b.ResubmitPort(3, NoTable) }),
		{name: "resubmit ct", match: func(b *MatchBuilder) {
			ipv4Match(b)
			b.SetMasked(FieldCtState, U64(CsTrk|CsEst), U64(CsTrk|CsEst))
		}, acts: func(b *ActionBuilder) { b.ResubmitCT(70); b.ResubmitPortCT(4, 71) }},
		a("move", func(b *ActionBuilder) {
			b.Move(Whole(FieldEthSrc), Whole(FieldEthDst))
			b.Move(Bits(FieldTunID, 0, 24), Bits(FieldMetadata, 0, 24))
			b.Move(Bits(TunMetadata(0), 16, 15), Bits(FieldReg14, 0, 15))
			b.Move(Whole(FieldIPv4Src), Bits(FieldXXReg1, 96, 32))
		}),
		a("load in_port", func(b *ActionBuilder) { b.LoadSub(Whole(FieldInPort), 0) }),
		a("load in_port none", func(b *ActionBuilder) { b.LoadSub(Whole(FieldInPort), 0xffff) }),
		a("push in_port", func(b *ActionBuilder) {
			b.Push(Whole(FieldInPort))
			b.LoadSub(Whole(FieldInPort), 0)
			b.Resubmit(65)
			b.Pop(Whole(FieldInPort))
		}),
		a("stack part", func(b *ActionBuilder) { b.Push(Bits(FieldReg0, 4, 8)); b.Pop(Bits(FieldXXReg0, 100, 8)) }),
		a("tun_metadata", func(b *ActionBuilder) {
			b.LoadSub(Bits(TunMetadata(0), 0, 16), 5)
			b.SetField(TunMetadata(0), U64(0x30004))
			b.SetField(TunMetadata(0), U64(0))
			b.LoadSub(Bits(TunMetadata(0), 16, 15), 0)
			b.LoadSub(Bits(TunMetadata(0), 0, 16), 0)
			b.LoadSub(Bits(TunMetadata(0), 24, 8), 0xff)
			b.DeleteField(TunMetadata(0))
		}),
		a("check_pkt_larger", func(b *ActionBuilder) { b.CheckPktLarger(1514, Bits(FieldReg9, 1, 1)) }),
		a("check_pkt_larger xx", func(b *ActionBuilder) { b.CheckPktLarger(65535, Bits(FieldXXReg0, 111, 1)) }),
		a("ttl", func(b *ActionBuilder) { b.DecTTL(); b.LoadSub(Whole(FieldIPTTL), 64) }),
		a("ttl silent", func(b *ActionBuilder) { b.DecTTLSilent() }),
		a("fin_timeout", func(b *ActionBuilder) {
			b.AppendRaw("\xff\xff\x00\x10\x00\x00\x23\x20\x00\x13\x00\x03\x00\x04\x00\x00")
		}),
		a("dec_ttl ids", func(b *ActionBuilder) {
			b.AppendRaw("\xff\xff\x00\x18\x00\x00\x23\x20\x00\x15\x00\x02\x00\x00\x00\x00\x00\x04\x00\x05\x00\x00\x00\x00")
		}),
		a("vlan", func(b *ActionBuilder) {
			b.PopVLAN()
			b.PushVLAN(0x8100)
			b.SetVLANVID(42)
			b.LoadSub(Whole(FieldVLANPCP), 3)
			b.PushVLAN(0x88a8)
		}),
		a("queue", func(b *ActionBuilder) { b.SetQueue(7); b.Output(1); b.PopQueue() }),
		a("exit", func(b *ActionBuilder) { b.Exit() }),
		a("note 6", func(b *ActionBuilder) { b.Note([]byte("abcdef")) }),
		a("note 7", func(b *ActionBuilder) { b.Note([]byte("abcdefg")) }),
		a("note 0", func(b *ActionBuilder) { b.Note(nil) }),
		a("clone", func(b *ActionBuilder) {
			b.Clone(func(b *ActionBuilder) {
				b.LoadSub(Whole(FieldReg15), 1)
				b.Clone(func(b *ActionBuilder) { b.Resubmit(32) })
				b.Ct(CtSpec{Zone: 3})
			})
			b.Output(1)
		}),
		a("clone empty", func(b *ActionBuilder) { b.Clone(func(b *ActionBuilder) {}) }),
		a("controller", func(b *ActionBuilder) { b.Controller(ControllerSpec{Reason: ReasonAction}) }),
		a("controller max_len", func(b *ActionBuilder) { b.Controller(ControllerSpec{Reason: ReasonAction, MaxLen: 100}) }),
		a("controller id", func(b *ActionBuilder) {
			b.Controller(ControllerSpec{Reason: ReasonNoMatch, ControllerID: 9, MaxLen: 50})
		}),
		a("controller userdata", func(b *ActionBuilder) {
			b.Controller(ControllerSpec{Reason: ReasonAction, UserData: []byte{0, 0, 0, 1, 0, 0, 0, 0, 9}})
		}),
		a("controller all", func(b *ActionBuilder) {
			b.Controller(ControllerSpec{Reason: 2, ControllerID: 3, MaxLen: 7, UserData: []byte{1, 2, 3}, Pause: true, Meter: 17})
		}),
		a("controller pause", func(b *ActionBuilder) { b.Controller(ControllerSpec{Reason: ReasonAction, Pause: true}) }),
		a("controller meter", func(b *ActionBuilder) {
			b.Controller(ControllerSpec{Reason: ReasonAction, UserData: []byte{0, 0, 0, 0, 0, 0, 0, 0}, Meter: 17})
		}),
		a("ct", func(b *ActionBuilder) { b.Ct(CtSpec{}) }),
		a("ct zone", func(b *ActionBuilder) { b.Ct(CtSpec{Zone: 5, Table: 9, HasTable: true}) }),
		a("ct zone src", func(b *ActionBuilder) {
			b.Ct(CtSpec{ZoneSrc: Bits(FieldReg13, 0, 16), Table: 0, HasTable: true})
		}),
		a("ct commit", func(b *ActionBuilder) {
			b.Ct(CtSpec{Commit: true, ZoneSrc: Bits(FieldReg13, 0, 16), NAT: &NATSpec{Src: true}, Exec: func(b *ActionBuilder) {
				b.LoadSub(Bits(FieldCtMark, 0, 1), 0)
				b.LoadSub(Bits(FieldCtLabel, 96, 32), 0x1234)
				b.Move(Bits(FieldEthSrc, 0, 48), Bits(FieldCtLabel, 32, 48))
			}})
		}),
		a("ct commit force alg", func(b *ActionBuilder) { b.Ct(CtSpec{Commit: true, Force: true, Zone: 1, ALG: 21}) }),
		{name: "ct tftp", match: func(b *MatchBuilder) {
			b.SetU(FieldEthType, ethTypeIPv6)
			b.SetU(FieldIPProto, protoUDP)
		}, acts: func(b *ActionBuilder) { b.Ct(CtSpec{Commit: true, Zone: 1, ALG: 69}) }},
		a("ct nat and exec", func(b *ActionBuilder) {
			b.Ct(CtSpec{Commit: true, Table: 12, HasTable: true, ZoneSrc: Bits(FieldReg11, 0, 16),
				NAT:  &NATSpec{Dst: true, AddrMin: ip4, PortMin: 8080},
				Exec: func(b *ActionBuilder) { b.SetField(FieldCtMark, U64(2)); b.SetFieldMasked(FieldCtMark, U64(2), U64(6)) }})
		}),
		a("ct_clear", func(b *ActionBuilder) { b.CtClear() }),
		nat("none", NATSpec{}),
		nat("src", NATSpec{Src: true}),
		nat("dst", NATSpec{Dst: true}),
		nat("src addr", NATSpec{Src: true, AddrMin: ip4}),
		nat("src range", NATSpec{Src: true, AddrMin: ip4, AddrMax: ip4b, PortMin: 1024, PortMax: 65535, Random: true}),
		nat("src range hash", NATSpec{Src: true, AddrMin: ip4, AddrMax: ip4b, Hash: true, Persistent: true}),
		nat("same", NATSpec{Src: true, AddrMin: ip4, AddrMax: ip4, PortMin: 80, PortMax: 80}),
		nat("dst v6", NATSpec{Dst: true, AddrMin: ip6}),
		nat("dst v6 port", NATSpec{Dst: true, AddrMin: ip6, PortMin: 443}),
		nat("src v6 range", NATSpec{Src: true, AddrMin: ip6, AddrMax: ip6b, PortMin: 443, PortMax: 444, Hash: true}),
		nat("src v6 range no port", NATSpec{Src: true, AddrMin: ip6, AddrMax: ip6b}),
		a("group", func(b *ActionBuilder) { b.Group(5) }),
		a("meter", func(b *ActionBuilder) { b.Meter(17); b.Output(2) }),
		{name: "conjunction", match: ipv4Match, acts: func(b *ActionBuilder) {
			b.Conjunction(5, 0, 2)
			b.Conjunction(0xfffffffe, 63, 64)
		}},
		a("learn lb affinity", func(b *ActionBuilder) {
			b.Learn(LearnSpec{IdleTimeout: 60, Priority: 100, Table: 78, Cookie: 0xabcd, Flags: LearnDeleteLearned,
				Fields: []LearnField{
					{To: LearnMatch, Dst: Whole(FieldEthType), Value: U64(0x800)},
					{To: LearnMatch, Dst: Whole(FieldIPv4Src), Src: Whole(FieldIPv4Src)},
					{To: LearnMatch, Dst: Whole(FieldIPProto), Value: U64(6)},
					{To: LearnMatch, Dst: Whole(FieldTCPDst), Src: Whole(FieldTCPDst)},
					{To: LearnMatch, Dst: Bits(FieldReg4, 0, 32), Src: Whole(FieldIPv4Dst)},
					{To: LearnLoad, Dst: Bits(FieldReg10, 14, 1), Value: U64(1)},
					{To: LearnLoad, Dst: Whole(FieldReg4), Value: U64(0x0a000001)},
					{To: LearnLoad, Dst: Bits(FieldReg8, 0, 16), Value: U64(8080)},
				}})
		}),
		a("learn fin", func(b *ActionBuilder) {
			b.Learn(LearnSpec{HardTimeout: 3, FinIdleTimeout: 4, FinHardTimeout: 5, Priority: 32768, Table: 1, Flags: LearnSendFlowRem,
				Fields: []LearnField{
					{To: LearnMatch, Dst: Whole(FieldEthDst), Src: Whole(FieldEthSrc)},
					{To: LearnMatch, Dst: Whole(FieldVLANTCI), Src: Whole(FieldVLANTCI)},
					{To: LearnMatch, Dst: Bits(FieldVLANTCI, 0, 12), Value: U64(9)},
					{To: LearnMatch, Dst: Whole(FieldEthSrc), Value: U64(0x0a0000000001)},
					{To: LearnOutput, Src: Whole(FieldInPort)},
				}})
		}),
		a("learn wide", func(b *ActionBuilder) {
			b.Learn(LearnSpec{Table: 2, Priority: 7, Fields: []LearnField{
				{To: LearnMatch, Dst: Whole(FieldMetadata), Src: Whole(FieldMetadata)},
				{To: LearnMatch, Dst: Whole(FieldMetadata), Value: U64(3)},
				{To: LearnLoad, Dst: Whole(FieldXXReg1), Src: Whole(FieldXXReg0)},
				{To: LearnLoad, Dst: Whole(FieldXXReg1), Value: U128{1, 2}},
				{To: LearnLoad, Dst: Bits(FieldXXReg1, 0, 65), Value: U128{1, 2}},
				{To: LearnMatch, Dst: Bits(FieldReg3, 3, 5), Src: Bits(FieldReg3, 4, 5)},
				{To: LearnOutput, Src: Bits(FieldReg3, 0, 16)},
			}})
		}),
		a("learn limit", func(b *ActionBuilder) {
			b.Learn(LearnSpec{Table: 2, Limit: 3, Fields: []LearnField{
				{To: LearnMatch, Dst: Whole(FieldMetadata), Src: Whole(FieldMetadata)}}})
		}),
		a("learn result", func(b *ActionBuilder) {
			b.Learn(LearnSpec{Table: 2, Limit: 3, Result: Bits(FieldReg0, 5, 1), Fields: []LearnField{
				{To: LearnMatch, Dst: Whole(FieldMetadata), Src: Whole(FieldMetadata)}}})
		}),
		a("bundle active_backup", func(b *ActionBuilder) {
			b.Bundle(BundleSpec{Fields: BundleHashEthSrc, Algorithm: BundleActiveBackup, Members: []uint16{3, 1, 2}})
		}),
		a("bundle hrw", func(b *ActionBuilder) {
			b.Bundle(BundleSpec{Fields: BundleHashSymmetricL3L4, Basis: 9, Algorithm: BundleHRW, Members: []uint16{3, 1, 2, 4}})
		}),
		a("bundle none", func(b *ActionBuilder) { b.Bundle(BundleSpec{Fields: BundleHashSymmetricL4}) }),
		a("bundle_load", func(b *ActionBuilder) {
			b.Bundle(BundleSpec{Fields: BundleHashNwDst, Algorithm: BundleHRW, Members: []uint16{1}, Dst: Bits(FieldReg15, 0, 16)})
		}),
		a("sample", func(b *ActionBuilder) {
			b.Sample(SampleSpec{Probability: 65535, CollectorSet: 1, ObsDomain: 2, ObsPoint: 3})
		}),
		a("sample port", func(b *ActionBuilder) {
			b.Sample(SampleSpec{Probability: 1, CollectorSet: 1, ObsDomain: 2, ObsPoint: 3, Port: 4})
		}),
		a("sample egress", func(b *ActionBuilder) {
			b.Sample(SampleSpec{Probability: 1, CollectorSet: 1, ObsDomain: 2, ObsPoint: 3, Port: 4, Direction: 2})
		}),
		a("sample ingress", func(b *ActionBuilder) {
			b.Sample(SampleSpec{Probability: 1, CollectorSet: 1, ObsDomain: 2, ObsPoint: 3, Direction: 1})
		}),
		newer("3.4", a("sample register", func(b *ActionBuilder) {
			b.Sample(SampleSpec{Probability: 1, CollectorSet: 1, ObsDomain: 2, ObsPointSrc: Bits(FieldReg3, 0, 32)})
		})),
		newer("3.4", a("sample registers", func(b *ActionBuilder) {
			b.Sample(SampleSpec{Probability: 1, CollectorSet: 1, ObsDomainSrc: Bits(FieldReg2, 8, 8),
				ObsPointSrc: Bits(FieldXXReg0, 64, 32), Port: 3, Direction: 2})
		})),
	}
}
