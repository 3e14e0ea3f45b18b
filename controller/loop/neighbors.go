package loop

import (
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/dns"
	"github.com/ovn-chassis/ovn-chassis/controller/neighbor"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
)

// packets is the packet-in loop and what it exchanges with this one: addresses
// learned in, addresses known out.
type packets struct {
	loop   *pinctrl.Loop
	index  *neighbor.Index
	queue  neighbor.Queue
	tables *neighbor.Tables
	names  *dns.Index
}

func (l *Loop) newPackets() *packets {
	p := &packets{index: neighbor.NewIndex(), tables: neighbor.NewTables(l.sb.DB)}
	// The round that writes what was learned is woken like a command would.
	wake := make(chan struct{}, 1)
	p.queue.Wake = func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	l.learned = wake
	config := pinctrl.Config{Learned: p.queue.Put, Log: l.opts.Logger("pinctrl")}
	p.names = l.configureReplies(&config)
	p.loop = pinctrl.New(config)
	p.loop.SetSnapshot(p.index)
	return p
}

// runNeighbors follows the replica and writes what was learned.
func (l *Loop) runNeighbors(now time.Time, sbTx *ovsdb.Txn) {
	l.runReplies()
	if l.sbChanges != nil && l.packets.index.Update(l.sbChanges) {
		l.packets.loop.Refresh()
	}
	l.packets.queue.Write(l.packets.tables, sbTx, now, l.opts.Logger("pinctrl"))
}
