package openflow

import (
	"encoding/binary"
)

// NoMeter is a ControllerSpec.Meter that stands for no meter of its own.
const NoMeter = 0xffffffff

// ControllerSpec is the action controller, ovs-actions(7).
type ControllerSpec struct {
	MaxLen       uint16 // 0: 65535, that is everything
	ControllerID uint16
	Reason       uint8 // OFPR_*; 0 is "no_match", 1 "action"
	UserData     []byte
	Pause        bool
	Meter        uint32 // 0 or NoMeter: none
	MeterSymbol  string // name of a meter, in place of Meter if not empty
}

// Reasons for a packet-in.
const (
	ReasonNoMatch = 0
	ReasonAction  = 1
)

// Controller sends the packet to a controller.
func (b *ActionBuilder) Controller(c ControllerSpec) {
	maxLen := c.MaxLen
	if maxLen == 0 {
		maxLen = 0xffff
	}
	meter := c.Meter
	if meter == 0 {
		meter = NoMeter
	}
	if len(c.UserData) == 0 && !c.Pause && meter == NoMeter && c.MeterSymbol == "" {
		b.controller(maxLen, c.ControllerID, c.Reason)
		return
	}
	b.controller2(&c, maxLen, meter)
}

func (b *ActionBuilder) controller(maxLen, id uint16, reason uint8) {
	b.nx(nxController, 16)
	b.u16(maxLen)
	b.u16(id)
	b.u8(reason)
	b.u8(0)
}

func (b *ActionBuilder) controller2(c *ControllerSpec, maxLen uint16, meter uint32) {
	at := b.nx(nxController2, 0)
	b.zeros(6)
	if maxLen != 0xffff {
		b.prop16(0, maxLen)
	}
	if c.ControllerID != 0 {
		b.prop16(1, c.ControllerID)
	}
	if c.Reason != ReasonAction {
		p := b.prop(2)
		b.u8(c.Reason)
		b.endProp(p)
	}
	if len(c.UserData) != 0 {
		p := b.prop(3)
		b.buf = append(b.buf, c.UserData...)
		b.endProp(p)
	}
	if c.Pause {
		b.endProp(b.prop(4))
	}
	if meter != NoMeter || c.MeterSymbol != "" {
		p := b.prop(5)
		if c.MeterSymbol != "" {
			b.syms = append(b.syms, Symbol{Kind: SymMeter, Offset: uint32(len(b.buf)), Content: c.MeterSymbol})
			meter = 0
		}
		b.u32(meter)
		b.endProp(p)
	}
	b.end(at)
}

// prop begins a property: type, length without padding, data, padding to eight
// bytes.
func (b *ActionBuilder) prop(typ uint16) int {
	at := len(b.buf)
	b.u16(typ)
	b.u16(0)
	return at
}

// prop16 is a property of 16 bits: its padding is counted, that of others not.
func (b *ActionBuilder) prop16(typ, v uint16) {
	p := b.prop(typ)
	b.u16(v)
	b.u16(0)
	b.endProp(p)
}

func (b *ActionBuilder) endProp(at int) {
	n := len(b.buf) - at
	binary.BigEndian.PutUint16(b.buf[at+2:], uint16(n))
	b.zeros(-n & 7)
}
