// Package maccache keeps learned addresses alive that are in use, has those asked
// for that are used to send only, and knows how recently each was used.
//
//	Datapath_Binding ─► thresholds ─► how often to ask
//	                                        │
//	br-int ◄─ flow statistics, own connection ─► uses ─► MAC_Binding.timestamp,
//	                                               │     FDB.timestamp
//	                                               └───► probes ─► pinctrl
//
// northd deletes a row whose timestamp is older than the threshold of its datapath.
// A row heard of through this chassis within the threshold gets a new timestamp,
// at most once in 3/16 of it. A neighbour that is only sent to is not heard: once
// its timestamp is that old it is asked for, and its answer is heard.
package maccache

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/netip"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/binding"
	"github.com/ovn-chassis/ovn-chassis/controller/fdb"
	"github.com/ovn-chassis/ovn-chassis/controller/neighbor"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/pipeline"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// External ids of Datapath_Binding.
const (
	keyMACBindingAge = "mac_binding_age_threshold"
	keyFDBAge        = "fdb_age_threshold"
)

// pressurePeriod is how often the switch is asked which addresses are in use while
// a table is nearly full and so some may have to give way.
const pressurePeriod = 10 * time.Second

// Inputs are what a round looks at.
type Inputs struct {
	SB        *replica.SB
	Neighbors *neighbor.Tables
	FDB       *fdb.Tables
	// Chassis is this one, zero while unknown.
	Chassis ovsdb.UUID
	// Target is the switch to ask.
	Target    string
	Datapaths iter.Seq2[ovsdb.UUID, *binding.LocalDatapath]
	// Pressed says that learned addresses may have to give way soon.
	Pressed bool
	Now     time.Time

	Changes *sbdb.Changes
	// Changed are local datapaths that came, changed or went.
	Changed []ovsdb.UUID
}

// ageing is how addresses of a datapath age.
type ageing struct{ neighbors, bridged Thresholds }

// Duty is the state between rounds.
type Duty struct {
	Statistics *Statistics

	log *slog.Logger
	// thresholds of local datapaths on which something ages, by tunnel key.
	thresholds map[uint32]*ageing
	shortest   time.Duration
	// used is when a row was last seen in use, in milliseconds since 1970.
	used map[ovsdb.UUID]int64
	// probed is when rows that are only sent to were last asked for.
	probed map[ovsdb.UUID]time.Time

	refreshed, probes uint64
}

// New returns a duty that has seen nothing. log is that of module mac_cache.
func New(log *slog.Logger) *Duty {
	return &Duty{
		Statistics: NewStatistics(log), log: log, thresholds: map[uint32]*ageing{},
		used: map[ovsdb.UUID]int64{}, probed: map[ovsdb.UUID]time.Time{},
	}
}

// Used is when the address in a row was last seen in use on this chassis, in
// milliseconds since 1970, 0 if it never was.
func (d *Duty) Used(row ovsdb.UUID) int64 { return d.used[row] }

// Counts are how many timestamps were renewed and how many addresses asked for.
func (d *Duty) Counts() (refreshed, probes uint64) { return d.refreshed, d.probes }

// Run follows the thresholds and evaluates what the statistics say. It adds the
// timestamps to renew to tx and returns the neighbours to ask for. Without a
// transaction the statistics wait.
func (d *Duty) Run(in Inputs, tx *ovsdb.Txn) []pinctrl.Solicitation {
	d.follow(&in)
	period := share(d.shortest)
	if in.Pressed && (period == 0 || period > pressurePeriod) {
		period = pressurePeriod
	}
	d.Statistics.Ask(in.Target, period)
	if tx == nil {
		return nil
	}
	var ask []pinctrl.Solicitation
	for _, uses := range d.Statistics.Take() {
		switch uses.Table {
		case pipeline.TableMACCacheUse:
			d.eachNeighbor(&in, uses.List, func(u *Use, row *sbdb.MACBinding, threshold time.Duration) {
				if d.due(&in, u.At, row.Timestamp, threshold, func() string { return neighborText(row) }) {
					d.refreshed++
					sbdb.UpdateMACBinding(tx, row.UUID).SetTimestamp(in.Now.UnixMilli())
				}
			})
		case pipeline.TableMACBinding:
			d.eachNeighbor(&in, uses.List, func(u *Use, row *sbdb.MACBinding, threshold time.Duration) {
				if s, ok := d.probe(&in, u, row, threshold); ok {
					d.probes++
					ask = append(ask, s)
				}
			})
		case pipeline.TableLookupFDB:
			d.bridged(&in, uses.List, tx)
		}
	}
	return ask
}

