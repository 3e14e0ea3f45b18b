package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"
)

// tlv is one TLV of a match.
//
//	 0        2        3      4        8 (4)
//	+--------+-------+-+------+--------+-------+------+
//	| class  | field |M| len  | exper. | value | mask |
//	+--------+-------+-+------+--------+-------+------+
//
// The experimenter is there only if class is 0xffff, the mask only if M is set.
type tlv struct {
	field  Field
	known  bool
	masked bool
	size   int    // of all of it
	body   string // value, then mask
}

var errTruncated = errors.New("truncated")

// nextTLV takes apart the TLV that s begins with.
func nextTLV(s string) (t tlv, err error) {
	if len(s) < 4 {
		return t, errTruncated
	}
	class := uint16(s[0])<<8 | uint16(s[1])
	field := s[2] >> 1
	t.masked = s[2]&1 != 0
	t.size = 4 + int(s[3])
	if len(s) < t.size {
		return t, errTruncated
	}
	var exp uint32
	t.body = s[4:t.size]
	if class == oxmClassExp {
		if len(t.body) < 4 {
			return t, errTruncated
		}
		exp = uint32(t.body[0])<<24 | uint32(t.body[1])<<16 | uint32(t.body[2])<<8 | uint32(t.body[3])
		t.body = t.body[4:]
	}
	t.field, t.known = fieldByHeader(class, field, exp)
	if t.masked && len(t.body)%2 != 0 {
		return t, errors.New("mask and value differ in length")
	}
	if t.known {
		n := len(t.body)
		if t.masked {
			n /= 2
		}
		if n != t.field.Bytes() {
			if !t.field.isTunMetadata() {
				return t, fmt.Errorf("%s: %d bytes, not %d", t.field, n, t.field.Bytes())
			}
			t.known = false
		}
	}
	return t, nil
}

// valueMask is the value and mask of a known field; without a mask, all bits of
// the value's bytes.
func (t *tlv) valueMask() (v, m U128) {
	n := t.field.Bytes()
	v = u128FromString(t.body[:n])
	if t.masked {
		m = u128FromString(t.body[n:])
		if t.field == FieldCtState {
			m = m.And(t.field.fullMask())
		}
		return v.And(m), m
	}
	switch t.field {
	case FieldVLANVID, FieldVLANPCP, FieldIPFrag, FieldIPv6Label, FieldIPDSCP, FieldIPECN,
		FieldCtState, FieldMPLSBOS, FieldMPLSTC, FieldMPLSLabel, FieldNSHSPI:
		m = t.field.fullMask()
		return v.And(m), m
	}
	return v, MaskN(8 * n)
}

func u128FromString(s string) U128 {
	var u U128
	for i := 0; i < len(s); i++ {
		u = U128{u.Hi<<8 | u.Lo>>56, u.Lo<<8 | uint64(s[i])}
	}
	return u
}

// slots is where f is stored: one or two fields in canonical order.
func (f Field) slots() (first, last Field) {
	switch {
	case f < numSlots && f != FieldVLANVID && f != FieldVLANPCP:
		return f, f
	case f >= FieldReg0 && f <= FieldReg15:
		slot, _ := f.regSlot()
		return slot, slot
	case f >= FieldXXReg0 && f <= FieldXXReg3:
		slot := FieldXReg0 + 2*(f-FieldXXReg0)
		return slot, slot + 1
	case f == FieldInPort:
		return FieldInPortOXM, FieldInPortOXM
	case f == FieldIPTOS:
		return FieldIPDSCP, FieldIPDSCP
	case f == FieldVLANTCI, f == FieldVLANVID, f == FieldVLANPCP:
		return FieldVLANVID, FieldVLANPCP
	}
	return numSlots, numSlots // nowhere
}

// With is m with f tested for v under mask, in place of whatever m says of f.
// Other views' bits stay: With(FieldReg15) leaves reg14 alone. It allocates
// once.
func (m Match) With(f Field, v, mask U128) Match {
	first, last := f.slots()
	if first == numSlots {
		return m
	}
	// The TLVs of first..last are m[from:to].
	from, to := -1, -1
	var b matchSlots
	for i := 0; i < len(m); {
		t, err := nextTLV(string(m[i:]))
		if err != nil || !t.known {
			break
		}
		if t.field > last {
			if from < 0 {
				from, to = i, i
			}
			break
		}
		if t.field >= first {
			if from < 0 {
				from = i
			}
			tv, tm := t.valueMask()
			b.set(t.field, first, tv, tm)
			to = i + t.size
		}
		i += t.size
		if from < 0 && i == len(m) {
			from, to = i, i
		}
	}
	if from < 0 {
		from, to = 0, 0
		if len(m) > 0 {
			from, to = m.knownLen(), m.knownLen()
		}
	}
	var room [80]byte
	mid := b.with(room[:0], f, first, last, v, mask)
	out := make([]byte, 0, len(m)-(to-from)+len(mid))
	out = append(out, m[:from]...)
	out = append(out, mid...)
	out = append(out, m[to:]...)
	return Match(unsafe.String(unsafe.SliceData(out), len(out)))
}

// knownLen is the length of the TLVs before the first unknown one.
func (m Match) knownLen() int {
	i := 0
	for i < len(m) {
		t, err := nextTLV(string(m[i:]))
		if err != nil || !t.known {
			break
		}
		i += t.size
	}
	return i
}

// matchSlots holds the one or two neighbouring fields that With changes.
type matchSlots struct {
	v, m [2]U128
}

func (s *matchSlots) set(f, first Field, v, m U128) {
	if i := f - first; i < 2 {
		s.v[i], s.m[i] = v, m
	}
}

