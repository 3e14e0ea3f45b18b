package pinctrl

import (
	"encoding/binary"
	"errors"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// handleBindVport is bind_vport(V, P): a virtual port's address was seen behind
// the port P, which is where the packet came in. The arguments hold V's tunnel
// key.
func (l *Loop) handleBindVport(in *openflow.PacketIn, args []byte) error {
	if len(args) < 4 {
		return errors.New("no key of the virtual port")
	}
	parent := portKeys(in)
	if l.cfg.Virtual != nil {
		l.cfg.Virtual(PortKey{parent.Datapath, binary.BigEndian.Uint32(args)}, parent)
	}
	return nil
}