// follow notes thresholds and rows that changed.
func (d *Duty) follow(in *Inputs) {
	c := in.Changes
	if c != nil {
		for i := range c.MACBinding {
			if c.MACBinding[i].New == nil {
				d.forget(c.MACBinding[i].Old.UUID)
			}
		}
		for i := range c.FDB {
			if c.FDB[i].New == nil {
				d.forget(c.FDB[i].Old.UUID)
			}
		}
	}
	if len(in.Changed) == 0 && (c == nil || len(c.DatapathBinding) == 0) {
		return
	}
	clear(d.thresholds)
	d.shortest = 0
	for _, dp := range in.Datapaths {
		var a ageing
		shortest := d.parse(dp.Row, keyMACBindingAge, &a.neighbors)
		if s := d.parse(dp.Row, keyFDBAge, &a.bridged); shortest == 0 || s != 0 && s < shortest {
			shortest = s
		}
		if shortest == 0 {
			continue
		}
		d.thresholds[dp.Key] = &a
		if d.shortest == 0 || shortest < d.shortest {
			d.shortest = shortest
		}
	}
}

func (d *Duty) forget(row ovsdb.UUID) {
	delete(d.used, row)
	delete(d.probed, row)
}

func (d *Duty) parse(dp *sbdb.DatapathBinding, key string, t *Thresholds) time.Duration {
	var err error
	if *t, err = ParseThresholds(dp.ExternalIDs.Get(key)); err != nil {
		d.log.Warn("ageing threshold", "datapath", dp.UUID.String(), "key", key, "err", err)
	}
	return t.Shortest()
}

// eachNeighbor finds the row of each use and the threshold it has, if any.
func (d *Duty) eachNeighbor(in *Inputs, uses []Use, f func(u *Use, row *sbdb.MACBinding, threshold time.Duration)) {
	for i := range uses {
		u := &uses[i]
		row := in.Neighbors.Find(pinctrl.Neighbor{Datapath: u.Datapath, Port: u.Port, IP: u.IP})
		if row == nil || uint64(row.UUID.First32()) != u.Cookie {
			continue // a configured one, or one that has just gone
		}
		d.used[row.UUID] = max(d.used[row.UUID], u.At.UnixMilli())
		if a := d.thresholds[u.Datapath]; a != nil {
			if threshold := a.neighbors.Of(u.IP); threshold != 0 {
				f(u, row, threshold)
			}
		}
	}
}

func (d *Duty) bridged(in *Inputs, uses []Use, tx *ovsdb.Txn) {
	timestamps := in.SB.HasColumn(sbdb.TableFDB, "timestamp")
	for i := range uses {
		u := &uses[i]
		row := in.FDB.Find(u.Datapath, u.MAC)
		if row == nil {
			continue
		}
		d.used[row.UUID] = max(d.used[row.UUID], u.At.UnixMilli())
		a := d.thresholds[u.Datapath]
		if a == nil || !timestamps {
			continue
		}
		threshold := a.bridged.Of(netip.Addr{})
		text := func() string {
			return fmt.Sprintf("FDB entry (datapath-key: %d, port-key: %d, mac: %s)", row.DPKey, row.PortKey, row.MAC)
		}
		if threshold != 0 && d.due(in, u.At, row.Timestamp, threshold, text) {
			d.refreshed++
			sbdb.UpdateFDB(tx, row.UUID).SetTimestamp(in.Now.UnixMilli())
		}
	}
}

// due tells whether an address heard at a time is to get a new timestamp.
func (d *Duty) due(in *Inputs, heard time.Time, timestamp int64, threshold time.Duration, text func() string) bool {
	age, idle := in.Now.Sub(time.UnixMilli(timestamp)), in.Now.Sub(heard)
	verdict := "Updating active"
	switch {
	case idle >= threshold:
		verdict = "Not updating non-active"
	case age < share(threshold):
		verdict = "Not updating active"
	}
	d.decided(verdict, text, age, idle, threshold)
	return verdict == "Updating active"
}

// decided writes a decision to the log.
func (d *Duty) decided(verdict string, text func() string, age, idle, threshold time.Duration) {
	if d.log.Enabled(context.Background(), slog.LevelDebug) {
		d.log.Debug(fmt.Sprintf("%s %s, last update: %dms ago, idle age: %dms, threshold: %dms.", verdict, text(),
			age.Milliseconds(), idle.Milliseconds(), threshold.Milliseconds()))
	}
}

func neighborText(row *sbdb.MACBinding) string {
	return fmt.Sprintf("MAC binding (cookie: 0x%08x, logical port: %s, ip: %s, mac: %s)", row.UUID.First32(), row.LogicalPort, row.IP, row.MAC)
}
