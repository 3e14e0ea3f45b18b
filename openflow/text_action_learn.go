package openflow

func (t *actionText) learn(c *cursor, two bool) {
	idle, hard, priority, cookie := c.u16(), c.u16(), c.u16(), c.u64()
	flags, table := c.u16(), c.u8()
	c.u8()
	finIdle, finHard := c.u16(), c.u16()
	t.num("learn(table=", uint64(table))
	opt := func(name string, v, none uint64) {
		if v != none {
			t.num(name, v)
		}
	}
	opt(",idle_timeout=", uint64(idle), 0)
	opt(",hard_timeout=", uint64(hard), 0)
	opt(",fin_idle_timeout=", uint64(finIdle), 0)
	opt(",fin_hard_timeout=", uint64(finHard), 0)
	opt(",priority=", uint64(priority), defaultPriority)
	if flags&LearnSendFlowRem != 0 {
		t.str(",send_flow_rem")
	}
	if flags&LearnDeleteLearned != 0 {
		t.str(",delete_learned")
	}
	if cookie != 0 {
		t.str(",cookie=")
		t.b = appendHex(t.b, cookie)
	}
	if two {
		opt(",limit=", uint64(c.u32()), 0)
		ofs := int(c.u16())
		c.u16()
		if flags&learnWriteResult != 0 {
			t.sub(",result_dst=", c.subfield(c.header(), ofs, 1))
		}
	}
	for len(c.s) >= 2 && c.err == nil {
		spec := c.u16()
		if spec == 0 {
			break
		}
		n := int(spec & 0x7ff)
		to := LearnDst(spec >> 11 & 3)
		imm := spec&(1<<13) != 0
		var value U128
		var src, dst Subfield
		if imm {
			value = u128FromString(c.take((n + 15) / 16 * 2))
		} else {
			f := c.header32()
			src = c.subfield(f, int(c.u16()), n)
		}
		if to != LearnOutput {
			f := c.header32()
			dst = c.subfield(f, int(c.u16()), n)
		}
		t.learnField(to, imm, value, src, dst)
	}
	t.str(")")
}

func (t *actionText) learnField(to LearnDst, imm bool, value U128, src, dst Subfield) {
	t.str(",")
	switch {
	case to == LearnMatch && imm && dst == Whole(dst.Field):
		t.str(dst.Field.Name())
		t.str("=")
		t.b = appendFieldValue(t.b, dst.Field, value, MaskN(8*dst.Field.Bytes()))
	case to == LearnMatch && imm:
		t.sub("", dst)
		t.str("=")
		t.b = appendHex128(t.b, value)
	case to == LearnMatch:
		t.sub("", dst)
		if src.Field != dst.Field || src.Ofs != dst.Ofs {
			t.sub("=", src)
		}
	case to == LearnLoad && imm:
		t.str("load:")
		t.b = appendHex128(t.b, value)
		t.sub("->", dst)
	case to == LearnLoad:
		t.sub("load:", src)
		t.sub("->", dst)
	default:
		t.sub("output:", src)
	}
}
