package pinctrl

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// Codes of "destination unreachable".
const (
	icmpHostUnreachable = 1
	icmpPortUnreachable = 3
	icmpFragNeeded      = 4

	icmp6Prohibited      = 1
	icmp6PortUnreachable = 4
)

// Most bytes of an ICMP error with its Ethernet header: RFC 1812 section
// 4.3.2.3, and the minimum MTU of IPv6.
const (
	maxICMPError  = 576
	maxICMP6Error = 1280
)

const icmpTTL = 255

// handleICMP is the logical actions icmp4 { ... } and icmp6 { ... }: the packet
// is replaced by an error that quotes it. The nested actions set what error it
// is, and turn it round.
func (l *Loop) handleICMP(in *openflow.PacketIn, args []byte) error {
	return l.icmpError(in, args, true, false)
}

// handleICMPError is icmp4_error { ... } and icmp6_error { ... }: the same, for
// errors that have nothing to do with ports.
func (l *Loop) handleICMPError(in *openflow.PacketIn, args []byte) error {
	return l.icmpError(in, args, false, false)
}

// icmpError answers with an error. With ports, that of UDP is said to be
// unreachable and not the host.
func (l *Loop) icmpError(in *openflow.PacketIn, args []byte, ports, loopback bool) error {
	h, ok := extract(in.Packet)
	if !ok || !h.ip() {
		return fmt.Errorf("ICMP error for a packet that is not IP (type %#04x)", h.ethType)
	}
	nested, err := openflow.DecodeActions(args)
	if err != nil {
		return fmt.Errorf("nested actions: %w", err)
	}
	mtu, tooBig := fragMTU(nested, h.ethType == ethTypeIPv4)
	if !h.mayReport(tooBig) {
		return l.forbidden(in)
	}
	var packet []byte
	if h.ethType == ethTypeIPv4 {
		packet = h.icmp4Error(ports, loopback, mtu, tooBig)
	} else {
		packet = h.icmp6Error(ports, loopback, mtu, tooBig)
	}
	return l.give(in, packet, nested)
}

// icmp4Error is an error that quotes the packet as far as there is room:
//
//	+-----------+------+----------+------+---------+-------
//	| type | code | checksum | 0 | mtu | IP header, payload
//	+-----------+------+----------+------+---------+-------
func (h *headers) icmp4Error(ports, loopback bool, mtu uint32, tooBig bool) []byte {
	quote := h.l3[:min(len(h.l3), maxICMPError-ethLen-ipv4Len-icmpLen)]
	code := byte(icmpHostUnreachable)
	if ports && h.l3[9] == protoUDP {
		code = icmpPortUnreachable
	}
	if tooBig {
		code = icmpFragNeeded
	}
	n := icmpLen + len(quote)
	b := make([]byte, 0, ethLen+vlanLen+ipv4Len+n)
	b = h.appendHeaders(b, loopback, protoICMP, icmpTTL, n)
	at := len(b)
	b = append(b, icmpUnreachable, code, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(mtu))
	b = append(b, quote...)
	binary.BigEndian.PutUint16(b[at+2:], finish(sum(0, b[at:])))
	return b
}

// icmp6Error is the same of ICMPv6, RFC 4443 section 3.
func (h *headers) icmp6Error(ports, loopback bool, mtu uint32, tooBig bool) []byte {
	quote := h.l3[:min(len(h.l3), maxICMP6Error-ethLen-ipv6Len-icmpLen)]
	typ, code := byte(icmp6Unreachable), byte(icmp6Prohibited)
	if ports && h.l3[6] == protoUDP {
		code = icmp6PortUnreachable
	}
	if tooBig {
		typ, code = icmp6TooBig, 0
	}
	n := icmpLen + len(quote)
	b := make([]byte, 0, ethLen+vlanLen+ipv6Len+n)
	b = h.appendHeaders(b, loopback, protoICMPv6, icmpTTL, n)
	at := len(b)
	b = append(b, typ, code, 0, 0)
	b = binary.BigEndian.AppendUint32(b, mtu)
	b = append(b, quote...)
	binary.BigEndian.PutUint16(b[at+2:], finish(sum(pseudo(h.ipSrc, h.ipDst, protoICMPv6, n), b[at:])))
	return b
}

// Notes that stand for fields OpenFlow does not have: "icmp4.frag_mtu = N".
//
//	+-------+-------+------+-------+
//	| magic | field | zero | value |
//	|   4   |   2   |  2   |  2/4  |
//	+-------+-------+------+-------+
const (
	noteMagic    = "ovn\x00"
	noteHeader   = 8
	noteICMP4MTU = 0
	noteICMP6MTU = 1
)

// fragMTU is the MTU that the nested actions give the error, if they do.
func fragMTU(nested openflow.Actions, ipv4 bool) (mtu uint32, ok bool) {
	openflow.Notes(nested, func(note string) bool {
		if len(note) < noteHeader || !strings.HasPrefix(note, noteMagic) {
			return true
		}
		b := []byte(note)
		switch field := binary.BigEndian.Uint16(b[4:]); {
		case ipv4 && field == noteICMP4MTU && len(b) >= noteHeader+2:
			mtu, ok = uint32(binary.BigEndian.Uint16(b[noteHeader:])), true
		case !ipv4 && field == noteICMP6MTU && len(b) >= noteHeader+4:
			mtu, ok = binary.BigEndian.Uint32(b[noteHeader:]), true
		}
		return !ok
	})
	return mtu, ok
}
