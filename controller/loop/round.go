package loop

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/binding"
	"github.com/ovn-chassis/ovn-chassis/controller/bridge"
	"github.com/ovn-chassis/ovn-chassis/controller/chassis"
	"github.com/ovn-chassis/ovn-chassis/controller/conditions"
	"github.com/ovn-chassis/ovn-chassis/controller/config"
	"github.com/ovn-chassis/ovn-chassis/controller/encaps"
	"github.com/ovn-chassis/ovn-chassis/controller/hachassis"
	"github.com/ovn-chassis/ovn-chassis/controller/ifstatus"
	"github.com/ovn-chassis/ovn-chassis/controller/patch"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// round carries out the duties on the replicas as they are.
func (l *Loop) round(now time.Time) {
	if localDue, sbDue := l.local.due(now), l.sbSide.due(now); localDue || sbDue {
		l.due = allDuties
		if localDue {
			l.zones.Unwritten()
		}
	}
	if l.switchRetry.due(now) {
		l.writer.RetryRefused()
		l.writer.Commit(l.seq)
	}
	if l.release.due(now, l.rest.told) && l.opts.ReturnMemory != nil {
		go l.opts.ReturnMemory()
	}
	l.collectDue()
	localTx := l.local.begin(now)
	sbTx := l.sbSide.begin(now)
	defer l.commit(now)
	if l.exit.asked {
		l.cleanUp(sbTx, localTx)
		return
	}
	if !l.local.ready {
		return
	}
	if l.due.has(dutyConfig) {
		l.configure()
	}
	l.runBridge(localTx)
	if l.cfg.SystemID == "" || !l.sbSide.ready {
		return
	}
	if !l.versionMatches() {
		return
	}
	l.runChassis(sbTx, localTx)
	l.runBinding(now, sbTx)
	l.runConditions(now)
	l.runTunnels(localTx)
	l.runPatch(localTx)
	l.runMirrors(localTx)
	l.runQueues(localTx)
	l.runZones(localTx)
	l.feed()
	l.runFlushes()
	l.runPlugs()
	l.runPackets(now, sbTx)
	l.runStatus(now, sbTx, localTx)
	// A claim is on its way before the processors are busy with translating.
	l.commit(now)
	l.translate()
	l.announceInstalled()
	// A round that ended early leaves the changes for the one that does not.
	l.sbChanges, l.ovsChanges = nil, nil
}

// commit sends the transactions of the round, which ends with it.
func (l *Loop) commit(now time.Time) {
	sentSB, sentLocal := l.sbSide.commit(now), l.local.commit(now)
	if sentLocal || sentSB {
		l.stats.transactions.Inc()
	}
}

// collectDue turns changes into duties. What a duty could not write keeps it due.
func (l *Loop) collectDue() {
	if l.ovsChanges != nil {
		l.noteLocal(l.ovsChanges)
	}
	if l.sbChanges != nil {
		l.noteSB(l.sbChanges)
	}
}

// ran marks a duty as done, unless it had something to write and could not.
func (l *Loop) ran(d duties, tx *ovsdb.Txn) {
	if tx != nil {
		l.due &^= d
	}
}

// configure reads the configuration and follows it.
func (l *Loop) configure() {
	root := l.ovs.Root()
	if root == nil {
		return
	}
	cfg, problems := config.Parse(root.ExternalIDs, l.opts.Identity)
	if o := l.opts.Observe; o != nil && o.Southbound != "" {
		cfg.Remote = o.Southbound
	}
	l.due &^= dutyConfig
	l.setAside(root.ExternalIDs, cfg.SystemID)
	l.sbSide.session.SetTLS(l.opts.TLS.files(l.ovs.SSL.Get(root.SSL)))
	if l.cfgKnown && cfg.Equal(l.cfg) {
		return
	}
	for _, p := range problems {
		l.log.Info(p)
	}
	if cfg.SystemID == "" {
		l.log.Warn("'system-id' in Open_vSwitch database is missing.")
	}
	l.loadSnapshot(cfg)
	if !l.warm.loading && (!l.cfgKnown || cfg.Remote != l.cfg.Remote) {
		l.sbSide.session.SetRemotes([]string{cfg.Remote})
	}
	if !l.cfgKnown || cfg.RemoteProbe != l.cfg.RemoteProbe {
		l.sbSide.session.SetProbe(cfg.RemoteProbe)
	}
	l.cfg, l.cfgKnown = cfg, true
	l.configureLearned()
	l.due = allDuties &^ dutyConfig
	l.sendConditions()
}

