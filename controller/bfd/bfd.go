// Package bfd is the duty that runs BFD sessions (table BFD, ovn-sb(5)) on the router
// ports of this chassis and writes their states. They tell whether next hops of
// routes are alive; BFD between chassis is the switch's.
//
//	BFD, Port_Binding ─► pinctrl.BFDSession, by key
//	pinctrl.BFDStates ─► BFD.status
package bfd

import (
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/portaddr"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Sessions are the packet-in loop's.
type Sessions interface {
	SetBFD(map[pinctrl.BFDKey]*pinctrl.BFDSession)
	BFDStates() map[pinctrl.BFDKey]pinctrl.BFDState
}

// Inputs are what a round looks at.
type Inputs struct {
	SB      *replica.SB
	Chassis ovsdb.UUID // zero while unknown
	Changes *sbdb.Changes
}

// Duty is the state between rounds.
type Duty struct {
	// Wake is called when there is something to write.
	Wake func()

	log     *slog.Logger
	chassis ovsdb.UUID
	rows    map[pinctrl.BFDKey]ovsdb.UUID
	run     map[pinctrl.BFDKey]pinctrl.BFDSession
	// ports are those that decide about sessions: the rows', and their
	// chassisredirect ports.
	ports map[string]bool
	dirty bool        // rows may not say what is known
	heard atomic.Bool // states changed in the packet-in loop
}

// New returns a duty that has seen nothing.
func New(log *slog.Logger) *Duty {
	return &Duty{log: log, rows: map[pinctrl.BFDKey]ovsdb.UUID{}, run: map[pinctrl.BFDKey]pinctrl.BFDSession{}, ports: map[string]bool{}}
}

// Heard is called by the packet-in loop when states changed; it does not block.
func (d *Duty) Heard() {
	d.heard.Store(true)
	if d.Wake != nil {
		d.Wake()
	}
}

// Run follows the table and writes states to tx; without one that waits.
func (d *Duty) Run(in Inputs, s Sessions, tx *ovsdb.Txn) {
	if d.touched(in) {
		d.configure(in, s)
		d.dirty = true
	}
	if d.heard.Swap(false) {
		d.dirty = true
	}
	if !d.dirty || tx == nil {
		return
	}
	before := tx.Len()
	d.write(in, s, tx)
	// What was written is looked at again, in case the transaction comes to nothing.
	d.dirty = tx.Len() > before
}

// touched tells whether a round has to look at the table. It is short.
func (d *Duty) touched(in Inputs) bool {
	if d.chassis != in.Chassis {
		d.chassis = in.Chassis
		return true
	}
	c := in.Changes
	if c == nil {
		return false
	}
	if len(c.BFD) > 0 {
		return true
	}
	for i := range c.PortBinding {
		for _, p := range []*sbdb.PortBinding{c.PortBinding[i].Old, c.PortBinding[i].New} {
			if p != nil && d.ports[p.LogicalPort] {
				return true
			}
		}
	}
	return len(c.DatapathBinding) > 0 && len(d.run) > 0
}

func (d *Duty) configure(in Inputs, s Sessions) {
	clear(d.ports)
	rows, run := map[pinctrl.BFDKey]ovsdb.UUID{}, map[pinctrl.BFDKey]pinctrl.BFDSession{}
	for row := range in.SB.BFD.All() {
		d.ports[row.LogicalPort], d.ports[redirect(row.LogicalPort)] = true, true
		k, c, ok, err := d.session(in, row)
		if err != nil {
			d.log.Warn("BFD session not run", "table", sbdb.TableBFD, "row", row.UUID.String(), "err", err)
		}
		if other, taken := rows[k]; !ok || taken && other.Compare(row.UUID) < 0 {
			continue
		}
		rows[k], run[k] = row.UUID, c
	}
	changes := map[pinctrl.BFDKey]*pinctrl.BFDSession{}
	for k := range d.run {
		if _, still := run[k]; !still {
			changes[k] = nil
		}
	}
	for k, c := range run {
		if old, was := d.run[k]; !was || old != c {
			changes[k] = &c
		}
	}
	d.rows, d.run = rows, run
	if len(changes) > 0 {
		s.SetBFD(changes)
	}
}

// redirect is the name of the chassisredirect port of a distributed gateway port.
func redirect(port string) string { return "cr-" + port }

const (
	typeGateway = "l3gateway"
	adminDown   = "admin_down"

	maxMultiplier = 255
	maxMillis     = 1<<32/1000 - 1 // what fits in a packet
)

// session is what a row asks of this chassis; ok is false if nothing.
func (d *Duty) session(in Inputs, row *sbdb.BFD) (k pinctrl.BFDKey, c pinctrl.BFDSession, ok bool, err error) {
	p := in.SB.PortByName.One(row.LogicalPort)
	if p == nil || !d.here(in, p) || in.SB.PortByName.One(p.Options.Get("peer")) == nil {
		return k, c, false, nil
	}
	dp := in.SB.DatapathBinding.Get(p.Datapath)
	if dp == nil {
		return k, c, false, nil
	}
	k = pinctrl.BFDKey{Port: pinctrl.PortKey{Datapath: uint32(dp.TunnelKey), Port: uint32(p.TunnelKey)}, SrcPort: uint16(row.SrcPort)}
	if k.Peer, err = address(row.DstIP); err != nil {
		return k, c, false, err
	}
	for _, s := range p.MAC {
		if a, valid := portaddr.Parse(s); valid {
			if c.MAC, c.From = a.MAC, a.First(k.Peer); k.Peer.Is6() && k.Peer.IsLinkLocalUnicast() {
				c.From = portaddr.LinkLocal(a.MAC)
			}
		}
		if c.From.IsValid() {
			break
		}
	}
	if !c.From.IsValid() {
		return k, c, false, fmt.Errorf("port %s has no address to reach %v from", row.LogicalPort, k.Peer)
	}
	if c.Discriminator = uint32(row.Disc); c.Discriminator == 0 {
		return k, c, false, fmt.Errorf("%d is no discriminator", row.Disc)
	}
	c.MinTx, c.MinRx = millis(max(row.MinTx, 1)), millis(row.MinRx)
	c.Multiplier = uint8(min(max(row.DetectMult, 1), maxMultiplier))
	c.AdminDown = row.Status == adminDown
	return k, c, true, nil
}

// here tells whether a router port is on this chassis.
func (d *Duty) here(in Inputs, p *sbdb.PortBinding) bool {
	if d.chassis.IsZero() {
		return false
	}
	if p.Type == typeGateway && p.Chassis == d.chassis {
		return true
	}
	cr := in.SB.PortByName.One(redirect(p.LogicalPort))
	return cr != nil && cr.Chassis == d.chassis
}

func millis(n int64) time.Duration {
	return time.Duration(min(max(n, 0), maxMillis)) * time.Millisecond
}

func address(s string) (netip.Addr, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Addr(), nil
	}
	ip, err := netip.ParseAddr(s)
	if err == nil && ip.Zone() != "" {
		err = fmt.Errorf("%q has a zone", s)
	}
	return ip, err
}

// write adds the states that rows do not say. What northd has put down stays so, and
// must not have been when the transaction arrives.
func (d *Duty) write(in Inputs, s Sessions, tx *ovsdb.Txn) {
	for k, state := range s.BFDStates() {
		row := in.SB.BFD.Get(d.rows[k])
		if row == nil || row.Status == adminDown || state == pinctrl.BFDAdminDown || row.Status == state.String() {
			continue
		}
		sbdb.VerifyBFD(tx, row, sbdb.BFDColStatus)
		sbdb.UpdateBFD(tx, row.UUID).SetStatus(state.String())
	}
}
