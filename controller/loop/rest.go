package loop

import "time"

// restAfter is how long nothing must have happened for the agent to be at rest.
const restAfter = 200 * time.Millisecond

// rest notices when the loop has had nothing to do for a while, once each time.
type rest struct {
	since time.Time // when something last happened
	told  bool
}

func (r *rest) stirred(now time.Time) { r.since, r.told = now, false }

// wait is how long the loop may sleep when it may for d.
func (r *rest) wait(d time.Duration) time.Duration {
	if r.told {
		return d
	}
	return min(d, restAfter)
}

// reached reports, once, that the time is there.
func (r *rest) reached(now time.Time) bool {
	if r.told || now.Sub(r.since) < restAfter {
		return false
	}
	r.told = true
	return true
}