func (l *Loop) runBridge(localTx *ovsdb.Txn) {
	tx := localTx
	if !l.due.has(dutyBridge) {
		tx = nil
	}
	s := bridge.Run(l.ovs, l.cfg, tx, l.log)
	l.ran(dutyBridge, tx)
	l.bridge, l.datapath = s.Bridge, s.Datapath
	target := l.cfg.BridgeRemote
	if o := l.opts.Observe; o != nil && o.Switch != "" {
		target = o.Switch
	}
	if target == "" {
		target = "unix:" + filepath.Join(l.opts.OVSRunDir, l.cfg.Bridge+".mgmt")
	}
	l.writer.SetProbe(l.cfg.BridgeRemoteProbe)
	l.packets.loop.SetProbe(l.cfg.BridgeRemoteProbe)
	if l.bridge != nil && target != l.fed.target {
		l.fed.target = target
		l.writer.SetTarget(target)
		l.packets.loop.SetTarget(target)
	}
}

func (l *Loop) runChassis(sbTx, localTx *ovsdb.Txn) {
	tx := sbTx
	if !l.due.has(dutyChassis) {
		tx = nil
	}
	root := l.ovs.Root()
	features := chassis.Features{SampleWithRegisters: l.features.SampleReg, CtLabelFlush: l.features.CtLabelFlush}
	if !l.featured {
		// Unknown is not absent: flags that change back and forth have northd rewrite
		// every logical flow twice.
		features = chassis.FeaturesOf(l.chassis)
	}
	s := chassis.Run(chassis.Inputs{SB: l.sb, Config: l.cfg, Root: root, Bridge: l.bridge, Features: features},
		tx, l.opts.Logger("chassis"))
	l.ran(dutyChassis, tx)
	l.chassis, l.private = s.Chassis, s.Private
	if err := chassis.StoreIndex(root, l.cfg.SystemID, localTx); err != nil {
		l.log.Error(err.Error())
	}
}

func (l *Loop) runBinding(now time.Time, sbTx *ovsdb.Txn) {
	if l.switchGone.passed(now) {
		l.due |= dutyHA
		l.log.Info("the switch is taken for dead, and its BFD with it")
	}
	switch {
	case !l.switchGone.gone:
		l.upNames = l.ha.Up(l.bridge, l.due.has(dutyHA))
	case l.due.has(dutyHA):
		l.ha.AllDown()
		l.upNames = nil
	}
	delta := l.binding.Run(binding.Inputs{
		SB: l.sb, Local: l.ovs, Bridge: l.bridge, Chassis: l.chassis, UpTunnels: l.upNames, Now: now,
		MayRelease: l.settledOnce, SBChanges: l.sbChanges, LocalChanges: l.ovsChanges,
	}, sbTx)
	l.take(delta)
}

// runConditions sends conditions when what is to be monitored changed, and notes
// when the contents have settled.
func (l *Loop) runConditions(now time.Time) {
	for _, due := range []time.Time{l.kept.Due(), l.conds.Due()} {
		l.fed.scope = l.fed.scope || !due.IsZero() && !now.Before(due)
	}
	if l.fed.scope {
		l.fed.scope = false
		l.sendConditions()
	}
	if !l.settledOnce && l.settled() {
		l.settledOnce = true
		l.log.Info("southbound contents are complete, flows and ports may be changed")
		l.due = allDuties
		l.stale = true
	}
}

// settled: all conditions sent are in effect, and they were computed with the own
// chassis known.
func (l *Loop) settled() bool {
	return l.chassis != nil && l.bridge != nil && l.condInForce >= l.condSeq
}

// portsSettled: no condition is under way that selects more than the ports of
// interfaces that are known already.
func (l *Loop) portsSettled() bool {
	return l.chassis != nil && l.bridge != nil && l.condInForce >= l.condPorts
}

func (l *Loop) sendConditions() {
	if l.conditionsHeld() {
		return
	}
	now := l.clock.now()
	in := conditions.Inputs{MonitorAll: l.cfg.MonitorAll, Chassis: l.chassis, Interfaces: l.binding.InterfaceIDs()}
	if l.fed.local == nil {
		for id, dp := range l.binding.Datapaths() {
			l.fed.local = append(l.fed.local, conditions.Datapath{UUID: id, Key: int64(dp.Key)})
		}
	}
	in.Datapaths = l.kept.Datapaths(l.fed.local, func(id ovsdb.UUID) bool { return l.sb.DatapathBinding.Get(id) != nil }, now)
	known := func(lport string) bool { return l.sb.PortByName.One(lport) != nil }
	c, wait, send := l.conds.Next(in, known, now)
	if !send {
		return
	}
	seq := l.sbSide.session.SetConditions(c)
	if wait >= conditions.All {
		l.condSeq = seq
	}
	if wait >= conditions.AllAndPorts {
		l.condPorts = seq
	}
}

