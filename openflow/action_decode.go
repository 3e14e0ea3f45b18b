package openflow

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"unsafe"
)

// maxActionDepth bounds how deep clone and ct may nest.
const maxActionDepth = 16

// DecodeActions makes canonical actions of those of an OpenFlow 1.5
// instruction, bucket or packet-out, whoever wrote them: paddings cleared, older
// encodings replaced by those that ovs-vswitchd gives back.
//
// An action that this package does not know, or that is on a field it does not
// know, stays as it stands.
func DecodeActions(b []byte) (Actions, error) {
	// A dump has many flows: the room to work in is kept from one to the next.
	ab := decodeBuilders.Get().(*ActionBuilder)
	defer decodeBuilders.Put(ab)
	ab.Reset()
	if err := ab.decode(unsafe.String(unsafe.SliceData(b), len(b)), 0); err != nil {
		return "", fmt.Errorf("openflow: actions: %w", err)
	}
	return ab.Actions(), nil
}

var decodeBuilders = sync.Pool{New: func() any { return new(ActionBuilder) }}

func (b *ActionBuilder) decode(s string, depth int) error {
	if depth > maxActionDepth {
		return errors.New("nested too deep")
	}
	for i := 0; len(s) > 0; i++ {
		a, rest, err := nextAction(s)
		if err != nil {
			return fmt.Errorf("%d: %w", i, err)
		}
		at := len(b.buf)
		err = b.decodeOne(&a, depth)
		if err == nil {
			err = a.body.err
		}
		if errors.Is(err, errUnknownField) {
			b.buf = b.buf[:at]
			b.AppendRaw(Actions(a.raw))
			err = nil
		}
		if err != nil {
			return fmt.Errorf("%d (type %d, subtype %d): %w", i, a.typ, a.subtype, err)
		}
		s = rest
	}
	return nil
}

func (b *ActionBuilder) decodeOne(a *action, depth int) error {
	if a.nicira {
		return b.decodeNicira(a, depth)
	}
	c := &a.body
	switch a.typ {
	case atOutput:
		port, maxLen := c.u32(), c.u16()
		b.OutputMax(port, maxLen)
	case atSetField:
		return b.decodeSetField(c)
	case atCopyField:
		n, src, dst := int(c.u16()), int(c.u16()), int(c.u16())
		c.u16()
		b.decodeMove(c, n, src, dst)
	case atPushVLAN, atPushMPLS, atPopMPLS:
		b.std(a.typ, 8)
		b.u16(c.u16())
		b.zeros(2)
	case atPopVLAN, atDecNwTTL:
		b.std(a.typ, 8)
		b.zeros(4)
	case atSetQueue, atGroup, atMeter:
		b.std(a.typ, 8)
		b.u32(c.u32())
	case atSetNwTTL:
		b.std(a.typ, 8)
		b.u8(c.u8())
		b.zeros(3)
	default:
		b.AppendRaw(Actions(a.raw))
	}
	return nil
}

func (b *ActionBuilder) decodeMove(c *cursor, n, srcOfs, dstOfs int) {
	src := c.subfield(c.header(), srcOfs, n)
	dst := c.subfield(c.header(), dstOfs, n)
	if c.err == nil {
		b.Move(src, dst)
	}
}

func (b *ActionBuilder) decodeSetField(c *cursor) error {
	f, v, m, err := setFieldOf(c.s)
	if err == nil {
		b.SetFieldMasked(f, v, m)
	}
	return err
}

// setFieldOf takes the TLV of a set_field action apart.
func setFieldOf(s string) (f Field, v, m U128, err error) {
	t, err := nextTLV(s)
	if err != nil {
		return f, v, m, err
	}
	n := len(t.body)
	if t.masked {
		n /= 2
	}
	// Tunnel options come without leading zeros.
	if !t.known && !(t.field.isTunMetadata() && n < t.field.Bytes()) {
		return f, v, m, errUnknownField
	}
	v, m = u128FromString(t.body[:n]), MaskN(8*t.field.Bytes())
	if t.masked {
		m = u128FromString(t.body[n:])
	}
	return t.field, v, m, nil
}

