package pinctrl

import (
	"encoding/binary"
	"errors"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// handleBFDMsg is handle_bfd_msg(): a control packet to an address of a router.
func (l *Loop) handleBFDMsg(in *openflow.PacketIn, _ []byte) error {
	h, ok := extract(in.Packet)
	if !ok || !h.ip() {
		return errors.New("BFD in a packet that is not IP")
	}
	payload := h.udpPayload()
	if payload == nil || h.frag != fragNone || h.tpDst != bfdPort {
		return errors.New("BFD in a packet that is not UDP to its port")
	}
	if n := int(binary.BigEndian.Uint16(h.l4[4:])) - udpLen; n >= 0 && n < len(payload) {
		payload = payload[:n]
	}
	p, err := parseBFD(payload)
	if err != nil {
		return err
	}
	if h.ttl != bfdTTL {
		return errors.New("BFD from beyond the link")
	}
	at := portKeys(in)
	b := &l.bfd
	b.mu.Lock()
	defer b.mu.Unlock()
	// RFC 5880 section 6.8.6: our discriminator if it is there, else the address.
	key, ok := b.byDisc[bfdDisc{at.Datapath, h.ipSrc, p.yours}]
	if p.yours == 0 {
		key, ok = b.byPeer[bfdPeer{at, h.ipSrc}]
	}
	s := b.sessions[key]
	if !ok || s == nil || h.ipDst != s.From {
		l.stats.replies.pass(opcode(in))
		return nil
	}
	now := l.cfg.Now()
	answer, send := s.receive(p, now)
	l.tellBFD(now, b.noted(s, now))
	if !send {
		return nil
	}
	l.stats.replies.answer(opcode(in))
	return l.sendBFDPacket(key, s, answer)
}
