package hachassis

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

// upTunnels returns the names of the chassis that BFD reports up on some tunnel.
func (d *Duty) upTunnels(br *vswitchdb.Bridge) map[string]bool {
	up := map[string]bool{}
	for chassis := range d.tunnels.Peers(br) {
		if d.isUp(br, chassis) {
			up[chassis] = true
		}
	}
	return up
}

// isUp tells whether BFD reports a tunnel to the chassis up.
func (d *Duty) isUp(br *vswitchdb.Bridge, chassis string) bool {
	if chassis == "" {
		return false
	}
	for p := range d.tunnels.Ports(br, chassis) {
		for _, id := range p.Interfaces {
			i := d.local.Interface.Get(id)
			if i == nil {
				continue
			}
			if _, ok := i.Options.Lookup("remote_ip"); ok && replica.True(i.BFD, "enable") && i.BFDStatus.Get("state") == "up" {
				return true
			}
		}
	}
	return false
}

// part is what one group contributes to the chassis to run BFD with: between members
// of a group of two or more, and between members and the chassis that refer to it.
type part struct {
	members []ovsdb.UUID // of groups that this chassis is a member of or refers to
	refs    []ovsdb.UUID // who refers to groups that this chassis is a member of
}

func (d *Duty) partOf(group ovsdb.UUID) (p part) {
	g := d.sb.HAChassisGroup.Get(group)
	if g == nil || len(g.HAChassis) < 2 || d.own.IsZero() {
		return part{}
	}
	member := Contains(d.sb, g, d.own)
	if member {
		p.refs = g.RefChassis
	}
	if _, refers := slices.BinarySearchFunc(g.RefChassis, d.own, ovsdb.UUID.Compare); member || refers {
		for _, id := range g.HAChassis {
			if m := d.sb.HAChassis.Get(id); m != nil && !m.Chassis.IsZero() {
				p.members = append(p.members, m.Chassis)
			}
		}
	}
	return p
}

// contribute brings what a group contributes up to date, and notes the chassis that
// are contributed no more or were not before.
func (d *Duty) contribute(group ovsdb.UUID) {
	old, now := d.parts[group], d.partOf(group)
	delete(d.parts, group)
	if len(now.members)+len(now.refs) > 0 {
		d.parts[group] = now
	}
	count := func(list []ovsdb.UUID, counts map[ovsdb.UUID]int, n int) {
		for _, id := range list {
			if counts[id] += n; counts[id] == max(n, 0) {
				d.bfdDue[d.sb.ChassisName(id)] = true
			}
			if counts[id] == 0 {
				delete(counts, id)
			}
		}
	}
	// The new ones first: what is in both is no change.
	count(now.members, d.members, 1)
	count(now.refs, d.refs, 1)
	count(old.members, d.members, -1)
	count(old.refs, d.refs, -1)
}

// isPeer tells whether there is to be BFD with a chassis.
func (d *Duty) isPeer(chassis string) bool {
	c := d.sb.ChassisByName.One(chassis)
	return c != nil && chassis != "" && (d.members[c.UUID] > 0 || d.refs[c.UUID] > 0 && !replica.True(c.OtherConfig, "is-remote"))
}

// RunBFD switches BFD on tunnels on and off, of all of them or of those that something
// has changed for. Switching off waits for mayDelete.
func (d *Duty) RunBFD(in Inputs, all bool, tx *ovsdb.Txn, log *slog.Logger) {
	if tx == nil || in.Chassis == nil || in.Bridge == nil {
		return
	}
	if all || in.Chassis.UUID != d.own {
		d.own = in.Chassis.UUID
		clear(d.parts)
		clear(d.members)
		clear(d.refs)
		for g := range d.sb.HAChassisGroup.All() {
			d.changed[g.UUID] = true
		}
		maps.Copy(d.bfdDue, d.tunnels.Peers(in.Bridge))
	}
	for group := range d.changed {
		d.contribute(group)
	}
	clear(d.changed)
	if all && in.FlowBased && len(d.parts) > 0 {
		log.Warn("Flow-based tunnels are enabled but BFD is required for HA chassis groups. " +
			"BFD will not function correctly with flow-based tunnels.")
	}
	if len(d.bfdDue) == 0 {
		return
	}
	want := d.wantBFD()
	for _, chassis := range slices.Sorted(maps.Keys(d.bfdDue)) {
		peer := d.isPeer(chassis)
		for p := range d.tunnels.Ports(in.Bridge, chassis) {
			for _, id := range p.Interfaces {
				i := d.local.Interface.Get(id)
				switch {
				case i == nil:
				case peer:
					if !i.BFD.Equal(want) {
						vswitchdb.VerifyInterface(tx, i, vswitchdb.InterfaceColBFD)
						vswitchdb.UpdateInterface(tx, i.UUID).SetBFD(want)
						log.Info(fmt.Sprintf("Enabled BFD on interface %s", i.Name))
					}
				case i.BFD.Len() > 0 && in.MayDelete:
					vswitchdb.VerifyInterface(tx, i, vswitchdb.InterfaceColBFD)
					vswitchdb.UpdateInterface(tx, i.UUID).SetBFD(ovsdb.Map{})
					log.Info(fmt.Sprintf("Disabled BFD on interface %s", i.Name))
				}
			}
		}
	}
	clear(d.bfdDue)
}

// wantBFD is what column bfd of a tunnel to a peer is to be.
func (d *Duty) wantBFD() ovsdb.Map {
	want := ovsdb.NewMap("enable", "true")
	if g := d.sb.Global(); g != nil {
		for key, option := range map[string]string{
			"min_rx": "bfd-min-rx", "decay_min_rx": "bfd-decay-min-rx", "min_tx": "bfd-min-tx", "mult": "bfd-mult",
		} {
			if v, ok := g.Options.Lookup(option); ok {
				want = want.With(key, v)
			}
		}
		// Otherwise BFD packets of a logical port would be taken for the tunnel's.
		want = want.With("check_tnl_key", "true")
	}
	return want
}
