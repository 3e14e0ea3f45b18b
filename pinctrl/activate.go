package pinctrl

import "github.com/ovn-chassis/ovn-chassis/openflow"

// handleActivate is for the packet by which a port on its additional chassis says
// that it lives here now (options:activation-strategy). The packet itself goes on
// through the flow that sent it up.
func (l *Loop) handleActivate(in *openflow.PacketIn, _ []byte) error {
	if l.cfg.Activated != nil {
		l.cfg.Activated(portKeys(in))
	}
	return nil
}
