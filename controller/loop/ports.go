package loop

import (
	"github.com/ovn-chassis/ovn-chassis/controller/ctflush"
	"github.com/ovn-chassis/ovn-chassis/controller/mirror"
	"github.com/ovn-chassis/ovn-chassis/controller/qos"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// runMirrors keeps the Mirror rows of ports bound here.
func (l *Loop) runMirrors(localTx *ovsdb.Txn) {
	if !l.due.has(dutyMirrors) || localTx == nil {
		return
	}
	mirror.Run(mirror.Inputs{
		SB: l.sb, Local: l.ovs, Bridge: l.bridge, MayDelete: l.settledOnce,
		Interface: func(lport string) (id ovsdb.UUID, ok bool) {
			b, ok := l.binding.BoundPort(lport)
			if !ok || b.Interface == nil {
				return id, false
			}
			return b.Interface.UUID, true
		},
	}, localTx, l.opts.Logger("port_mirror"))
	l.ran(dutyMirrors, localTx)
}

// runQueues keeps the queues of ports with rates.
func (l *Loop) runQueues(localTx *ovsdb.Txn) {
	if !l.due.has(dutyQueues) || localTx == nil {
		return
	}
	qos.Run(qos.Inputs{
		SB: l.sb, Local: l.ovs, Config: l.cfg, Bridge: l.bridge, MayDelete: l.settledOnce,
		Here: func(p *sbdb.PortBinding) bool {
			if p.Type == "localnet" {
				return l.binding.IsLocal(p.Datapath)
			}
			_, bound := l.binding.BoundPort(p.LogicalPort)
			return bound
		},
	}, localTx)
	l.ran(dutyQueues, localTx)
}

// runPlugs says which ports it does not plug.
func (l *Loop) runPlugs() {
	if l.settledOnce && l.chassis != nil {
		l.plugs.Run(l.sb, l.chassis.UUID, l.sbChanges, l.opts.Logger("vif_plug"))
	}
}

// runFlushes notes which connections are to be forgotten with the next commit.
func (l *Loop) runFlushes() {
	l.flushes.Run(ctflush.Inputs{
		SB: l.sb, Chassis: l.cfg.SystemID, Changes: l.sbChanges, Relocated: l.fed.relocated, IsLocal: l.binding.IsLocal,
		Zone: l.zones.Zone, Settled: l.settledOnce, Tuples: l.features.CtFlush, Labels: l.features.CtLabelFlush,
	})
	l.fed.relocated = false
}
