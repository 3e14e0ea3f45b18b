package main

import (
	"encoding/binary"
	"net/netip"

	"github.com/ovn-chassis/ovn-chassis/openflow"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
)

// place is where packets come from: a router port of the database.
type place struct{ datapath, port uint32 }

// exchange is one kind of question with its answer, in one round or two: step n of
// exchange id is a packet-in; answered tells whose a message of the agent is.
type exchange struct {
	name, title string
	steps       int
	step        func(at place, id uint32, step int) *openflow.PacketIn
	// number, if not nil, makes the packet of one exchange that of another: making
	// packets is not to cost what answering them costs.
	number   func(packet []byte, id uint32)
	answered func(message []byte) (id uint32, step int, ok bool)
	// limit bounds the number of exchanges of a run, 0 is no bound.
	limit int
}

var exchanges = []exchange{
	{"dhcp", "DHCP: discover, offer, request, acknowledgement", 2, dhcpStep, numberDHCP, dhcpAnswered, 0},
	{"dns", "DNS: question, answer", 1, dnsStep, numberDNS, dnsAnswered, 0},
	{"arp", "ARP: packet, request, reply, packet forwarded", 2, arpStep, nil, arpAnswered, 3000},
}

const (
	ethLen, ipLen, udpLen = 14, 20, 8
	arpLen                = 28
)

