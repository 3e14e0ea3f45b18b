package loop

import (
	"testing"
	"time"
)

func TestSwitchRetry(t *testing.T) {
	var r switchRetry
	now := time.Unix(1_700_000_000, 0)
	if r.due(now) {
		t.Error("due with nothing refused")
	}
	for want := switchRetryMin; ; want = min(2*want, switchRetryMax) {
		r.refused(now)
		r.refused(now.Add(want / 2)) // another of the same bundle
		if r.due(now.Add(want-1)) || !r.due(now.Add(want)) || r.due(now.Add(want)) {
			t.Fatalf("not due once, after %v", want)
		}
		now = now.Add(want)
		if want == switchRetryMax {
			break
		}
	}
	now = now.Add(3 * switchRetryMax)
	r.refused(now)
	if r.at != now.Add(switchRetryMin) {
		t.Errorf("after a long time without: %v", r.at.Sub(now))
	}
}
