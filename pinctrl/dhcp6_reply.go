package pinctrl

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// handleDHCP6Reply is handle_dhcpv6_reply: a message of a DHCPv6 server to a router,
// which may be about a prefix that one of its ports asked for.
func (l *Loop) handleDHCP6Reply(in *openflow.PacketIn, _ []byte) error {
	h, ok := extract(in.Packet)
	if !ok {
		return errShort
	}
	m, err := h.delegationReply()
	if err != nil {
		return err
	}
	d := &l.delegations
	d.mu.Lock()
	defer d.mu.Unlock()
	for port, c := range d.clients {
		if c.From != h.ipDst || c.MAC != h.dst || c.IAID != m.iaid {
			continue
		}
		now := l.cfg.Now()
		if c.receive(&m, now) && l.cfg.Delegated != nil {
			l.cfg.Delegated(port, Delegated{c.IAID, c.Prefix})
		}
		if c.message != dhcp6Request || c.tries > 0 {
			return nil
		}
		// What was advertised is asked for at once.
		l.stats.replies.answer(opcode(in))
		d.sent++
		if err := l.inject(c.packet(now), c.In, 0); err != nil {
			return err
		}
		c.repeated(now)
		return nil
	}
	l.stats.replies.pass(opcode(in))
	return nil
}

// delegationReply is what counts in an ADVERTISE or REPLY.
type delegationReply struct {
	typ            byte
	transaction    [3]byte
	client, server []byte // identifiers
	iaid           uint32
	t1, t2         uint32 // seconds
	// prefix, valid for so many seconds, is the first of the IA_PD; it may be invalid.
	prefix           netip.Prefix
	preferred, valid uint32
	status           uint16 // 0: success
}

// delegationReply reads the message in a packet. Times that contradict each other
// make it invalid (RFC 8415 sections 21.21 and 21.22).
func (h *headers) delegationReply() (m delegationReply, err error) {
	p := h.udpPayload()
	if h.ethType != ethTypeIPv6 || p == nil || h.frag != fragNone {
		return m, errors.New("DHCPv6 in a packet that is not UDP over IPv6")
	}
	n := min(int(binary.BigEndian.Uint16(h.l4[4:]))-udpLen, len(p))
	if n < dhcp6Header {
		return m, errors.New("the DHCPv6 message is cut short")
	}
	p = p[:n]
	m.typ, m.transaction = p[0], [3]byte(p[1:4])
	if m.typ != dhcp6Advertise && m.typ != dhcp6Reply {
		return m, errors.New("a DHCPv6 message that no server sends")
	}
	found := false
	for o := range eachDHCPv6Option(p[dhcp6Header:]) {
		v := o[dhcp6OptHeader:]
		switch binary.BigEndian.Uint16(o) {
		case dhcp6OptClientID:
			m.client = slices.Clone(v)
		case dhcp6OptServerID:
			if len(v) <= maxDUID {
				m.server = slices.Clone(v)
			}
		case dhcp6OptStatus:
			m.setStatus(v)
		case dhcp6OptIAPD:
			if !found {
				found = true
				if err := m.association(v); err != nil {
					return m, err
				}
			}
		}
	}
	if !found {
		return m, errors.New("DHCPv6 without an IA_PD")
	}
	return m, nil
}

// setStatus notes the first status that is not success.
func (m *delegationReply) setStatus(v []byte) {
	if m.status == 0 && len(v) >= 2 {
		m.status = binary.BigEndian.Uint16(v)
	}
}

// association reads an IA_PD.
//
//	| IAID | T1 | T2 | options: | preferred | valid | length | prefix | …
//	   4      4    4                4          4       1        16
func (m *delegationReply) association(v []byte) error {
	const prefixLen = 4 + 4 + 1 + 16
	if len(v) < dhcp6IANALen {
		return errors.New("the IA_PD is cut short")
	}
	m.iaid, m.t1, m.t2 = binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:]), binary.BigEndian.Uint32(v[8:])
	if m.t2 != 0 && m.t1 > m.t2 {
		return errors.New("the IA_PD is to be renewed later than rebound")
	}
	for o := range eachDHCPv6Option(v[dhcp6IANALen:]) {
		v := o[dhcp6OptHeader:]
		switch binary.BigEndian.Uint16(o) {
		case dhcp6OptStatus:
			m.setStatus(v)
		case dhcp6OptIAPrefix:
			if m.prefix.IsValid() || len(v) < prefixLen {
				continue
			}
			m.preferred, m.valid = binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:])
			ip := netip.AddrFrom16([16]byte(v[9:25]))
			if m.preferred > m.valid {
				return errors.New("the prefix is preferred for longer than it is valid")
			}
			if bits := int(v[8]); bits > 0 && bits <= 128 && !ip.Is4In6() && !ip.IsMulticast() && !ip.IsUnspecified() {
				m.prefix = netip.PrefixFrom(ip, bits).Masked()
			}
		}
	}
	return nil
}
