package pinctrl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// BFDState is the state of a session, RFC 5880 section 4.1.
type BFDState uint8

const (
	BFDAdminDown BFDState = iota
	BFDDown
	BFDInit
	BFDUp
)

var bfdStates = [...]string{"admin_down", "down", "init", "up"}

// String is the state as BFD.status has it, ovn-sb(5).
func (s BFDState) String() string { return bfdStates[s&3] }

// bfdPort is where control packets go, RFC 5881 section 4.
const bfdPort = 3784

const (
	bfdLen     = 24
	bfdVersion = 1
	bfdTTL     = 255 // RFC 5881 section 5
)

// Flags of control packets.
const (
	bfdPoll       = 0x20
	bfdFinal      = 0x10
	bfdAuth       = 0x04
	bfdDemand     = 0x02
	bfdMultipoint = 0x01
)

// Diagnostics, RFC 5880 section 4.1.
const (
	bfdDiagNone      = 0
	bfdDiagTimeout   = 1
	bfdDiagNeighbor  = 3
	bfdDiagAdminDown = 7
)

// bfdPacket is a control packet, RFC 5880 section 4.1. Times on the wire are in
// microseconds.
//
//	| vers, diag | state, flags | multiplier | length |
//	| my discriminator   | your discriminator   |
//	| desired minimum TX | required minimum RX  | required minimum echo RX |
type bfdPacket struct {
	diag         uint8
	state        BFDState
	flags        uint8
	multiplier   uint8
	mine, yours  uint32
	minTx, minRx time.Duration
}

func (p *bfdPacket) append(b []byte) []byte {
	b = append(b, bfdVersion<<5|p.diag, byte(p.state)<<6|p.flags, p.multiplier, bfdLen)
	b = binary.BigEndian.AppendUint32(b, p.mine)
	b = binary.BigEndian.AppendUint32(b, p.yours)
	b = binary.BigEndian.AppendUint32(b, uint32(p.minTx.Microseconds()))
	b = binary.BigEndian.AppendUint32(b, uint32(p.minRx.Microseconds()))
	return append(b, 0, 0, 0, 0)
}

// parseBFD reads a control packet and checks what RFC 5880 section 6.8.6 has checked
// before a session is looked for.
func parseBFD(b []byte) (p bfdPacket, err error) {
	if len(b) < bfdLen {
		return p, errShort
	}
	p = bfdPacket{
		diag: b[0] & 0x1f, state: BFDState(b[1] >> 6), flags: b[1] & 0x3f, multiplier: b[2],
		mine: binary.BigEndian.Uint32(b[4:]), yours: binary.BigEndian.Uint32(b[8:]),
		minTx: time.Duration(binary.BigEndian.Uint32(b[12:])) * time.Microsecond,
		minRx: time.Duration(binary.BigEndian.Uint32(b[16:])) * time.Microsecond,
	}
	switch n := int(b[3]); {
	case b[0]>>5 != bfdVersion:
		return p, fmt.Errorf("BFD version %d", b[0]>>5)
	case n < bfdLen || n > len(b):
		return p, fmt.Errorf("BFD length %d in a packet of %d bytes", n, len(b))
	case p.flags&bfdAuth != 0:
		return p, errors.New("BFD with authentication")
	case p.flags&bfdMultipoint != 0:
		return p, errors.New("BFD multipoint")
	case p.flags&(bfdPoll|bfdFinal) == bfdPoll|bfdFinal:
		return p, errors.New("BFD poll and final at once")
	case p.multiplier == 0 || p.mine == 0:
		return p, errors.New("BFD without a multiplier or discriminator")
	case p.yours == 0 && p.state >= BFDInit:
		return p, fmt.Errorf("BFD state %v without our discriminator", p.state)
	}
	return p, nil
}

// frame is a control packet from a session's port. Where to, the pipeline knows.
func (p *bfdPacket) frame(mac MAC, from, to netip.Addr, port uint16) []byte {
	u := binary.BigEndian.AppendUint16(make([]byte, 0, udpLen+bfdLen), port)
	u = binary.BigEndian.AppendUint16(u, bfdPort)
	u = binary.BigEndian.AppendUint16(u, udpLen+bfdLen)
	u = p.append(append(u, 0, 0))
	c := finish(sum(pseudo(from, to, protoUDP, len(u)), u))
	if c == 0 {
		c = 0xffff
	}
	binary.BigEndian.PutUint16(u[6:], c)
	var untagged packet
	b := make([]byte, 0, ethLen+ipv6Len+len(u))
	if from.Is4() {
		b = untagged.appendEth(b, broadcast, mac, ethTypeIPv4)
		return append(appendIPv4(b, from, to, protoUDP, bfdTTL, len(u)), u...)
	}
	b = untagged.appendEth(b, broadcast, mac, ethTypeIPv6)
	return append(appendIPv6(b, from, to, protoUDP, bfdTTL, len(u)), u...)
}
