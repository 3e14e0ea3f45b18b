package loop

import "time"

// What the switch refused is sent again after switchRetryMin, twice that, up to
// switchRetryMax: it may have been short of something. Nothing refused for as long
// again, and the delay starts anew.
const (
	switchRetryMin = time.Second
	switchRetryMax = 10 * time.Minute
)

// switchRetry is when flows, groups and meters that the switch refused are sent
// again. The zero value is ready.
type switchRetry struct {
	at    time.Time // zero when nothing waits
	last  time.Time // of the last retry
	delay time.Duration
}

// refused notes that the switch has refused something.
func (r *switchRetry) refused(now time.Time) {
	if !r.at.IsZero() {
		return
	}
	if now.Sub(r.last) > 2*switchRetryMax {
		r.delay = 0
	}
	r.delay = min(max(2*r.delay, switchRetryMin), switchRetryMax)
	r.at = now.Add(r.delay)
}

// due reports, once, that it is time.
func (r *switchRetry) due(now time.Time) bool {
	if r.at.IsZero() || now.Before(r.at) {
		return false
	}
	r.at, r.last = time.Time{}, now
	return true
}
