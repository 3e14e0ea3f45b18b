package openflow

// String is a as ovs-ofctl prints it, "drop" if there is none.
func (a Actions) String() string {
	t := actionText{}
	t.list(string(a), 0)
	return string(t.b)
}

type actionText struct {
	b []byte
}

func (t *actionText) str(s string) { t.b = append(t.b, s...) }

// chomp takes a comma at the end off.
func (t *actionText) chomp() {
	if n := len(t.b); n > 0 && t.b[n-1] == ',' {
		t.b = t.b[:n-1]
	}
}

func (t *actionText) num(prefix string, v uint64) {
	t.str(prefix)
	t.b = appendDec(t.b, v)
}

func (t *actionText) sub(prefix string, s Subfield) {
	t.str(prefix)
	t.b = appendSubfield(t.b, s)
}

func (t *actionText) list(s string, depth int) {
	if s == "" {
		t.str("drop")
		return
	}
	for i := 0; len(s) > 0; i++ {
		if i > 0 {
			t.b = append(t.b, ',')
		}
		a, rest, err := nextAction(s)
		if err != nil || depth > maxActionDepth {
			t.str("<ill-formed actions>")
			return
		}
		at := len(t.b)
		t.one(&a, depth)
		if a.body.err != nil {
			t.b = t.b[:at]
			t.str("<ill-formed action>")
		}
		s = rest
	}
}

func (t *actionText) one(a *action, depth int) {
	if a.nicira {
		t.nicira(a, depth)
		return
	}
	c := &a.body
	switch a.typ {
	case atOutput:
		port, maxLen := c.u32(), c.u16()
		if port < PortMax {
			t.str("output:")
		}
		t.b = appendPortText(t.b, port)
		if port == PortController {
			t.num(":", uint64(maxLen))
		}
	case atSetField:
		f, v, m, err := setFieldOf(c.s)
		if err != nil {
			c.fail(err)
			return
		}
		t.str("set_field:")
		t.b = appendFieldValue(t.b, f, v, m)
		t.str("->")
		t.str(f.Name())
	case atCopyField:
		n, src, dst := int(c.u16()), int(c.u16()), int(c.u16())
		c.u16()
		t.sub("move:", c.subfield(c.header(), src, n))
		t.sub("->", c.subfield(c.header(), dst, n))
	case atPushVLAN:
		t.str("push_vlan:")
		t.b = appendHex(t.b, uint64(c.u16()))
	case atPushMPLS:
		t.str("push_mpls:")
		t.b = appendHexWidth(t.b, uint64(c.u16()), 4)
	case atPopMPLS:
		t.str("pop_mpls:")
		t.b = appendHexWidth(t.b, uint64(c.u16()), 4)
	case atPopVLAN:
		t.str("pop_vlan")
	case atDecNwTTL:
		t.str("dec_ttl")
	case atSetQueue:
		t.num("set_queue:", uint64(c.u32()))
	case atGroup:
		t.num("group:", uint64(c.u32()))
	case atMeter:
		t.num("meter:", uint64(c.u32()))
	case atSetNwTTL:
		t.num("mod_nw_ttl:", uint64(c.u8()))
	default:
		t.num("<unknown action ", uint64(a.typ))
		t.str(">")
	}
}

func (t *actionText) nicira(a *action, depth int) {
	c := &a.body
	switch a.subtype {
	case nxResubmit:
		t.str("resubmit:")
		t.b = appendPortText(t.b, uint32(c.u16()))
	case nxResubmitTable, nxResubmitCT:
		t.resubmit(uint32(c.u16()), c.u8(), a.subtype == nxResubmitCT)
	case nxPopQueue:
		t.str("pop_queue")
	case nxExit:
		t.str("exit")
	case nxCtClear:
		t.str("ct_clear")
	case nxDecNSHTTL:
		t.str("dec_nsh_ttl")
	case nxDecTTLCntIDs:
		n := int(c.u16())
		c.take(4)
		t.str("dec_ttl(")
		for i := 0; i < n && c.err == nil; i++ {
			if i > 0 {
				t.str(",")
			}
			t.b = appendDec(t.b, uint64(c.u16()))
		}
		t.str(")")
	case nxFinTimeout:
		t.str("fin_timeout(")
		if v := c.u16(); v != 0 {
			t.num("idle_timeout=", uint64(v))
			t.str(",")
		}
		if v := c.u16(); v != 0 {
			t.num("hard_timeout=", uint64(v))
		}
		t.chomp()
		t.str(")")
	case nxNote:
		t.str("note:")
		t.b = appendDotted(t.b, c.s)
	case nxOutputReg:
		bits := c.u16()
		t.sub("output:", c.ofsNbits(c.header32(), bits))
	case nxOutputReg2:
		bits := c.u16()
		c.u16()
		t.sub("output:", c.ofsNbits(c.header(), bits))
	case nxOutputTrunc:
		t.str("output(port=")
		t.b = appendPortText(t.b, uint32(c.u16()))
		t.num(",max_len=", uint64(c.u32()))
		t.str(")")
	case nxStackPush, nxStackPop:
		ofs := int(c.u16())
		f := c.header()
		op := "push:"
		if a.subtype == nxStackPop {
			op = "pop:"
		}
		t.sub(op, c.subfield(f, ofs, int(c.u16())))
	case nxDeleteField:
		t.str("delete_field:")
		t.str(c.header().Name())
	case nxCheckPktLarger:
		t.num("check_pkt_larger(", uint64(c.u16()))
		ofs := int(c.u16())
		t.sub(")->", c.subfield(c.header(), ofs, 1))
	case nxConjunction:
		k, n := uint64(c.u8()), uint64(c.u8())
		t.num("conjunction(", uint64(c.u32()))
		t.num(",", k+1)
		t.num("/", n)
		t.str(")")
	case nxController, nxController2:
		t.controller(c, a.subtype == nxController2)
	case nxClone:
		c.take(6)
		t.str("clone(")
		t.list(c.s, depth+1)
		t.str(")")
	case nxCt:
		t.ct(c, depth)
	case nxNAT:
		t.nat(c)
	case nxLearn, nxLearn2:
		t.learn(c, a.subtype == nxLearn2)
	case nxBundle, nxBundleLoad:
		t.bundle(c, a.subtype == nxBundleLoad)
	case nxSample, nxSample2, nxSample3, nxSample4:
		t.sample(c, a.subtype)
	default:
		t.num("<unknown Nicira action ", uint64(a.subtype))
		t.str(">")
	}
}

