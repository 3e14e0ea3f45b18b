package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// OpenFlow 1.4 at the door. Matches need nothing: the switch takes any OXM or
// NXM header in any version. Of the standard actions three differ, groups have
// other buckets, and the meter action is an instruction.

// ErrInexpressible says that OpenFlow 1.4 cannot carry something. Errors of
// AppendMessage wrap it; nothing is ever sent altered.
var ErrInexpressible = errors.New("cannot be expressed in OpenFlow 1.4")

func matchFromWire(_ Version, raw []byte) (Match, error) { return DecodeMatch(raw) }

func matchToWire(b []byte, _ Version, m Match) ([]byte, error) { return append(b, m...), nil }

func actionsFromWire(_ Version, raw []byte) (Actions, error) { return DecodeActions(raw) }

func actionsToWire(b []byte, v Version, a Actions) ([]byte, error) {
	if v == Version15 {
		return append(b, a...), nil
	}
	return appendActions14(b, a)
}

// Action types and Nicira subtypes whose encoding depends on the version, or
// that hold actions.
const (
	act15SetField  = 25
	act15CopyField = 28
	act15Meter     = 29
	actVendor      = 0xffff

	nxActRegMove  = 6
	nxActRegLoad2 = 33
	nxActCt       = 35
	nxActClone    = 42

	nxActCtHeader    = 24
	nxActCloneHeader = 16
)

// appendActions14 rewrites canonical actions:
//
//	set_field with a mask -> NXAST_REG_LOAD2
//	copy_field            -> NXAST_REG_MOVE
//	clone, ct             -> the same, with the actions inside rewritten
//	meter                 -> error: only appendInstructions14 can place it
func appendActions14(b []byte, a Actions) ([]byte, error) {
	in := []byte(a)
	for len(in) > 0 {
		if len(in) < 4 {
			return b, errShort
		}
		typ, n := binary.BigEndian.Uint16(in), int(binary.BigEndian.Uint16(in[2:]))
		if n < 8 || n > len(in) {
			return b, fmt.Errorf("action %d of %d bytes", typ, n)
		}
		var err error
		if b, err = appendAction14(b, typ, in[:n]); err != nil {
			return b, err
		}
		in = in[n:]
	}
	return b, nil
}

func appendAction14(b []byte, typ uint16, act []byte) ([]byte, error) {
	switch typ {
	case act15Meter:
		return b, fmt.Errorf("a meter action that is not the first: %w", ErrInexpressible)
	case act15CopyField:
		return appendRegMove(b, act)
	case act15SetField:
		if act[6]&1 == 0 { // has-mask bit of the OXM header
			return append(b, act...), nil
		}
		start := len(b)
		b = appendNXAction(b, nxActRegLoad2) // the TLV follows without padding
		b = append(b, act[4:oxmEnd(act)]...)
		b = padTo8(b, start)
		putU16(b, start+2, len(b)-start)
		return b, nil
	case actVendor:
		if len(act) < 10 || binary.BigEndian.Uint32(act[4:]) != vendorNicira {
			break
		}
		header := 0
		switch binary.BigEndian.Uint16(act[8:]) {
		case nxActCt:
			header = nxActCtHeader
		case nxActClone:
			header = nxActCloneHeader
		}
		if header == 0 || len(act) <= header {
			break
		}
		start := len(b)
		b = append(b, act[:header]...)
		var err error
		if b, err = appendActions14(b, Actions(act[header:])); err != nil {
			return b, err
		}
		putU16(b, start+2, len(b)-start)
		return b, nil
	}
	return append(b, act...), nil
}

// oxmEnd is where the OXM TLV of a set-field action ends.
func oxmEnd(act []byte) int { return min(8+int(act[7]), len(act)) }

func appendNXAction(b []byte, subtype uint16) []byte {
	b = appendU16(appendU16(b, actVendor), 0)
	return appendU16(appendU32(b, vendorNicira), subtype)
}

// appendRegMove turns OpenFlow 1.5's
//
//	28, length, n bits 2, src ofs 2, dst ofs 2, zero 2, src header, dst header
//
// into
//
//	vendor action, n bits 2, src ofs 2, dst ofs 2, src header 4, dst header 4
func appendRegMove(b []byte, act []byte) ([]byte, error) {
	if len(act) < 20 {
		return b, errShort
	}
	if act[12] == 0xff && act[13] == 0xff || act[16] == 0xff && act[17] == 0xff {
		return b, fmt.Errorf("copying an experimenter field: %w", ErrInexpressible)
	}
	start := len(b)
	b = appendNXAction(b, nxActRegMove)
	b = append(b, act[4:10]...)
	b = append(b, act[12:20]...)
	putU16(b, start+2, len(b)-start)
	return b, nil
}

