package pinctrl

import (
	"strconv"
)

// appendText writes the fields of a packet as Open vSwitch prints a flow, which
// is the text that readers of the ACL log know.
func (h *headers) appendText(b []byte) []byte {
	named := true // the type says the protocol
	switch h.ethType {
	case ethTypeIPv4, ethTypeIPv6:
		var name string
		name, named = protocolName(h.ethType, h.proto)
		b = append(append(b, name...), ',')
	case ethTypeARP:
		b = append(b, "arp,"...)
		named = false
	case ethTypeRARP:
		b = append(b, "rarp,"...)
		named = false
	}
	b = h.appendVLANText(b)
	b = append(b, "dl_src="...)
	b = append(b, h.src.String()...)
	b = append(b, ",dl_dst="...)
	b = append(b, h.dst.String()...)
	switch h.ethType {
	case ethTypeIPv4, ethTypeIPv6:
		return h.appendIPText(b, named)
	case ethTypeARP, ethTypeRARP:
		return h.appendARPText(b)
	}
	b = append(b, ",dl_type=0x"...)
	return appendHex(b, uint64(h.ethType), 4)
}

func protocolName(ethType uint16, proto uint8) (name string, named bool) {
	v6 := ethType == ethTypeIPv6
	switch {
	case proto == protoICMP && !v6:
		return "icmp", true
	case proto == protoICMPv6 && v6:
		return "icmp6", true
	case proto == protoTCP:
		name = "tcp"
	case proto == protoUDP:
		name = "udp"
	case proto == protoSCTP:
		name = "sctp"
	case v6:
		return "ipv6", false
	default:
		return "ip", false
	}
	if v6 {
		name += "6"
	}
	return name, true
}

// appendVLANText writes each tag, and the absence of the next.
func (h *headers) appendVLANText(b []byte) []byte {
	for i, tci := range h.vlans {
		n := ""
		if i > 0 {
			n = strconv.Itoa(i)
		}
		if tci == 0 {
			b = append(append(append(b, "vlan_tci"...), n...), "=0x0000,"...)
			break
		}
		b = append(append(append(b, "dl_vlan"...), n...), '=')
		b = strconv.AppendUint(b, uint64(tci&0xfff), 10)
		b = append(append(append(b, ",dl_vlan_pcp"...), n...), '=')
		b = strconv.AppendUint(b, uint64(tci>>13), 10)
		b = append(b, ',')
	}
	return b
}

func (h *headers) appendIPText(b []byte, named bool) []byte {
	v6 := h.ethType == ethTypeIPv6
	src, dst := "0.0.0.0", "0.0.0.0"
	if v6 {
		src, dst = "::", "::"
	}
	if h.ipSrc.IsValid() {
		src, dst = h.ipSrc.String(), h.ipDst.String()
	}
	if v6 {
		b = append(append(b, ",ipv6_src="...), src...)
		b = append(append(b, ",ipv6_dst="...), dst...)
		b = append(b, ",ipv6_label=0x"...)
		b = appendHex(b, uint64(h.label), 5)
	} else {
		b = append(append(b, ",nw_src="...), src...)
		b = append(append(b, ",nw_dst="...), dst...)
	}
	if !named {
		b = appendNumber(b, ",nw_proto=", uint64(h.proto))
	}
	b = appendNumber(b, ",nw_tos=", uint64(h.tos&0xfc))
	b = appendNumber(b, ",nw_ecn=", uint64(h.tos&3))
	b = appendNumber(b, ",nw_ttl=", uint64(h.ttl))
	b = append(b, ",nw_frag="...)
	b = append(b, [...]string{fragNone: "no", fragFirst: "first", fragLater: "later"}[h.frag]...)
	if h.frag == fragLater {
		return b
	}
	switch h.proto {
	case protoICMP, protoICMPv6:
		if v6 != (h.proto == protoICMPv6) {
			// The other's ICMP has no names for its fields.
			b = appendNumber(b, ",tp_src=", uint64(h.tpSrc))
			return appendNumber(b, ",tp_dst=", uint64(h.tpDst))
		}
		b = appendNumber(b, ",icmp_type=", uint64(h.tpSrc))
		b = appendNumber(b, ",icmp_code=", uint64(h.tpDst))
		if h.isND {
			b = append(append(b, ",nd_target="...), h.ndTarget.String()...)
			b = append(append(b, ",nd_sll="...), h.sha.String()...)
			b = append(append(b, ",nd_tll="...), h.tha.String()...)
		}
	case protoTCP, protoUDP, protoSCTP, protoIGMP:
		b = appendNumber(b, ",tp_src=", uint64(h.tpSrc))
		b = appendNumber(b, ",tp_dst=", uint64(h.tpDst))
		if h.proto == protoTCP {
			b = append(b, ",tcp_flags="...)
			b = appendTCPFlags(b, h.tcpFlags)
		}
	}
	return b
}

func (h *headers) appendARPText(b []byte) []byte {
	spa, tpa := "0.0.0.0", "0.0.0.0"
	if h.arp {
		spa, tpa = h.ipSrc.String(), h.ipDst.String()
	}
	b = append(append(b, ",arp_spa="...), spa...)
	b = append(append(b, ",arp_tpa="...), tpa...)
	b = appendNumber(b, ",arp_op=", uint64(h.proto))
	b = append(append(b, ",arp_sha="...), h.sha.String()...)
	return append(append(b, ",arp_tha="...), h.tha.String()...)
}

var tcpFlagNames = [...]string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"}

func appendTCPFlags(b []byte, flags uint16) []byte {
	if flags == 0 {
		return append(b, '0')
	}
	first := true
	for i, name := range tcpFlagNames {
		if flags&(1<<i) == 0 {
			continue
		}
		if !first {
			b = append(b, '|')
		}
		first = false
		b = append(b, name...)
	}
	return b
}

func appendNumber(b []byte, name string, v uint64) []byte {
	return strconv.AppendUint(append(b, name...), v, 10)
}

// appendHex writes v with at least n digits.
func appendHex(b []byte, v uint64, n int) []byte {
	s := strconv.FormatUint(v, 16)
	for range n - len(s) {
		b = append(b, '0')
	}
	return append(b, s...)
}
