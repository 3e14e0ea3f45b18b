package openflow

import "math/bits"

// MatchBuilder collects a match field by field. The zero value matches every
// packet. It is a plain value: copy it to branch, Reset it to reuse it; only
// Match allocates.
//
// Fields that are views of one another (reg14 and xreg7 and xxreg3; in_port and
// in_port_oxm; vlan_tci, vlan_vid and vlan_pcp) may be mixed freely.
type MatchBuilder struct {
	// has has a bit for each slot whose mask is not zero. What the arrays hold
	// for other slots is left over.
	has    [(numSlots + 63) / 64]uint64
	narrow [numSlots]struct{ v, m uint64 }
	wide   [numWide]struct{ v, m U128 }
}

const numWide = 8

// wideSlot is the place in MatchBuilder.wide of a field of 128 bits, or -1.
func wideSlot(f Field) int {
	switch f {
	case FieldIPv6Src:
		return 0
	case FieldIPv6Dst:
		return 1
	case FieldNDTarget:
		return 2
	case FieldTunIPv6Src:
		return 3
	case FieldTunIPv6Dst:
		return 4
	case FieldCtLabel:
		return 5
	case FieldCtIPv6Src:
		return 6
	case FieldCtIPv6Dst:
		return 7
	}
	return -1
}

// Bits of the 802.1Q tag control word as Open vSwitch holds it.
const (
	vlanPresent = 1 << 12
	vlanVIDBits = 13 // with vlanPresent
)

func (b *MatchBuilder) get(slot Field) (v, m U128) {
	if b.has[slot/64]&(1<<(slot%64)) == 0 {
		return U128{}, U128{}
	}
	if fields[slot].bytes == 16 {
		w := &b.wide[wideSlot(slot)]
		return w.v, w.m
	}
	n := &b.narrow[slot]
	return U128{Lo: n.v}, U128{Lo: n.m}
}

// put stores v under m; bits of v outside m are dropped, and with m zero the
// field is no longer tested.
func (b *MatchBuilder) put(slot Field, v, m U128) {
	if m.IsZero() {
		b.has[slot/64] &^= 1 << (slot % 64)
		return
	}
	b.has[slot/64] |= 1 << (slot % 64)
	if fields[slot].bytes == 16 {
		b.wide[wideSlot(slot)] = struct{ v, m U128 }{v.And(m), m}
		return
	}
	b.narrow[slot] = struct{ v, m uint64 }{v.Lo & m.Lo, m.Lo}
}

// merge replaces the bits of slot under m.
func (b *MatchBuilder) merge(slot Field, v, m U128) {
	ov, om := b.get(slot)
	b.put(slot, ov.AndNot(m).Or(v.And(m)), om.Or(m))
}

// Reset makes b match every packet again.
func (b *MatchBuilder) Reset() { b.has = [len(b.has)]uint64{} }

// Set tests the whole of f for v.
func (b *MatchBuilder) Set(f Field, v U128) { b.SetMasked(f, v, f.fullMask()) }

// SetU is Set for fields of up to 64 bits.
func (b *MatchBuilder) SetU(f Field, v uint64) { b.SetMasked(f, U128{Lo: v}, f.fullMask()) }

// SetSub tests the bits of s for the low bits of v.
func (b *MatchBuilder) SetSub(s Subfield, v uint64) {
	b.SetMasked(s.Field, U128{Lo: v}.Shl(int(s.Ofs)), s.Mask())
}

// fullMask is the mask that Set uses.
func (f Field) fullMask() U128 {
	switch f {
	case FieldVLANVID:
		return MaskN(vlanVIDBits)
	case FieldCtState:
		return MaskN(8) // the switch forgets about bits that have no meaning
	}
	return MaskN(int(fields[f].bits))
}

// SetMasked tests the bits of f that are in mask for those of v. Bits outside
// mask stay as they are: tested before, tested still.
func (b *MatchBuilder) SetMasked(f Field, v, mask U128) {
	switch {
	case f < numSlots:
		if !f.keepsNarrowMask() || f == FieldCtState {
			mask = mask.And(f.fullMask())
		}
		b.merge(f, v, mask)
	case f <= FieldReg15:
		slot, shift := f.regSlot()
		b.merge(slot, v.Shl(shift), mask.And(MaskN(32)).Shl(shift))
	case f <= FieldXXReg3:
		slot := FieldXReg0 + 2*(f-FieldXXReg0)
		b.merge(slot, v.Shr(64), mask.Shr(64))
		b.merge(slot+1, U128{Lo: v.Lo}, U128{Lo: mask.Lo})
	case f == FieldInPort:
		if !mask.IsZero() {
			b.put(FieldInPortOXM, U128{Lo: uint64(Port32(uint32(v.Lo)))}, MaskN(32))
		}
	case f == FieldVLANTCI:
		b.merge(FieldVLANVID, v.And(MaskN(vlanVIDBits)), mask.And(MaskN(vlanVIDBits)))
		b.merge(FieldVLANPCP, v.Shr(vlanVIDBits).And(MaskN(3)), mask.Shr(vlanVIDBits).And(MaskN(3)))
	case f == FieldIPTOS:
		b.merge(FieldIPDSCP, v.Shr(2).And(MaskN(6)), mask.Shr(2).And(MaskN(6)))
	}
}

