package main

import (
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

func TestMain(m *testing.M) { integration.Main(m) }

// TestGatewayFailover: the switch of the active gateway is killed, and the other one
// takes over and keeps the port, though the agent beside the dead switch runs; when
// the switch is back, so is the gateway. The bounds are for a machine that does much
// else; what it takes on a quiet one is in docs/failover.md.
func TestGatewayFailover(t *testing.T) {
	t.Parallel()
	w := newWorld(t, integration.Options{NoVerify: true}, 200*time.Millisecond, 3)
	const bound = 5 * time.Second
	for _, e := range events {
		o := w.measure(e)
		t.Logf("%s: %v, without traffic %v, taken over after %v", e.name, o.Loss, o.Silence, o.taken)
		if o.Silence > bound {
			t.Errorf("%s: %v without traffic, allowed are %v", e.name, o.Silence, bound)
		}
		if o.taken > 2*bound {
			t.Errorf("%s: taken over after %v, allowed are %v", e.name, o.taken, 2*bound)
		}
		// An agent that believed what its dead switch wrote would take the port back.
		if at, want := w.owner(), w.uuid(w.gw[e.active]); at != want {
			t.Errorf("%s: the port is at chassis %s, want %s", e.name, at, want)
		}
	}
}