func (b *ActionBuilder) decodeNicira(a *action, depth int) error {
	c := &a.body
	switch a.subtype {
	case nxResubmit:
		b.nx(nxResubmit, 16)
		b.u16(c.u16())
		b.zeros(4)
	case nxResubmitTable, nxResubmitCT:
		port, table := c.u16(), c.u8()
		b.resubmit(a.subtype, port, table)
	case nxFinTimeout:
		idle, hard := c.u16(), c.u16()
		b.finTimeout(idle, hard)
	case nxPopQueue, nxExit, nxCtClear, nxDecNSHTTL:
		b.nx(a.subtype, 16)
		b.zeros(6)
	case nxDecTTL:
		b.DecTTL()
	case nxDecTTLCntIDs:
		return b.decodeDecTTL(c)
	case nxRegMove:
		n, src, dst := int(c.u16()), int(c.u16()), int(c.u16())
		b.decodeMove(c, n, src, dst)
	case nxRegLoad:
		bits := c.u16()
		dst := c.ofsNbits(c.header32(), bits)
		if v := c.u64(); c.err == nil {
			b.LoadSub(dst, v)
		}
	case nxRegLoad2:
		// The TLV follows the subtype without padding.
		return b.decodeSetField(c)
	case nxNote:
		// As many bytes as there are, padding or not: nobody can tell.
		b.Note([]byte(c.s))
	case nxOutputReg:
		bits := c.u16()
		src := c.ofsNbits(c.header32(), bits)
		if maxLen := c.u16(); c.err == nil {
			b.OutputRegMax(src, maxLen)
		}
	case nxOutputReg2:
		// The switch gives this form back even where the other would do.
		bits, maxLen := c.u16(), c.u16()
		src := c.ofsNbits(c.header(), bits)
		if c.err == nil {
			b.outputReg2(src, maxLen)
		}
	case nxOutputTrunc:
		port, maxLen := c.u16(), c.u32()
		b.OutputTrunc(uint32(port), maxLen)
	case nxStackPush, nxStackPop:
		ofs := int(c.u16())
		f := c.header()
		if s := c.subfield(f, ofs, int(c.u16())); c.err == nil {
			b.stack(a.subtype, s)
		}
	case nxDeleteField:
		if f := c.header(); c.err == nil {
			b.DeleteField(f)
		}
	case nxCheckPktLarger:
		max, ofs := c.u16(), int(c.u16())
		if dst := c.subfield(c.header(), ofs, 1); c.err == nil {
			b.CheckPktLarger(max, dst)
		}
	case nxConjunction:
		k, n := c.u8(), c.u8()
		b.Conjunction(c.u32(), k, n)
	case nxController:
		maxLen, id, reason := c.u16(), c.u16(), c.u8()
		b.controller(maxLen, id, reason)
	case nxController2:
		return b.decodeController2(c)
	case nxClone:
		c.take(6)
		at := b.nx(nxClone, 0)
		b.zeros(6)
		if err := b.decode(c.s, depth+1); err != nil {
			return err
		}
		b.end(at)
	case nxCt:
		return b.decodeCt(c, depth)
	case nxNAT:
		return b.decodeNAT(c)
	case nxLearn, nxLearn2:
		return b.decodeLearn(c, a.subtype == nxLearn2)
	case nxBundle, nxBundleLoad:
		return b.decodeBundle(c, a.subtype == nxBundleLoad)
	case nxSample, nxSample2, nxSample3, nxSample4:
		return b.decodeSample(c, a.subtype)
	default:
		b.AppendRaw(Actions(a.raw))
	}
	return nil
}

func (b *ActionBuilder) decodeDecTTL(c *cursor) error {
	n := int(c.u16())
	c.take(4)
	at := b.nx(nxDecTTLCntIDs, 0)
	b.u16(uint16(n))
	b.zeros(4)
	for i := 0; i < n && c.err == nil; i++ {
		b.u16(c.u16())
	}
	b.end(at)
	return c.err
}

func (b *ActionBuilder) decodeController2(c *cursor) error {
	c.take(6)
	spec := ControllerSpec{Reason: ReasonAction}
	maxLen, meter := uint16(0xffff), uint32(NoMeter)
	for len(c.s) > 0 && c.err == nil {
		typ, n := c.u16(), int(c.u16())
		if n < 4 {
			return errTruncated
		}
		body := cursor{s: c.take(n - 4)}
		c.take(min(-n&7, len(c.s)))
		switch typ {
		case 0:
			maxLen = body.u16()
		case 1:
			spec.ControllerID = body.u16()
		case 2:
			spec.Reason = body.u8()
		case 3:
			spec.UserData = []byte(body.take(len(body.s)))
		case 4:
			spec.Pause = true
		case 5:
			meter = body.u32()
		default:
			return fmt.Errorf("unknown property %d", typ)
		}
		if body.err != nil {
			return body.err
		}
	}
	if c.err == nil {
		// The switch remembers that it was given the newer form.
		b.controller2(&spec, maxLen, meter)
	}
	return nil
}

