package ofbundle

import (
	"math"

	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// slice is what an audit asks for in one go, while bundles wait: a table or, if it has
// many flows, those whose cookies end in part. The switch answers for a part in a
// fraction of the time, as it is describing flows that takes long, not passing over
// them. Cookies begin random UUIDs, which makes parts equal; but all clauses of
// conjunctions, which have none, are in part 0.
type slice struct {
	table uint8
	part  uint8
	many  bool
}

const (
	cookieParts = 16
	// wholeUpTo is how many flows of a table are asked for in one go.
	wholeUpTo = 1000
)

func (x slice) request() *openflow.FlowDescRequest {
	m := &openflow.FlowDescRequest{Table: x.table}
	if x.many {
		m.Cookie, m.CookieMask = uint64(x.part), cookieParts-1
	}
	return m
}

func (x slice) has(f *openflow.Flow) bool {
	return f.Table == x.table && (!x.many || f.Cookie%cookieParts == uint64(x.part))
}

// place orders slices; a table's is that of its first part.
func (x slice) place() int { return int(x.table)*cookieParts + int(x.part) }

// after is the place of what follows.
func (x slice) after() int {
	if x.many {
		return x.place() + 1
	}
	return (int(x.table) + 1) * cookieParts
}

// flowCounts counts entries on the switch by table and cookie.
type flowCounts [math.MaxUint8 + 1][cookieParts]int

func (c *flowCounts) add(f *openflow.Flow, n int) { c[f.Table][f.Cookie%cookieParts] += n }

func (c *flowCounts) table(id uint8) (n int) {
	for _, k := range c[id] {
		n += k
	}
	return n
}

func (c *flowCounts) of(x slice) int {
	if x.many {
		return c[x.table][x.part]
	}
	return c.table(x.table)
}

// slices lists what is audited: OVN's tables, and what else has flows. Tables of more
// than whole flows come in parts.
func (c *flowCounts) slices(whole int) []slice {
	all := make([]slice, 0, math.MaxUint8+1)
	for id := range c {
		switch n := c.table(uint8(id)); {
		case n > whole:
			for part := range cookieParts {
				all = append(all, slice{uint8(id), uint8(part), true})
			}
		case n > 0 || id <= lastOwned:
			all = append(all, slice{table: uint8(id)})
		}
	}
	return all
}
