package loop

import (
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
	dutyMeters
	dutyMirrors
	dutyQueues

	allDuties = dutyConfig | dutyBridge | dutyChassis | dutyEncaps | dutyBFD | dutyPatch | dutyHA | dutyFeed | dutyMeters |
		dutyMirrors | dutyQueues
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
		d |= dutyBridge | dutyChassis | dutyEncaps | dutyBFD | dutyPatch | dutyHA | dutyFeed | dutyMirrors | dutyQueues
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
		d |= dutyChassis | dutyEncaps | dutyBFD | dutyHA | dutyFeed
	}
	if len(c.ChassisPrivate) > 0 {
		d |= dutyChassis
	}
	if len(c.SBGlobal) > 0 {
		d |= dutyEncaps | dutyBFD
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

// marksOnly tells whether nothing but external_ids of bridges changed, where the
// loop itself writes what it has carried out: looking at all ports and tunnels for
// that would cost each change what the chassis is large.
func marksOnly(bridges []ovsdb.Change[vswitchdb.Bridge]) bool {
	for i := range bridges {
		c := &bridges[i]
		if c.Old == nil || c.New == nil || c.Cols&^vswitchdb.BridgeColExternalIDs != 0 {
			return false
		}
	}
	return true
}