// with writes the TLVs of first..last once f is tested for v under mask.
func (s *matchSlots) with(dst []byte, f, first, last Field, v, mask U128) []byte {
	put := func(i int, v, mask, scope U128) {
		s.v[i] = s.v[i].AndNot(scope).Or(v.And(mask).And(scope))
		s.m[i] = s.m[i].AndNot(scope).Or(mask.And(scope))
	}
	switch {
	case f >= FieldReg0 && f <= FieldReg15:
		_, shift := f.regSlot()
		put(0, v.Shl(shift), mask.Shl(shift), MaskN(32).Shl(shift))
	case f >= FieldXXReg0 && f <= FieldXXReg3:
		put(0, v.Shr(64), mask.Shr(64), MaskN(64))
		put(1, v, mask, MaskN(64))
	case f == FieldInPort:
		if !mask.IsZero() {
			mask = MaskN(32)
		}
		put(0, U128{Lo: uint64(Port32(uint32(v.Lo)))}, mask, MaskN(32))
	case f == FieldIPTOS:
		put(0, v.Shr(2), mask.Shr(2), MaskN(6))
	case f == FieldVLANTCI:
		put(0, v, mask, MaskN(vlanVIDBits))
		put(1, v.Shr(vlanVIDBits), mask.Shr(vlanVIDBits), MaskN(3))
	case f == FieldVLANPCP:
		put(1, v, mask, MaskN(3))
	default:
		if !f.keepsNarrowMask() || f == FieldCtState {
			mask = mask.And(f.fullMask())
		}
		put(0, v, mask, MaskN(8*f.Bytes()))
	}
	if first == FieldVLANVID {
		if s.v[0].Lo != 0 && !s.m[1].IsZero() {
			s.v[0].Lo |= vlanPresent
			s.m[0].Lo |= vlanPresent
			s.m[1] = MaskN(3)
		} else {
			s.m[1] = U128{}
		}
	}
	for i := 0; i <= int(last-first); i++ {
		if !s.m[i].IsZero() {
			dst = appendTLV(dst, first+Field(i), s.v[i], s.m[i])
		}
	}
	return dst
}

// Get is what m tests of f; ok is false if that is nothing.
func (m Match) Get(f Field) (v, mask U128, ok bool) {
	first, last := f.slots()
	if first != last {
		b, err := m.Builder()
		if err != nil {
			return U128{}, U128{}, false
		}
		v, mask = b.Get(f)
		return v, mask, !mask.IsZero()
	}
	for i := 0; i < len(m); {
		t, err := nextTLV(string(m[i:]))
		if err != nil || t.known && t.field > first {
			break
		}
		if t.known && t.field == first {
			v, mask = t.valueMask()
			switch {
			case f >= FieldReg0 && f <= FieldReg15:
				_, shift := f.regSlot()
				v, mask = v.Shr(shift).And(MaskN(32)), mask.Shr(shift).And(MaskN(32))
			case f == FieldInPort:
				v, mask = v.And(MaskN(16)), mask.And(MaskN(16))
			case f == FieldIPTOS:
				v, mask = v.Shl(2), mask.Shl(2)
			}
			return v, mask, !mask.IsZero()
		}
		i += t.size
	}
	return U128{}, U128{}, false
}

// PatchU32 is m with the four bytes at off replaced by v: how a number takes the
// place of a symbol.
func (m Match) PatchU32(off uint32, v uint32) Match { return Match(patchU32(string(m), off, v)) }

func patchU32(s string, off, v uint32) string {
	b := []byte(s)
	binary.BigEndian.PutUint32(b[off:], v)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// Builder takes m apart again. It fails on fields this package does not know.
func (m Match) Builder() (MatchBuilder, error) {
	var b MatchBuilder
	known, err := b.decode(string(m))
	if err == nil && !known {
		err = errors.New("openflow: match has unknown fields")
	}
	return b, err
}

// decode adds the TLVs of s to b. known is false if some are on fields that
// this package does not know.
func (b *MatchBuilder) decode(s string) (known bool, err error) {
	known = true
	var seen [4]uint64
	for len(s) > 0 {
		t, err := nextTLV(s)
		if err != nil {
			return false, fmt.Errorf("openflow: match: %w", err)
		}
		s = s[t.size:]
		if !t.known {
			known = false
			continue
		}
		if seen[t.field/64]&(1<<(t.field%64)) != 0 {
			return false, fmt.Errorf("openflow: match: %s twice", t.field)
		}
		seen[t.field/64] |= 1 << (t.field % 64)
		v, m := t.valueMask()
		b.SetMasked(t.field, v, m)
	}
	return known, nil
}

// DecodeMatch makes a canonical match of the TLVs of an ofp_match, without its
// header and padding, whoever wrote them: fields in any order, NXM or OXM, with
// superfluous masks.
//
// The packet type Ethernet, with which the switch begins a match that says
// nothing else about Ethernet, is left out: it is what a match without packet
// type means. A match with fields that this package does not know is returned
// as it stands.
func DecodeMatch(b []byte) (Match, error) {
	var mb MatchBuilder
	known, err := mb.decode(unsafe.String(unsafe.SliceData(b), len(b)))
	if err != nil {
		return "", err
	}
	if v, m := mb.get(FieldPacketType); v.IsZero() && m == MaskN(32) {
		mb.put(FieldPacketType, U128{}, U128{})
	}
	if !known {
		if len(b) >= 8 && string(b[:8]) == packetTypeEthernet {
			b = b[8:]
		}
		return Match(b), nil
	}
	return mb.Match(), nil
}

// packetTypeEthernet is the TLV packet_type=(0,0).
const packetTypeEthernet = "\x80\x00\x58\x04\x00\x00\x00\x00"
