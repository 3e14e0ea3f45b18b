package integration_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/ovn-chassis/ovn-chassis/integration"
)

// TestLoadBalancer: two backends on two chassis, a client of the same switch, a
// client behind the router, and a backend that is its own client (hairpin).
func TestLoadBalancer(t *testing.T) {
	c, hv1, hv2 := start(t, integration.Options{})
	c.NB(routed + port(0, 1) + port(0, 2) + port(0, 3) + port(1, 4))
	b1, b2 := hv1.AddGuest(guest(0, 1)), hv2.AddGuest(guest(0, 2))
	near, far := hv1.AddGuest(guest(0, 3)), hv2.AddGuest(guest(1, 4))
	const create = `
lb-add lb4 172.20.0.1:80 10.0.0.1:8080,10.0.0.2:8080 tcp
lb-add lb6 [fd20::1]:80 [fd00::1]:8080,[fd00::2]:8080 tcp
lb-add lbu 172.20.0.2:53 10.0.0.1:5353,10.0.0.2:5353 udp
ls-lb-add sw0 lb4
ls-lb-add sw0 lb6
ls-lb-add sw0 lbu
ls-lb-add sw1 lb4
ls-lb-add sw1 lb6
`
	c.NB(create)
	c.WaitUp("p1", "p2", "p3", "p4")
	c.WaitHV()
	for _, b := range []*integration.Guest{b1, b2} {
		b.Serve("tcp", ":8080")
		b.Serve("udp", "0.0.0.0:5353")
	}
	const vip4, vip6, vipU = "172.20.0.1:80", "[fd20::1]:80", "172.20.0.2:53"
	for _, client := range []*integration.Guest{near, far} {
		both(t, client, "tcp", vip4)
		both(t, client, "tcp", vip6)
	}
	both(t, near, "udp", vipU)

	// A backend as client: whichever backend it gets, itself included, answers.
	// Of itself it sees the virtual address, or the answer would not come back
	// through the load balancer.
	both(t, b1, "tcp", vip4)
	both(t, b2, "tcp", vip6)
	for range 30 {
		a := b1.Gets("tcp", vip4)
		want := b1.IP(4)
		if a.Server == b1.Name {
			want = "172.20.0.1"
		}
		if a.Peer != want {
			t.Errorf("%s sees %s as %s, want %s", a.Server, b1.Name, a.Peer, want)
		}
	}

	// One backend is taken out: only the other is asked, and a connection that
	// stands stays where it is.
	standing, err := near.Dial("tcp", vip4, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer standing.Close()
	if _, err := standing.Ask(time.Second); err != nil {
		t.Fatal(err)
	}
	c.NB("set", "Load_Balancer", "lb4", `vips="172.20.0.1:80"="10.0.0.2:8080"`)
	c.WaitHV()
	for range 20 {
		if a := near.Gets("tcp", vip4); a.Server != b2.Name {
			t.Errorf("%s answers after it was taken out", a.Server)
		}
	}
	c.NB("set", "Load_Balancer", "lb4", `vips="172.20.0.1:80"="10.0.0.1:8080,10.0.0.2:8080"`)
	c.WaitHV()
	both(t, near, "tcp", vip4)

	// All of it goes and comes back.
	c.NB("lb-del lb4\nlb-del lb6\nlb-del lbu")
	c.WaitHV()
	for _, vip := range []string{vip4, vip6} {
		integration.WaitFor(t, 10*time.Second, vip+" gone", func() error {
			if a, err := near.Request("tcp", vip, 300*time.Millisecond); err == nil {
				return fmt.Errorf("answer of %s", a.Server)
			}
			return nil
		})
	}
	c.NB(create)
	c.WaitHV()
	both(t, near, "tcp", vip4)
	both(t, far, "tcp", vip6)
	both(t, b1, "tcp", vip4)
}

// both asks until both backends have answered.
func both(t *testing.T, client *integration.Guest, proto, vip string) {
	t.Helper()
	seen := map[string]bool{}
	for range 200 {
		if seen[client.Gets(proto, vip).Server] = true; len(seen) == 2 {
			return
		}
	}
	t.Errorf("%s %s: only %v answered %s in 200 requests", proto, vip, seen, client.Name)
}