func (b *ActionBuilder) decodeCt(c *cursor, depth int) error {
	flags := c.u16()
	src := c.s[:min(4, len(c.s))]
	var zoneSrc Subfield
	if src == "\x00\x00\x00\x00" {
		c.take(4)
	} else {
		zoneSrc.Field = c.header32()
		zoneSrc.Bits = 1
	}
	zone, table := c.u16(), c.u8()
	c.take(3)
	alg := c.u16()
	if zoneSrc.Bits != 0 {
		zoneSrc = c.ofsNbits(zoneSrc.Field, zone)
	}
	if c.err != nil {
		return c.err
	}
	at := b.ct(flags, zone, zoneSrc, table, alg)
	if err := b.decode(c.s, depth+1); err != nil {
		return err
	}
	b.end(at)
	return nil
}

func (b *ActionBuilder) decodeNAT(c *cursor) error {
	c.u16()
	flags, present := c.u16(), c.u16()
	var n natRange
	for i := range 6 {
		if present&(1<<i) == 0 {
			continue
		}
		switch i {
		case 0, 1:
			if t := c.take(4); len(t) == 4 {
				n.addr[i], _ = netip.AddrFromSlice([]byte(t))
			}
		case 2, 3:
			if t := c.take(16); len(t) == 16 {
				n.addr[i-2], _ = netip.AddrFromSlice([]byte(t))
			}
		default:
			n.port[i-4] = c.u16()
		}
	}
	switch {
	case c.err != nil:
		return c.err
	case present>>6 != 0, present&3 != 0 && present&12 != 0:
		return fmt.Errorf("nat range 0x%x", present)
	}
	b.nat(flags, &n)
	return nil
}

func (b *ActionBuilder) decodeLearn(c *cursor, two bool) error {
	l := LearnSpec{IdleTimeout: c.u16(), HardTimeout: c.u16(), Priority: c.u16(), Cookie: c.u64(),
		Flags: c.u16(), Table: c.u8()}
	c.u8()
	l.FinIdleTimeout, l.FinHardTimeout = c.u16(), c.u16()
	if two {
		l.Limit = c.u32()
		ofs := int(c.u16())
		c.u16()
		if l.Flags&learnWriteResult != 0 {
			l.Result = c.subfield(c.header(), ofs, 1)
		}
	}
	for len(c.s) >= 2 && c.err == nil {
		spec := c.u16()
		if spec == 0 {
			break // padding
		}
		f := LearnField{To: LearnDst(spec >> 11 & 3)}
		n := int(spec & 0x7ff)
		if spec&0xc000 != 0 || f.To > LearnOutput || f.To == LearnOutput && spec&(1<<13) != 0 {
			return fmt.Errorf("learn: ill-formed part 0x%04x", spec)
		}
		if spec&(1<<13) != 0 {
			if n > 128 {
				return errUnknownField
			}
			f.Value = u128FromString(c.take((n + 15) / 16 * 2)).And(MaskN(n))
		} else {
			src := c.header32()
			f.Src = c.subfield(src, int(c.u16()), n)
		}
		if f.To != LearnOutput {
			dst := c.header32()
			f.Dst = c.subfield(dst, int(c.u16()), n)
		}
		l.Fields = append(l.Fields, f)
	}
	if c.err != nil {
		return c.err
	}
	b.learn(&l, two)
	return nil
}

func (b *ActionBuilder) decodeBundle(c *cursor, load bool) error {
	s := BundleSpec{Algorithm: c.u16(), Fields: c.u16(), Basis: c.u16()}
	if typ := c.u32(); c.err == nil && typ != bundleMemberTypeInPort {
		return fmt.Errorf("bundle: members of type 0x%x", typ)
	}
	n := int(c.u16())
	bits := c.u16()
	if load {
		s.Dst = c.ofsNbits(c.header32(), bits)
	} else {
		c.u32()
	}
	c.take(4)
	if n*2 > len(c.s) {
		return errTruncated
	}
	for range n {
		s.Members = append(s.Members, c.u16())
	}
	if c.err == nil {
		b.Bundle(s)
	}
	return nil
}

func (b *ActionBuilder) decodeSample(c *cursor, subtype uint16) error {
	s := SampleSpec{Probability: c.u16(), CollectorSet: c.u32()}
	if subtype == nxSample4 {
		s.ObsDomain, s.ObsDomainSrc = c.sampleSource()
		s.ObsPoint, s.ObsPointSrc = c.sampleSource()
	} else {
		s.ObsDomain, s.ObsPoint = c.u32(), c.u32()
	}
	port := uint16(samplePortNone)
	if subtype != nxSample {
		port = c.u16()
		s.Direction = c.u8()
	}
	if c.err == nil {
		// The switch gives back the form it was given.
		b.sample(&s, subtype, port)
	}
	return nil
}

func (c *cursor) sampleSource() (imm uint32, src Subfield) {
	if len(c.s) >= 4 && c.s[:4] == "\x00\x00\x00\x00" {
		c.take(4)
		return c.u32(), Subfield{}
	}
	f := c.header32()
	bits := c.u16()
	c.u16()
	return 0, c.ofsNbits(f, bits)
}