func (t *actionText) resubmit(port uint32, table uint8, ct bool) {
	inPort := Port32(port) == PortInPort
	if !inPort && table == NoTable {
		t.str("resubmit:")
		t.b = appendPortText(t.b, port)
		return
	}
	t.str("resubmit(")
	if !inPort {
		t.b = appendPortText(t.b, port)
	}
	t.str(",")
	if table != NoTable {
		t.b = appendDec(t.b, uint64(table))
	}
	if ct {
		t.str(",ct")
	}
	t.str(")")
}

var reasonNames = [...]string{"no_match", "action", "invalid_ttl", "action_set", "group", "packet_out"}

func (t *actionText) controller(c *cursor, two bool) {
	maxLen, id, reason, meter := uint16(0xffff), uint16(0), uint8(ReasonAction), uint32(NoMeter)
	userData, pause := "", false
	if two {
		c.take(6)
		for len(c.s) > 0 && c.err == nil {
			typ, n := c.u16(), int(c.u16())
			body := cursor{s: c.take(n - 4)}
			c.take(min(-n&7, len(c.s)))
			switch typ {
			case 0:
				maxLen = body.u16()
			case 1:
				id = body.u16()
			case 2:
				reason = body.u8()
			case 3:
				userData = body.s
			case 4:
				pause = true
			case 5:
				meter = body.u32()
			}
		}
	} else {
		maxLen, id, reason = c.u16(), c.u16(), c.u8()
	}
	if reason == ReasonAction && id == 0 && userData == "" && !pause && meter == NoMeter {
		t.num("CONTROLLER:", uint64(maxLen))
		return
	}
	t.str("controller(")
	if reason != ReasonAction {
		t.str("reason=")
		if int(reason) < len(reasonNames) {
			t.str(reasonNames[reason])
		} else {
			t.b = appendDec(t.b, uint64(reason))
		}
		t.str(",")
	}
	if maxLen != 0xffff {
		t.num("max_len=", uint64(maxLen))
		t.str(",")
	}
	if id != 0 {
		t.num("id=", uint64(id))
		t.str(",")
	}
	if userData != "" {
		t.str("userdata=")
		t.b = appendDotted(t.b, userData)
		t.str(",")
	}
	if pause {
		t.str("pause,")
	}
	if meter != NoMeter {
		t.num("meter_id=", uint64(meter))
	}
	t.chomp()
	t.str(")")
}

var bundleFieldNames = [...]string{"eth_src", "symmetric_l4", "symmetric_l3l4", "symmetric_l3l4+udp",
	"nw_src", "nw_dst", "symmetric_l3"}

func (t *actionText) bundle(c *cursor, load bool) {
	alg, hash, basis := c.u16(), c.u16(), c.u16()
	c.u32()
	n := int(c.u16())
	bits := c.u16()
	if load {
		t.str("bundle_load(")
	} else {
		t.str("bundle(")
	}
	if int(hash) < len(bundleFieldNames) {
		t.str(bundleFieldNames[hash])
	} else {
		t.str("<unknown>")
	}
	t.num(",", uint64(basis))
	switch alg {
	case BundleActiveBackup:
		t.str(",active_backup,ofport,")
	case BundleHRW:
		t.str(",hrw,ofport,")
	default:
		t.str(",<unknown>,ofport,")
	}
	if load {
		t.sub("", c.ofsNbits(c.header32(), bits))
		t.str(",")
	} else {
		c.u32()
	}
	c.take(4)
	t.str("members:")
	for i := 0; i < n && c.err == nil; i++ {
		if i > 0 {
			t.str(",")
		}
		t.b = appendPortText(t.b, uint32(c.u16()))
	}
	t.str(")")
}

func (t *actionText) sample(c *cursor, subtype uint16) {
	t.num("sample(probability=", uint64(c.u16()))
	t.num(",collector_set_id=", uint64(c.u32()))
	for _, name := range [...]string{",obs_domain_id=", ",obs_point_id="} {
		imm, src := uint32(0), Subfield{}
		if subtype == nxSample4 {
			imm, src = c.sampleSource()
		} else {
			imm = c.u32()
		}
		if src.Bits != 0 {
			t.sub(name, src)
		} else {
			t.num(name, uint64(imm))
		}
	}
	if subtype != nxSample {
		if port := c.u16(); port != samplePortNone {
			t.str(",sampling_port=")
			t.b = appendPortText(t.b, uint32(port))
		}
		switch c.u8() {
		case 1:
			t.str(",ingress")
		case 2:
			t.str(",egress")
		}
	}
	t.str(")")
}
