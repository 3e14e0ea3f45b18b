package loop

import (
	"testing"
	"time"
)

func TestSwitchGone(t *testing.T) {
	now := time.Unix(1000, 0)
	var s switchGone
	if s.passed(now) || s.found() {
		t.Error("dead before it was ever seen")
	}
	s.lost(now)
	if s.passed(now.Add(goneAfter - 1)) {
		t.Error("dead at once")
	}
	if s.found() {
		t.Error("a connection that came back at once changed something")
	}
	if s.passed(now.Add(time.Hour)) {
		t.Error("dead though connected")
	}
	s.lost(now)
	if !s.passed(now.Add(goneAfter)) || !s.gone || !s.at.IsZero() {
		t.Errorf("not dead: %+v", s)
	}
	if s.passed(now.Add(time.Hour)) {
		t.Error("dead twice")
	}
	if !s.found() || s.gone {
		t.Errorf("still dead when connected: %+v", s)
	}
}
