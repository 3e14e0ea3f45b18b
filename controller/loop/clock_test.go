package loop

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	var c clock
	c.warp(time.Hour)
	if d := time.Until(c.now()); d < 59*time.Minute {
		t.Errorf("warped an hour, %v ahead", d)
	}
	c.stop()
	at := c.now()
	time.Sleep(2 * time.Millisecond)
	if !c.now().Equal(at) {
		t.Error("a stopped clock runs")
	}
	c.warp(time.Second)
	if got := c.now().Sub(at); got != time.Second {
		t.Errorf("a stopped clock warped by a second moved %v", got)
	}
}