// Unset stops testing f.
func (b *MatchBuilder) Unset(f Field) {
	clear := func(slot Field, bits U128) {
		v, m := b.get(slot)
		b.put(slot, v, m.AndNot(bits))
	}
	switch {
	case f < numSlots:
		b.put(f, U128{}, U128{})
	case f <= FieldReg15:
		slot, shift := f.regSlot()
		clear(slot, MaskN(32).Shl(shift))
	case f <= FieldXXReg3:
		slot := FieldXReg0 + 2*(f-FieldXXReg0)
		b.put(slot, U128{}, U128{})
		b.put(slot+1, U128{}, U128{})
	case f == FieldInPort:
		b.put(FieldInPortOXM, U128{}, U128{})
	case f == FieldVLANTCI:
		b.put(FieldVLANVID, U128{}, U128{})
		b.put(FieldVLANPCP, U128{}, U128{})
	case f == FieldIPTOS:
		b.put(FieldIPDSCP, U128{}, U128{})
	}
}

// Get is what is tested of f: v has no bits outside mask, and mask is zero if f
// is not tested.
func (b *MatchBuilder) Get(f Field) (v, mask U128) {
	switch {
	case f < numSlots:
		return b.get(f)
	case f <= FieldReg15:
		slot, shift := f.regSlot()
		v, mask = b.get(slot)
		return v.Shr(shift).And(MaskN(32)), mask.Shr(shift).And(MaskN(32))
	case f <= FieldXXReg3:
		slot := FieldXReg0 + 2*(f-FieldXXReg0)
		hv, hm := b.get(slot)
		lv, lm := b.get(slot + 1)
		return U128{hv.Lo, lv.Lo}, U128{hm.Lo, lm.Lo}
	case f == FieldInPort:
		v, mask = b.get(FieldInPortOXM)
		return v.And(MaskN(16)), mask.And(MaskN(16))
	case f == FieldVLANTCI:
		v, mask = b.get(FieldVLANVID)
		pv, pm := b.get(FieldVLANPCP)
		return v.Or(pv.Shl(vlanVIDBits)), mask.Or(pm.Shl(vlanVIDBits))
	case f == FieldIPTOS:
		v, mask = b.get(FieldIPDSCP)
		return v.Shl(2), mask.Shl(2)
	}
	return U128{}, U128{}
}

// regSlot is where a register is stored: an extended register and the bit its
// half begins at.
func (f Field) regSlot() (slot Field, shift int) {
	n := f - FieldReg0
	return FieldXReg0 + n/2, 32 * int(1-n%2)
}

// IsZero tells whether b matches every packet.
func (b *MatchBuilder) IsZero() bool { return b.has == [len(b.has)]uint64{} }

// Match is the canonical form of what was collected. It is the only method that
// allocates, and allocates once.
func (b *MatchBuilder) Match() Match {
	var room [384]byte
	return Match(b.appendTo(room[:0]))
}

func (b *MatchBuilder) appendTo(dst []byte) []byte {
	for i, word := range b.has {
		for word != 0 {
			slot := Field(64*i + bits.TrailingZeros64(word))
			word &= word - 1
			v, m := b.get(slot)
			if slot == FieldVLANVID || slot == FieldVLANPCP {
				v, m = b.canonicalVLAN(slot)
				if m.IsZero() {
					continue
				}
			}
			dst = appendTLV(dst, slot, v, m)
		}
	}
	return dst
}

// canonicalVLAN is what an OpenFlow 1.5 match can say about the tag: the
// priority only as a whole and only beside a tag that is present.
func (b *MatchBuilder) canonicalVLAN(slot Field) (v, m U128) {
	vid, vidMask := b.get(FieldVLANVID)
	_, pcpMask := b.get(FieldVLANPCP)
	withPCP := vid.Lo != 0 && !pcpMask.IsZero()
	if slot == FieldVLANPCP {
		if !withPCP {
			return U128{}, U128{}
		}
		v, _ = b.get(slot)
		return v, MaskN(3)
	}
	if withPCP {
		vid.Lo |= vlanPresent
		vidMask.Lo |= vlanPresent
	}
	return vid, vidMask
}

// appendTLV writes one canonical TLV. slot must be one that matches store.
func appendTLV(dst []byte, slot Field, v, m U128) []byte {
	info := &fields[slot]
	n := int(info.bytes)
	masked := m != MaskN(8*n) && (m != slot.fullMask() || slot.keepsNarrowMask())
	dst = info.oxm.append(dst, masked)
	dst = v.appendBE(dst, n)
	if masked {
		dst = m.appendBE(dst, n)
	}
	return dst
}

// keepsNarrowMask tells whether the switch takes a mask of all significant bits
// for something other than no mask.
func (f Field) keepsNarrowMask() bool {
	switch f {
	case FieldTCPFlags, FieldTunFlags, FieldCtState, FieldTunERSPANIdx, FieldTunERSPANVer, FieldTunERSPANDir, FieldTunERSPANHWID:
		return true
	}
	return false
}
