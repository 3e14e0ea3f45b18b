package pinctrl

import "time"

// A loop is busy when it has got more than busyPackets in a busyPeriod, 200 a second,
// and for a busyPeriod after that. A processor handles many times as much, but each of
// them is waited for, as long as one that translates keeps a processor.
const (
	busyPeriod  = 100 * time.Millisecond
	busyPackets = 20
)

// gauge finds out whether packets come often. It belongs to the reading goroutine.
type gauge struct {
	began time.Time // of the period
	count int       // since then
	end   time.Time // until when the loop is busy
}

// until is the end of the present busy time, in the past if there is none.
func (g *gauge) until(now time.Time) time.Time {
	if g.count > busyPackets && now.Sub(g.began) <= busyPeriod {
		g.end = now.Add(busyPeriod)
	}
	if now.Sub(g.began) > busyPeriod {
		g.began, g.count = now, 0
	}
	return g.end
}

// Busy tells whether many packets are being handled, so that others should leave
// them a processor. It may be called from any goroutine.
func (l *Loop) Busy() bool {
	until := l.busyUntil.Load()
	return until > 0 && time.Now().UnixNano() < until
}
