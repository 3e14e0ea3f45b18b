// Package igmp is the duty between the packet-in loop, which snoops on IGMP and
// MLD, and the southbound tables IP_Multicast, which says how, and IGMP_Group,
// where what this chassis has learned is written for all.
//
//	IP_Multicast ─Run─► pinctrl.Snooping, by switch
//	IGMP_Group ◄─Write─ pinctrl.MulticastGroup
package igmp

import (
	"log/slog"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/portkey"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Defaults of IP_Multicast, ovn-sb(5).
const (
	defaultTableSize = 2048
	defaultIdle      = 300 * time.Second
	defaultResponse  = time.Second
	minInterval      = time.Second
)

// routersName is IGMP_Group.address of the ports that lead to multicast routers.
const routersName = "mrouters"

// Snooper is the packet-in loop.
type Snooper interface {
	SetSnooping(datapath uint32, c *pinctrl.Snooping)
	MulticastGroups(datapath uint32) ([]pinctrl.MulticastGroup, bool)
}

// Inputs are what a round looks at.
type Inputs struct {
	DB      *sbdb.DB
	Ports   *portkey.Ports
	Chassis *sbdb.Chassis // nil while unknown
	// IsLocalSwitch tells whether a datapath is a local switch.
	IsLocalSwitch func(ovsdb.UUID) bool
	Changes       *sbdb.Changes
	Changed       []ovsdb.UUID // local datapaths
}

// Duty is the state between rounds.
type Duty struct {
	// Wake is called when there is something to write.
	Wake func()

	log *slog.Logger
	// snooping are the switches that snoop, with their keys.
	snooping map[ovsdb.UUID]uint32
	dirty    bool
	heard    atomic.Bool // groups changed in the packet-in loop
}

// New returns a duty that has seen nothing.
func New(log *slog.Logger) *Duty {
	return &Duty{log: log, snooping: map[ovsdb.UUID]uint32{}}
}

// Heard is called by the packet-in loop when groups changed; it does not block.
func (d *Duty) Heard() {
	d.heard.Store(true)
	if d.Wake != nil {
		d.Wake()
	}
}

// Run follows the configuration and writes what differs from the groups of this
// chassis to tx; without one the latter waits.
func (d *Duty) Run(in Inputs, s Snooper, tx *ovsdb.Txn) {
	c := in.Changes
	if len(in.Changed) > 0 || c != nil && len(c.IPMulticast)+len(c.DatapathBinding) > 0 {
		d.configure(in, s)
		d.dirty = true
	}
	if c != nil && len(c.IGMPGroup)+len(c.Chassis) > 0 {
		d.dirty = true
	}
	if d.heard.Swap(false) {
		d.dirty = true
	}
	if !d.dirty || tx == nil || in.Chassis == nil {
		return
	}
	before := tx.Len()
	d.write(in, s, tx)
	// What was written is looked at again, in case the transaction comes to nothing.
	d.dirty = tx.Len() > before
}

func (d *Duty) configure(in Inputs, s Snooper) {
	now := map[ovsdb.UUID]uint32{}
	for row := range in.DB.IPMulticast.All() {
		dp := in.DB.DatapathBinding.Get(row.Datapath)
		if dp == nil || !row.Enabled.Value() || !in.IsLocalSwitch(dp.UUID) {
			continue
		}
		key := uint32(dp.TunnelKey)
		if old, ok := d.snooping[dp.UUID]; ok && old != key {
			s.SetSnooping(old, nil)
		}
		now[dp.UUID] = key
		s.SetSnooping(key, d.snoopingOf(row))
	}
	for id, key := range d.snooping {
		if _, ok := now[id]; !ok {
			s.SetSnooping(key, nil)
		}
	}
	d.snooping = now
}

func (d *Duty) snoopingOf(row *sbdb.IPMulticast) *pinctrl.Snooping {
	seconds := func(o ovsdb.Optional[int64], otherwise time.Duration) time.Duration {
		if n, ok := o.Get(); ok && n >= 0 && n <= 1<<31 {
			return time.Duration(n) * time.Second
		}
		return otherwise
	}
	c := &pinctrl.Snooping{
		TableSize: int(row.TableSize.Or(defaultTableSize)), Idle: seconds(row.IdleTimeout, defaultIdle), FlushNo: row.SeqNo,
		MaxResponse: seconds(row.QueryMaxResp, defaultResponse),
	}
	c.Interval = max(seconds(row.QueryInterval, c.Idle/2), minInterval)
	if !row.Querier.Value() {
		return c
	}
	mac, err := pinctrl.ParseMAC(row.EthSrc)
	if err != nil {
		d.log.Warn("querier without a valid Ethernet source address", "datapath", row.Datapath.String())
		return c
	}
	c.MAC = mac
	if ip, err := netip.ParseAddr(row.IP4Src); err == nil && ip.Is4() {
		c.IPv4 = ip
	}
	if ip, err := netip.ParseAddr(row.IP6Src); err == nil && ip.Is6() {
		c.IPv6 = ip
	}
	if !c.IPv4.IsValid() && !c.IPv6.IsValid() {
		d.log.Warn("querier without a valid IPv4 or IPv6 source address", "datapath", row.Datapath.String())
	}
	return c
}

// groupKey names a row of this chassis.
type groupKey struct {
	datapath ovsdb.UUID
	address  string
}

func (d *Duty) write(in Inputs, s Snooper, tx *ovsdb.Txn) {
	rows := map[groupKey]*sbdb.IGMPGroup{}
	for row := range in.DB.IGMPGroup.All() {
		if row.Chassis != in.Chassis.UUID {
			continue
		}
		k := groupKey{row.Datapath, row.Address}
		if _, snoops := d.snooping[row.Datapath]; rows[k] != nil || !snoops {
			sbdb.DeleteIGMPGroup(tx, row.UUID)
			continue
		}
		rows[k] = row
	}
	for id, key := range d.snooping {
		groups, _ := s.MulticastGroups(key)
		for _, g := range groups {
			k := groupKey{id, routersName}
			if g.Address.IsValid() {
				k.address = g.Address.String()
			}
			d.writeGroup(in, k, key, g, rows[k], tx)
			delete(rows, k)
		}
	}
	for _, row := range rows {
		sbdb.DeleteIGMPGroup(tx, row.UUID)
	}
}

func (d *Duty) writeGroup(in Inputs, k groupKey, datapath uint32, g pinctrl.MulticastGroup, row *sbdb.IGMPGroup, tx *ovsdb.Txn) {
	var ports []ovsdb.UUID
	for _, p := range g.Ports {
		if pb := in.Ports.Port(pinctrl.PortKey{Datapath: datapath, Port: p}); pb != nil {
			ports = append(ports, pb.UUID)
		}
	}
	slices.SortFunc(ports, ovsdb.UUID.Compare)
	if row == nil {
		w := sbdb.InsertIGMPGroup(tx).SetAddress(k.address).SetDatapath(k.datapath).SetChassis(in.Chassis.UUID).
			SetChassisName(in.Chassis.Name).SetPorts(ports)
		if g.Protocol != "" {
			w.SetProtocol(g.Protocol)
		}
		return
	}
	if !slices.Equal(row.Ports, ports) {
		sbdb.UpdateIGMPGroup(tx, row.UUID).SetPorts(ports)
	}
	if row.Protocol != g.Protocol && g.Protocol != "" {
		sbdb.UpdateIGMPGroup(tx, row.UUID).SetProtocol(g.Protocol)
	}
}
