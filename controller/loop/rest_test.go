package loop

import (
	"testing"
	"time"
)

// TestRest: rest is reached once after each time that something happened, and only
// when nothing has since.
func TestRest(t *testing.T) {
	var r rest
	at := func(d time.Duration) time.Time { return time.Unix(9, 0).Add(d) }
	r.stirred(at(0))
	if r.wait(time.Minute) != restAfter || r.wait(time.Millisecond) != time.Millisecond {
		t.Error("the loop sleeps too long to notice, or too long for its timers")
	}
	if r.reached(at(restAfter / 2)) {
		t.Error("reached by a timer before its time")
	}
	r.stirred(at(restAfter / 2))
	if r.reached(at(restAfter)) {
		t.Error("reached though something has happened since")
	}
	if !r.reached(at(2*restAfter)) || r.reached(at(3*restAfter)) {
		t.Error("not reached once")
	}
	if r.wait(time.Minute) != time.Minute {
		t.Error("the loop wakes up for nothing")
	}
	r.stirred(at(4 * restAfter))
	if !r.reached(at(5 * restAfter)) {
		t.Error("not reached again")
	}
}
