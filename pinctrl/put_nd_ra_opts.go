package pinctrl

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

const ndRouterSolicit = 133

// handlePutNDRAOpts is R = put_nd_ra_opts(...): a router solicitation becomes the
// advertisement that the userdata holds, but for its checksum.
func (l *Loop) handlePutNDRAOpts(in *openflow.PacketIn, args []byte) error {
	return l.replace(in, args, 0, routerAdvertisement)
}

func routerAdvertisement(h *headers, ra []byte) ([]byte, error) {
	const minRA = 16
	if len(ra) < minRA {
		return nil, errors.New("userdata has no router advertisement")
	}
	if h.ethType != ethTypeIPv6 || h.proto != protoICMPv6 || len(h.l4) < icmpLen ||
		h.tpSrc != ndRouterSolicit || h.tpDst != 0 {
		return nil, errors.New("not a router solicitation")
	}
	b := append(h.withL4(len(ra)), ra...)
	src := h.ipSrc
	if src.IsUnspecified() {
		// The logical flow sends the answer to where the packet came from.
		src = netip.IPv6LinkLocalAllNodes()
		a := src.As16()
		copy(b[h.l3Ofs+8:], a[:])
	}
	m := b[h.l4Ofs:]
	m[2], m[3] = 0, 0
	binary.BigEndian.PutUint16(m[2:], finish(sum(pseudo(src, h.ipDst, protoICMPv6, len(m)), m)))
	return b, nil
}
