package openflow

import "encoding/binary"

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

// Flags of LearnSpec.
const (
	LearnSendFlowRem   = 1 << 0
	LearnDeleteLearned = 1 << 1
	learnWriteResult   = 1 << 2
)

// LearnSpec is the action learn, ovs-actions(7).
type LearnSpec struct {
	IdleTimeout, HardTimeout       uint16 // seconds
	FinIdleTimeout, FinHardTimeout uint16 // seconds
	Priority                       uint16
	Cookie                         uint64
	Flags                          uint16
	Table                          uint8
	Limit                          uint32   // most flows learned, 0: no limit
	Result                         Subfield // one bit that says whether it could; Bits 0: none
	Fields                         []LearnField
}

// LearnDst is what a LearnField makes in the learned flow.
type LearnDst uint8

const (
	LearnMatch  LearnDst = iota // a test of Dst
	LearnLoad                   // an action that sets Dst
	LearnOutput                 // an output to the port in Src
)

// LearnField is one part of what a learned flow matches or does. Its value is
// that of Src in the packet or, if Src.Bits is 0, Value.
type LearnField struct {
	To    LearnDst
	Dst   Subfield // not for LearnOutput
	Src   Subfield
	Value U128
}

// Learn adds a flow made from the packet.
func (b *ActionBuilder) Learn(l LearnSpec) { b.learn(&l, l.Limit != 0 || l.Result.Bits != 0) }

// learn writes the newer form if two is set: the switch gives back the form it
// was given.
func (b *ActionBuilder) learn(l *LearnSpec, two bool) {
	flags := l.Flags &^ learnWriteResult
	subtype := uint16(nxLearn)
	if two {
		subtype = nxLearn2
	}
	if l.Result.Bits != 0 {
		flags |= learnWriteResult
	}
	at := b.nx(subtype, 0)
	b.u16(l.IdleTimeout)
	b.u16(l.HardTimeout)
	b.u16(l.Priority)
	b.u64(l.Cookie)
	b.u16(flags)
	b.u8(l.Table)
	b.u8(0)
	b.u16(l.FinIdleTimeout)
	b.u16(l.FinHardTimeout)
	if two {
		b.u32(l.Limit)
		b.u16(uint16(l.Result.Ofs))
		b.u16(0)
		if l.Result.Bits != 0 {
			b.header(fields[l.Result.Field].nxm)
		}
	}
	for i := range l.Fields {
		f := &l.Fields[i]
		n := f.Dst.Bits
		if f.To == LearnOutput {
			n = f.Src.Bits
		}
		spec := uint16(n) | uint16(f.To)<<11
		if f.Src.Bits == 0 {
			spec |= 1 << 13
		}
		b.u16(spec)
		if f.Src.Bits == 0 {
			b.buf = f.Value.And(MaskN(int(n))).appendBE(b.buf, (int(n)+15)/16*2)
		} else {
			b.u32(fields[f.Src.Field].nxm.u32())
			b.u16(uint16(f.Src.Ofs))
		}
		if f.To != LearnOutput {
			b.u32(fields[f.Dst.Field].nxm.u32())
			b.u16(uint16(f.Dst.Ofs))
		}
	}
	b.end(at)
}

func (b *ActionBuilder) finTimeout(idle, hard uint16) {
	b.nx(nxFinTimeout, 16)
	b.u16(idle)
	b.u16(hard)
	b.zeros(2)
}

// BundleSpec is the action bundle, ovs-actions(7).
type BundleSpec struct {
	Fields    uint16 // BundleHash*
	Basis     uint16
	Algorithm uint16 // BundleActiveBackup or BundleHRW
	Members   []uint16
	Dst       Subfield // Bits not 0: store the port instead of sending
}

const (
	BundleActiveBackup = 0
	BundleHRW          = 1

	BundleHashEthSrc        = 0
	BundleHashSymmetricL4   = 1
	BundleHashSymmetricL3L4 = 2
	BundleHashSymmetricL3U  = 3
	BundleHashNwSrc         = 4
	BundleHashNwDst         = 5
	BundleHashSymmetricL3   = 6
	bundleMemberTypeInPort  = 0x00000002
	bundleHeaderLen         = 32
	sampleProbabilityAlways = 65535
	sampleDirectionDefault  = 0
	samplePortNone          = 0xffff
)

// Bundle sends to one of several ports.
func (b *ActionBuilder) Bundle(s BundleSpec) {
	subtype := uint16(nxBundle)
	if s.Dst.Bits != 0 {
		subtype = nxBundleLoad
	}
	at := b.nx(subtype, 0)
	b.u16(s.Algorithm)
	b.u16(s.Fields)
	b.u16(s.Basis)
	b.u32(bundleMemberTypeInPort)
	b.u16(uint16(len(s.Members)))
	if s.Dst.Bits != 0 {
		b.u16(s.Dst.ofsNbits())
		b.u32(fields[s.Dst.Field].nxm.u32())
	} else {
		b.u16(0)
		b.u32(0)
	}
	b.padTo(at, bundleHeaderLen)
	for _, m := range s.Members {
		b.u16(m)
	}
	b.end(at)
}

// SampleSpec is the action sample, ovs-actions(7).
type SampleSpec struct {
	Probability  uint16 // of 65535
	CollectorSet uint32
	ObsDomain    uint32
	ObsDomainSrc Subfield // in place of ObsDomain if Bits is not 0
	ObsPoint     uint32
	ObsPointSrc  Subfield // in place of ObsPoint if Bits is not 0
	Port         uint16   // sampling port; 0: none
	Direction    uint8    // 0 default, 1 ingress, 2 egress
}

// Sample sends samples to IPFIX collectors. Sources need Open vSwitch 3.4.
func (b *ActionBuilder) Sample(s SampleSpec) {
	port := s.Port
	if port == 0 {
		port = samplePortNone
	}
	subtype := uint16(nxSample)
	switch {
	case s.ObsDomainSrc.Bits != 0 || s.ObsPointSrc.Bits != 0:
		subtype = nxSample4
	case s.Direction != sampleDirectionDefault:
		subtype = nxSample3
	case port != samplePortNone:
		subtype = nxSample2
	}
	b.sample(&s, subtype, port)
}

func (b *ActionBuilder) sample(s *SampleSpec, subtype, port uint16) {
	n := 32
	switch subtype {
	case nxSample:
		n = 24
	case nxSample4:
		n = 40
	}
	at := b.nx(subtype, uint16(n))
	b.u16(s.Probability)
	b.u32(s.CollectorSet)
	if subtype == nxSample4 {
		b.sampleSource(s.ObsDomain, s.ObsDomainSrc)
		b.sampleSource(s.ObsPoint, s.ObsPointSrc)
	} else {
		b.u32(s.ObsDomain)
		b.u32(s.ObsPoint)
	}
	if subtype != nxSample {
		b.u16(port)
		b.u8(s.Direction)
	}
	b.padTo(at, n)
}

func (b *ActionBuilder) sampleSource(imm uint32, src Subfield) {
	if src.Bits == 0 {
		b.u32(0)
		b.u32(imm)
		return
	}
	b.u32(fields[src.Field].nxm.u32())
	b.u16(src.ofsNbits())
	b.u16(0)
}
