package pinctrl

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// handleDHCPRelayReqChk is R = dhcp_relay_req_chk(relay, server): a client's
// message is made ready to be sent on to the server.
func (l *Loop) handleDHCPRelayReqChk(in *openflow.PacketIn, args []byte) error {
	return l.replace(in, args, 0, l.relayRequest)
}

// handleDHCPRelayRespChk is R = dhcp_relay_resp_chk(relay, server): a server's
// message is made ready to be sent on to the client.
func (l *Loop) handleDHCPRelayRespChk(in *openflow.PacketIn, args []byte) error {
	return l.replace(in, args, 0, l.relayResponse)
}

// relayAddrs are the addresses of the relay and the server in the userdata.
func relayAddrs(args []byte) (relay, server [4]byte, err error) {
	if len(args) < 8 {
		return relay, server, errors.New("userdata without the addresses of relay and server")
	}
	return [4]byte(args[:4]), [4]byte(args[4:8]), nil
}

// relayCopy is the frame without padding, and its UDP header and DHCP message.
func relayCopy(h *headers) (b, udp, d []byte) {
	b = append([]byte(nil), h.frame[:h.l4Ofs+len(h.l4)]...)
	udp = b[h.l4Ofs:]
	return b, udp, udp[udpLen:]
}

// amend16 and amend32 keep a UDP checksum right when what it covers changes; one
// that was not computed stays so.
func amend16(udp []byte, old, new uint16) {
	if c := binary.BigEndian.Uint16(udp[6:]); c != 0 {
		binary.BigEndian.PutUint16(udp[6:], update16(c, old, new))
	}
}

func amend32(udp []byte, old, new uint32) {
	if c := binary.BigEndian.Uint16(udp[6:]); c != 0 {
		binary.BigEndian.PutUint16(udp[6:], update32(c, old, new))
	}
}

func (l *Loop) relayRequest(h *headers, args []byte) ([]byte, error) {
	relay, server, err := relayAddrs(args)
	if err != nil {
		return nil, err
	}
	m, err := parseDHCP(h, bootRequest)
	if err != nil {
		return nil, err
	}
	if m.addr(dhcpGIAddr) != ([4]byte{}) {
		return nil, errors.New("DHCP relay: giaddr is already set")
	}
	b, udp, d := relayCopy(h)
	hops := d[dhcpHops]
	d[dhcpHops]++
	amend16(udp, uint16(hops), uint16(d[dhcpHops]))
	copy(d[dhcpGIAddr:], relay[:])
	amend32(udp, 0, binary.BigEndian.Uint32(relay[:]))
	l.dhcpInfo("DHCP_RELAY_REQ_CHK:: MSG_TYPE:%s MAC:%s XID:%d REQ_IP:%s GIADDR:%s SERVER_ADDR:%s",
		m.typ, MAC(d[dhcpCHAddr:]), binary.BigEndian.Uint32(d[dhcpXID:]), dotted(m.requested), dotted(relay), dotted(server))
	return b, nil
}

func (l *Loop) relayResponse(h *headers, args []byte) ([]byte, error) {
	relay, server, err := relayAddrs(args)
	if err != nil {
		return nil, err
	}
	m, err := parseDHCP(h, bootReply)
	if err != nil {
		return nil, err
	}
	yours, gateway := m.addr(dhcpYIAddr), m.addr(dhcpGIAddr)
	switch {
	case gateway == [4]byte{}:
		return nil, errors.New("DHCP relay: giaddr is not set in the answer")
	case gateway != relay:
		return nil, fmt.Errorf("DHCP relay: the answer is for relay %s, not %s", dotted(gateway), dotted(relay))
	case m.server == [4]byte{}:
		return nil, errors.New("DHCP relay: the answer does not name its server")
	case m.server != server:
		return nil, fmt.Errorf("DHCP relay: the answer is from server %s, not %s", dotted(m.server), dotted(server))
	}
	line := func() string {
		return fmt.Sprintf("MSG_TYPE:%s MAC:%s XID:%d YIADDR:%s GIADDR:%s SERVER_ADDR:%s", m.typ, MAC(m.b[dhcpCHAddr:]),
			binary.BigEndian.Uint32(m.b[dhcpXID:]), dotted(yours), dotted(gateway), dotted(m.server))
	}
	if m.typ == dhcpOffer || m.typ == dhcpAck {
		mask := binary.BigEndian.Uint32(m.netmask[:])
		if (binary.BigEndian.Uint32(yours[:])^binary.BigEndian.Uint32(gateway[:]))&mask != 0 {
			l.dhcpInfo("DHCP_RELAY_RESP_CHK:: Allocated ip adress and giaddr are not in same subnet. %s", line())
			return nil, errNotForUs
		}
		if m.route != ([4]byte{}) && m.route != gateway {
			l.dhcpInfo("DHCP_RELAY_RESP_CHK:: Router ip adress and giaddr are not same. %s", line())
		}
	}
	b, udp, d := relayCopy(h)
	copy(b, d[dhcpCHAddr:dhcpCHAddr+6])
	dst := m.destination(yours)
	ip := b[h.l3Ofs:]
	old, now := binary.BigEndian.Uint32(ip[16:]), binary.BigEndian.Uint32(dst[:])
	copy(ip[16:], dst[:])
	binary.BigEndian.PutUint16(ip[10:], update32(binary.BigEndian.Uint16(ip[10:]), old, now))
	amend32(udp, old, now)
	l.dhcpInfo("DHCP_RELAY_RESP_CHK:: %s", line())
	return b, nil
}
