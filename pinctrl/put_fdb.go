package pinctrl

import (
	"math/rand/v2"
	"time"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// switchMAC is an Ethernet address on a switch.
type switchMAC struct {
	datapath uint32
	mac      MAC
}

// handlePutFDB is put_fdb(inport, eth.src): the switch has the sender's address
// behind the port. A broadcast is seen by every chassis, each of which waits a
// random time before it writes, so as not to write all at once.
func (l *Loop) handlePutFDB(in *openflow.PacketIn, _ []byte) error {
	if len(in.Packet) < ethLen {
		return errShort
	}
	p := portKeys(in)
	k := switchMAC{p.Datapath, MAC(in.Packet[6:12])}
	if old, ok := l.bridged.at[k]; ok {
		l.bridged.at[k] = bridgedMAC{p.Port, old.due}
		return nil
	}
	if len(l.bridged.at) >= maxDelayed {
		l.stats.learnDropped.Add(1)
		l.stats.drop(opcode(in), dropFull)
		return nil
	}
	l.bridged.at[k] = bridgedMAC{p.Port, l.cfg.Now().Add(rand.N(maxLearnDelay) + time.Millisecond)}
	return nil
}

// delayedBridged is what waits to be learned.
type delayedBridged struct{ at map[switchMAC]bridgedMAC }

type bridgedMAC struct {
	port uint32
	due  time.Time
}

func newDelayedBridged() delayedBridged { return delayedBridged{map[switchMAC]bridgedMAC{}} }

// bridgeDue passes on the addresses that have waited long enough.
func (l *Loop) bridgeDue() {
	if len(l.bridged.at) == 0 {
		return
	}
	now := l.cfg.Now()
	for k, b := range l.bridged.at {
		if now.Before(b.due) {
			continue
		}
		delete(l.bridged.at, k)
		l.stats.bridged.Add(1)
		if l.cfg.Bridged != nil {
			l.cfg.Bridged(PortKey{k.datapath, b.port}, k.mac)
		}
	}
}
