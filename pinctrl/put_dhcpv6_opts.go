package pinctrl

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// DHCPv6 messages, RFC 8415 section 7.3.
const (
	dhcp6Solicit     = 1
	dhcp6Advertise   = 2
	dhcp6Request     = 3
	dhcp6Confirm     = 4
	dhcp6Reply       = 7
	dhcp6Release     = 8
	dhcp6Decline     = 9
	dhcp6Information = 11
)

// Options of DHCPv6: RFC 8415 section 21, RFC 3646, RFC 4704, RFC 5970, and one
// of OVN's own.
const (
	dhcp6OptClientID     = 1
	dhcp6OptServerID     = 2
	dhcp6OptIANA         = 3
	dhcp6OptIAAddr       = 5
	dhcp6OptStatus       = 13
	dhcp6OptUserClass    = 15
	dhcp6OptDNS          = 23
	dhcp6OptDomainSearch = 24
	dhcp6OptFQDN         = 39
	dhcp6OptBootFile     = 59
	dhcp6OptBootFileAlt  = 254
)

// Lengths in bytes.
const (
	dhcp6Header    = 4 // type and transaction
	dhcp6OptHeader = 4
	dhcp6IANALen   = 12 // IAID, T1, T2
)

// Flags of the client FQDN option, RFC 4704 section 4.1.
const (
	fqdnS = 1 // the server should update AAAA
	fqdnO = 2 // S was overridden
	fqdnN = 4 // the server updates nothing
	// fqdnNone is what the C agent stands in for an absent option; no client has
	// all bits set.
	fqdnNone = 0xff
)

const dhcp6Forever = 0xffffffff

// handlePutDHCPv6Opts is R = put_dhcpv6_opts(...): a message of a DHCPv6 client
// becomes the answer. The userdata is the options as they are on the wire.
func (l *Loop) handlePutDHCPv6Opts(in *openflow.PacketIn, args []byte) error {
	return l.replace(in, args, 0, dhcp6Answer)
}

// dhcp6Message is what counts in a client's message.
type dhcp6Message struct {
	typ      byte
	clientID []byte // the whole option
	iaid     uint32 // of the last IA_NA, 0: there is none
	fqdn     byte   // flags
	ipxe     bool
}

func parseDHCPv6(h *headers) (m dhcp6Message, err error) {
	const iPXE = "iPXE"
	p := h.udpPayload()
	if h.ethType != ethTypeIPv6 || p == nil {
		return m, errors.New("DHCPv6 in a packet that is not UDP over IPv6")
	}
	n := min(int(binary.BigEndian.Uint16(h.l4[4:]))-udpLen, len(p))
	if n < dhcp6Header {
		return m, errors.New("the DHCPv6 message is cut short")
	}
	p = p[:n]
	m.typ, m.fqdn = p[0], fqdnNone
	for o := range eachDHCPv6Option(p[dhcp6Header:]) {
		v := o[dhcp6OptHeader:]
		switch binary.BigEndian.Uint16(o) {
		case dhcp6OptClientID:
			m.clientID = o
		case dhcp6OptIANA:
			if len(v) >= dhcp6IANALen {
				m.iaid = binary.BigEndian.Uint32(v)
			}
		case dhcp6OptUserClass:
			// The length of the first class comes before it.
			if len(v) >= 2 && strings.HasPrefix(string(v[2:]), iPXE) {
				m.ipxe = true
			}
		case dhcp6OptFQDN:
			if len(v) >= 1 {
				m.fqdn = v[0]
			}
		}
	}
	return m, nil
}

// eachDHCPv6Option goes through options that are wholly there, headers included.
func eachDHCPv6Option(b []byte) func(yield func(o []byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) >= dhcp6OptHeader {
			n := dhcp6OptHeader + int(binary.BigEndian.Uint16(b[2:]))
			if n > len(b) || !yield(b[:n]) {
				return
			}
			b = b[n:]
		}
	}
}

// dhcp6Answer is the answer: its own type, the client's transaction and
// identifier, and options.
//
//	+------+-------------+-----------+---------
//	| type | transaction | client ID | options
//	+------+-------------+-----------+---------
func dhcp6Answer(h *headers, options []byte) ([]byte, error) {
	if len(options) == 0 {
		return nil, errors.New("userdata without DHCPv6 options")
	}
	m, err := parseDHCPv6(h)
	if err != nil {
		return nil, err
	}
	typ := byte(dhcp6Reply)
	switch m.typ {
	case dhcp6Solicit:
		typ = dhcp6Advertise
	case dhcp6Request, dhcp6Confirm, dhcp6Decline, dhcp6Information, dhcp6Release:
	default:
		return nil, errNotForUs
	}
	if m.clientID == nil {
		return nil, errors.New("DHCPv6 message without a client identifier")
	}
	if m.iaid == 0 && m.typ != dhcp6Information {
		return nil, errors.New("DHCPv6 message without an IA_NA")
	}
	body := append(make([]byte, 0, len(m.clientID)+len(options)+64), m.clientID...)
	if m.typ == dhcp6Release {
		body, err = appendDHCPv6Status(body, options)
	} else {
		body, err = m.appendOptions(body, options)
	}
	if err != nil {
		return nil, err
	}
	n := udpLen + dhcp6Header + len(body)
	if n > 0xffff {
		return nil, errors.New("the DHCPv6 answer is too long")
	}
	b := h.withL4(n)
	b = append(b, h.l4[:udpLen+dhcp6Header]...)
	b = append(b, body...)
	b[h.l4Ofs+udpLen] = typ
	h.finishUDP(b)
	return b, nil
}

