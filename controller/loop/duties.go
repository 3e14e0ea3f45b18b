package loop

import (
	"slices"

	"github.com/ovn-chassis/ovn-chassis/controller/encaps"
	"github.com/ovn-chassis/ovn-chassis/controller/patch"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// duties is a set of duties that have to look at everything again: after the start,
// with another configuration or bridge, and when something was not written. Otherwise
// encaps, ha, patch and what feeds the translation look at what changed only.
type duties uint32

const (
	dutyConfig duties = 1 << iota
	dutyBridge
	dutyChassis
	dutyEncaps
	dutyBFD
	dutyPatch
	dutyHA
	dutyFeed
	dutyNATZones
	dutyMeters
	dutyMirrors
	dutyQueues
	dutyStatus
	dutyCollectors

	allDuties = dutyConfig | dutyBridge | dutyChassis | dutyEncaps | dutyBFD | dutyPatch | dutyHA | dutyFeed | dutyNATZones |
		dutyMeters | dutyMirrors | dutyQueues | dutyStatus | dutyCollectors
)

func (d duties) has(x duties) bool { return d&x != 0 }

// portDuties are those that look at the bridge and all that is on it.
const portDuties = dutyBridge | dutyChassis | dutyEncaps | dutyBFD | dutyPatch | dutyHA | dutyFeed | dutyCollectors |
	dutyMirrors | dutyQueues | dutyStatus

// What of an interface concerns which duty, besides its coming and going.
const (
	colsOfTunnel  = vswitchdb.InterfaceColType | vswitchdb.InterfaceColOptions | vswitchdb.InterfaceColOtherConfig
	colsOfFlows   = vswitchdb.InterfaceColType | vswitchdb.InterfaceColOfport | vswitchdb.InterfaceColOtherConfig
	colsOfReport  = vswitchdb.InterfaceColOptions | vswitchdb.InterfaceColBFD | vswitchdb.InterfaceColBFDStatus
	colsOfPatch   = vswitchdb.InterfaceColType | vswitchdb.InterfaceColOptions
	colsOfStatus  = vswitchdb.InterfaceColExternalIDs | vswitchdb.InterfaceColOfport
	colsOfMirrors = vswitchdb.InterfaceColExternalIDs | vswitchdb.InterfaceColOptions | vswitchdb.InterfaceColType
)

// noteLocal notes the duties that changes of the local database concern: those that
// have to look at everything, and what the others have to look at. What concerns one
// port of the many is never a reason to look at all.
func (l *Loop) noteLocal(c *vswitchdb.Changes) {
	if len(c.OpenVSwitch)+len(c.SSL) > 0 {
		l.due |= allDuties
	}
	if beyond(c.Bridge, vswitchdb.BridgeColExternalIDs|vswitchdb.BridgeColPorts|vswitchdb.BridgeColMirrors) {
		l.due |= portDuties
	}
	if len(c.Mirror) > 0 || beyond(c.Bridge, ^vswitchdb.BridgeColMirrors) {
		l.due |= dutyMirrors
	}
	for p, cols := range l.ovs.Touched(c) {
		l.notePort(p, cols)
	}
	for i := range c.Interface {
		if x := &c.Interface[i]; x.Cols.Has(colsOfPatch) {
			l.notePatch(x.Old)
			l.notePatch(x.New)
		}
	}
	if len(c.QoS)+len(c.Queue) > 0 {
		l.due |= dutyQueues
	}
	if beyond(c.Datapath, vswitchdb.DatapathColCTZones) {
		l.due |= dutyBridge | dutyFeed
	}
	if len(c.FlowTable) > 0 {
		l.due |= dutyBridge
	}
	if len(c.FlowSampleCollectorSet) > 0 {
		l.due |= dutyCollectors
	}
}

// notePort notes what a port, as it was or is, has to do with; cols are what changed of
// its interface.
func (l *Loop) notePort(p *vswitchdb.Port, cols ovsdb.ColumnSet) {
	if cols == ovsdb.AllColumns {
		for _, id := range p.Interfaces {
			l.notePatch(l.ovs.Interface.Get(id))
		}
	}
	if cols.Has(colsOfTunnel) {
		l.encaps.PortChanged(p)
	}
	if chassis, ok := encaps.Peer(p); ok {
		if cols.Has(colsOfReport) {
			l.ha.TunnelChanged(chassis, !cols.Has(vswitchdb.InterfaceColBFD))
		}
		if cols.Has(colsOfFlows) {
			l.fed.tunnelsDue[chassis] = true
		}
		return // it is nobody else's
	}
	if lport, ok := patch.Mark(p); ok {
		if cols.Has(colsOfPatch) {
			l.patch.Changed(lport)
		}
		if cols.Has(colsOfFlows) {
			l.fed.patchesDue[lport] = true
		}
	}
	if cols.Has(colsOfStatus) {
		l.due |= dutyStatus
	}
	if cols.Has(colsOfMirrors) {
		l.due |= dutyMirrors | dutyQueues
	}
}

func (l *Loop) notePatch(i *vswitchdb.Interface) {
	if i != nil {
		l.patch.PeerChanged(i, l.cfg.Bridge)
	}
}

// noteSB is noteLocal for the southbound database.
func (l *Loop) noteSB(c *sbdb.Changes) {
	l.noteChassis(c)
	// The numbers of configurations pass with every change; they are nbcfg's.
	if beyond(c.SBGlobal, sbdb.SBGlobalColNbCfg) {
		l.due |= dutyEncaps | dutyBFD
	}
	if len(c.Meter)+len(c.MeterBand) > 0 {
		l.due |= dutyMeters
	}
	if len(c.Mirror) > 0 {
		l.due |= dutyMirrors
	}
	for i := range c.PortBinding {
		for _, p := range []*sbdb.PortBinding{c.PortBinding[i].Old, c.PortBinding[i].New} {
			if p == nil {
				continue
			}
			if patch.Wanted(p) {
				l.patch.Changed(p.LogicalPort)
			}
			if len(p.MirrorRules) > 0 {
				l.due |= dutyMirrors
			}
			if _, queued := p.Options.Lookup(replica.QueueIDKey); queued {
				l.due |= dutyQueues
			}
			// What becomes bound or ceases to be, binding tells.
			if l.binding.MayBind(p.LogicalPort) {
				l.due |= dutyStatus
			}
		}
	}
}

// noteChassis notes what concerns this chassis, which all tunnels begin at, and others,
// which one ends at.
func (l *Loop) noteChassis(c *sbdb.Changes) {
	const ownDuties = dutyChassis | dutyEncaps | dutyBFD | dutyHA | dutyFeed | dutyStatus
	own := l.cfg.SystemID
	for i := range c.Chassis {
		for _, row := range []*sbdb.Chassis{c.Chassis[i].Old, c.Chassis[i].New} {
			switch {
			case row == nil:
			case row.Name == own:
				l.due |= ownDuties
			default:
				l.encaps.Changed(row.Name)
			}
		}
	}
	for i := range c.Encap {
		for _, row := range []*sbdb.Encap{c.Encap[i].Old, c.Encap[i].New} {
			if row == nil {
				continue
			}
			if row.ChassisName == own || slices.Contains(l.cfg.EncapIPs, row.IP) {
				l.due |= dutyChassis // it may be what this chassis waits for
			}
			for _, user := range l.encaps.Users(row.UUID) {
				if user.Name == own {
					l.due |= ownDuties
				} else {
					l.encaps.Changed(user.Name)
				}
			}
		}
	}
	for i := range c.ChassisPrivate {
		x := &c.ChassisPrivate[i]
		if beyond(c.ChassisPrivate[i:i+1], sbdb.ChassisPrivateColNbCfg|sbdb.ChassisPrivateColNbCfgTimestamp) &&
			(x.Old != nil && x.Old.Name == own || x.New != nil && x.New.Name == own) {
			l.due |= dutyChassis
		}
	}
	l.ha.Note(c)
}

// beyond tells whether rows came or went, or other columns than those changed.
func beyond[T any](changes []ovsdb.Change[T], cols ovsdb.ColumnSet) bool {
	return slices.ContainsFunc(changes, func(c ovsdb.Change[T]) bool {
		return c.Old == nil || c.New == nil || c.Cols&^cols != 0
	})
}
