package pinctrl

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// ordersCame tells whether Run was told of orders, once.
func (b *bench) ordersCame() bool {
	select {
	case <-b.orders:
		return true
	default:
		return false
	}
}

// TestPace: with nothing to do Run wakes once a second, and what is due comes at its
// time all the same.
func TestPace(t *testing.T) {
	b := newBench(t)
	wait := func() time.Duration { b.due(); return b.pace(b.now) }
	if d := wait(); d != paceLongest {
		t.Fatalf("at rest it waits for %v", d)
	}
	b.SetAnnounceMax(1500 * time.Millisecond)
	address := []Announcement{{PortKey{3, 7}, macA, netip.MustParseAddr("10.0.0.1")}}
	b.Announce(nil, address)
	start, turns := b.now, 0
	var at []int64
	for b.now.Before(start.Add(6 * time.Second)) {
		n := len(b.sent)
		d := wait()
		for range len(b.sent) - n {
			at = append(at, b.now.Sub(start).Milliseconds())
		}
		b.now = b.now.Add(max(d, time.Millisecond))
		turns++
	}
	if got := fmt.Sprint(at); got != "[1000 2000 3500 5000]" || turns > 12 {
		t.Errorf("%d turns, sent at %s", turns, got)
	}

	b.Announce(address, nil)
	b.now = b.now.Add(time.Second) // the next one would have been in between
	b.SetSnooping(3, &Snooping{})
	if d := wait(); d > multicastCheck {
		t.Errorf("with a snooping switch it waits for %v", d)
	}
	b.SetSnooping(3, nil)
	if d := wait(); d != paceLongest {
		t.Errorf("without, again, for %v", d)
	}
	b.Probe(map[ServiceKey]*Service{{}: {Interval: time.Minute, Timeout: time.Minute}})
	if d := wait(); d != paceSoon {
		t.Errorf("with a service for %v", d)
	}
}

// TestPaceHurries: what a packet leaves to be done later is looked after soon.
func TestPaceHurries(t *testing.T) {
	b := newBench(t)
	b.due()
	b.pace(b.now)
	b.serve()
	if b.ordersCame() {
		t.Error("hurries for nothing")
	}
	b.delayed.at[Neighbor{}] = delayed{macA, b.now.Add(40 * time.Millisecond)}
	b.serve()
	if !b.ordersCame() {
		t.Error("does not hurry")
	}
	b.due()
	if d := b.pace(b.now); d != paceSoon {
		t.Errorf("waits for %v", d)
	}
}

// TestOrders: whatever is set, Run learns that there is something; the rounds that
// set nothing leave it asleep.
func TestOrders(t *testing.T) {
	b := newBench(t)
	for name, set := range map[string]func(some bool){
		"Announce":        func(some bool) { b.Announce(nil, make([]Announcement, n(some))) },
		"BeginAnnouncing": func(some bool) { b.BeginAnnouncing(make([]Announcement, n(some))) },
		"Solicit":         func(some bool) { b.Solicit(make([]Solicitation, n(some)), nil) },
		"ProbeNeighbors":  func(some bool) { b.ProbeNeighbors(make([]Solicitation, n(some))) },
		"Advertise":       func(some bool) { b.Advertise(one[string, RouterAdvertisement](some)) },
		"Probe":           func(some bool) { b.Probe(one[ServiceKey, Service](some)) },
		"SetBFD":          func(some bool) { b.SetBFD(one[BFDKey, BFDSession](some)) },
		"Delegate":        func(some bool) { b.Delegate(one[string, Delegation](some)) },
	} {
		for _, some := range []bool{false, true} {
			if set(some); b.ordersCame() != some {
				t.Errorf("%s with something: %v; not so told", name, some)
			}
		}
	}
	for name, set := range map[string]func(){
		"SetAnnounceMax": func() { b.SetAnnounceMax(time.Minute) },
		"SetSolicitMax":  func() { b.SetSolicitMax(time.Minute) },
		"SetSnooping":    func() { b.SetSnooping(1, nil) },
	} {
		if set(); !b.ordersCame() {
			t.Errorf("%s is not told", name)
		}
	}
}

func n(some bool) int {
	if some {
		return 1
	}
	return 0
}

// one has a nil value, which ends what may be there.
func one[K comparable, V any](some bool) map[K]*V {
	m := map[K]*V{}
	if some {
		var k K
		m[k] = nil
	}
	return m
}
