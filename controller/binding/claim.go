package binding

import (
	"fmt"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/hachassis"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// disputeTime is how long a chassis leaves a port to another that took it after
// its own last claim, so that two that both think it theirs do not take turns at
// the speed of the database.
const disputeTime = 2 * time.Second

// encapFor is the row of the own Encap that an interface asks for by address,
// zero when it asks for none.
func (d *Duty) encapFor(i *Interface) ovsdb.UUID {
	if i == nil || i.EncapIP == "" {
		return ovsdb.UUID{}
	}
	var best *sbdb.Encap
	for _, e := range d.in.SB.Encaps(d.in.Chassis) {
		if e.IP == i.EncapIP && (best == nil || best.Type == "vxlan") {
			best = e
		}
	}
	if best == nil {
		return ovsdb.UUID{}
	}
	return best.UUID
}

// write adds to tx what brings the row in line with the verdict and reports
// whether the matter is settled; if not, the port is to be looked at again. With
// tx nil nothing is written and only a row that is in line is settled.
func (d *Duty) write(p *sbdb.PortBinding, v verdict, tx *ovsdb.Txn) (settled bool) {
	us := d.in.Chassis.UUID
	isMain, isAdditional := p.Chassis == us, refersTo(p.AdditionalChassis, us)
	switch v.role {
	case Main:
		if isMain && !isAdditional {
			delete(d.postponed, p.LogicalPort)
			return d.writeEncap(p, v, tx) && d.writeUp(p, v, tx)
		}
		return d.claimMain(p, v, isAdditional, tx)
	case Additional:
		delete(d.postponed, p.LogicalPort)
		return d.claimAdditional(p, v, isMain, isAdditional, tx)
	}
	delete(d.postponed, p.LogicalPort)
	if v.refused && !d.refusedLogged[p.LogicalPort] {
		d.refusedLogged[p.LogicalPort] = true
		requested, ok := p.Options.Lookup("requested-chassis")
		if !ok {
			requested = "[]"
		}
		d.log.Info(fmt.Sprintf("Not claiming lport %s, chassis %s requested-chassis %s pb->chassis %s",
			p.LogicalPort, d.in.Chassis.Name, requested, d.in.SB.ChassisName(p.Chassis)))
	}
	if !v.refused {
		delete(d.refusedLogged, p.LogicalPort)
	}
	if !d.in.MayRelease || !isMain && !isAdditional {
		return !isMain && !isAdditional
	}
	if isMain && !isAdditional && v.iface == nil && v.kind != Virtual && d.leaves(p.LogicalPort) {
		return true // a timer brings the port back
	}
	return d.release(p, v, isMain, isAdditional, tx)
}

func (d *Duty) claimMain(p *sbdb.PortBinding, v verdict, isAdditional bool, tx *ovsdb.Txn) bool {
	us := d.in.Chassis
	if p.Chassis != us.UUID {
		if !p.Chassis.IsZero() && d.postpone(p) {
			return true // a timer brings the port back
		}
		if tx == nil {
			return false
		}
		delete(d.postponed, p.LogicalPort)
		if other := d.in.SB.ChassisName(p.Chassis); other != "" {
			d.log.Info(fmt.Sprintf("Changing chassis for lport %s from %s to %s.", p.LogicalPort, other, us.Name))
		} else {
			d.log.Info(fmt.Sprintf("Claiming lport %s for this chassis.", p.LogicalPort))
		}
		d.logAddresses(p)
		w := sbdb.UpdatePortBinding(tx, p.UUID).SetChassis(us.UUID)
		if p.Up.Value() && v.kind.onInterface() {
			// It was up elsewhere; here flows are to come first.
			w.SetUp(false)
		}
		d.claimedAt[p.LogicalPort] = d.in.Now
	}
	if tx == nil {
		return false
	}
	if isAdditional {
		d.dropAdditional(p, tx)
	}
	d.writeEncap(p, v, tx)
	return false // settled when the row says so
}

func (d *Duty) logAddresses(p *sbdb.PortBinding) {
	for _, mac := range p.MAC {
		d.log.Info(fmt.Sprintf("%s: Claiming %s", p.LogicalPort, mac))
	}
}

// postpone decides a dispute: whoever took the port after our last claim keeps it
// for a while, unless this chassis is first in the port's HA group.
func (d *Duty) postpone(p *sbdb.PortBinding) bool {
	if g := d.in.SB.HAChassisGroup.Get(p.HAChassisGroup); g != nil && hachassis.First(d.in.SB, g, d.in.Chassis.UUID) {
		return false
	}
	last, ok := d.claimedAt[p.LogicalPort]
	if until := last.Add(disputeTime); ok && d.in.Now.Before(until) {
		if _, already := d.postponed[p.LogicalPort]; !already {
			d.log.Debug(fmt.Sprintf("Postponed claim on logical port %s.", p.LogicalPort))
			d.markChildren(p.LogicalPort)
		}
		d.postponed[p.LogicalPort] = until
		return true
	}
	return false
}

func (d *Duty) claimAdditional(p *sbdb.PortBinding, v verdict, isMain, isAdditional bool, tx *ovsdb.Txn) bool {
	encap := d.encapFor(v.iface)
	needEncap := !encap.IsZero() && !refersTo(p.AdditionalEncap, encap)
	if isAdditional && !isMain && !needEncap {
		return true
	}
	if tx == nil {
		return false
	}
	w := sbdb.UpdatePortBinding(tx, p.UUID)
	if !isAdditional {
		d.log.Info(fmt.Sprintf("Claiming lport %s for this additional chassis.", p.LogicalPort))
		d.logAddresses(p)
		w.MutateAdditionalChassisInsert(d.in.Chassis.UUID)
	}
	if isMain {
		w.SetChassis(ovsdb.UUID{})
	}
	if needEncap {
		w.MutateAdditionalEncapInsert(encap)
	}
	return false
}

// writeEncap keeps Port_Binding.encap at the interface's choice.
func (d *Duty) writeEncap(p *sbdb.PortBinding, v verdict, tx *ovsdb.Txn) bool {
	encap := d.encapFor(v.iface)
	if p.Encap == encap {
		return true
	}
	if tx != nil {
		sbdb.UpdatePortBinding(tx, p.UUID).SetEncap(encap)
	}
	return false
}

// writeUp marks ports without an interface up at once: no flow of theirs is waited
// for. Ports with one are ifstatus's. A northd that does not use the column leaves
// it empty, and so does this.
func (d *Duty) writeUp(p *sbdb.PortBinding, v verdict, tx *ovsdb.Txn) bool {
	up, used := p.Up.Get()
	if v.kind.onInterface() || !used || up {
		return true
	}
	if tx != nil {
		sbdb.UpdatePortBinding(tx, p.UUID).SetUp(true)
	}
	return false
}

// dropAdditional takes the chassis and its encaps off the additional ones.
func (d *Duty) dropAdditional(p *sbdb.PortBinding, tx *ovsdb.Txn) {
	w := sbdb.UpdatePortBinding(tx, p.UUID).MutateAdditionalChassisDelete(d.in.Chassis.UUID)
	var ours []ovsdb.UUID
	for _, e := range p.AdditionalEncap {
		if refersTo(d.in.Chassis.Encaps, e) {
			ours = append(ours, e)
		}
	}
	if len(ours) > 0 {
		w.MutateAdditionalEncapDelete(ours...)
	}
}

func (d *Duty) release(p *sbdb.PortBinding, v verdict, isMain, isAdditional bool, tx *ovsdb.Txn) bool {
	if tx == nil {
		return false
	}
	if isMain {
		d.log.Info(fmt.Sprintf("Releasing lport %s from this chassis (sb_readonly=0)", p.LogicalPort))
		// The guest's next chassis may have claimed the port meanwhile.
		sbdb.VerifyPortBinding(tx, p, sbdb.PortBindingColChassis)
		w := sbdb.UpdatePortBinding(tx, p.UUID).SetChassis(ovsdb.UUID{})
		if !p.Encap.IsZero() {
			w.SetEncap(ovsdb.UUID{})
		}
		if p.VirtualParent.IsSet() && v.kind == Virtual {
			w.ClearVirtualParent()
		}
		if p.Up.Value() && v.kind.onInterface() {
			w.SetUp(false)
		}
	}
	if isAdditional {
		d.log.Info(fmt.Sprintf("Releasing lport %s from this additional chassis.", p.LogicalPort))
		d.dropAdditional(p, tx)
	}
	return false
}

// Clear gives back every port on exit, and reports whether there were any.
func Clear(in Inputs, tx *ovsdb.Txn) bool {
	if in.Chassis == nil {
		return false
	}
	any := false
	us := in.Chassis
	for p := range in.SB.PortBinding.All() {
		isMain, isAdditional := p.Chassis == us.UUID, refersTo(p.AdditionalChassis, us.UUID)
		if !isMain && !isAdditional {
			continue
		}
		any = true
		w := sbdb.UpdatePortBinding(tx, p.UUID)
		if isMain {
			w.SetChassis(ovsdb.UUID{})
			if !p.Encap.IsZero() {
				w.SetEncap(ovsdb.UUID{})
			}
		}
		if isAdditional {
			(&Duty{in: in}).dropAdditional(p, tx)
		}
	}
	if any {
		tx.AddComment(fmt.Sprintf("ovn-controller: removing all port bindings for '%s'", us.Name))
	}
	return any
}
