package loop

import (
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/activation"
	"github.com/ovn-chassis/ovn-chassis/controller/announce"
	"github.com/ovn-chassis/ovn-chassis/controller/bfd"
	"github.com/ovn-chassis/ovn-chassis/controller/dns"
	"github.com/ovn-chassis/ovn-chassis/controller/event"
	"github.com/ovn-chassis/ovn-chassis/controller/fdb"
	"github.com/ovn-chassis/ovn-chassis/controller/igmp"
	"github.com/ovn-chassis/ovn-chassis/controller/neighbor"
	"github.com/ovn-chassis/ovn-chassis/controller/nexthop"
	"github.com/ovn-chassis/ovn-chassis/controller/portkey"
	"github.com/ovn-chassis/ovn-chassis/controller/prefixdelegation"
	"github.com/ovn-chassis/ovn-chassis/controller/routeradv"
	"github.com/ovn-chassis/ovn-chassis/controller/servicemonitor"
	"github.com/ovn-chassis/ovn-chassis/controller/vport"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
)

// packets is the packet-in loop and the duties that exchange with it: what it saw
// comes in through their queues, what it has to know or to send goes out.
type packets struct {
	loop  *pinctrl.Loop
	ports *portkey.Ports

	learned    learned
	index      *neighbor.Index
	queue      neighbor.Queue
	tables     *neighbor.Tables
	fdb        fdb.Queue
	fdbTables  *fdb.Tables
	vport      vport.Queue
	events     event.Queue
	activation activation.Duty
	announce   *announce.Duty
	routeradv  *routeradv.Duty
	nexthop    *nexthop.Duty
	igmp       *igmp.Duty
	services   *servicemonitor.Duty
	bfd        *bfd.Duty
	prefixes   *prefixdelegation.Duty
	names      *dns.Index

	changed []ovsdb.UUID // local datapaths that changed since the last round
	garpMax time.Duration
	arpMax  time.Duration
}

func (l *Loop) newPackets() *packets {
	ports := portkey.New(l.sb.DB)
	p := &packets{
		ports: ports, index: neighbor.NewIndex(), tables: neighbor.NewTables(l.sb.DB, ports),
		fdbTables: fdb.NewTables(l.sb.DB, ports), announce: announce.New(l.opts.Logger("garp_rarp")),
		routeradv: routeradv.New(l.opts.Logger("pinctrl")), nexthop: nexthop.New(), igmp: igmp.New(l.opts.Logger("pinctrl")), arpMax: defaultARPMax,
	}
	p.services = servicemonitor.New(l.sb.DB, l.opts.Logger("pinctrl"))
	p.bfd, p.prefixes = bfd.New(l.opts.Logger("pinctrl")), prefixdelegation.New(l.sb.DB, l.opts.Logger("pinctrl"))
	// The round that writes what was learned is woken like a command would.
	wake := make(chan struct{}, 1)
	l.learned = wake
	poke := func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	p.queue.Wake, p.fdb.Wake, p.vport.Wake, p.activation.Wake, p.igmp.Wake = poke, poke, poke, poke, poke
	p.events.Wake, p.services.Wake, p.bfd.Wake, p.prefixes.Wake = poke, poke, poke, poke
	config := pinctrl.Config{
		Learned: p.queue.Put, Bridged: p.fdb.Put, Virtual: p.vport.Put, Activated: p.activation.Put,
		Multicast: p.igmp.Heard, Event: p.events.Put, Probed: p.services.Put, BFD: p.bfd.Heard, Delegated: p.prefixes.Put,
		Log: l.opts.Logger("pinctrl"),
	}
	config.Router = p.index.Router
	p.names = l.configureReplies(&config)
	p.loop = pinctrl.New(config)
	p.loop.SetSnapshot(p.index)
	l.newLearned(p, poke)
	return p
}

// runPackets follows the replica and writes what the packet-in loop saw.
func (l *Loop) runPackets(now time.Time, sbTx *ovsdb.Txn) {
	p, log := l.packets, l.opts.Logger("pinctrl")
	l.runReplies()
	if l.sbChanges != nil && p.index.Update(l.sbChanges) {
		p.loop.Refresh()
	}
	l.runSenders()
	set := func(k pinctrl.PortKey, active bool) { l.tr.SetActivated(k.Datapath, k.Port, active) }
	if p.activation.Run(p.ports, l.chassis, sbTx, set, log) {
		l.stale = true
	}
	p.vport.Write(p.ports, l.chassis, sbTx, now, log)
	if !l.settled() {
		// Rows that have not come yet must not be inserted again.
		sbTx = nil
	}
	l.runLearned(now, sbTx, log)
	p.events.Write(l.sb.DB, l.chassis, sbTx)
	p.igmp.Run(igmp.Inputs{
		DB: l.sb.DB, Ports: p.ports, Chassis: l.chassis, Changes: l.sbChanges, Changed: p.changed,
		IsLocalSwitch: func(id ovsdb.UUID) bool { d := l.binding.Datapath(id); return d != nil && d.Switch },
	}, p.loop, sbTx)
	us := l.self()
	p.services.Run(servicemonitor.Inputs{SB: l.sb, Chassis: us, Changes: l.sbChanges}, p.loop, sbTx)
	p.bfd.Run(bfd.Inputs{SB: l.sb, Chassis: us, Changes: l.sbChanges}, p.loop, sbTx)
	p.prefixes.Run(prefixdelegation.Inputs{SB: l.sb, Chassis: us, Changes: l.sbChanges}, p.loop, sbTx)
	p.changed = p.changed[:0]
}

// self is the row of this chassis, zero while unknown.
func (l *Loop) self() (id ovsdb.UUID) {
	if l.chassis != nil {
		id = l.chassis.UUID
	}
	return id
}

// defaultARPMax is what arp-nd-max-timeout-sec is by default.
const defaultARPMax = 16 * time.Second

// runSenders tells the packet-in loop what to send by itself.
func (l *Loop) runSenders() {
	p := l.packets
	if l.cfg.GARPMaxTimeout != p.garpMax {
		p.garpMax = l.cfg.GARPMaxTimeout
		p.loop.SetAnnounceMax(p.garpMax)
	}
	if l.cfg.ARPNDMaxTimeout != p.arpMax {
		p.arpMax = l.cfg.ARPNDMaxTimeout
		p.loop.SetSolicitMax(p.arpMax)
	}
	us := l.self()
	p.loop.Announce(p.announce.Run(announce.Inputs{
		SB: l.sb, Chassis: us, Datapaths: l.binding.Datapath, Networks: l.fed.networks, Changes: l.sbChanges, Changed: p.changed,
	}))
	p.loop.Advertise(p.routeradv.Run(routeradv.Inputs{SB: l.sb, IsLocal: l.binding.IsLocal, Changes: l.sbChanges, Changed: p.changed}))
	p.loop.Solicit(p.nexthop.Run(nexthop.Inputs{SB: l.sb, Chassis: us, Changes: l.sbChanges}))
}

// announceInstalled has announcing begin for what the flows in the switch serve.
// With all contents there and no translation to follow, the last one served it.
func (l *Loop) announceInstalled() {
	if l.settledOnce && l.settled() && l.featured && !l.stale {
		l.packets.announce.Stamp(l.seq)
	}
	l.packets.loop.BeginAnnouncing(l.packets.announce.Acked(l.acked))
}
