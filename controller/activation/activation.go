// Package activation is the duty that lets a port go to work on its additional
// chassis once the guest has moved there, which a packet of it tells
// (options:activation-strategy).
//
//	packet-in loop ─Put─► Duty ─Run─► blocking flows go, at once
//	                       └──────► options:additional-chassis-activated, when it can be written
package activation

import (
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/ovn-chassis/ovn-chassis/controller/portkey"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// activatedKey is the Port_Binding option with the names of the chassis where the
// port was activated, with commas between.
const activatedKey = "additional-chassis-activated"

// maxPorts bounds how many ports may be on their way. A chassis has no more ports
// with an activation strategy at a time than guests that are moving to it.
const maxPorts = 10000

// Duty holds the ports whose row does not show yet that they are active.
type Duty struct {
	// Wake is called after something was put in.
	Wake func()

	mu      sync.Mutex // guards what follows
	seen    map[pinctrl.PortKey]bool
	dropped uint64

	active map[pinctrl.PortKey]bool // owned by Run
}

// Put is called by the packet-in loop; it does not block.
func (d *Duty) Put(p pinctrl.PortKey) {
	d.mu.Lock()
	if d.seen == nil {
		d.seen = map[pinctrl.PortKey]bool{}
	}
	if !d.seen[p] && len(d.seen) >= maxPorts {
		d.dropped++
		d.mu.Unlock()
		return
	}
	d.seen[p] = true
	d.mu.Unlock()
	if d.Wake != nil {
		d.Wake()
	}
}

// Dropped is how many activations found no room.
func (d *Duty) Dropped() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dropped
}

// Run tells set which ports became active, or are no longer so because of what
// was seen here, and adds to tx what their rows do not show yet. It reports
// whether it called set. Without a transaction rows are written in a later round.
func (d *Duty) Run(ports *portkey.Ports, chassis *sbdb.Chassis, tx *ovsdb.Txn, set func(p pinctrl.PortKey, active bool), log *slog.Logger) (changed bool) {
	if chassis == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range d.seen {
		pb := ports.Port(p)
		if pb == nil || !slices.Contains(pb.AdditionalChassis, chassis.UUID) || activated(pb, chassis) {
			// The row says it, or nobody wants to know any more.
			delete(d.seen, p)
			if d.active[p] {
				delete(d.active, p)
				set(p, false)
				changed = true
			}
			continue
		}
		if !d.active[p] {
			if d.active == nil {
				d.active = map[pinctrl.PortKey]bool{}
			}
			d.active[p] = true
			set(p, true)
			changed = true
			log.Debug("activated", "port", pb.LogicalPort)
		}
		if tx == nil {
			continue
		}
		names := chassis.Name
		if others := pb.Options.Get(activatedKey); others != "" {
			names = others + "," + names
		}
		// Two chassis may be activated at the same time.
		sbdb.VerifyPortBinding(tx, pb, sbdb.PortBindingColOptions)
		sbdb.UpdatePortBinding(tx, pb.UUID).MutateOptionsPut(ovsdb.NewMap(activatedKey, names))
	}
	return changed
}

// activated tells whether the port's row names the chassis as active.
func activated(pb *sbdb.PortBinding, chassis *sbdb.Chassis) bool {
	return slices.Contains(strings.Split(pb.Options.Get(activatedKey), ","), chassis.Name)
}
