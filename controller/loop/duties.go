package loop

import (
	"slices"
	"strings"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// duties is a set of duties that have to look again.
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

	allDuties = dutyConfig | dutyBridge | dutyChassis | dutyEncaps | dutyBFD | dutyPatch | dutyHA | dutyFeed | dutyNATZones |
		dutyMeters | dutyMirrors | dutyQueues | dutyStatus
)

func (d duties) has(x duties) bool { return d&x != 0 }

// localDuties are those that a change of the local database concerns.
func localDuties(c *vswitchdb.Changes) (d duties) {
	if len(c.OpenVSwitch)+len(c.SSL) > 0 {
		d |= allDuties
	}
	bridges := c.Bridge
	if marksOnly(bridges) {
		d |= dutyBridge
		bridges = nil
	}
	if len(bridges)+len(c.Port)+len(c.Interface) > 0 {
		d |= dutyBridge | dutyMirrors | dutyQueues | dutyStatus
		if !guestsOnly(bridges, c) {
			d |= dutyChassis | dutyEncaps | dutyBFD | dutyPatch | dutyHA | dutyFeed
		}
	}
	if len(c.Mirror) > 0 {
		d |= dutyMirrors
	}
	if len(c.QoS)+len(c.Queue) > 0 {
		d |= dutyQueues
	}
	if len(c.Datapath)+len(c.FlowTable) > 0 {
		d |= dutyBridge | dutyFeed
	}
	if len(c.FlowSampleCollectorSet) > 0 {
		d |= dutyFeed
	}
	return d
}

// sbDuties are those that a change of the southbound database concerns.
func sbDuties(c *sbdb.Changes) (d duties) {
	if len(c.Chassis)+len(c.Encap) > 0 {
		d |= dutyChassis | dutyEncaps | dutyBFD | dutyHA | dutyFeed | dutyStatus
	}
	// The numbers of configurations pass with every change; they are nbcfg's.
	if beyond(c.ChassisPrivate, sbdb.ChassisPrivateColNbCfg|sbdb.ChassisPrivateColNbCfgTimestamp) {
		d |= dutyChassis
	}
	if beyond(c.SBGlobal, sbdb.SBGlobalColNbCfg) {
		d |= dutyEncaps | dutyBFD
	}
	if len(c.PortBinding) > 0 {
		d |= dutyStatus
	}
	if len(c.HAChassisGroup)+len(c.HAChassis) > 0 {
		d |= dutyHA | dutyBFD
	}
	if len(c.Meter)+len(c.MeterBand) > 0 {
		d |= dutyMeters
	}
	if len(c.Mirror) > 0 {
		d |= dutyMirrors
	}
	for i := range c.PortBinding {
		for _, p := range []*sbdb.PortBinding{c.PortBinding[i].Old, c.PortBinding[i].New} {
			if p == nil {
				continue
			}
			if p.Type == "localnet" || p.Type == "l2gateway" {
				d |= dutyPatch
			}
			if len(p.MirrorRules) > 0 {
				d |= dutyMirrors
			}
			if _, queued := p.Options.Lookup(replica.QueueIDKey); queued {
				d |= dutyQueues
			}
		}
	}
	return d
}

// beyond tells whether rows came or went, or other columns than those changed.
func beyond[T any](changes []ovsdb.Change[T], cols ovsdb.ColumnSet) bool {
	return slices.ContainsFunc(changes, func(c ovsdb.Change[T]) bool {
		return c.Old == nil || c.New == nil || c.Cols&^cols != 0
	})
}

// marksOnly tells whether nothing but external_ids of bridges changed, where the
// loop itself writes what it has carried out: looking at all ports and tunnels for
// that would cost each change what the chassis is large.
func marksOnly(bridges []ovsdb.Change[vswitchdb.Bridge]) bool {
	return !beyond(bridges, vswitchdb.BridgeColExternalIDs)
}

// guestsOnly tells whether the ports and interfaces that came, went or changed are
// guests': nothing that is made for tunnels, for patch ports or for BFD looks at
// those, and there may be many tunnels.
func guestsOnly(bridges []ovsdb.Change[vswitchdb.Bridge], c *vswitchdb.Changes) bool {
	if beyond(bridges, vswitchdb.BridgeColExternalIDs|vswitchdb.BridgeColPorts) {
		return false
	}
	ports := make(map[ovsdb.UUID]bool, len(c.Port))
	for i := range c.Port {
		for _, p := range []*vswitchdb.Port{c.Port[i].Old, c.Port[i].New} {
			if p == nil {
				continue
			}
			ports[p.UUID] = true
			for key := range p.ExternalIDs.All() {
				if strings.HasPrefix(key, "ovn-") {
					return false
				}
			}
		}
	}
	for i := range c.Interface {
		for _, f := range []*vswitchdb.Interface{c.Interface[i].Old, c.Interface[i].New} {
			if f != nil && f.Options.Len() > 0 {
				return false
			}
		}
	}
	for i := range bridges {
		// A port that only goes from one bridge to another brings its interface along.
		for _, id := range ovsdb.PatchUUIDs(bridges[i].Old.Ports, bridges[i].New.Ports) {
			if !ports[id] {
				return false
			}
		}
	}
	return true
}