var (
	guestMAC  = []byte{2, 0, 0, 0, 0, 1}
	routerMAC = []byte{2, 0, 0, 0, 0xff, 1}
	everyone  = []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

// packetIn is what a logical action at a place sends up.
func packetIn(at place, op pipeline.Opcode, packet, args []byte, paused bool, md func(*openflow.MatchBuilder)) *openflow.PacketIn {
	var m openflow.MatchBuilder
	m.SetU(pipeline.RegDatapath, uint64(at.datapath))
	m.SetU(pipeline.RegInport, uint64(at.port))
	m.SetU(pipeline.RegOutport, uint64(at.port))
	if md != nil {
		md(&m)
	}
	u := append(binary.BigEndian.AppendUint32(nil, uint32(op)), 0, 0, 0, 0)
	in := &openflow.PacketIn{Packet: packet, Table: pipeline.TableIngress + 2, Reason: openflow.ReasonApplyAction,
		Metadata: m.Match(), Userdata: append(u, args...)}
	if paused {
		in.Continuation = make([]byte, 200) // as long as those of a switch
	}
	return in
}

// result is where an action of the form "R = action()" puts its result.
func result() []byte {
	// NXM header of reg9 and bit 3, as the translation writes it.
	return []byte{0x00, 0x01, 0x12, 0x04, 0, 0, 0, 3}
}

func udp4(dst, src []byte, from, to netip.Addr, sport, dport uint16, payload []byte) []byte {
	b := append(append(append([]byte{}, dst...), src...), 0x08, 0x00)
	b = append(b, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(ipLen+udpLen+len(payload)))
	b = append(b, 0, 0, 0, 0, 64, 17, 0, 0)
	f, t := from.As4(), to.As4()
	b = append(append(b, f[:]...), t[:]...)
	var sum uint32
	for i := ethLen; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(b[ethLen+10:], ^uint16(sum&0xffff+sum>>16))
	b = binary.BigEndian.AppendUint16(b, sport)
	b = binary.BigEndian.AppendUint16(b, dport)
	b = binary.BigEndian.AppendUint16(b, uint16(udpLen+len(payload)))
	return append(append(b, 0, 0), payload...)
}

var (
	offered = netip.MustParseAddr("10.0.0.4")
	server  = []byte{10, 0, 0, 1}
)

func dhcpStep(at place, id uint32, step int) *openflow.PacketIn {
	m := make([]byte, 240)
	m[0], m[1], m[2] = 1, 1, 6
	binary.BigEndian.PutUint32(m[4:], id)
	copy(m[28:], guestMAC)
	copy(m[236:], "\x63\x82\x53\x63")
	ip := offered.As4()
	if step == 0 {
		m = append(m, 53, 1, 1)
	} else {
		m = append(append(m, 53, 1, 3, 50, 4), ip[:]...)
	}
	m = append(m, 55, 3, 1, 3, 6, 255)
	packet := udp4(everyone, guestMAC, netip.IPv4Unspecified(), netip.AddrFrom4([4]byte{255, 255, 255, 255}), 68, 67, m)
	args := append(result(), ip[:]...)
	args = append(args, 1, 4, 255, 255, 255, 0, 3, 4)
	args = append(args, server...)
	args = append(args, 51, 4, 0, 0, 14, 16, 54, 4)
	return packetIn(at, pipeline.OpPutDHCPOpts, packet, append(args, server...), true, nil)
}

func numberDHCP(packet []byte, id uint32) {
	binary.BigEndian.PutUint32(packet[ethLen+ipLen+udpLen+4:], id)
}

func dhcpAnswered(m []byte) (id uint32, step int, ok bool) {
	p := resumed(m)
	const at = ethLen + ipLen + udpLen
	if len(p) < at+243 || p[at] != 2 {
		return 0, 0, false
	}
	id = binary.BigEndian.Uint32(p[at+4:])
	switch p[at+242] { // the message type comes first
	case 2:
		return id, 0, true
	case 5:
		return id, 1, true
	}
	return 0, 0, false
}

// dnsName is in the database for the datapath that questions come from.
const dnsName = "bench.ovn.org"

func dnsStep(at place, id uint32, _ int) *openflow.PacketIn {
	m := binary.BigEndian.AppendUint16(nil, uint16(id))
	m = append(m, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	m = append(m, "\x05bench\x03ovn\x03org\x00\x00\x01\x00\x01"...)
	packet := udp4(routerMAC, guestMAC, offered, netip.MustParseAddr("10.0.0.1"), uint16(1024+id>>16), 53, m)
	return packetIn(at, pipeline.OpDNSLookup, packet, result(), true, nil)
}

func numberDNS(packet []byte, id uint32) {
	binary.BigEndian.PutUint16(packet[ethLen+ipLen:], uint16(1024+id>>16))
	binary.BigEndian.PutUint16(packet[ethLen+ipLen+udpLen:], uint16(id))
}

func dnsAnswered(m []byte) (id uint32, step int, ok bool) {
	p := resumed(m)
	const at = ethLen + ipLen + udpLen
	if len(p) < at+12 || p[at+2]&0x80 == 0 || p[at+7] != 1 {
		return 0, 0, false
	}
	return uint32(binary.BigEndian.Uint16(p[ethLen+ipLen:])-1024)<<16 | uint32(binary.BigEndian.Uint16(p[at:])), 0, true
}

// target is the address that exchange id resolves.
func target(id uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{100, 64 + byte(id>>16&0x3f), byte(id >> 8), byte(id)})
}

func idOf(ip []byte) uint32 { return uint32(ip[1]-64)<<16 | uint32(ip[2])<<8 | uint32(ip[3]) }

func arpStep(at place, id uint32, step int) *openflow.PacketIn {
	to := target(id)
	ip := to.As4()
	reg := func(m *openflow.MatchBuilder) { m.SetU(openflow.FieldReg0, uint64(binary.BigEndian.Uint32(ip[:]))) }
	if step == 0 {
		packet := udp4(everyone, routerMAC, offered, to, 1, 2, []byte("to a neighbour"))
		var a openflow.ActionBuilder
		a.Resubmit(pipeline.TableLocalOutput)
		return packetIn(at, pipeline.OpARP, packet, []byte(a.Actions()), true, reg)
	}
	b := append(append(append([]byte{}, routerMAC...), 2, 1, ip[0], ip[1], ip[2], ip[3]), 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2)
	b = append(append(b, 2, 1, ip[0], ip[1], ip[2], ip[3]), ip[:]...)
	b = append(append(b, routerMAC...), server...)
	return packetIn(at, pipeline.OpPutARP, b, nil, false, reg)
}

func arpAnswered(m []byte) (id uint32, step int, ok bool) {
	if p := sent(m); len(p) >= ethLen+arpLen && p[12] == 0x08 && p[13] == 0x06 {
		return idOf(p[ethLen+24:]), 0, true
	}
	if p := resumed(m); len(p) > ethLen+ipLen && p[ethLen+16] == 100 && p[0] == 2 {
		return idOf(p[ethLen+16:]), 1, true
	}
	return 0, 0, false
}

// resumed is the packet of an NXT_RESUME message, nil if it is another message.
func resumed(m []byte) []byte {
	if m[1] != openflow.TypeExperimenter || len(m) < 24 || binary.BigEndian.Uint32(m[12:]) != 28 {
		return nil
	}
	for b := m[16:]; len(b) >= 4; {
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 || n > len(b) {
			return nil
		}
		if binary.BigEndian.Uint16(b) == 0 {
			return b[4:n]
		}
		b = b[min(len(b), (n+7)&^7):]
	}
	return nil
}

// sent is the packet of a packet-out, nil if it is another message.
func sent(m []byte) []byte {
	if m[1] != openflow.TypePacketOut || len(m) < 24 {
		return nil
	}
	actions := int(binary.BigEndian.Uint16(m[12:]))
	match := (int(binary.BigEndian.Uint16(m[18:])) + 7) &^ 7
	if at := 16 + match + actions; at < len(m) {
		return m[at:]
	}
	return nil
}