// finishUDP sets length and checksum of the UDP packet in b, whose IP addresses
// are those of h. IPv4 does without a checksum.
func (h *headers) finishUDP(b []byte) {
	u := b[h.l4Ofs:]
	binary.BigEndian.PutUint16(u[4:], uint16(len(u)))
	u[6], u[7] = 0, 0
	if h.ethType != ethTypeIPv6 {
		return
	}
	c := finish(sum(pseudo(h.ipSrc, h.ipDst, protoUDP, len(u)), u))
	if c == 0 {
		c = 0xffff
	}
	binary.BigEndian.PutUint16(u[6:], c)
}

// appendDHCPv6Status says that a release was done.
func appendDHCPv6Status(b, options []byte) ([]byte, error) {
	for len(options) > 0 {
		o, rest, err := nextDHCPv6Option(options)
		if err != nil {
			return nil, err
		}
		if binary.BigEndian.Uint16(o) == dhcp6OptServerID {
			if b, err = appendServerID(b, o[dhcp6OptHeader:]); err != nil {
				return nil, err
			}
			break
		}
		options = rest
	}
	return append(b, 0, dhcp6OptStatus, 0, 2, 0, 0), nil
}

func nextDHCPv6Option(b []byte) (o, rest []byte, err error) {
	if len(b) < dhcp6OptHeader || len(b) < dhcp6OptHeader+int(binary.BigEndian.Uint16(b[2:])) {
		return nil, nil, errors.New("a DHCPv6 option in the userdata is cut short")
	}
	n := dhcp6OptHeader + int(binary.BigEndian.Uint16(b[2:]))
	return b[:n], b[n:], nil
}

// appendServerID writes a DUID made of an Ethernet address (RFC 8415 section
// 11.4).
func appendServerID(b, mac []byte) ([]byte, error) {
	if len(mac) != len(MAC{}) {
		return nil, fmt.Errorf("the DHCPv6 server identifier in the userdata has %d bytes", len(mac))
	}
	const duidLL, ethernet = 3, 1
	b = append(b, 0, dhcp6OptServerID, 0, 10, 0, duidLL, 0, ethernet)
	return append(b, mac...), nil
}

// appendOptions writes the options for this client.
func (m *dhcp6Message) appendOptions(b, options []byte) ([]byte, error) {
	put := func(code uint16, parts ...[]byte) {
		n := 0
		for _, p := range parts {
			n += len(p)
		}
		b = binary.BigEndian.AppendUint16(b, code)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
		for _, p := range parts {
			b = append(b, p...)
		}
	}
	for len(options) > 0 {
		o, rest, err := nextDHCPv6Option(options)
		if err != nil {
			return nil, err
		}
		options = rest
		v := o[dhcp6OptHeader:]
		switch code := binary.BigEndian.Uint16(o); code {
		case dhcp6OptServerID:
			if b, err = appendServerID(b, v); err != nil {
				return nil, err
			}
		case dhcp6OptIAAddr:
			if len(v) != 16 {
				return nil, fmt.Errorf("the address in the DHCPv6 userdata has %d bytes", len(v))
			}
			if m.iaid != 0 { // not in answer to an INFORMATION-REQUEST
				b = appendIANA(b, m.iaid, v)
			}
		case dhcp6OptDNS:
			put(code, v)
		case dhcp6OptDomainSearch:
			if names := searchList(string(v)); len(names) > 0 {
				put(code, names)
			}
		case dhcp6OptBootFile:
			if m.ipxe {
				put(dhcp6OptBootFile, v)
			}
		case dhcp6OptBootFileAlt:
			if !m.ipxe {
				put(dhcp6OptBootFile, v)
			}
		case dhcp6OptFQDN:
			if m.fqdn != fqdnNone {
				flags := byte(fqdnN)
				if m.fqdn&fqdnS != 0 {
					flags |= fqdnO
				}
				put(code, []byte{flags}, v)
			}
		default:
			return nil, fmt.Errorf("DHCPv6 option %d in the userdata", code)
		}
	}
	return b, nil
}

// searchList is a list of names between commas as it is on the wire, RFC 3646
// section 4: labels with their lengths, without compression (RFC 8415 section 10).
// What is no name is left out.
func searchList(list string) (b []byte) {
	const maxLabel, maxName = 63, 255
names:
	for name := range strings.SplitSeq(list, ",") {
		start := len(b)
		for label := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(name), "."), ".") {
			if label == "" || len(label) > maxLabel || len(b)-start+len(label)+2 > maxName {
				b = b[:start]
				continue names
			}
			b = append(append(b, byte(len(label))), label...)
		}
		b = append(b, 0)
	}
	return b
}

// appendIANA writes an address that never ends, in an association of the client's.
//
//	+---+-----+------+----+----+---+----+---------+-----------+-------+
//	| 3 | len | IAID | T1 | T2 | 5 | 24 | address | preferred | valid |
//	+---+-----+------+----+----+---+----+---------+-----------+-------+
func appendIANA(b []byte, iaid uint32, addr []byte) []byte {
	const addrLen = 16 + 4 + 4
	b = append(b, 0, dhcp6OptIANA, 0, dhcp6IANALen+dhcp6OptHeader+addrLen)
	b = binary.BigEndian.AppendUint32(b, iaid)
	b = binary.BigEndian.AppendUint32(b, dhcp6Forever)
	b = binary.BigEndian.AppendUint32(b, dhcp6Forever)
	b = append(b, 0, dhcp6OptIAAddr, 0, addrLen)
	b = append(b, addr...)
	b = binary.BigEndian.AppendUint32(b, dhcp6Forever)
	return binary.BigEndian.AppendUint32(b, dhcp6Forever)
}
