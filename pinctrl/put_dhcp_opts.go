package pinctrl

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// handlePutDHCPOpts is R = put_dhcp_opts(offerip = A, ...): a request of a DHCP
// client becomes the answer. The userdata is the offered address and the options
// as they are on the wire.
func (l *Loop) handlePutDHCPOpts(in *openflow.PacketIn, args []byte) error {
	return l.replace(in, args, 0, l.dhcpReply)
}

func (l *Loop) dhcpReply(h *headers, args []byte) ([]byte, error) {
	if len(args) <= 4 {
		return nil, errors.New("userdata without an address and DHCP options")
	}
	offer, options := [4]byte(args[:4]), args[4:]
	m, err := parseDHCP(h, bootRequest)
	if err != nil {
		return nil, err
	}
	var typ dhcpType
	switch m.typ {
	case dhcpDiscover:
		typ = dhcpOffer
	case dhcpRequest:
		typ = dhcpAck
		if m.requested != offer {
			l.log.Warn(fmt.Sprintf("DHCPREQUEST requested IP %s does not match offer %s", dotted(m.requested), dotted(offer)))
			typ = dhcpNak
		}
	case dhcpInform:
		typ = dhcpAck
		l.dhcpInfo("DHCPINFORM from %s %s", h.src, h.ipSrc)
	case dhcpRelease:
		l.dhcpInfo("DHCPRELEASE %s %s", h.src, dotted(m.addr(dhcpCIAddr)))
		return nil, errNotForUs
	case dhcpDecline:
		if m.requested == offer {
			l.dhcpInfo("DHCPDECLINE from %s, %s duplicated", h.src, dotted(offer))
		}
		return nil, errNotForUs
	default:
		return nil, fmt.Errorf("DHCP message of type %d is not one of a client", m.typ)
	}
	b, err := dhcpAnswer(h, &m, typ, offer, options)
	if err != nil {
		return nil, err
	}
	if l.mayInform() {
		l.log.Info(fmt.Sprintf("DHCP%s %s %s", typ, h.src, dotted(offer)))
	}
	return b, nil
}

// mayInform tells whether the log has room for a line about a client.
func (l *Loop) mayInform() bool { return l.replies.dhcpLines.AllowN(l.cfg.Now(), 1) }

// dhcpInfo tells the log what was done for a client.
func (l *Loop) dhcpInfo(format string, args ...any) {
	if l.mayInform() {
		l.log.Info(fmt.Sprintf(format, args...))
	}
}

// dhcpAnswer is the request with what the server fills in: Ethernet addresses,
// ports and the source address are turned round by the logical flow.
//
//	+-----------------+--------+-------+---------+---------+-----+---------+
//	| header, as sent | cookie | type  | options | 4 zeros | end | 4 zeros |
//	+-----------------+--------+-------+---------+---------+-----+---------+
func dhcpAnswer(h *headers, m *dhcpMessage, typ dhcpType, offer [4]byte, options []byte) ([]byte, error) {
	const around = udpLen + dhcpOptions + 3 + 4 + 1 + 4
	next := m.addr(dhcpSIAddr)
	var own []byte
	if typ != dhcpNak {
		var err error
		if own, err = dhcpServerOptions(options, m, &next); err != nil {
			return nil, err
		}
	}
	n := around + len(own)
	b := h.withL4(n)
	b = append(b, h.l4[:udpLen]...)
	binary.BigEndian.PutUint16(b[h.l4Ofs+4:], uint16(n))
	b[h.l4Ofs+6], b[h.l4Ofs+7] = 0, 0 // IPv4 does without a checksum
	at := len(b)
	b = append(b, m.b[:dhcpCookie]...)
	d := b[at:]
	d[dhcpOp] = bootReply
	switch {
	case m.typ == dhcpInform:
		clear(d[dhcpYIAddr : dhcpYIAddr+4])
	case typ == dhcpNak:
		clear(d[dhcpYIAddr : dhcpSIAddr+4])
	default:
		copy(d[dhcpYIAddr:], offer[:])
		copy(d[dhcpSIAddr:], next[:])
	}
	b = append(b, dhcpMagic...)
	b = append(b, dhcpOptMessageType, 1, byte(typ))
	b = append(b, own...)
	b = append(b, 0, 0, 0, 0, dhcpOptEnd, 0, 0, 0, 0)

	dst := m.destination(offer)
	copy(b[h.l3Ofs+16:], dst[:])
	h.checkIPv4(b)
	return b, nil
}

// dhcpServerOptions are the configured options that go to this client: an
// INFORM gets none about the lease (RFC 2131 section 3.4), and of two boot files
// iPXE gets the first and others the second. The next server is stored in next.
func dhcpServerOptions(options []byte, m *dhcpMessage, next *[4]byte) ([]byte, error) {
	b := make([]byte, 0, len(options))
	boot, alt := -1, -1 // where the boot files are in b
	for len(options) > 0 {
		if len(options) < 2 || len(options) < 2+int(options[1]) {
			return nil, errors.New("a DHCP option in the userdata is cut short")
		}
		o := options[:2+int(options[1])]
		options = options[len(o):]
		switch o[0] {
		case dhcpOptNetmask, dhcpOptLeaseTime, dhcpOptT1, dhcpOptT2:
			if m.typ == dhcpInform {
				continue
			}
		case dhcpOptNextServer:
			if len(o) >= 6 {
				*next = [4]byte(o[2:6])
			}
		case dhcpOptBootfile:
			boot = len(b)
		case dhcpOptBootfileAlt:
			alt = len(b)
		}
		b = append(b, o...)
	}
	switch {
	case alt >= 0 && boot >= 0 && m.ipxe:
		b = cutOption(b, alt)
	case alt >= 0 && boot >= 0:
		b[alt] = dhcpOptBootfile
		b = cutOption(b, boot)
	case alt >= 0:
		b[alt] = dhcpOptBootfile
	}
	return b, nil
}

// cutOption removes the option at at.
func cutOption(b []byte, at int) []byte {
	return append(b[:at], b[at+2+int(b[at+1]):]...)
}
