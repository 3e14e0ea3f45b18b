package openflow

import "encoding/binary"

// ActionBuilder collects a list of actions, each in the encoding in which
// ovs-vswitchd gives it back in an OpenFlow 1.5 dump. The zero value is ready;
// only append, or Reset to start again. Actions copies what was collected, so a
// builder may be reused.
type ActionBuilder struct {
	buf  []byte
	syms SymbolList
}

// Action types of OpenFlow 1.5.
const (
	atOutput     = 0
	atPushVLAN   = 17
	atPopVLAN    = 18
	atPushMPLS   = 19
	atPopMPLS    = 20
	atSetQueue   = 21
	atGroup      = 22
	atSetNwTTL   = 23
	atDecNwTTL   = 24
	atSetField   = 25
	atCopyField  = 28
	atMeter      = 29
	atExperiment = 0xffff
)

// Subtypes of Nicira actions.
const (
	nxResubmit       = 1
	nxSetTunnel      = 2
	nxPopQueue       = 5
	nxRegMove        = 6
	nxRegLoad        = 7
	nxNote           = 8
	nxSetTunnel64    = 9
	nxMultipath      = 10
	nxBundle         = 12
	nxBundleLoad     = 13
	nxResubmitTable  = 14
	nxOutputReg      = 15
	nxLearn          = 16
	nxExit           = 17
	nxDecTTL         = 18
	nxFinTimeout     = 19
	nxController     = 20
	nxDecTTLCntIDs   = 21
	nxStackPush      = 27
	nxStackPop       = 28
	nxSample         = 29
	nxOutputReg2     = 32
	nxRegLoad2       = 33
	nxConjunction    = 34
	nxCt             = 35
	nxNAT            = 36
	nxController2    = 37
	nxSample2        = 38
	nxOutputTrunc    = 39
	nxSample3        = 41
	nxClone          = 42
	nxCtClear        = 43
	nxResubmitCT     = 44
	nxLearn2         = 45
	nxEncap          = 46
	nxDecap          = 47
	nxDecNSHTTL      = 48
	nxCheckPktLarger = 49
	nxDeleteField    = 50
	nxSample4        = 51
)

const niciraVendor = 0x00002320

// NoTable stands for no table where a table is optional.
const NoTable = 255

// Reset forgets what was collected and keeps the memory.
func (b *ActionBuilder) Reset() {
	b.buf = b.buf[:0]
	b.syms = b.syms[:0]
}

// Len is the number of bytes collected.
func (b *ActionBuilder) Len() int { return len(b.buf) }

// Actions is a copy of what was collected.
func (b *ActionBuilder) Actions() Actions { return Actions(b.buf) }

// Symbols lists the symbols in what was collected, in the order they came.
func (b *ActionBuilder) Symbols() Symbols { return b.syms.Encode() }

// Holds tells whether Actions is a and Symbols is s, without making them.
func (b *ActionBuilder) Holds(a Actions, s Symbols) bool {
	return string(b.buf) == string(a) && b.syms.encodesTo(s)
}

// AppendRaw adds actions that are canonical already and hold no symbols.
func (b *ActionBuilder) AppendRaw(a Actions) { b.grow(); b.buf = append(b.buf, a...) }

// AppendSymbolic adds canonical actions and the symbols in them.
func (b *ActionBuilder) AppendSymbolic(a Actions, s Symbols) {
	base := uint32(len(b.buf))
	b.AppendRaw(a)
	for sym := range s.All() {
		if sym.Kind != SymConjClause {
			sym.Offset += base
		}
		b.syms = append(b.syms, sym)
	}
}

func (b *ActionBuilder) grow() {
	if b.buf == nil {
		b.buf = make([]byte, 0, 256)
	}
}

func (b *ActionBuilder) u8(v uint8)   { b.buf = append(b.buf, v) }
func (b *ActionBuilder) u16(v uint16) { b.buf = binary.BigEndian.AppendUint16(b.buf, v) }
func (b *ActionBuilder) u32(v uint32) { b.buf = binary.BigEndian.AppendUint32(b.buf, v) }
func (b *ActionBuilder) u64(v uint64) { b.buf = binary.BigEndian.AppendUint64(b.buf, v) }

func (b *ActionBuilder) zeros(n int) {
	for range n {
		b.buf = append(b.buf, 0)
	}
}

// std begins a standard action of n bytes and returns where it begins; the
// length of longer ones is set by end.
func (b *ActionBuilder) std(typ, n uint16) int {
	b.grow()
	at := len(b.buf)
	b.u16(typ)
	b.u16(n)
	return at
}

// nx begins a Nicira action of n bytes:
//
//	type 0xffff, length, vendor 0x2320, subtype
func (b *ActionBuilder) nx(subtype, n uint16) int {
	at := b.std(atExperiment, n)
	b.u32(niciraVendor)
	b.u16(subtype)
	return at
}

