package translate

import (
	"slices"

	"github.com/ovn-chassis/ovn-chassis/lflow"
	"github.com/ovn-chassis/ovn-chassis/openflow"
)

// cover is the index of a set of masked values: it counts how often each is in
// the set and knows which are visible, that is, not contained in another one.
// Only visible members yield flows.
//
// Adding or removing a value with a full mask costs one look-up for each distinct
// mask in the set. A value with a shorter mask also visits the values it contains.
type cover struct {
	count  map[lflow.Member]int
	masks  []maskClass // fewest bits first
	hidden map[lflow.Member]struct{}
}

// maskClass is the values of one mask.
type maskClass struct {
	mask   openflow.U128
	bits   int
	values map[openflow.U128]struct{}
}

// coverDelta is what a change does to the visible members.
type coverDelta struct {
	added, removed []lflow.Member
}

func newCover() *cover {
	return &cover{count: map[lflow.Member]int{}, hidden: map[lflow.Member]struct{}{}}
}

// visible returns the number of visible members.
func (c *cover) visible() int { return len(c.count) - len(c.hidden) }

// all yields the visible members, in no order.
func (c *cover) all(yield func(lflow.Member) bool) {
	for m := range c.count {
		if _, hidden := c.hidden[m]; hidden {
			continue
		}
		if !yield(m) {
			return
		}
	}
}

func (c *cover) class(mask openflow.U128) (int, bool) {
	bits := mask.OnesCount()
	for i, k := range c.masks {
		if k.mask == mask {
			return i, true
		}
		if k.bits > bits {
			return i, false
		}
	}
	return len(c.masks), false
}

// contained tells whether a member with fewer mask bits contains m.
func (c *cover) contained(m lflow.Member) bool {
	for _, k := range c.masks {
		if k.mask == m.Mask {
			continue
		}
		if k.mask.And(m.Mask) != k.mask {
			continue
		}
		if _, ok := k.values[m.Value.And(k.mask)]; ok {
			return true
		}
	}
	return false
}

// within yields the members that m contains, m itself left out.
func (c *cover) within(m lflow.Member, yield func(lflow.Member)) {
	for _, k := range c.masks {
		if k.mask == m.Mask || k.mask.And(m.Mask) != m.Mask {
			continue
		}
		for v := range k.values {
			if v.And(m.Mask) == m.Value {
				yield(lflow.Member{Value: v, Mask: k.mask})
			}
		}
	}
}

// add counts m once more.
func (c *cover) add(m lflow.Member, d *coverDelta) {
	c.count[m]++
	if c.count[m] > 1 {
		return
	}
	i, ok := c.class(m.Mask)
	if !ok {
		c.masks = slices.Insert(c.masks, i, maskClass{m.Mask, m.Mask.OnesCount(), map[openflow.U128]struct{}{}})
	}
	c.masks[i].values[m.Value] = struct{}{}
	if c.contained(m) {
		c.hidden[m] = struct{}{}
	} else {
		d.added = append(d.added, m)
	}
	c.within(m, func(n lflow.Member) {
		if _, hidden := c.hidden[n]; !hidden {
			c.hidden[n] = struct{}{}
			d.removed = append(d.removed, n)
		}
	})
}

// remove takes m out once.
func (c *cover) remove(m lflow.Member, d *coverDelta) {
	if c.count[m]--; c.count[m] > 0 {
		return
	}
	delete(c.count, m)
	i, _ := c.class(m.Mask)
	delete(c.masks[i].values, m.Value)
	if len(c.masks[i].values) == 0 {
		c.masks = slices.Delete(c.masks, i, i+1)
	}
	if _, hidden := c.hidden[m]; hidden {
		delete(c.hidden, m)
	} else {
		d.removed = append(d.removed, m)
	}
	c.within(m, func(n lflow.Member) {
		if _, hidden := c.hidden[n]; hidden && !c.contained(n) {
			delete(c.hidden, n)
			d.added = append(d.added, n)
		}
	})
}
