package loop

import (
	"iter"
	"log/slog"
	"time"

	"github.com/ovn-chassis/ovn-chassis/controller/coverage"
	"github.com/ovn-chassis/ovn-chassis/controller/maccache"
	"github.com/ovn-chassis/ovn-chassis/controller/replica"
	"github.com/ovn-chassis/ovn-chassis/controller/rowlimit"
	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// learned is what keeps learned addresses: alive while they are in use, and few
// enough.
type learned struct {
	cache *maccache.Duty
	// pressed: a table is nearly full.
	pressed bool
	// wake is called when something learned is to be written again.
	wake  *time.Timer
	bound [2]boundLog

	neighborsDropped, bridgedDropped tally
	refreshed, probed                tally
}

// tally brings a coverage counter in line with a number that grows.
type tally struct {
	counter *coverage.Counter
	seen    uint64
}

func (t *tally) follow(n uint64) {
	t.counter.Add(n - t.seen)
	t.seen = n
}

// boundLog tells of rows that gave way or found no room, now and then.
type boundLog struct {
	table            string
	evicted, refused tally
	last             time.Time
	saidE, saidR     uint64
}

// boundLogInterval is the time between two lines about one table.
const boundLogInterval = 10 * time.Second

func (b *boundLog) follow(evicted, refused uint64, now time.Time, log *slog.Logger) {
	b.evicted.follow(evicted)
	b.refused.follow(refused)
	if evicted+refused == b.saidE+b.saidR || now.Sub(b.last) < boundLogInterval {
		return
	}
	log.Warn("the table is at its limit of learned rows", "table", b.table,
		"gave way", evicted-b.saidE, "not learned", refused-b.saidR)
	b.last, b.saidE, b.saidR = now, evicted, refused
}

// newLearned bounds the tables and makes the duty that ages their rows.
func (l *Loop) newLearned(p *packets, poke func()) {
	c := func(name string) tally { return tally{counter: l.opts.Stats.Counter(name)} }
	p.learned = learned{
		cache: maccache.New(l.opts.Logger("mac_cache")),
		bound: [2]boundLog{
			{table: sbdb.TableMACBinding, evicted: c("mac_binding_evicted"), refused: c("mac_binding_refused")},
			{table: sbdb.TableFDB, evicted: c("fdb_evicted"), refused: c("fdb_refused")},
		},
		neighborsDropped: c("pinctrl_drop_put_mac_binding"), bridgedDropped: c("pinctrl_drop_put_fdb"),
		refreshed: c("mac_cache_refreshed"), probed: c("mac_cache_probed"),
		wake: time.AfterFunc(time.Hour, poke),
	}
	p.learned.cache.Statistics.Wake = poke
	p.index.Pending = p.queue.Pending
	used := p.learned.cache.Used
	p.tables.Bound = &rowlimit.Table[ovsdb.UUID, sbdb.MACBinding]{
		Rows: p.tables.ByDatapath.Get, Row: l.sb.DB.MACBinding.Get,
		ID: func(r *sbdb.MACBinding) ovsdb.UUID { return r.UUID },
		Local: func() iter.Seq[rowlimit.Datapath[ovsdb.UUID]] {
			return func(yield func(rowlimit.Datapath[ovsdb.UUID]) bool) {
				for id, dp := range l.binding.Datapaths() {
					if !dp.Switch && !yield(rowlimit.Datapath[ovsdb.UUID]{Key: id, Name: replica.DatapathName(dp.Row)}) {
						return
					}
				}
			}
		},
		Used:   func(r *sbdb.MACBinding) int64 { return max(r.Timestamp, used(r.UUID)) },
		Delete: func(tx *ovsdb.Txn, r *sbdb.MACBinding) { sbdb.DeleteMACBinding(tx, r.UUID) },
	}
	p.fdbTables.Bound = &rowlimit.Table[int64, sbdb.FDB]{
		Rows: p.fdbTables.ByDatapath.Get, Row: l.sb.DB.FDB.Get,
		ID: func(r *sbdb.FDB) ovsdb.UUID { return r.UUID },
		Local: func() iter.Seq[rowlimit.Datapath[int64]] {
			return func(yield func(rowlimit.Datapath[int64]) bool) {
				for _, dp := range l.binding.Datapaths() {
					if dp.Switch && !yield(rowlimit.Datapath[int64]{Key: int64(dp.Key), Name: replica.DatapathName(dp.Row)}) {
						return
					}
				}
			}
		},
		Used:   func(r *sbdb.FDB) int64 { return max(r.Timestamp, used(r.UUID)) },
		Delete: func(tx *ovsdb.Txn, r *sbdb.FDB) { sbdb.DeleteFDB(tx, r.UUID) },
	}
}

// configureLearned follows the configuration.
func (l *Loop) configureLearned() {
	p := l.packets
	limits := func(chassis int, byDatapath string) rowlimit.Limits {
		all, named, _ := rowlimit.ParseDatapathLimits(byDatapath) // checked when it was read
		return rowlimit.Limits{Datapath: all, Named: named, Chassis: chassis}
	}
	p.tables.Bound.Limits = limits(l.cfg.Learned.MACBindings, l.cfg.Learned.MACBindingsByDatapath)
	p.fdbTables.Bound.Limits = limits(l.cfg.Learned.FDB, l.cfg.Learned.FDBByDatapath)
	p.learned.pressed = p.tables.Bound.Pressed() || p.fdbTables.Bound.Pressed()
	p.loop.SetTracking(l.cfg.Learned.Tracking)
}

// runLearned writes what was learned, and what is known of its use.
func (l *Loop) runLearned(now time.Time, sbTx *ovsdb.Txn, log *slog.Logger) {
	p := l.packets
	if sbTx != nil {
		p.announce.Write(&p.queue, p.tables)
	}
	p.queue.Write(p.tables, sbTx, now, log)
	p.fdb.Write(p.fdbTables, sbTx, now)
	var us ovsdb.UUID
	if l.chassis != nil {
		us = l.chassis.UUID
	}
	if l.mayPress() {
		p.learned.pressed = p.tables.Bound.Pressed() || p.fdbTables.Bound.Pressed()
	}
	p.loop.ProbeNeighbors(p.learned.cache.Run(maccache.Inputs{
		SB: l.sb, Neighbors: p.tables, FDB: p.fdbTables, Chassis: us, Target: l.fed.target,
		Datapaths: l.binding.Datapaths(), Pressed: p.learned.pressed, Now: now,
		Changes: l.sbChanges, Changed: p.changed,
	}, sbTx))
	l.countLearned(now, log)
	if sbTx == nil {
		return // whatever it waits for wakes the loop
	}
	var next time.Time
	for _, t := range []time.Time{p.queue.NextTimer(), p.fdb.NextTimer()} {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if !next.IsZero() {
		p.learned.wake.Reset(max(next.Sub(now), time.Millisecond))
	}
}

// mayPress tells whether tables may be nearly full now that were not before, or the other
// way round. A row that comes is not to cost a look at every datapath.
func (l *Loop) mayPress() bool {
	p, c := l.packets, l.sbChanges
	switch {
	case len(p.changed) > 0:
		return true
	case c == nil:
		return false
	case len(c.DatapathBinding) > 0 || p.learned.pressed && len(c.MACBinding)+len(c.FDB) > 0:
		return true
	}
	for i := range c.MACBinding {
		if r := c.MACBinding[i].New; r != nil && p.tables.Bound.MayPress(r.Datapath, l.sb.MACBinding.Len()) {
			return true
		}
	}
	for i := range c.FDB {
		if r := c.FDB[i].New; r != nil && p.fdbTables.Bound.MayPress(r.DPKey, l.sb.FDB.Len()) {
			return true
		}
	}
	return false
}

func (l *Loop) countLearned(now time.Time, log *slog.Logger) {
	s := &l.packets.learned
	evicted, refused := l.packets.tables.Bound.Counts()
	s.bound[0].follow(evicted, refused, now, log)
	evicted, refused = l.packets.fdbTables.Bound.Counts()
	s.bound[1].follow(evicted, refused, now, log)
	s.neighborsDropped.follow(l.packets.queue.Dropped())
	s.bridgedDropped.follow(l.packets.fdb.Dropped())
	refreshed, probes := s.cache.Counts()
	s.refreshed.follow(refreshed)
	s.probed.follow(probes)
}
