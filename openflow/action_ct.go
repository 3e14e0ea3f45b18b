package openflow

import (
	"encoding/binary"
	"net/netip"
)

// CtSpec is the action ct, ovs-actions(7).
type CtSpec struct {
	Commit, Force bool
	Zone          uint16
	ZoneSrc       Subfield // in place of Zone if Bits is not 0
	// Table is where the packet goes on after recirculation if HasTable.
	Table    uint8
	HasTable bool
	ALG      uint16
	NAT      *NATSpec
	// Exec adds actions after NAT: set_field and move of ct_mark and ct_label.
	Exec func(*ActionBuilder)
}

// Ct sends the packet through the connection tracker.
func (b *ActionBuilder) Ct(c CtSpec) {
	var flags uint16
	if c.Commit {
		flags |= ctCommit
	}
	if c.Force {
		flags |= ctForce
	}
	table := uint8(NoTable)
	if c.HasTable {
		table = c.Table
	}
	at := b.ct(flags, c.Zone, c.ZoneSrc, table, c.ALG)
	if c.NAT != nil {
		b.NAT(c.NAT)
	}
	if c.Exec != nil {
		c.Exec(b)
	}
	b.end(at)
}

const (
	ctCommit = 1 << 0
	ctForce  = 1 << 1
)

// ct begins a ct action; its nested actions and end must follow.
func (b *ActionBuilder) ct(flags, zone uint16, zoneSrc Subfield, table uint8, alg uint16) int {
	at := b.nx(nxCt, 0)
	b.u16(flags)
	if zoneSrc.Bits != 0 {
		b.u32(fields[zoneSrc.Field].nxm.u32())
		b.u16(zoneSrc.ofsNbits())
	} else {
		b.u32(0)
		b.u16(zone)
	}
	b.u8(table)
	b.zeros(3)
	b.u16(alg)
	return at
}

// CtClear forgets the packet's connection.
func (b *ActionBuilder) CtClear() { b.nx(nxCtClear, 16); b.zeros(6) }

// NATSpec is the action nat inside ct. Neither Src nor Dst: translate as the
// connection already is.
type NATSpec struct {
	Src, Dst                 bool
	AddrMin, AddrMax         netip.Addr // AddrMax invalid: one address
	PortMin, PortMax         uint16     // 0: none
	Persistent, Hash, Random bool
}

// Flags of the action nat.
const (
	natSrc        = 1 << 0
	natDst        = 1 << 1
	natPersistent = 1 << 2
	natHash       = 1 << 3
	natRandom     = 1 << 4
)

// natRange is what the action nat chooses from; parts that are absent are zero.
type natRange struct {
	addr [2]netip.Addr
	port [2]uint16
}

// NAT translates addresses. It is only allowed inside Ct.
func (b *ActionBuilder) NAT(n *NATSpec) {
	var flags uint16
	for i, set := range [...]bool{n.Src, n.Dst, n.Persistent, n.Hash, n.Random} {
		if set {
			flags |= 1 << i
		}
	}
	b.nat(flags, &natRange{[2]netip.Addr{n.AddrMin, n.AddrMax}, [2]uint16{n.PortMin, n.PortMax}})
}

// nat writes what the switch gives back: no part that is zero, and ports only
// beside an address.
func (b *ActionBuilder) nat(flags uint16, r *natRange) {
	at := b.nx(nxNAT, 0)
	b.u16(0)
	b.u16(flags)
	b.u16(0) // what is present, see below
	var present uint16
	for i, a := range r.addr {
		switch {
		case !a.IsValid() || a.IsUnspecified():
		case a.Is4():
			v := a.As4()
			b.buf = append(b.buf, v[:]...)
			present |= 1 << i
		default:
			v := a.As16()
			b.buf = append(b.buf, v[:]...)
			present |= 4 << i
		}
	}
	for i, p := range r.port {
		if p != 0 && r.addr[0].IsValid() {
			b.u16(p)
			present |= 16 << i
		}
	}
	binary.BigEndian.PutUint16(b.buf[at+14:], present)
	b.end(at)
}
