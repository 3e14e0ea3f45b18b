package main

import (
	"strings"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

func TestMain(m *testing.M) { integration.Main(m) }

// byName returns a move.
func byName(name string) move {
	for _, m := range moves {
		if m.name == name {
			return m
		}
	}
	panic(name)
}

// TestMoves: a guest moves there and back in every way while it is pinged. The
// bounds are for a machine that does much else; what it takes on a quiet one is in
// docs/live-migration.md.
func TestMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, integration.Options{}, 0)
	for i, c := range []struct {
		move    string
		allowed int
	}{
		{"plain", 40}, {"requested", 15}, {"multichassis rarp", 5}, {"multichassis na", 5},
	} {
		from, to := w.hv[i%2], w.hv[(i+1)%2]
		if loss := w.lose(byName(c.move), from, to); loss.Lost > c.allowed {
			t.Errorf("%s: %v, allowed are %d", c.move, loss, c.allowed)
		} else {
			t.Logf("%s: %v", c.move, loss)
		}
	}
}

// TestPreparedDestination: a chassis that has the guest's interface but not the
// right to its port has the network's flows already, and when it gets the port
// only the port's own are new. A port that was activated is not held back again on
// the way from additional to main chassis.
func TestPreparedDestination(t *testing.T) {
	t.Parallel()
	w := newWorld(t, integration.Options{}, 0)
	from, to := w.hv[0], w.hv[1]
	w.prepare(byName("requested"), from)
	w.guest.Plug(to)
	w.c.WaitHV()
	integration.WaitFor(t, 10*time.Second, "the network's flows", func() error { return atLeast(len(to.Dump().Flows), 300) })
	events := changes(to, func() {
		w.request("", to)
		w.guest.Run(to)
		w.settled(to)
	})
	t.Logf("hand-over with the right alone: %d flows changed", len(events))
	if len(events) == 0 || len(events) > 60 {
		t.Errorf("%d flows changed:\n%s", len(events), strings.Join(events, "\n"))
	}
	w.guest.Unplug(from)

	// Back, by way of two chassis at a time.
	from, to = to, from
	w.request("rarp", from, to)
	w.guest.Plug(to)
	id := w.uuid(to)
	w.binding("additional chassis "+to.Name, func(_, additional, _ string) bool { return additional == id })
	w.c.WaitHV()
	w.guest.Run(to)
	w.guest.Announce("rarp")
	w.binding("activation", func(_, _, options string) bool {
		return strings.Contains(options, "additional-chassis-activated="+to.Name)
	})
	events = changes(to, func() {
		w.request("rarp", to)
		w.settled(to)
	})
	for _, e := range events {
		// What comes from the guest's interface was let in before.
		if strings.Contains(e, "event=ADDED table=0 ") {
			t.Errorf("the port was held back again: %s", e)
		}
	}
	w.guest.Unplug(from)
}
