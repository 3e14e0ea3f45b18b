package loop

import (
	"github.com/ovn-chassis/ovn-chassis/controller/dns"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
)

// packetThread is the name that readers of the log of ACLs know the packet-in
// loop by.
const packetThread = "ovn_pinctrl0"

// configureReplies gives the packet-in loop what it answers from.
func (l *Loop) configureReplies(c *pinctrl.Config) *dns.Index {
	names := dns.NewIndex()
	c.Names = names
	c.Count = func(event string) { l.opts.Stats.Counter(event).Inc() }
	c.ACLLog = l.opts.Logger("acl_log").With("thread", packetThread)
	return names
}

// runReplies follows the replica.
func (l *Loop) runReplies() {
	if l.sbChanges != nil {
		l.packets.names.Update(l.sbChanges)
	}
}
