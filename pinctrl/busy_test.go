package pinctrl

import (
	"testing"
	"time"
)

func TestBusy(t *testing.T) {
	var g gauge
	now := time.Unix(1000, 0)
	come := func(each time.Duration, n int) (busy bool) {
		for range n {
			now = now.Add(each)
			g.count++
			busy = g.until(now).After(now)
		}
		return busy
	}
	if come(10*time.Millisecond, 100) {
		t.Error("busy at 100 packets a second")
	}
	if !come(time.Millisecond, 200) {
		t.Error("not busy at 1,000 packets a second")
	}
	if now = now.Add(2 * busyPeriod); come(time.Millisecond, 1) {
		t.Error("busy after a pause")
	}
	l := New(Config{})
	if l.Busy() {
		t.Error("busy before the start")
	}
	l.busyUntil.Store(time.Now().Add(time.Hour).UnixNano())
	if !l.Busy() {
		t.Error("not busy")
	}
}
