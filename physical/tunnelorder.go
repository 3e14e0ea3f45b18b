package physical

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/ovn-chassis/ovn-chassis/ovsdb"
)

// PortTunnel is a tunnel with the row of table Port it belongs to.
type PortTunnel struct {
	Port ovsdb.UUID
	Tunnel
}

// TunnelOrder is OrderTunnels for a set that changes: it says for which chassis the
// order of the tunnels to it has changed, and looks at no other.
//
// The tunnels to one chassis are in one bucket of the hash table. A new one goes to the
// front, and the order is reversed whenever the table grows. It grows with the 2nd, the
// 8th, the 16th, the 32nd… tunnel: so what counts is which of these numbers lie between
// the ranks of two tunnels among all, and between the rank of the last and their number.
//
// Invariants:
//  1. ranked holds the tunnels of all chassis in byChassis, sorted by port.
//  2. several holds the chassis with more than one tunnel.
type TunnelOrder struct {
	ranked    []rankedTunnel
	byChassis map[string][]PortTunnel // sorted by port
	several   map[string]bool
}

type rankedTunnel struct {
	port    ovsdb.UUID
	chassis string
}

// Set gives the tunnels to a chassis and returns the chassis, without doubles, for which
// Tunnels may be another now.
func (o *TunnelOrder) Set(chassis string, tunnels []PortTunnel) []string {
	if o.byChassis == nil {
		o.byChassis, o.several = map[string][]PortTunnel{}, map[string]bool{}
	}
	tunnels = slices.Clone(tunnels)
	slices.SortStableFunc(tunnels, func(a, b PortTunnel) int { return a.Port.Compare(b.Port) })
	old := o.byChassis[chassis]
	if slices.Equal(old, tunnels) {
		return nil
	}
	changed := map[string]bool{chassis: true}
	before := len(o.ranked)
	for _, t := range old {
		at := o.rank(t.Port, chassis)
		o.ranked = slices.Delete(o.ranked, at, at+1)
		o.shifted(at, 0, changed)
	}
	for _, t := range tunnels {
		at := o.rank(t.Port, chassis)
		o.ranked = slices.Insert(o.ranked, at, rankedTunnel{t.Port, chassis})
		o.shifted(at, 1, changed)
	}
	if growths(before) != growths(len(o.ranked)) {
		for c := range o.several {
			changed[c] = true
		}
	}
	if len(tunnels) == 0 {
		delete(o.byChassis, chassis)
	} else {
		o.byChassis[chassis] = tunnels
	}
	delete(o.several, chassis)
	if len(tunnels) > 1 {
		o.several[chassis] = true
	}
	names := make([]string, 0, len(changed))
	for c := range changed {
		if c == chassis || o.several[c] {
			names = append(names, c)
		}
	}
	return names
}

// rank is where a tunnel is in ranked, or would be.
func (o *TunnelOrder) rank(port ovsdb.UUID, chassis string) int {
	i, _ := slices.BinarySearchFunc(o.ranked, rankedTunnel{port, chassis}, func(a, b rankedTunnel) int {
		return cmp.Or(a.port.Compare(b.port), cmp.Compare(a.chassis, b.chassis))
	})
	return i
}

// shifted notes the chassis of the tunnels that passed one of the numbers when those
// from at on were shifted: by means 1 upwards, 0 downwards.
func (o *TunnelOrder) shifted(at, by int, changed map[string]bool) {
	for n := 2; n+by <= len(o.ranked); n = nextGrowth(n) {
		if i := n + by - 1; i >= at {
			changed[o.ranked[i].chassis] = true
		}
	}
}

func nextGrowth(n int) int {
	if n == 2 {
		return 8
	}
	return 2 * n
}

// growths is how often a hash table has grown that has had n entries.
func growths(n int) int {
	switch {
	case n < 2:
		return 0
	case n < 8:
		return 1
	}
	return bits.Len(uint(n)) - 2
}

// Tunnels lists the tunnels to a chassis in the order of OrderTunnels. The result is the
// caller's.
func (o *TunnelOrder) Tunnels(chassis string) []Tunnel {
	var list []Tunnel // from the back to the front
	grown := 0
	turn := func(to int) {
		if (to-grown)%2 != 0 {
			slices.Reverse(list)
		}
		grown = to
	}
	for _, t := range o.byChassis[chassis] {
		turn(growths(o.rank(t.Port, chassis)))
		list = append(list, t.Tunnel)
	}
	turn(growths(len(o.ranked)))
	slices.Reverse(list)
	return list
}
