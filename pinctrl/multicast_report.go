package pinctrl

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// Types of messages, RFC 3376 section 4 and RFC 3810 section 5.
const (
	igmpQuery    = 0x11
	igmpReportV1 = 0x12
	igmpReportV2 = 0x16
	igmpLeave    = 0x17
	igmpReportV3 = 0x22
	mldQuery     = 130
	mldReport    = 131
	mldDone      = 132
	mldReportV2  = 143
)

// membership is what a host says of a group.
type membership struct {
	group    netip.Addr
	protocol string // as in IGMP_Group.protocol
	leave    bool
}

// multicastMessage is an IGMP or MLD message.
type multicastMessage struct {
	query   bool
	report  bool // to be passed on to routers
	members []membership
}

var (
	errNotMulticast = errors.New("neither an IGMP nor an MLD message")
	errMulticastSum = errors.New("bad checksum of an IGMP or MLD message")
)

func parseMulticast(h *headers) (multicastMessage, error) {
	switch {
	case h.ethType == ethTypeIPv4 && h.proto == protoIGMP && len(h.l4) >= 8:
		if finish(sum(0, h.l4)) != 0 {
			return multicastMessage{}, errMulticastSum
		}
		return parseIGMP(h.l4), nil
	case h.ethType == ethTypeIPv6 && h.proto == protoICMPv6 && len(h.l4) >= 8:
		if finish(sum(pseudo(h.ipSrc, h.ipDst, protoICMPv6, len(h.l4)), h.l4)) != 0 {
			return multicastMessage{}, errMulticastSum
		}
		return parseMLD(h.l4, h.ipSrc)
	}
	return multicastMessage{}, errNotMulticast
}

// parseIGMP reads a message of at least eight bytes.
//
//	| type | code | checksum | group |           versions 1 and 2
//	| type | -    | checksum | - | n records |   version 3 reports
func parseIGMP(b []byte) (m multicastMessage) {
	group := netip.AddrFrom4([4]byte(b[4:8]))
	m.report = true
	switch b[0] {
	case igmpReportV1:
		m.members = []membership{{group: group, protocol: "IGMPv1"}}
	case igmpReportV2:
		m.members = []membership{{group: group, protocol: "IGMPv2"}}
	case igmpLeave:
		m.members = []membership{{group: group, leave: true}}
	case igmpReportV3:
		m.members = records(b[8:], int(binary.BigEndian.Uint16(b[6:])), 4, "IGMPv3")
	case igmpQuery:
		m.report, m.query = false, true
	default:
		m.report = false
	}
	return m
}

// parseMLD reads a message of at least eight bytes.
//
//	| type | code | checksum | … | group |       version 1
//	| type | -    | checksum | - | n records |   version 2 reports
func parseMLD(b []byte, from netip.Addr) (m multicastMessage, err error) {
	one := func(leave bool) {
		if len(b) >= 24 {
			m.report = true
			m.members = []membership{{netip.AddrFrom16([16]byte(b[8:24])), "MLDv1", leave}}
		}
	}
	switch b[0] {
	case mldReport:
		one(false)
	case mldDone:
		one(true)
	case mldReportV2:
		m.report = true
		m.members = records(b[8:], int(binary.BigEndian.Uint16(b[6:])), 16, "MLDv2")
	case mldQuery:
		m.query = !from.IsUnspecified()
	default:
		return m, errNotMulticast
	}
	return m, nil
}

// records reads group records, as many as are whole.
//
//	| type | aux words | n sources | group | sources… | aux… |
func records(b []byte, n, size int, protocol string) (out []membership) {
	const isInclude, toInclude, last = 1, 3, 6
	for ; n > 0 && len(b) >= 4+size; n-- {
		kind, aux, sources := b[0], int(b[1]), int(binary.BigEndian.Uint16(b[2:]))
		group, _ := netip.AddrFromSlice(b[4 : 4+size])
		if kind >= isInclude && kind <= last {
			// To include no source is to leave.
			out = append(out, membership{group, protocol, sources == 0 && (kind == isInclude || kind == toInclude)})
		}
		b = b[min(len(b), 4+size+sources*size+4*aux):]
	}
	return out
}
