package loop

import "time"

// clock is the time the duties see. Test suites stop it and move it forward
// (debug/enable-timewarp, time/stop, time/warp); connections keep real time.
type clock struct {
	stopped time.Time // zero while it runs
	offset  time.Duration
}

func (c *clock) now() time.Time {
	if !c.stopped.IsZero() {
		return c.stopped.Add(c.offset)
	}
	return time.Now().Add(c.offset)
}

func (c *clock) stop() {
	if c.stopped.IsZero() {
		c.stopped = time.Now()
	}
}

func (c *clock) warp(d time.Duration) { c.offset += d }
