package pinctrl

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// A DHCP message, RFC 2131 section 2.
//
//	0    1       2      3      4     8      10      12       16       20       24
//	+----+-------+------+------+-----+------+-------+--------+--------+--------+--------+
//	| op | htype | hlen | hops | xid | secs | flags | ciaddr | yiaddr | siaddr | giaddr |
//	+----+-------+------+------+-----+------+-------+--------+--------+--------+--------+
//	28       44      108    236      240
//	+--------+-------+------+--------+--------
//	| chaddr | sname | file | cookie | options
//	+--------+-------+------+--------+--------
const (
	dhcpOp      = 0
	dhcpHType   = 1
	dhcpHLen    = 2
	dhcpHops    = 3
	dhcpXID     = 4
	dhcpFlags   = 10
	dhcpCIAddr  = 12
	dhcpYIAddr  = 16
	dhcpSIAddr  = 20
	dhcpGIAddr  = 24
	dhcpCHAddr  = 28
	dhcpCookie  = 236
	dhcpOptions = 240

	dhcpBroadcast = 0x8000 // of flags
	dhcpMagic     = "\x63\x82\x53\x63"

	bootRequest = 1
	bootReply   = 2
)

// Options, RFC 2132; those above 250 are OVN's own names for parts of the header.
const (
	dhcpOptPad         = 0
	dhcpOptNetmask     = 1
	dhcpOptRouter      = 3
	dhcpOptRequestedIP = 50
	dhcpOptLeaseTime   = 51
	dhcpOptMessageType = 53
	dhcpOptServerID    = 54
	dhcpOptT1          = 58
	dhcpOptT2          = 59
	dhcpOptBootfile    = 67
	dhcpOptEtherboot   = 175 // present in requests of iPXE
	dhcpOptNextServer  = 253
	dhcpOptBootfileAlt = 254
	dhcpOptEnd         = 255
)

// dhcpType is a message type, RFC 2132 section 9.6.
type dhcpType uint8

const (
	dhcpDiscover dhcpType = iota + 1
	dhcpOffer
	dhcpRequest
	dhcpDecline
	dhcpAck
	dhcpNak
	dhcpRelease
	dhcpInform
)

// String is the name in the relay's log, which does not know an INFORM.
func (t dhcpType) String() string {
	names := [...]string{dhcpDiscover: "DISCOVER", dhcpOffer: "OFFER", dhcpRequest: "REQUEST",
		dhcpDecline: "DECLINE", dhcpAck: "ACK", dhcpNak: "NAK", dhcpRelease: "RELEASE"}
	if int(t) < len(names) && names[t] != "" {
		return names[t]
	}
	return "UNKNOWN"
}

// dhcpMessage is a message from a client or a server.
type dhcpMessage struct {
	b []byte // from the header on, options included

	typ                               dhcpType
	requested, server, netmask, route [4]byte // zero: the option is absent
	ipxe                              bool
}

// parseDHCP reads the message in a UDP packet of IPv4. Options after one that is
// cut short are ignored.
func parseDHCP(h *headers, op byte) (m dhcpMessage, err error) {
	if h.ethType != ethTypeIPv4 {
		return m, errors.New("DHCP in a packet that is not IPv4")
	}
	m.b = h.udpPayload()
	switch {
	case len(m.b) < dhcpOptions:
		return m, errors.New("the DHCP message is cut short")
	case m.b[dhcpHType] != 1 || m.b[dhcpHLen] != 6:
		return m, fmt.Errorf("DHCP hardware type %d with addresses of %d bytes", m.b[dhcpHType], m.b[dhcpHLen])
	case string(m.b[dhcpCookie:dhcpOptions]) != dhcpMagic:
		return m, errors.New("DHCP message without the magic cookie")
	case m.b[dhcpOp] != op:
		return m, fmt.Errorf("DHCP operation %d", m.b[dhcpOp])
	}
	for code, v := range eachDHCPOption(m.b[dhcpOptions:]) {
		var to *[4]byte
		switch code {
		case dhcpOptMessageType:
			if len(v) == 1 {
				m.typ = dhcpType(v[0])
			}
		case dhcpOptRequestedIP:
			to = &m.requested
		case dhcpOptServerID:
			to = &m.server
		case dhcpOptNetmask:
			to = &m.netmask
		case dhcpOptRouter:
			to = &m.route
		case dhcpOptEtherboot:
			m.ipxe = true
		}
		if to != nil && len(v) == 4 {
			*to = [4]byte(v)
		}
	}
	if m.requested == ([4]byte{}) {
		m.requested = m.addr(dhcpCIAddr)
	}
	if m.typ == 0 {
		return m, errors.New("DHCP message without a type")
	}
	return m, nil
}

// eachDHCPOption goes through options that are wholly there, in order.
func eachDHCPOption(b []byte) func(yield func(code uint8, value []byte) bool) {
	return func(yield func(uint8, []byte) bool) {
		for len(b) > 0 && b[0] != dhcpOptEnd {
			if b[0] == dhcpOptPad {
				b = b[1:]
				continue
			}
			if len(b) < 2 || len(b) < 2+int(b[1]) {
				return
			}
			n := 2 + int(b[1])
			if !yield(b[0], b[2:n]) {
				return
			}
			b = b[n:]
		}
	}
}

func (m *dhcpMessage) addr(at int) [4]byte { return [4]byte(m.b[at : at+4]) }
func (m *dhcpMessage) broadcast() bool {
	return binary.BigEndian.Uint16(m.b[dhcpFlags:])&dhcpBroadcast != 0
}

// destination is where a message to the client goes: its address, unless it asks
// for a broadcast (RFC 2131 section 4.1).
func (m *dhcpMessage) destination(client [4]byte) [4]byte {
	if m.broadcast() {
		return [4]byte(bytes.Repeat([]byte{0xff}, 4))
	}
	return client
}

func dotted(a [4]byte) netip.Addr { return netip.AddrFrom4(a) }
