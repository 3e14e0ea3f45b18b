// Package ifstatus tells the world that a bound port works: Port_Binding.up in the
// southbound database and external_ids:ovn-installed on the interface, both only
// after the switch has acknowledged the port's flows.
//
//	          row names us           run that includes it          acknowledged
//	claimed ───────────────► waiting ─────────────────────► sent ───────────────► up
//	   ▲                        marks of an earlier life are taken away             │
//	   └────────── a mark is missing again ◄────────────────────────────────────────┘
//
// A port whose marks are all there when it is first seen needs nothing: so after a
// restart with nothing changed nothing is written.
package ifstatus

import (
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/binding"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
	"github.com/ovn-chassis/ovn-chassis/vswitchdb"
)

const installedTSKey = "ovn-installed-ts"

type phase uint8

const (
	claimed phase = iota // the row does not name this chassis yet
	waiting              // for a run of the translation that includes the port
	sent                 // for the switch
	up                   // marks are being set
)

var phaseNames = [...]string{"CLAIMED", "INSTALL_FLOWS", "INSTALL_FLOWS", "MARK_UP"}

type entry struct {
	phase phase
	seq   uint64 // of the commit that includes the port's flows, in phase sent
}

// Inputs are what a round looks at.
type Inputs struct {
	Bindings *binding.Duty
	Bridge   *vswitchdb.Bridge
	Now      time.Time
	// MayRelease is false until the southbound contents are complete.
	MayRelease bool
}

// Duty is the ports on their way up.
type Duty struct {
	log   *slog.Logger
	local *replica.Local
	ports map[string]*entry
	acked uint64
	// stale are interfaces with a mark though they carry no port.
	stale *ovsdb.Index[bool, vswitchdb.Interface]
}

// New returns a duty without ports.
func New(log *slog.Logger, l *replica.Local) *Duty {
	return &Duty{
		log: log, local: l, ports: map[string]*entry{},
		stale: ovsdb.AddIndex(l.Interface, func(i *vswitchdb.Interface) (bool, bool) {
			_, has := i.ExternalIDs.Lookup("iface-id")
			return true, (!has || i.Ofport.Value() <= 0) && replica.True(i.ExternalIDs, binding.InstalledKey)
		}),
	}
}

// Waiting tells whether some port waits for a run of the translation.
func (d *Duty) Waiting() bool {
	for _, e := range d.ports {
		if e.phase == waiting {
			return true
		}
	}
	return false
}

// Pending tells whether some port is on its way up.
func (d *Duty) Pending() bool { return len(d.ports) > 0 }

// Stamp says that the commit seq includes the flows of all ports as they are now.
func (d *Duty) Stamp(seq uint64) {
	for _, e := range d.ports {
		if e.phase == waiting {
			e.phase, e.seq = sent, seq
		}
	}
}

// Acked says that the switch has acknowledged commits up to seq.
func (d *Duty) Acked(seq uint64) { d.acked = max(d.acked, seq) }

// Run moves ports along and adds marks to the transactions; one that is nil cannot
// be written now.
func (d *Duty) Run(in Inputs, sbTx, localTx *ovsdb.Txn) {
	for lport, b := range in.Bindings.BoundPorts() {
		e := d.ports[lport]
		if e == nil {
			if b.Claimed && done(b) && !b.Returned {
				continue
			}
			e = &entry{}
			d.ports[lport] = e
		}
		d.step(in, lport, b, e, sbTx, localTx)
	}
	for lport := range d.ports {
		if _, bound := in.Bindings.BoundPort(lport); !bound {
			delete(d.ports, lport)
		}
	}
	if !in.MayRelease || localTx == nil {
		return
	}
	for i := range in.Bindings.UnboundInterfaces() {
		if i.Installed {
			d.unmark(i.LPort, i.UUID, localTx)
		}
	}
	for _, i := range d.stale.Get(true) {
		for _, p := range d.local.PortsByInterface.Get(i.UUID) {
			if replica.Has(in.Bridge, p) {
				d.unmark(i.Name, i.UUID, localTx)
			}
		}
	}
}

func upWanted(b binding.Bound) bool {
	_, used := b.Row.Up.Get()
	return used && b.Main
}

// done tells whether all marks are there.
func done(b binding.Bound) bool {
	return (!upWanted(b) || b.Row.Up.Value()) && (b.Interface == nil || b.Interface.Installed)
}

func (d *Duty) step(in Inputs, lport string, b binding.Bound, e *entry, sbTx, localTx *ovsdb.Txn) {
	if !b.Claimed {
		e.phase = claimed
		return
	}
	if e.phase == claimed {
		e.phase = waiting
	}
	if e.phase == sent && d.acked >= e.seq {
		e.phase = up
	}
	if e.phase != up {
		// Marks of an earlier life would say that flows are there which are not.
		if b.Interface != nil && b.Interface.Installed && localTx != nil {
			d.unmark(lport, b.Interface.UUID, localTx)
		}
		if upWanted(b) && b.Row.Up.Value() && sbTx != nil {
			d.log.Info(fmt.Sprintf("Setting lport %s down in Southbound", lport))
			sbdb.UpdatePortBinding(sbTx, b.Row.UUID).SetUp(false)
		}
		return
	}
	if done(b) {
		delete(d.ports, lport)
		return
	}
	if b.Interface != nil && !b.Interface.Installed && localTx != nil {
		d.log.Info(fmt.Sprintf("Setting lport %s ovn-installed in OVS", lport))
		vswitchdb.UpdateInterface(localTx, b.Interface.UUID).MutateExternalIDsPut(ovsdb.NewMap(
			binding.InstalledKey, "true", installedTSKey, strconv.FormatInt(in.Now.UnixMilli(), 10)))
	}
	if upWanted(b) && !b.Row.Up.Value() && sbTx != nil {
		d.log.Info(fmt.Sprintf("Setting lport %s up in Southbound", lport))
		sbdb.UpdatePortBinding(sbTx, b.Row.UUID).SetUp(true)
	}
}

func (d *Duty) unmark(lport string, id ovsdb.UUID, localTx *ovsdb.Txn) {
	d.log.Info(fmt.Sprintf("Removing lport %s ovn-installed in OVS", lport))
	vswitchdb.UpdateInterface(localTx, id).MutateExternalIDsDelete(binding.InstalledKey, installedTSKey)
}

// Phases lists the ports on their way up with the name of their state, for
// debugging.
func (d *Duty) Phases() map[string]string {
	out := make(map[string]string, len(d.ports))
	for lport, e := range d.ports {
		out[lport] = phaseNames[e.phase]
	}
	return out
}
