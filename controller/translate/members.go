package translate

import "github.com/ovn-chassis/ovn-chassis/lflow"

// members counts how often each member is in a union of sets. Each distinct one
// yields flows, also where another contains it: so do the C agent's, and one
// address more is one flow more in each match, whatever else is in the set.
type members map[lflow.Member]int

// memberDelta is what a change does to the distinct members.
type memberDelta struct {
	added, removed []lflow.Member
}

// add counts x once more.
func (m members) add(x lflow.Member, d *memberDelta) {
	if m[x]++; m[x] == 1 {
		d.added = append(d.added, x)
	}
}

// remove takes x out once.
func (m members) remove(x lflow.Member, d *memberDelta) {
	if m[x]--; m[x] > 0 {
		return
	}
	delete(m, x)
	d.removed = append(d.removed, x)
}

// net takes out what a series of changes added and removed again.
func (d *memberDelta) net() {
	if len(d.added) == 0 || len(d.removed) == 0 {
		return
	}
	n := make(map[lflow.Member]int, len(d.added)+len(d.removed))
	for _, m := range d.added {
		n[m]++
	}
	for _, m := range d.removed {
		n[m]--
	}
	d.added, d.removed = d.added[:0], d.removed[:0]
	for m, k := range n {
		switch {
		case k > 0:
			d.added = append(d.added, m)
		case k < 0:
			d.removed = append(d.removed, m)
		}
	}
}
