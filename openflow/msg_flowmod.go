package openflow

import (
	"fmt"
)

// Commands of FlowMod (OFPFC_*).
const (
	FlowAdd          = 0
	FlowModify       = 1
	FlowModifyStrict = 2
	FlowDelete       = 3
	FlowDeleteStrict = 4
)

const (
	portAny  = 0xffffffff // OFPP_ANY
	groupAny = 0xffffffff // OFPG_ANY
	noBuffer = 0xffffffff

	// TableAll stands for every table in requests and deletions.
	TableAll = 0xff

	instrApplyActions = 4
	instrMeter        = 6
	oxmMatchType      = 1 // OFPMT_OXM
)

// FlowMod adds, changes or deletes flows.
//
//	+----------------------------------------------------+ header
//	| cookie                                             |
//	| cookie mask                                        |
//	| table | command | idle | hard | priority           |
//	| buffer id               | output port               |
//	| output group            | flags | importance        |
//	| match: type 1, length, TLVs, zeros to 8            |
//	| instructions                                       |
//	+----------------------------------------------------+
type FlowMod struct {
	Command    uint8
	Table      uint8
	Priority   uint16
	Idle, Hard uint16 // seconds, 0 for ever
	Flags      uint16
	Importance uint16
	Cookie     uint64
	CookieMask uint64
	Match      Match
	// Actions is the list of the one apply-actions instruction; "" sends no
	// instruction.
	Actions Actions
}

func (*FlowMod) msgType() uint8 { return TypeFlowMod }

func (m *FlowMod) appendBody(b []byte, v Version) ([]byte, error) {
	b = appendU64(b, m.Cookie)
	b = appendU64(b, m.CookieMask)
	b = append(b, m.Table, m.Command)
	b = appendU16(b, m.Idle)
	b = appendU16(b, m.Hard)
	b = appendU16(b, m.Priority)
	b = appendU32(b, noBuffer)
	b = appendU32(b, portAny)
	b = appendU32(b, groupAny)
	b = appendU16(b, m.Flags)
	b = appendU16(b, m.Importance)
	b, err := appendMatch(b, v, m.Match)
	if err != nil {
		return b, err
	}
	return appendInstructions(b, v, m.Actions)
}

// flowModLen is the size in bytes of a FlowMod in OpenFlow 1.5.
func flowModLen(m Match, a Actions) int {
	n := headerLen + 40 + (4+len(m)+7)&^7
	if len(a) > 0 {
		n += 8 + len(a)
	}
	return n
}

// FitsBundle says whether a flow-mod with this match and these actions fits into
// a bundle-add message, which is limited to 64 KiB.
func FitsBundle(m Match, a Actions) bool {
	return flowModLen(m, a)+bundleAddLen <= MaxMessage
}

func decodeFlowMod(v Version, r *reader) (*FlowMod, error) {
	m := &FlowMod{Cookie: r.u64(), CookieMask: r.u64(), Table: r.u8(), Command: r.u8(),
		Idle: r.u16(), Hard: r.u16(), Priority: r.u16()}
	r.skip(12)
	m.Flags, m.Importance = r.u16(), r.u16()
	raw := takeMatch(r)
	if r.err != nil {
		return nil, r.err
	}
	match, err := matchFromWire(v, raw)
	if err != nil {
		return nil, err
	}
	m.Match = match
	a, other, err := takeInstructions(v, r)
	if err == nil && other {
		err = fmt.Errorf("flow-mod with instructions other than apply-actions")
	}
	m.Actions = a
	return m, err
}

// appendMatch appends an ofp_match: type 1, length without padding, TLVs.
func appendMatch(b []byte, v Version, m Match) ([]byte, error) {
	start := len(b)
	b = appendU16(b, oxmMatchType)
	b = appendU16(b, 0)
	b, err := matchToWire(b, v, m)
	if err != nil {
		return b, err
	}
	putU16(b, start+2, len(b)-start)
	return padTo8(b, start), nil
}

// takeMatch takes an ofp_match with its padding off r and returns its TLVs.
func takeMatch(r *reader) []byte {
	typ, n := r.u16(), int(r.u16())
	if r.err == nil && (typ != oxmMatchType || n < 4) {
		r.err = fmt.Errorf("match of type %d and %d bytes", typ, n)
		return nil
	}
	b := r.take(n - 4)
	r.skip(-n & 7)
	return b
}

func appendInstructions(b []byte, v Version, a Actions) ([]byte, error) {
	if a == "" {
		return b, nil
	}
	if v != Version15 {
		return appendInstructions14(b, v, a)
	}
	b = appendU16(b, instrApplyActions)
	b = appendU16(b, uint16(8+len(a)))
	b = appendZeros(b, 4)
	return append(b, a...), nil
}

// takeInstructions reads instructions to the end of r. other says that there is
// one that this package never sends.
func takeInstructions(v Version, r *reader) (a Actions, other bool, err error) {
	var meter uint32
	for !r.empty() {
		typ, n := r.u16(), int(r.u16())
		if r.err != nil {
			break
		}
		if n < 8 {
			return a, other, fmt.Errorf("instruction %d of %d bytes", typ, n)
		}
		body := r.sub(n - 4)
		if r.err != nil {
			break
		}
		switch {
		case typ == instrApplyActions && a == "":
			body.skip(4)
			if a, err = actionsFromWire(v, body.b); err != nil {
				return a, other, err
			}
		case typ == instrMeter && v == Version14:
			meter = body.u32()
		default:
			other = true
		}
	}
	if meter != 0 && r.err == nil {
		a = prependMeter(meter, a)
	}
	return a, other, r.err
}