// end pads the action that began at at to eight bytes and sets its length.
func (b *ActionBuilder) end(at int) {
	b.zeros(-(len(b.buf) - at) & 7)
	binary.BigEndian.PutUint16(b.buf[at+2:], uint16(len(b.buf)-at))
}

// padTo adds zeros until the action that began at at is n bytes long.
func (b *ActionBuilder) padTo(at, n int) { b.zeros(n - (len(b.buf) - at)) }

func (b *ActionBuilder) header(h oxmHeader) { b.buf = h.append(b.buf, false) }

// Output sends to a port, OpenFlow 1.0 or 1.1 number.
func (b *ActionBuilder) Output(port uint32) { b.OutputMax(port, 0) }

// OutputMax is Output with the number of bytes that a controller is sent.
func (b *ActionBuilder) OutputMax(port uint32, maxLen uint16) {
	b.std(atOutput, 16)
	b.u32(Port32(port))
	b.u16(maxLen)
	b.zeros(6)
}

// OutputReg sends to the port that a field holds.
func (b *ActionBuilder) OutputReg(src Subfield) { b.OutputRegMax(src, 0xffff) }

// OutputRegMax is OutputReg with the number of bytes that a controller is sent.
func (b *ActionBuilder) OutputRegMax(src Subfield, maxLen uint16) {
	if h := fields[src.Field].nxm; h.u32() != 0 || src.Field == FieldInPort {
		b.nx(nxOutputReg, 24)
		b.u16(src.ofsNbits())
		b.u32(h.u32())
		b.u16(maxLen)
		b.zeros(6)
		return
	}
	b.outputReg2(src, maxLen)
}

func (b *ActionBuilder) outputReg2(src Subfield, maxLen uint16) {
	at := b.nx(nxOutputReg2, 24)
	b.u16(src.ofsNbits())
	b.u16(maxLen)
	b.header(fields[src.Field].nxm)
	b.padTo(at, 24)
}

// OutputTrunc sends the first maxLen bytes to a port.
func (b *ActionBuilder) OutputTrunc(port uint32, maxLen uint32) {
	b.nx(nxOutputTrunc, 16)
	b.u16(uint16(port))
	b.u32(maxLen)
}

// Resubmit looks the packet up in table, with its present in_port.
func (b *ActionBuilder) Resubmit(table uint8) { b.ResubmitPort(PortInPort, table) }

// ResubmitPort looks the packet up in table as if it had come from port.
func (b *ActionBuilder) ResubmitPort(port uint32, table uint8) {
	b.resubmit(nxResubmitTable, uint16(port), table)
}

// ResubmitCT is Resubmit with the addresses and ports of the connection's
// original direction in place of the packet's.
func (b *ActionBuilder) ResubmitCT(table uint8) { b.ResubmitPortCT(PortInPort, table) }

// ResubmitPortCT is ResubmitPort as ResubmitCT is Resubmit.
func (b *ActionBuilder) ResubmitPortCT(port uint32, table uint8) {
	b.resubmit(nxResubmitCT, uint16(port), table)
}

func (b *ActionBuilder) resubmit(subtype, port uint16, table uint8) {
	b.nx(subtype, 16)
	b.u16(port)
	b.u8(table)
	b.zeros(3)
}

// Move copies src to dst; both have the same number of bits.
func (b *ActionBuilder) Move(src, dst Subfield) {
	at := b.std(atCopyField, 0)
	b.u16(uint16(dst.Bits))
	b.u16(uint16(src.Ofs))
	b.u16(uint16(dst.Ofs))
	b.u16(0)
	b.header(fields[src.Field].oxm)
	b.header(fields[dst.Field].oxm)
	b.end(at)
}

// SetField sets all of f.
func (b *ActionBuilder) SetField(f Field, v U128) {
	b.SetFieldMasked(f, v, MaskN(8*f.Bytes()))
}

// SetFieldMasked sets the bits of f under mask.
func (b *ActionBuilder) SetFieldMasked(f Field, v, mask U128) {
	n := f.Bytes()
	masked := mask != MaskN(8*n)
	v = v.And(mask)
	at := b.std(atSetField, 0)
	h := fields[f].oxm
	if f.isTunMetadata() {
		// Their values go without leading zeros: zero itself without bytes.
		used := v
		if masked {
			used = mask
		}
		n = (used.Len() + 7) / 8
		h = makeOXM(h.class(), h.field(), uint8(n), 0)
	}
	b.buf = h.append(b.buf, masked)
	b.buf = v.appendBE(b.buf, n)
	if masked {
		b.buf = mask.appendBE(b.buf, n)
	}
	b.end(at)
}

// LoadSub sets the bits of dst to the low bits of v.
func (b *ActionBuilder) LoadSub(dst Subfield, v uint64) { b.LoadSub128(dst, U128{Lo: v}) }

// LoadSub128 is LoadSub for subfields of more than 64 bits.
func (b *ActionBuilder) LoadSub128(dst Subfield, v U128) {
	b.SetFieldMasked(dst.Field, v.Shl(int(dst.Ofs)), dst.Mask())
}

