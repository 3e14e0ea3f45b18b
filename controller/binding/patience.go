package binding

import "time"

// What a guest that left calls for is not all done at once. Where it goes, flows are
// installed and its port is claimed at the same moment, and everybody who talks to it
// waits for that: the database and the other chassis are not to be kept busy with what
// can wait. A guest that comes back at once finds its network as it was.
const (
	// releaseDelay is how long the row of a port whose interface is gone is left to the
	// next chassis, which claims it as it is: one change of the row less, for the
	// database, for northd, and on every chassis that talks to the guest. Its own flows
	// go at once. A claim that is under way is there within a few milliseconds; who waits
	// for the port to be free, to delete it or to use it elsewhere, is not to wait longer.
	releaseDelay = 5 * time.Millisecond
	// lingerTime is how long a network stays local whose last interface is gone.
	lingerTime = 500 * time.Millisecond
)

// endPatience has what was put off done when its time has come.
func (d *Duty) endPatience() {
	for lport, until := range d.leaving {
		if !d.in.Now.Before(until) {
			delete(d.leaving, lport)
			d.mark(lport)
		}
	}
	for id, until := range d.lingering {
		if !d.in.Now.Before(until) {
			delete(d.lingering, id)
			d.edits.roots[id] = true
		}
	}
}

// lostInterface tells whether the interface that carried a port is gone, and not only
// the port's right to it.
func (d *Duty) lostInterface(v verdict) bool {
	return v.iface != nil && d.plugged.byPort[v.iface.LPort] == nil
}

// leaves tells whether the port's row is left to the next chassis for now.
func (d *Duty) leaves(lport string) bool {
	_, leaving := d.leaving[lport]
	return leaving
}