// appendInstructions14 makes a leading meter action the meter instruction.
func appendInstructions14(b []byte, _ Version, a Actions) ([]byte, error) {
	if len(a) >= 8 && a[0] == 0 && a[1] == act15Meter {
		b = appendU16(appendU16(b, instrMeter), 8)
		b = append(b, a[4:8]...)
		a = a[8:]
	}
	if a == "" {
		return b, nil
	}
	start := len(b)
	b = appendU16(b, instrApplyActions)
	b = appendZeros(b, 6)
	b, err := appendActions14(b, a)
	putU16(b, start+2, len(b)-start)
	return b, err
}

// prependMeter is what the meter instruction means in OpenFlow 1.5.
func prependMeter(meter uint32, a Actions) Actions {
	b := appendU16(appendU16(nil, act15Meter), 8)
	return Actions(appendU32(b, meter)) + a
}

func (m *GroupMod) appendBody14(b []byte, v Version) ([]byte, error) {
	if m.Command == GroupModInsertBucket || m.Command == GroupModRemoveBucket {
		return b, fmt.Errorf("group %d: inserting or removing single buckets %w", m.ID, ErrInexpressible)
	}
	b = appendU16(b, m.Command)
	b = append(b, byte(m.Spec.Type), 0)
	b = appendU32(b, m.ID)
	b, err := appendBuckets14(b, v, &m.Spec)
	if err != nil {
		return b, fmt.Errorf("group %d: %w", m.ID, err)
	}
	return b, nil
}

// In OpenFlow 1.4 a select group has no selection method. The switch then uses
// dp_hash, so a group without says dp_hash when read.
const method14 = DefaultSelectionMethod

// DefaultSelectionMethod is how the switch chooses a bucket of a select group that
// says nothing about it.
const DefaultSelectionMethod = "dp_hash"

// appendBuckets14:
//
//	| length | weight | watch port | watch group | zeros | actions
func appendBuckets14(b []byte, v Version, g *GroupSpec) ([]byte, error) {
	if g.Type == GroupSelect && (g.SelectionMethod != method14 || g.SelectionParam != 0 || len(g.Fields) > 0) &&
		len(g.Buckets) > 0 {
		return b, fmt.Errorf("selection method %q with its fields %w", g.SelectionMethod, ErrInexpressible)
	}
	for i := range g.Buckets {
		k := &g.Buckets[i]
		start := len(b)
		b = appendU16(appendU16(b, 0), k.Weight)
		watch := func(id uint32) {
			if id == 0 {
				id = portAny
			}
			b = appendU32(b, id)
		}
		watch(k.WatchPort)
		watch(k.WatchGroup)
		b = appendZeros(b, 4)
		var err error
		if b, err = actionsToWire(b, v, k.Actions); err != nil {
			return b, fmt.Errorf("bucket %d: %w", i, err)
		}
		n := len(b) - start
		if n > MaxMessage {
			return b, fmt.Errorf("bucket %d: %w", i, ErrTooLong)
		}
		putU16(b, start, n)
	}
	return b, nil
}

// decodeBuckets14 numbers the buckets by their place, as the switch does with
// buckets that come without a number.
func decodeBuckets14(typ GroupType, r *reader) (GroupSpec, error) {
	g := GroupSpec{Type: typ}
	if typ > GroupFF {
		return g, fmt.Errorf("group type %d", typ)
	}
	if typ == GroupSelect {
		g.SelectionMethod = method14
	}
	for !r.empty() {
		n := int(r.u16())
		if r.err == nil && n < 16 {
			return g, fmt.Errorf("bucket of %d bytes", n)
		}
		e := r.sub(n - 2)
		k := Bucket{ID: uint32(len(g.Buckets)), Weight: e.u16()}
		if p := e.u32(); p != portAny {
			k.WatchPort = p
		}
		if p := e.u32(); p != groupAny {
			k.WatchGroup = p
		}
		e.skip(4)
		if e.err != nil {
			return g, e.err
		}
		var err error
		if k.Actions, err = DecodeActions(e.b); err != nil {
			return g, err
		}
		g.Buckets = append(g.Buckets, k)
	}
	return g, r.err
}