// LoadImm is the older action "load". OpenFlow 1.5 has only set_field, so it is
// the same as LoadSub.
func (b *ActionBuilder) LoadImm(dst Subfield, v uint64) { b.LoadSub(dst, v) }

// Push puts the bits of s on the stack.
func (b *ActionBuilder) Push(s Subfield) { b.stack(nxStackPush, s) }

// Pop takes the bits of s from the stack.
func (b *ActionBuilder) Pop(s Subfield) { b.stack(nxStackPop, s) }

func (b *ActionBuilder) stack(subtype uint16, s Subfield) {
	at := b.nx(subtype, 24)
	b.u16(uint16(s.Ofs))
	b.header(fields[s.Field].nxm)
	b.u16(uint16(s.Bits))
	b.padTo(at, 24)
}

// DeleteField removes a tunnel option.
func (b *ActionBuilder) DeleteField(f Field) {
	at := b.nx(nxDeleteField, 24)
	b.header(fields[f].nxm)
	b.padTo(at, 24)
}

// CheckPktLarger sets the bit dst if the packet is larger than max bytes.
func (b *ActionBuilder) CheckPktLarger(max uint16, dst Subfield) {
	at := b.nx(nxCheckPktLarger, 24)
	b.u16(max)
	b.u16(uint16(dst.Ofs))
	b.header(fields[dst.Field].nxm)
	b.padTo(at, 24)
}

// DecTTL decrements the IP TTL.
func (b *ActionBuilder) DecTTL() { b.std(atDecNwTTL, 8); b.zeros(4) }

// PushVLAN adds a tag of that Ethernet type.
func (b *ActionBuilder) PushVLAN(ethType uint16) {
	b.std(atPushVLAN, 8)
	b.u16(ethType)
	b.zeros(2)
}

// PopVLAN removes the outer tag.
func (b *ActionBuilder) PopVLAN() { b.std(atPopVLAN, 8); b.zeros(4) }

// SetVLANVID sets the VID of a tag that is there.
func (b *ActionBuilder) SetVLANVID(vid uint16) {
	b.SetField(FieldVLANVID, U128{Lo: uint64(vid&0xfff | vlanPresent)})
}

// SetQueue chooses the queue of what is sent from here on.
func (b *ActionBuilder) SetQueue(id uint32) { b.std(atSetQueue, 8); b.u32(id) }

// PopQueue goes back to the default queue.
func (b *ActionBuilder) PopQueue() { b.nx(nxPopQueue, 16); b.zeros(6) }

// Exit ends processing.
func (b *ActionBuilder) Exit() { b.nx(nxExit, 16); b.zeros(6) }

// Group processes the packet by a group.
func (b *ActionBuilder) Group(id uint32) { b.std(atGroup, 8); b.u32(id) }

// GroupSymbol is Group by content: the number is zero until assigned.
func (b *ActionBuilder) GroupSymbol(g *GroupSpec) {
	b.GroupContent(string(g.Encode()))
}

// GroupContent is GroupSymbol with the group encoded already.
func (b *ActionBuilder) GroupContent(content string) {
	b.Group(0)
	b.syms = append(b.syms, Symbol{Kind: SymGroup, Offset: uint32(len(b.buf) - 4), Content: content})
}

// Meter drops what exceeds a meter.
func (b *ActionBuilder) Meter(id uint32) { b.std(atMeter, 8); b.u32(id) }

// MeterSymbol is Meter by name: the number is zero until assigned.
func (b *ActionBuilder) MeterSymbol(name string) {
	b.Meter(0)
	b.syms = append(b.syms, Symbol{Kind: SymMeter, Offset: uint32(len(b.buf) - 4), Content: name})
}

// Note adds bytes that do nothing. Their number comes back as 6 modulo 8.
func (b *ActionBuilder) Note(data []byte) {
	at := b.nx(nxNote, 0)
	b.buf = append(b.buf, data...)
	b.end(at)
}

// Clone executes actions on a copy of the packet.
func (b *ActionBuilder) Clone(nested func(*ActionBuilder)) {
	at := b.nx(nxClone, 0)
	b.zeros(6)
	nested(b)
	b.end(at)
}

// Conjunction says that the flow is clause k (from 0) of n of conjunction id.
func (b *ActionBuilder) Conjunction(id uint32, k, n uint8) {
	b.nx(nxConjunction, 16)
	b.u8(k)
	b.u8(n)
	b.u32(id)
}

// ConjClause says by a symbol that the flow is clause k (from 0) of nClauses of
// conjunction n of the flow's owner on datapath dp. It adds no bytes.
func (b *ActionBuilder) ConjClause(dp uint32, n uint16, k, nClauses uint8) {
	b.syms = append(b.syms, Symbol{Kind: SymConjClause, DP: dp, N: n, Clause: k, NClauses: nClauses})
}

func (b *ActionBuilder) finTimeout(idle, hard uint16) {
	b.nx(nxFinTimeout, 16)
	b.u16(idle)
	b.u16(hard)
	b.zeros(2)
}
