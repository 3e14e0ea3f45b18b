package openflow

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
