package loop

import "time"

// goneAfter is how long the connection to the switch may be lost before the switch
// is taken for dead. One that comes back at the first attempt was only the
// connection: packets flow, and a gateway is not to give up its ports for that.
const goneAfter = 250 * time.Millisecond

// switchGone knows whether ovs-vswitchd can be taken for dead. What it wrote into
// the local database stays there when it dies: BFD of its tunnels would be up for
// ever, and the agent of a dead gateway would take its ports back from the gateway
// that took over. The zero value is a switch that nobody has been connected to yet,
// which may be running.
type switchGone struct {
	at   time.Time // when it is to be taken for dead, zero while connected
	gone bool
}

// lost notes that the connection was lost.
func (s *switchGone) lost(now time.Time) { s.at = now.Add(goneAfter) }

// found notes a connection, and tells whether the switch was taken for dead.
func (s *switchGone) found() (changed bool) {
	changed = s.gone
	*s = switchGone{}
	return changed
}

// passed tells whether it is now, and was not before, to be taken for dead.
func (s *switchGone) passed(now time.Time) bool {
	if s.gone || s.at.IsZero() || now.Before(s.at) {
		return false
	}
	s.at, s.gone = time.Time{}, true
	return true
}
