package pinctrl

import "github.com/ovn-chassis/ovn-chassis/openflow"

// ICMP types that report errors: RFC 792, and RFC 4443 where all below 128 do.
const (
	icmpUnreachable  = 3
	icmpQuench       = 4
	icmpRedirect     = 5
	icmpTimeExceeded = 11
	icmpParameter    = 12

	icmp6Unreachable = 1
	icmp6TooBig      = 2
	icmp6FirstInfo   = 128
	icmp6Redirect    = 137
)

// isICMPError says whether the packet reports an error itself.
func (h *headers) isICMPError() bool {
	switch {
	case h.frag == fragLater || len(h.l4) == 0:
		return false
	case h.ethType == ethTypeIPv4 && h.proto == protoICMP:
		switch h.l4[0] {
		case icmpUnreachable, icmpQuench, icmpRedirect, icmpTimeExceeded, icmpParameter:
			return true
		}
	case h.ethType == ethTypeIPv6 && h.proto == protoICMPv6:
		return h.l4[0] < icmp6FirstInfo || h.l4[0] == icmp6Redirect
	}
	return false
}

// oneSender says whether the packet comes from one host, so that there is someone
// to answer.
func (h *headers) oneSender() bool {
	if h.src.multicast() || h.ipSrc.IsUnspecified() || h.ipSrc.IsMulticast() {
		return false
	}
	if h.ipSrc.Is4() {
		// Loopback, and class E with the limited broadcast.
		a := h.ipSrc.As4()
		return a[0] != 127 && a[0] < 240
	}
	return !h.ipSrc.IsLoopback()
}

// toMany says whether more than one host may get the packet.
func (h *headers) toMany() bool {
	if h.dst.multicast() || h.ipDst.IsMulticast() {
		return true
	}
	return h.ipDst.Is4() && h.ipDst.As4() == [4]byte{255, 255, 255, 255}
}

// mayReport says whether an ICMP error may be sent about the packet: never about
// an error, a fragment but the first, what many hosts get or no single host sent
// (RFC 1812 section 4.3.2.7, RFC 4443 section 2.4 e). That a packet is too big for
// the path is told of multicast in IPv6 too.
func (h *headers) mayReport(tooBig bool) bool {
	switch {
	case h.isICMPError() || h.frag == fragLater || !h.oneSender():
		return false
	case h.toMany():
		return tooBig && h.ethType == ethTypeIPv6
	}
	return true
}

// mayReset says whether a connection's packet may be answered by its end.
func (h *headers) mayReset() bool {
	return h.frag != fragLater && h.oneSender() && !h.toMany()
}

// forbidden counts a packet that must not be answered.
func (l *Loop) forbidden(in *openflow.PacketIn) error {
	l.stats.replies.forbid(opcode(in))
	l.stats.drop(opcode(in), dropForbidden)
	return nil
}

// give sends the answer to in, made by an action with those nested actions.
func (l *Loop) give(in *openflow.PacketIn, packet []byte, nested openflow.Actions) error {
	if !l.mayAnswer(in) {
		return nil
	}
	_, err := l.conn.Send(&openflow.PacketOut{
		InPort:  openflow.PortController,
		Actions: restore(in.Metadata) + nested,
		Packet:  packet,
	})
	if err == nil {
		l.stats.replies.answer(opcode(in))
	}
	return err
}
