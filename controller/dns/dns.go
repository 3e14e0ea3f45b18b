// Package dns is the duty between the southbound table DNS and the packet-in loop:
// it finds the record of a name on a logical datapath.
//
//	DNS, Datapath_Binding ──Update──► Index ──DNS──► packet-in loop
package dns

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
	"github.com/ovn-chassis/ovn-chassis/pinctrl"
	"github.com/ovn-chassis/ovn-chassis/sbdb"
)

// Index follows the replica change by change. DNS may be called from any
// goroutine meanwhile.
//
// Invariants:
//  1. rows of a datapath are those DNS rows that list it, in the order of their
//     UUIDs; a datapath without any is not in rows.
//  2. The first row with a name counts.
type Index struct {
	mu        sync.RWMutex // guards what follows
	datapaths map[uint64]ovsdb.UUID
	rows      map[ovsdb.UUID][]*sbdb.DNS
}

// NewIndex returns an empty Index.
func NewIndex() *Index {
	return &Index{datapaths: map[uint64]ovsdb.UUID{}, rows: map[ovsdb.UUID][]*sbdb.DNS{}}
}

// DNS implements pinctrl.Names.
func (x *Index) DNS(datapath uint64, name string) (pinctrl.DNSRecord, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	id, ok := x.datapaths[datapath]
	if !ok {
		return pinctrl.DNSRecord{}, false
	}
	for _, r := range x.rows[id] {
		if data, ok := r.Records.Lookup(name); ok {
			return pinctrl.DNSRecord{Data: data, Owned: strings.EqualFold(r.Options.Get("ovn-owned"), "true")}, true
		}
	}
	return pinctrl.DNSRecord{}, false
}

// Update follows an update of the replica.
func (x *Index) Update(ch *sbdb.Changes) {
	if len(ch.DatapathBinding)+len(ch.DNS) == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range ch.DatapathBinding {
		if c.Old != nil && x.datapaths[uint64(c.Old.TunnelKey)] == c.Old.UUID {
			delete(x.datapaths, uint64(c.Old.TunnelKey))
		}
	}
	for _, c := range ch.DatapathBinding {
		if c.New != nil {
			x.datapaths[uint64(c.New.TunnelKey)] = c.New.UUID
		}
	}
	for _, c := range ch.DNS {
		if c.Old != nil {
			for _, dp := range c.Old.Datapaths {
				x.remove(dp, c.Old.UUID)
			}
		}
		if c.New != nil {
			for _, dp := range c.New.Datapaths {
				x.insert(dp, c.New)
			}
		}
	}
}

func (x *Index) insert(dp ovsdb.UUID, r *sbdb.DNS) {
	i, found := x.find(dp, r.UUID)
	if found {
		x.rows[dp][i] = r
		return
	}
	x.rows[dp] = slices.Insert(x.rows[dp], i, r)
}

func (x *Index) remove(dp, row ovsdb.UUID) {
	i, found := x.find(dp, row)
	if !found {
		return
	}
	if x.rows[dp] = slices.Delete(x.rows[dp], i, i+1); len(x.rows[dp]) == 0 {
		delete(x.rows, dp)
	}
}

func (x *Index) find(dp, row ovsdb.UUID) (int, bool) {
	return slices.BinarySearchFunc(x.rows[dp], row, func(r *sbdb.DNS, id ovsdb.UUID) int {
		return bytes.Compare(r.UUID[:], id[:])
	})
}