func (l *Loop) runTunnels(localTx *ovsdb.Txn) {
	log := l.opts.Logger("encaps")
	index, indexed := chassis.Index(l.ovs.Root(), l.cfg.SystemID)
	if all := l.due.has(dutyEncaps); (all || l.encaps.Due()) && localTx != nil && indexed && l.featured {
		if all {
			l.leaveOldBridge(index, localTx)
		}
		l.encaps.Run(encaps.Inputs{
			SB: l.sb, Local: l.ovs, Config: l.cfg, Bridge: l.bridge, Chassis: l.chassis, Index: index,
			MayDelete: l.settledOnce,
		}, all, localTx, log)
		l.ran(dutyEncaps, localTx)
	}
	l.ha.RunBFD(hachassis.Inputs{
		Bridge: l.bridge, Chassis: l.chassis, FlowBased: l.cfg.FlowBasedTunnel, MayDelete: l.settledOnce,
	}, l.due.has(dutyBFD), localTx, l.opts.Logger("ovn_bfd"))
	l.ran(dutyBFD, localTx)
}

// leaveOldBridge takes the own ports off bridges that are not the integration
// bridge: once after the start, by name, and when ovn-bridge changes.
func (l *Loop) leaveOldBridge(index string, localTx *ovsdb.Txn) {
	if l.bridge == nil || l.oldMoved == l.bridge.Name || !l.settledOnce {
		return
	}
	if l.oldMoved != "" {
		if old := l.ovs.BridgeByName.One(l.oldMoved); old != nil {
			encaps.RemoveFrom(l.ovs, old, "", localTx)
			l.patch.RemoveFrom(old, localTx)
		}
	} else {
		for br := range l.ovs.Bridge.All() {
			if br.Name != l.bridge.Name {
				encaps.RemoveFrom(l.ovs, br, "ovn"+index+"-", localTx)
			}
		}
	}
	l.oldMoved = l.bridge.Name
}

func (l *Loop) runPatch(localTx *ovsdb.Txn) {
	l.patch.Run(patch.Inputs{
		SB: l.sb, Local: l.ovs, Config: l.cfg, Bridge: l.bridge, Chassis: l.chassis,
		IsLocal: l.binding.IsLocal, MayDelete: l.settledOnce,
	}, l.due.has(dutyPatch), localTx, l.opts.Logger("patch"))
	l.ran(dutyPatch, localTx)
}

func (l *Loop) runZones(localTx *ovsdb.Txn) {
	if l.bridge == nil || l.chassis == nil {
		return
	}
	if !l.zones.Restored() {
		l.zones.Restore(l.bridge.ExternalIDs, l.datapathName)
	}
	switch lo, hi := l.cfg.CtZoneMin, l.cfg.CtZoneMax; {
	case !l.settledOnce:
	case l.fed.allZones || !l.zones.InRange(lo, hi):
		l.fed.allZones = false
		clear(l.fed.zones)
		l.zones.Update(l.binding.ZoneUsers(), lo, hi)
	case len(l.fed.zones) > 0:
		l.zones.Change(l.fed.zones, l.binding.ZoneUser)
		clear(l.fed.zones)
	}
	for _, n := range l.zones.Flushes() {
		l.writer.FlushZone(n)
	}
	l.zones.Write(l.bridge, l.datapath, l.ovs.DB, localTx)
}

func (l *Loop) datapathName(id ovsdb.UUID) string {
	if row := l.sb.DatapathBinding.Get(id); row != nil {
		return row.ExternalIDs.Get("name")
	}
	return ""
}

// runStatus reports ports and configuration that have reached the switch.
func (l *Loop) runStatus(now time.Time, sbTx, localTx *ovsdb.Txn) {
	if l.due.has(dutyStatus) || l.ifstatus.Pending() {
		l.ifstatus.Run(ifstatus.Inputs{
			Bindings: l.binding, Bridge: l.bridge, Now: now, MayRelease: l.settledOnce,
		}, sbTx, localTx)
		if sbTx != nil {
			l.ran(dutyStatus, localTx)
		}
	}
	enabled := true
	if g := l.sb.Global(); g != nil {
		enabled = g.Options.Get("enable_chassis_nb_cfg_update") != "false"
	}
	l.nbcfg.Run(l.private, l.bridge, enabled, now, sbTx, localTx)
}

// versionMatches tells whether processing may go on with ovn-match-northd-version.
func (l *Loop) versionMatches() bool {
	if !l.cfg.MatchNorthd {
		l.mismatched = false
		return true
	}
	theirs := ""
	if g := l.sb.Global(); g != nil {
		theirs = g.Options.Get("northd_internal_version")
	}
	if inSeries(theirs) == inSeries(InternalVersion) {
		l.mismatched = false
		return true
	}
	if !l.mismatched {
		l.log.Warn(fmt.Sprintf("controller version - %s mismatch with northd version - %s", InternalVersion, theirs))
	}
	l.mismatched = true
	return false
}

// inSeries is an internal version without the last number of its release: releases
// of one series differ by fixes, and what both sides have to agree on, schema and
// actions, the rest of the version tells.
func inSeries(version string) string {
	release, rest, _ := strings.Cut(version, "-")
	if i := strings.LastIndexByte(release, '.'); i >= 0 {
		release = release[:i]
	}
	return release + "-" + rest
}
