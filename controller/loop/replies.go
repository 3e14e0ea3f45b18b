package loop

import (
	"sync"

	"github.com/ovn-chassis/ovn-chassis/controller/coverage"
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
	// Packets are counted too often for a look-up under the registry's lock.
	var counters sync.Map
	c.Count = func(event string) {
		n, ok := counters.Load(event)
		if !ok {
			n, _ = counters.LoadOrStore(event, l.opts.Stats.Counter(event))
		}
		n.(*coverage.Counter).Inc()
	}
	c.ACLLog = l.opts.Logger("acl_log").With("thread", packetThread)
	return names
}

// runReplies follows the replica.
func (l *Loop) runReplies() {
	if l.sbChanges != nil {
		l.packets.names.Update(l.sbChanges)
	}
}
