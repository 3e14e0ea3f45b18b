package pinctrl

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// handleSvcCheck is handle_svc_check(P): the packet may answer a probe. Those that
// do not, whoever sent them to the address that probes come from, end here.
func (l *Loop) handleSvcCheck(in *openflow.PacketIn, _ []byte) error {
	h, ok := extract(in.Packet)
	if !ok || !h.ip() {
		return errors.New("the answer to a probe is not IP")
	}
	a, ok := h.probeAnswer()
	if !ok {
		l.stats.replies.pass(opcode(in))
		return nil
	}
	a.key.At = portKeys(in)
	p := &l.prober
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.services[a.key]
	if s == nil || !a.matches(s) {
		l.stats.replies.pass(opcode(in))
		return nil
	}
	if s.waiting {
		l.concluded(a.key, s, l.cfg.Now(), a.good)
	}
	if !a.reset {
		return nil
	}
	// The service is not to wait for a connection that nobody wants.
	l.stats.replies.answer(opcode(in))
	return l.deliverProbe(a.key, s, s.segment(a.key, tcpRST, a.ack))
}

// probeAnswer is what a packet says about a service.
type probeAnswer struct {
	key   ServiceKey // without At
	good  bool
	reset bool // the connection is half open

	from    netip.Addr // who asked
	port    uint16     // that was asked from
	ack     uint32
	id, seq uint16
}

// matches tells whether it answers the last probe of s.
func (a *probeAnswer) matches(s *probed) bool {
	if a.from != s.From {
		return false
	}
	switch a.key.Protocol {
	case ServiceTCP:
		return s.port != 0 && a.port == s.port && a.ack == s.seq+1
	case ServiceUDP:
		return s.port != 0 && a.port == s.port
	}
	return a.id == s.echoID && a.seq == s.echoSeq
}

// probeAnswer reads a packet that may answer a probe: a segment that accepts or
// refuses a connection, an echo, or the error that a port is unreachable.
func (h *headers) probeAnswer() (a probeAnswer, ok bool) {
	if h.frag != fragNone {
		return a, false
	}
	switch {
	case h.proto == protoTCP && len(h.l4) >= tcpLen:
		const accept = tcpSYN | tcpACK
		a.key = ServiceKey{IP: h.ipSrc, Port: h.tpSrc, Protocol: ServiceTCP}
		a.from, a.port, a.ack = h.ipDst, h.tpDst, binary.BigEndian.Uint32(h.l4[8:])
		a.good = h.tcpFlags&(accept|tcpRST) == accept
		a.reset = a.good
		return a, a.good || h.tcpFlags&tcpRST != 0
	case h.ethType == ethTypeIPv4 && h.proto == protoICMP, h.ethType == ethTypeIPv6 && h.proto == protoICMPv6:
		if len(h.l4) >= icmpLen {
			return h.probeEcho()
		}
	}
	return a, false
}

func (h *headers) probeEcho() (a probeAnswer, ok bool) {
	type kind struct {
		proto uint8
		typ   byte
		code  byte
	}
	switch (kind{h.proto, h.l4[0], h.l4[1]}) {
	case kind{protoICMP, echoReply4, 0}, kind{protoICMPv6, echoReply6, 0}:
		a.key.IP, a.from = h.ipSrc, h.ipDst
	case kind{protoICMP, echoRequest4, 0}, kind{protoICMPv6, echoRequest6, 0}:
		// It came through a network function, the way it was sent.
		a.key.IP, a.from = h.ipDst, h.ipSrc
	case kind{protoICMP, icmpUnreachable, icmpPortUnreachable}, kind{protoICMPv6, icmp6Unreachable, icmp6PortUnreachable}:
		return h.probeRefused()
	default:
		return a, false
	}
	a.key.Protocol, a.good = ServiceICMP, true
	a.id, a.seq = binary.BigEndian.Uint16(h.l4[4:]), binary.BigEndian.Uint16(h.l4[6:])
	return a, true
}

// probeRefused reads the datagram that an error quotes, of which at least the ports
// are there (RFC 792, RFC 4443 section 3.1).
//
//	| ICMP header | IP header of the probe | source port | destination port | …
func (h *headers) probeRefused() (a probeAnswer, ok bool) {
	q := h.l4[icmpLen:]
	var src, dst netip.Addr
	var proto uint8
	n := ipv6Len
	if h.ethType == ethTypeIPv4 {
		if len(q) < ipv4Len || q[0]>>4 != 4 {
			return a, false
		}
		n, proto = int(q[0]&0xf)*4, q[9]
		src, dst = netip.AddrFrom4([4]byte(q[12:16])), netip.AddrFrom4([4]byte(q[16:20]))
	} else {
		if len(q) < ipv6Len || q[0]>>4 != 6 {
			return a, false
		}
		proto = q[6]
		src, dst = netip.AddrFrom16([16]byte(q[8:24])), netip.AddrFrom16([16]byte(q[24:40]))
	}
	if proto != protoUDP || n < ipv4Len || len(q) < n+4 || dst != h.ipSrc {
		return a, false
	}
	a.key = ServiceKey{IP: dst, Port: binary.BigEndian.Uint16(q[n+2:]), Protocol: ServiceUDP}
	a.from, a.port = src, binary.BigEndian.Uint16(q[n:])
	return a, true
}
